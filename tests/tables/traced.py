"""Calls under a trace: with known values, with unknown ones, and the arrays that come out."""

import numpy as np

from fungrad.core.evaluation import evaluate
from fungrad.core.tracing import Recording, Tracer, trace
from fungrad.core.types import type_of
from tests.tables.row import Traced


def operands(call):
    """The arrays of a call that are traced."""
    found = []
    for x in call.args:
        _collect(x, found)
    return found


def _collect(x, found):
    if isinstance(x, Traced):
        _leaves(x.value, found)
    elif isinstance(x, tuple):
        for v in x:
            _collect(v, found)


def _leaves(x, found):
    if isinstance(x, list):
        for v in x:
            _leaves(v, found)
    else:
        found.append(x)


def with_operands(call, values, function=None):
    """The call with other arrays in place of the traced ones."""
    values = iter(values)

    def fill(x):
        if isinstance(x, Traced):
            return leaves(x.value)
        return tuple(map(fill, x)) if isinstance(x, tuple) else x

    def leaves(x):
        return [leaves(v) for v in x] if isinstance(x, list) else next(values)

    return (function or call.function)(*map(fill, call.args), **call.kwargs)


def flat(result):
    """A result as a list of arrays."""
    if isinstance(result, tuple | list):
        return [v for x in result for v in flat(x)]
    return [result]


def eagerly(function, *values):
    """The outputs of a function on tracers that carry values."""
    recording = Recording("a trace of f")
    with recording:
        tracers = [recording.add_input(type_of(v), v) for v in values]
        outputs = flat(function(*tracers))
        return [x.value if type(x) is Tracer else x for x in outputs]


def compiled_path(function, *values):
    """The outputs of the program of a function traced without values, evaluated."""
    kept = []

    def record(*tracers):
        outputs = flat(function(*tracers))
        kept.extend(outputs)
        return outputs

    program, captures = trace(record, [type_of(v) for v in values], "jit of f")
    return evaluate(program, [*values, *captures])


def same(expected, result, tolerance=None):
    """Assert equal dtypes, shapes, and values to rounding."""
    expected, result = flat(expected), flat(result)
    assert len(expected) == len(result)
    for e, r in zip(expected, result, strict=True):
        e, r = np.asarray(e), np.asarray(r)
        assert (e.shape, e.dtype) == (r.shape, r.dtype)
        close = tolerance or (1e-5 if e.dtype in (np.float32, np.complex64) else 1e-10)
        np.testing.assert_allclose(r, e, rtol=close, atol=close)
