"""The universal functions for users: NumPy's own on plain values, with all its keywords."""

import numpy as np

from fungrad.core.thread_state import recordings, state
from fungrad.core.tracing import Tracer
from fungrad.numpy import dispatch
from fungrad.numpy.dispatch import TRACED, has_tracer
from fungrad.numpy.ufunc_methods import attach, call


def public(ufunc, form):
    """The function that users call: traced values, plain values, keywords, and ufunc methods."""

    def general(*inputs, **keywords):
        if not (recordings or dispatch.watch):
            return ufunc(*inputs, **keywords)
        if state.recording is None:
            if dispatch.watch is not None:
                return dispatch.watch(ufunc, inputs, keywords)
            return ufunc(*inputs, **keywords)
        if not keywords:
            for x in inputs:
                if type(x) is Tracer:
                    return form(*inputs)
        if has_tracer(inputs) or has_tracer(keywords.values()):
            return call(form, ufunc, inputs, keywords) if keywords else form(*inputs)
        return ufunc(*inputs, **keywords)

    apply = _quick(ufunc, form, general)
    apply.__name__ = apply.__qualname__ = ufunc.__name__
    apply.__doc__ = f"`numpy.{ufunc.__name__}`, differentiable on traced values."
    return attach(apply, ufunc)


def _quick(ufunc, form, general):
    """The function `general`, with ways of their own for calls with nothing but the operands."""

    def unary(x, /, *rest, **keywords):
        if not (rest or keywords):
            if type(x) is Tracer:
                return form(x)
            if not (recordings or dispatch.watch):
                return ufunc(x)
        return general(x, *rest, **keywords)

    def binary(x, y, /, *rest, **keywords):
        if not (rest or keywords):
            if type(x) is Tracer or type(y) is Tracer:
                return form(x, y)
            if not (recordings or dispatch.watch):
                return ufunc(x, y)
        return general(x, y, *rest, **keywords)

    return {1: unary, 2: binary}.get(ufunc.nin, general)


def public_product(ufunc, form):
    """The function of a product that users call, with JAX's keywords besides."""
    function = public(ufunc, form)

    def apply(*inputs, precision=None, preferred_element_type=None, **keywords):
        if not (recordings or dispatch.watch or keywords) and preferred_element_type is None:
            return ufunc(*inputs)
        if preferred_element_type is not None:
            keywords["dtype"] = preferred_element_type
        return function(*inputs, **keywords)

    apply.__name__ = apply.__qualname__ = ufunc.__name__
    apply.__doc__ = function.__doc__
    return attach(apply, ufunc)


_PRODUCTS = (np.matmul, np.vecdot, np.matvec, np.vecmat)

for _ufunc, _form in list(TRACED.items()):
    if isinstance(_ufunc, np.ufunc):
        make = public_product if _ufunc in _PRODUCTS else public
        globals()[_ufunc.__name__] = make(_ufunc, _form)
