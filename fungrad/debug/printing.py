"""print and callback: looking at values from inside traced and compiled functions."""

import builtins

from fungrad.api.callbacks import call_effect
from fungrad.api.titles import title_of
from fungrad.core.tree import flatten


def callback(callback, *args, ordered=False, **kwargs):
    """Call a Python function on values when they are there, in compiled code too; returns None.

    It belongs to the forward pass, has no derivative, and under `vmap` is called once per element.
    Calls with `ordered` follow one another as they stand in a function.

    >>> from fungrad import jit
    >>> seen = []
    >>> jit(lambda x: callback(seen.append, x * 2) or x)(3.0), seen
    (np.float64(3.0), [np.float64(6.0)])
    """
    label = title_of("debug.callback", callback)

    def called(*args, **kwargs):
        callback(*args, **kwargs)

    call_effect(called, (), flatten(None)[1], label, args, kwargs, ordered)


def print(fmt, *args, ordered=False, **kwargs):
    """Print values when they are there: `fmt` is filled as by `str.format`; see `callback`.

    >>> from fungrad import jit
    >>> jit(lambda x: print("x is {}, twice that {y}", x, y=2 * x) or x)(3.0)
    x is 3.0, twice that 6.0
    np.float64(3.0)
    """
    if not isinstance(fmt, str):
        raise TypeError(f"debug.print: the first argument is a format string, not {fmt!r:.60}")

    def shown(*args, **kwargs):
        builtins.print(fmt.format(*args, **kwargs))

    callback(shown, *args, ordered=ordered, **kwargs)


__all__ = ["callback", "print"]
