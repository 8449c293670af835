"""The universal functions for users: NumPy's own on plain values, with all its keywords."""

import numpy as np

from fungrad.core.tracing import state
from fungrad.numpy.dispatch import TRACED, has_tracer
from fungrad.numpy.ufunc_methods import attach, call


def public(ufunc, form):
    """The function that users call: traced values, plain values, keywords, and ufunc methods."""

    def apply(*inputs, **keywords):
        if state.recording is None:
            return ufunc(*inputs, **keywords)
        if not has_tracer(inputs):
            if not (keywords and has_tracer(keywords.values())):
                return ufunc(*inputs, **keywords)
        return call(form, ufunc, inputs, keywords) if keywords else form(*inputs)

    apply.__name__ = apply.__qualname__ = ufunc.__name__
    apply.__doc__ = f"`numpy.{ufunc.__name__}`, differentiable on traced values."
    return attach(apply, ufunc)


for _ufunc, _form in list(TRACED.items()):
    if isinstance(_ufunc, np.ufunc):
        globals()[_ufunc.__name__] = public(_ufunc, _form)
