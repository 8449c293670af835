"""What error texts begin with: the transform, and the name of the user's function."""

import reprlib


def function_name(function):
    """The name of a function for titles: "loss", or the class of a callable object."""
    return getattr(function, "__name__", None) or type(getattr(function, "func", function)).__name__


def title_of(transform, function):
    """What error texts begin with, "grad of loss"; TypeError for what cannot be called."""
    if not callable(function):
        raise TypeError(f"{transform}: expected a function, got {reprlib.repr(function)}")
    return f"{transform} of {function_name(function)}"
