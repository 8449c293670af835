"""Plain `numpy` on traced values: NumPy's two protocols look functions up in one table."""

import sys

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import special
from fungrad.numpy.dispatch import TRACED, nearest_names, with_out
from fungrad.numpy.ufunc_methods import METHODS, call


def array_ufunc(self, ufunc, method, *inputs, **keywords):
    """NumPy calls this for `ufunc(*inputs)` and its methods when an input is traced."""
    function = TRACED.get(ufunc) or find(ufunc)
    if method == "__call__" and not keywords and len(inputs) == ufunc.nin:
        if ufunc.nin == 2:
            x, y = inputs
            return function(x, y)  # quicker than with a star
        return function(*inputs)
    if method == "__call__":
        return call(function, ufunc, inputs, keywords)
    return METHODS[method](function, ufunc, *inputs, **keywords)


def array_function(self, function, types, args, kwargs):
    """NumPy calls this for its other functions when an array argument is traced."""
    try:
        rule = TRACED[function]
    except KeyError:
        rule = find(function)
    return with_out(rule, args, kwargs) if "out" in kwargs else rule(*args, **kwargs)


def find(function):
    """The traced form of a function that is not in the table yet, or a TypeError that says so."""
    name = getattr(function, "__name__", str(function))
    module = sys.modules.get("scipy.special._ufuncs")
    if module is not None and getattr(module, name, None) is function and name in special.FORMS:
        TRACED[function] = rule = special.FORMS[name]
        return rule
    raise TypeError(no_rule(function, name))


def no_rule(function, name):
    """The text for a function without a rule."""
    home = getattr(function, "__module__", None) or "numpy"
    if isinstance(function, np.ufunc) and getattr(np, name, None) is not function:
        if name.endswith(" (vectorized)"):
            return (
                f"numpy.frompyfunc of {name.removesuffix(' (vectorized)')} is not supported on "
                "traced values; use fungrad.numpy.vectorize"
            )
        home = "scipy.special"
    near = nearest_names(name, {f.__name__ for f in TRACED})
    hint = f"; the nearest names that are: {', '.join(near)}" if near else ""
    return (
        f"{home}.{name} is not supported on traced values{hint}. Give it a derivative with "
        "fungrad.custom_jvp, or apply it to stop_gradient(x) where no derivative is wanted"
    )


def install():
    """Attach NumPy's protocols to the tracer class."""
    Tracer.__array_ufunc__ = array_ufunc
    Tracer.__array_function__ = array_function
