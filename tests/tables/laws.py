"""The laws of a call: values, derivatives in both modes and to second order, jit, vmap.

Each is a function of a row that raises AssertionError; `applies` says where it has a meaning.
"""

import warnings
from contextlib import contextmanager

import numpy as np

import fungrad
from tests.tables.traced import compiled_path, eagerly, flat, operands, same, with_operands

STEP = 1e-6
LAWS = ("values", "derivative", "second", "jit", "vmap")


def applies(law, call):
    """Whether a law has a meaning for a call."""
    if law in ("values", "jit"):
        return law == "values" or call.sized
    if law == "vmap":
        return call.batches and call.sized and bool(operands(call))
    return is_smooth(call) and (law == "derivative" or (call.order > 1 and call.slope is None))


def is_smooth(call):
    """Whether finite differences are to be tried: numbers in double precision, away from kinks."""
    dtypes = [np.asarray(x).dtype for x in operands(call)]
    floats = [d for d in dtypes if d.kind in "fc"]
    return bool(call.smooth and floats and all(d in (np.float64, np.complex128) for d in floats))


@contextmanager
def quiet():
    """Without NumPy's warnings of nan and inf."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def expected(call):
    """What the call is to give on plain values."""
    with quiet():
        if call.expected is None:
            return with_operands(call, operands(call))
        if callable(call.expected):
            return with_operands(call, operands(call), call.expected)
        return call.expected


def known_values(call):
    """The call of tracers that carry values gives what is expected; plain values do as well."""
    wanted = expected(call)
    same(wanted, eagerly(_on(call), *operands(call)), call.tolerance)
    if call.expected is not None:
        same(wanted, with_operands(call, operands(call)), call.tolerance)


def unknown_values(call):
    """The program of the call, recorded without values, gives what is expected."""
    same(expected(call), compiled_path(_on(call), *operands(call)), call.tolerance)


def values(call):
    """Plain, on tracers with values, and recorded without values."""
    with quiet():
        known_values(call)
        if call.sized:
            unknown_values(call)


def _on(call):
    return lambda *x: with_operands(call, x)


def compiled(calls):
    """Calls of one compiled program give what is expected of each."""
    given = [operands(call) for call in calls]

    def together(given):
        return [flat(with_operands(c, v)) for c, v in zip(calls, given, strict=True)]

    with quiet():
        results = fungrad.jit(together)(given)
    for call, result in zip(calls, results, strict=True):
        try:
            same(expected(call), [np.asarray(y) for y in result], call.tolerance)
        except AssertionError as error:
            raise AssertionError(f"{call}: {error}") from None


# ---- derivatives, of real and imaginary parts


def _is_float(y):
    return np.dtype(getattr(y, "dtype", type(y))).kind in "fc"


def numeric(call):
    """(the call as a function of real arrays to a list of real arrays, the arrays).

    Operands that are integers or truths stay as they are.
    """
    given = operands(call)
    parts = [p for x in given if _is_float(x) for p in _parts(x)]

    def function(*reals):
        rest = iter(reals)
        joined = [_joined(x, rest) for x in given]
        outputs = [y for y in flat(with_operands(call, joined)) if _is_float(y)]
        return [p for y in outputs for p in _parts(y)]

    return function, tuple(parts)


def _joined(x, reals):
    """What stands in the place of an operand: the next one or two real arrays, or itself."""
    if not _is_float(x):
        return x
    return next(reals) + 1j * next(reals) if x.dtype.kind == "c" else next(reals)


def _parts(x):
    return [x.real, x.imag] if getattr(x, "dtype", np.dtype(float)).kind == "c" else [x]


def _difference(function, values, direction):
    """The central difference along a direction."""
    above = function(*[x + STEP * d for x, d in zip(values, direction, strict=True)])
    below = function(*[x - STEP * d for x, d in zip(values, direction, strict=True)])
    return [(a - b) / (2 * STEP) for a, b in zip(above, below, strict=True)]


def _random_like(values, seed):
    random = np.random.default_rng(seed)
    return [random.standard_normal(np.shape(x))[()] for x in values]


def derivative(call):
    """Forward mode is the central difference, and reverse mode its adjoint."""
    function, given = numeric(call)
    direction = _random_like(given, 1)
    close = {"rtol": 1e-5, "atol": 1e-7}
    with quiet():
        if call.slope is None:
            wanted = _difference(function, given, direction)
        else:
            wanted = [call.slope * np.sum(direction[0])]
            close = {"rtol": call.tolerance, "atol": 1e-7}
        outputs, tangents = fungrad.jvp(function, given, tuple(direction))
        assert len(wanted) == len(tangents) > 0
        for e, tangent, y in zip(wanted, tangents, outputs, strict=True):
            assert tangent.dtype == y.dtype
            np.testing.assert_allclose(tangent, e, **close)
        outputs, pull_back = fungrad.vjp(function, *given)
        weights = _random_like(outputs, 2)
        pulled = pull_back(weights)
    assert [p.shape for p in pulled] == [np.shape(x) for x in given]
    along = sum(np.vdot(p, d) for p, d in zip(pulled, direction, strict=True))
    across = sum(np.vdot(w, v) for w, v in zip(weights, tangents, strict=True))
    np.testing.assert_allclose(along, across, rtol=1e-9, atol=1e-9)


def second(call):
    """Forward over reverse mode is the difference of two gradients."""
    function, given = numeric(call)
    with quiet():
        weights = _random_like(function(*given), 3)

        def loss(*x):
            return sum((w * y).sum() for w, y in zip(weights, function(*x), strict=True))

        gradient = fungrad.grad(loss, argnums=tuple(range(len(given))))
        direction = _random_like(given, 4)
        _, curved = fungrad.jvp(gradient, given, tuple(direction))
        wanted = _difference(gradient, given, direction)
    for c, e in zip(curved, wanted, strict=True):
        np.testing.assert_allclose(c, e, rtol=1e-4, atol=1e-5)


def batched(call):
    """A batch of two is two calls."""
    given = operands(call)
    others = [x + x.dtype.type(0.01) if x.dtype.kind in "fc" else x for x in given]
    batch = [np.stack(pair) for pair in zip(given, others, strict=True)]

    def function(*values):
        outputs = flat(with_operands(call, values))
        return [y for y in outputs if hasattr(y, "dtype") or type(y) is bool]

    with quiet():
        results = fungrad.vmap(function)(*batch)
        for i, row in enumerate((given, others)):
            for r, e in zip(results, function(*row), strict=True):
                close = 1e-9 if np.asarray(e).dtype.itemsize >= 8 else 1e-4
                close = call.tolerance or close
                np.testing.assert_allclose(r[i], e, rtol=close, atol=close)


CHECKS = {
    "values": values,
    "derivative": derivative,
    "second": second,
    "jit": lambda call: compiled([call]),
    "vmap": batched,
}
