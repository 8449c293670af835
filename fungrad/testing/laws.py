"""The laws of primitives and of the programs that transforms derive from them.

Each law takes a `Subject` and raises AssertionError where it does not hold.
"""

import numpy as np

from fungrad.core.errors import LinearityError, NotDifferentiableError
from fungrad.core.tracing import evaluator
from fungrad.testing.comparison import (
    Tolerance,
    require_close,
    require_types,
    rounding,
)
from fungrad.testing.numerical import (
    difference_tolerance,
    differences,
    directions_like,
    is_differentiable,
    pairing,
    step_size,
)
from fungrad.testing.subject import dtypes_of, subsets
from fungrad.transforms.batch import BatchAxis, batch
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import linearize
from fungrad.transforms.transpose import transpose
from fungrad.transforms.vjp import vjp

BATCH_SIZES = (3, 1, 0)


def marks_of(positions, count):
    """One truth value per input: whether its position is among the given ones."""
    return tuple([i in positions for i in range(count)])


# ---- types


def check_types(subject):
    """`infer` of the types equals the types of `evaluate`, for every layout of the inputs.

    The outputs are NumPy values, do not depend on the layout in memory, and the inputs are left
    as they were (they are write-protected).
    """
    what = f"types of {subject.title}"
    axis = subject.axis
    lead = () if axis is None else (axis.size,)
    types = [t.with_shape((*lead, *t.shape)) for t in subject.program.output_types]
    require_types(subject.outputs, types, what)
    tolerance = rounding(dtypes_of(subject.program))
    for layout, rearranged in _LAYOUTS.items():
        inputs = [rearranged(x) for x in subject.inputs]
        outputs = subject.run(subject.program, inputs)
        require_types(outputs, types, f"{what}, inputs {layout}")
        for k, (y, expected) in enumerate(zip(outputs, subject.outputs, strict=True)):
            text = f"{what}: output {k} with inputs {layout}"
            require_close(y, expected, text, tolerance)


def _protected(x):
    x.flags.writeable = False
    return x


def _strided(x):
    """The values in an array whose elements are not adjacent and run backwards."""
    x = np.asarray(x)
    wide = np.empty([2 * n for n in x.shape], x.dtype)
    view = wide[(*[slice(None, None, -2)] * x.ndim, ...)]
    view[...] = x
    return _protected(view)


_LAYOUTS = {
    "as arrays of rank 0": lambda x: _protected(np.array(x)),
    "in Fortran order": lambda x: _protected(np.array(x, order="F")),
    "strided backwards": _strided,
}


# ---- jvp


def check_jvp(subject):
    """The jvp equals central differences along a random direction."""
    generator = np.random.default_rng(1)
    program, inputs = subject.program, subject.inputs
    for active in subsets(subject.differentiable):
        what = f"jvp of {subject.title} with respect to inputs {list(active)}"
        tangents = directions_like(generator, [inputs[i] for i in active])
        pushed, out_active = jvp(program, marks_of(active, len(inputs)))
        results = subject.run(pushed, (*inputs, *tangents))
        outputs = results[: len(program.outputs)]
        tolerance = rounding(dtypes_of(pushed))
        for k, (y, expected) in enumerate(zip(outputs, subject.outputs, strict=True)):
            require_close(y, expected, f"{what}: output {k}", tolerance)
        dy = _by_output(results[len(program.outputs) :], out_active)
        require_tangent_types(subject, dy, what)
        expected = _numerical_tangents(subject, active, tangents)
        tolerance = _difference_tolerance(subject, pushed)
        for k, (t, reference) in enumerate(zip(dy, expected, strict=True)):
            if reference is None:
                continue
            t = np.zeros_like(reference) if t is None else t
            text = f"{what}: tangent of output {k}"
            require_close(t, reference, text, tolerance)


def _by_output(values, present):
    rest = iter(values)
    return [next(rest) if p else None for p in present]


def require_tangent_types(subject, tangents, what):
    """AssertionError unless each tangent has the type of its differentiable output."""
    for k, (y, t) in enumerate(zip(subject.outputs, tangents, strict=True)):
        if t is not None and not is_differentiable(y):
            raise AssertionError(f"{what}: output {k} of dtype {y.dtype} has a tangent, not None")
        if t is not None and (np.shape(t), t.dtype) != (np.shape(y), y.dtype):
            raise AssertionError(
                f"{what}: output {k} is {y.dtype}{list(np.shape(y))}, its tangent "
                f"{t.dtype}{list(np.shape(t))}"
            )


def _numerical_tangents(subject, active, tangents):
    program, inputs, accuracy = subject.reference()
    moving = dict(zip(active, tangents, strict=True))
    directions = [moving.get(i) for i in range(len(inputs))]
    step = step_size(accuracy)
    return differences(lambda values: subject.run(program, values), inputs, directions, step)


def _difference_tolerance(subject, pushed):
    _, _, accuracy = subject.reference()
    unit = max(difference_tolerance(accuracy), rounding(dtypes_of(pushed)).absolute)
    return Tolerance(unit, unit)


