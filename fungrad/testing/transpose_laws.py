"""The laws of transposes: reverse mode against forward mode, and transposes of what is linear."""

import numpy as np

from fungrad.core.errors import LinearityError, NotDifferentiableError
from fungrad.core.evaluation import evaluator
from fungrad.testing.comparison import require_close, rounding
from fungrad.testing.numerical import directions_like, is_differentiable, pairing
from fungrad.testing.subject import by_output, dtypes_of, marks_of, subsets
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import linearize
from fungrad.transforms.transpose import transpose
from fungrad.transforms.vjp import vjp


def check_transpose(subject):
    """<c, A dx> = <A^T c, dx>, through linearize and transpose."""
    for active in subsets(subject.differentiable):
        check_reverse(subject, active)


def check_reverse(subject, active):
    """Reverse mode agrees with forward mode, for every nonempty set of outputs that matter."""
    what = f"transpose of {subject.title} with respect to inputs {list(active)}"
    generator = np.random.default_rng(2)
    program, inputs = subject.program, subject.inputs
    marks = marks_of(active, len(inputs))
    tangents = directions_like(generator, [inputs[i] for i in active])
    pushed, out_active = jvp(program, marks)
    results = subject.run(pushed, (*inputs, *tangents))
    dy = by_output(results[len(program.outputs) :], out_active)
    _check_linear_half(subject, linearize(program, marks), tangents, dy, what)
    outputs = [k for k, y in enumerate(subject.outputs) if is_differentiable(y)]
    for wanted in subsets(outputs):
        halves = vjp(program, marks, marks_of(wanted, len(program.outputs)))
        residuals = _residuals(subject, halves, what)
        cotangents = [
            c if k in wanted and halves.given[k] else None
            for k, c in enumerate(directions_like(generator, subject.outputs))
        ]
        pulled = subject.run(
            halves.backward, (*residuals, *(c for c in cotangents if c is not None))
        )
        ct_x = by_output(pulled, halves.has_cotangent)
        _require_cotangent_types(subject, ct_x, what)
        found = pairing([ct_x[i] for i in active], tangents)
        _require_equal_pairings(pairing(cotangents, dy), found, subject, halves.backward, what)


def _residuals(subject, halves, what):
    """The residuals that the forward half computes; they stand where `slots` says."""
    program, count = subject.program, len(subject.program.outputs)
    results = subject.run(halves.forward, subject.inputs)
    tolerance = rounding(dtypes_of(halves.forward))
    for k, (y, expected) in enumerate(zip(results, subject.outputs, strict=False)):
        require_close(y, expected, f"{what}: output {k} of the forward half", tolerance)
    if halves.slots is not None and subject.axis is None:
        values = [*subject.inputs, *evaluator(program, True)(*subject.inputs)]
        for slot, residual in zip(halves.slots, results[count:], strict=True):
            require_close(values[slot], residual, f"{what}: residual at slot {slot}", tolerance)
    return results[count:]


def _check_linear_half(subject, halves, tangents, dy, what):
    residuals = _residuals(subject, halves, what)
    pushed = by_output(subject.run(halves.linear, (*residuals, *tangents)), halves.out_active)
    tolerance = rounding(dtypes_of(halves.linear), 10)
    for k, (t, expected) in enumerate(zip(pushed, dy, strict=True)):
        if t is not None:
            require_close(t, expected, f"{what}: tangent {k} of the linear half", tolerance)


def _require_cotangent_types(subject, cotangents, what):
    for i, (x, c) in enumerate(zip(subject.inputs, cotangents, strict=True)):
        if c is not None and (np.shape(c), c.dtype) != (np.shape(x), x.dtype):
            raise AssertionError(
                f"{what}: input {i} is {x.dtype}{list(np.shape(x))}, its cotangent "
                f"{c.dtype}{list(np.shape(c))}"
            )


def _require_equal_pairings(forward, backward, subject, program, what):
    (expected, scale), (found, other_scale) = forward, backward
    allowed = rounding(dtypes_of(program), 10).absolute * (1 + scale + other_scale)
    if not abs(expected - found) <= allowed:
        raise AssertionError(f"{what}: <A^T c, dx> is {found!r}, but <c, A dx> is {expected!r}")


_REFUSALS = (LinearityError, NotDifferentiableError)


def check_direct_transpose(subject):
    """The transpose of the program itself, where it is linear in some inputs, else a refusal.

    Where it is linear for zeros in the other inputs only (adding, writing), these are zeros.
    """
    for linear in subsets(subject.differentiable):
        _check_transpose_in(subject, linear)


def _check_transpose_in(subject, linear):
    others = [i for i in subject.differentiable if i not in linear]
    zeros = [np.zeros_like(subject.inputs[i])[()] for i in others]
    bases = [subject.inputs, _at(subject.inputs, others, zeros)]
    with np.errstate(all="ignore"):
        linear_at = [base for base in bases if _is_linear(subject, base, linear)]
        for base in linear_at:
            _check_direct(subject, base, linear)
    if not linear_at:
        _check_refusal(subject, linear)


def _at(base, positions, values):
    inputs = list(base)
    for i, x in zip(positions, values, strict=True):
        inputs[i] = x
    return inputs


def _is_linear(subject, base, linear):
    """Whether f(2 x + y) is 2 f(x) + f(y) in the given inputs, for random x and y."""
    generator = np.random.default_rng(3)
    x, y = (directions_like(generator, [base[i] for i in linear]) for _ in range(2))
    mixed = [(2 * a + b).astype(a.dtype) for a, b in zip(x, y, strict=True)]
    tolerance = rounding(dtypes_of(subject.program))
    try:
        whole, first, second = (
            subject.run(subject.program, _at(base, linear, v)) for v in (mixed, x, y)
        )
    except np.linalg.LinAlgError:
        return False
    for w, a, b in zip(whole, first, second, strict=True):
        if not is_differentiable(w) or not np.isfinite(w).all():
            return False
        try:
            require_close(w, (2 * a + b).astype(w.dtype), "", tolerance)
        except AssertionError:
            return False
    return True


def _check_refusal(subject, linear):
    """What is not linear in some inputs cannot be transposed in them; it says so."""
    what = f"transpose of {subject.title} with respect to inputs {list(linear)}, not linear in them"
    given = (True,) * len(subject.program.outputs)
    try:
        transpose(subject.program, marks_of(linear, len(subject.inputs)), given)
    except _REFUSALS:
        return
    except Exception as raised:
        raise AssertionError(f"{what}: {type(raised).__name__}, not LinearityError") from raised
    raise AssertionError(f"{what}: no LinearityError")


def _check_direct(subject, base, linear):
    program = subject.program
    what = f"transpose of {subject.title}, linear in inputs {list(linear)}"
    generator = np.random.default_rng(4)
    given = (True,) * len(program.outputs)
    try:
        pulled, found = transpose(program, marks_of(linear, len(base)), given)
    except _REFUSALS:
        return  # linear by accident (the maximum along an axis of size 1), or not to be transposed
    tangents = directions_like(generator, [base[i] for i in linear])
    dy = subject.run(program, _at(base, linear, tangents))
    cotangents = directions_like(generator, dy)
    rest = [x for i, x in enumerate(base) if i not in linear]
    results = subject.run(pulled, (*rest, *cotangents))
    ct_x = by_output(results, found)
    _require_cotangent_types(
        subject, [ct_x[linear.index(i)] if i in linear else None for i in range(len(base))], what
    )
    found = pairing(ct_x, tangents)
    _require_equal_pairings(pairing(cotangents, dy), found, subject, pulled, what)