# ---- transpose


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
    dy = _by_output(results[len(program.outputs) :], out_active)
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
        ct_x = _by_output(pulled, halves.has_cotangent)
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
    pushed = _by_output(subject.run(halves.linear, (*residuals, *tangents)), halves.out_active)
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
    ct_x = _by_output(results, found)
    _require_cotangent_types(
        subject, [ct_x[linear.index(i)] if i in linear else None for i in range(len(base))], what
    )
    found = pairing(ct_x, tangents)
    _require_equal_pairings(pairing(cotangents, dy), found, subject, pulled, what)


# ---- batch


def check_batch(subject):
    """The batched program equals a stacked Python loop, for every subset of batched inputs."""
    check_batch_of(subject, subject.program, (subject.inputs, *subject.variants), subject.title)


def check_batch_of_reverse(subject):
    """The same for the two halves of reverse mode."""
    if not subject.differentiable:
        return
    program = subject.program
    marks = marks_of(subject.differentiable, len(subject.inputs))
    wanted = tuple([t.is_differentiable for t in program.output_types])
    halves = vjp(program, marks, wanted)
    rows = [subject.inputs, *subject.variants]
    check_batch_of(subject, halves.forward, rows, f"forward half of {subject.title}")
    generator, backward_rows = np.random.default_rng(5), []
    for row in rows:
        residuals = subject.run(halves.forward, row)[len(program.outputs) :]
        given = [y for y, g in zip(subject.outputs, halves.given, strict=True) if g]
        backward_rows.append((*residuals, *directions_like(generator, given)))
    with np.errstate(all="ignore"):  # residuals of several rows mixed fit no input
        check_batch_of(subject, halves.backward, backward_rows, f"backward half of {subject.title}")


def check_batch_of(subject, program, rows, title):
    """The batched program against a loop over the rows of inputs.

    In derived programs the sizes 1 and 0 are checked with all inputs batched only.
    """
    count = len(program.inputs)
    everything = tuple(range(count))
    for marked in subsets(everything) or [()]:
        expected = [
            subject.run(program, [row[i] if i in marked else rows[0][i] for i in range(count)])
            for row in rows
        ]
        is_thorough = program is subject.program or marked == everything
        for size in BATCH_SIZES if is_thorough else BATCH_SIZES[:1]:
            what = f"batch of {title}, size {size}, batched inputs {list(marked)}"
            _check_one_batch(subject, program, rows, marked, size, expected, what)


def _check_one_batch(subject, program, rows, marked, size, expected, what):
    position = subject.batch_position
    marks = marks_of(marked, len(program.inputs))
    batched, has_axis = batch(program, marks, BatchAxis(size))
    inputs = []
    for i, is_batched in enumerate(marks):
        if is_batched:
            inputs.append(_stacked([row[i] for row in rows], size, position))
        else:
            inputs.append(rows[0][i])
    outputs = subject.run(batched, inputs)
    tolerance = rounding(dtypes_of(batched))
    for k, (y, has) in enumerate(zip(outputs, has_axis, strict=True)):
        if has:
            reference = _stacked([e[k] for e in expected], size, position)
        else:
            reference = expected[0][k]
        if y.dtype != reference.dtype:
            raise AssertionError(f"{what}: output {k} is {y.dtype}, not {reference.dtype}")
        require_close(y, reference, f"{what}: output {k}", tolerance)


def _stacked(arrays, size, position):
    """The first `size` arrays along a new axis; at least one array is given for its shape."""
    return np.stack(arrays, position)[(slice(None),) * position + (slice(size),)]


# ---- compiled


def check_compiled(subject):
    """The compiled program equals its evaluation."""
    _check_compilation(subject, subject.program, subject.inputs, subject.title)


def check_compiled_reverse(subject):
    """The compiled halves of reverse mode equal their evaluation."""
    if not subject.differentiable:
        return
    marks = marks_of(subject.differentiable, len(subject.inputs))
    wanted = tuple([t.is_differentiable for t in subject.program.output_types])
    halves = vjp(subject.program, marks, wanted)
    _check_compilation(subject, halves.forward, subject.inputs, f"forward half of {subject.title}")
    generator = np.random.default_rng(6)
    results = subject.run(halves.forward, subject.inputs)
    given = [y for y, g in zip(subject.outputs, halves.given, strict=True) if g]
    inputs = (*results[len(subject.outputs) :], *directions_like(generator, given))
    _check_compilation(subject, halves.backward, inputs, f"backward half of {subject.title}")


def _check_compilation(subject, program, inputs, title):
    from fungrad.compiler.runtime import compile_program

    placed = subject.placed(program)
    expected = subject.run(program, inputs)
    outputs = compile_program(placed)(*inputs)
    require_types(outputs, placed.output_types, f"compiled {title}")
    tolerance = rounding(dtypes_of(placed))
    for k, (y, reference) in enumerate(zip(outputs, expected, strict=True)):
        text = f"compiled {title}: output {k}"
        require_close(y, reference, text, tolerance)
