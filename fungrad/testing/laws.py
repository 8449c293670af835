"""The laws of primitives and of the programs that transforms derive from them.

Each law takes a `Subject` and raises AssertionError where it does not hold.
"""

import numpy as np

from fungrad.testing.comparison import Tolerance, require_close, require_types, rounding
from fungrad.testing.numerical import (
    difference_tolerance,
    differences,
    direction,
    directions_like,
    is_differentiable,
    step_size,
)
from fungrad.testing.subject import by_output, dtypes_of, marks_of, subsets
from fungrad.transforms.batch import BatchAxis, batch
from fungrad.transforms.jvp import jvp

BATCH_SIZES = (3, 1, 0)


# ---- types


def check_types(subject):
    """`infer` of the types equals the types of `evaluate`, for every layout of the inputs.

    The outputs are NumPy values, do not depend on the layout in memory, and the inputs are left
    as they were (they are write-protected).
    """
    what = f"types of {subject.title}"
    types = [subject.outside(t) for t in subject.program.output_types]
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
        dy = by_output(results[len(program.outputs) :], out_active)
        require_tangent_types(subject, dy, what)
        expected = _numerical_tangents(subject, active, tangents)
        tolerance = _difference_tolerance(subject, pushed)
        for k, (t, reference) in enumerate(zip(dy, expected, strict=True)):
            if reference is None:
                continue
            t = np.zeros_like(reference) if t is None else t
            text = f"{what}: tangent of output {k}"
            require_close(t, reference, text, tolerance)


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


# ---- batch


def check_batch(subject):
    """The batched program equals a stacked Python loop, for every subset of batched inputs."""
    check_batch_of(subject, subject.program, (subject.inputs, *subject.variants), subject.title)


def check_batch_of_reverse(subject):
    """The same for reverse mode."""
    if not subject.differentiable:
        return
    program, types = subject.pulled_back
    generator = np.random.default_rng(5)
    rows = [
        (*row, *[direction(generator, t) for t in types])
        for row in (subject.inputs, *subject.variants)
    ]
    check_batch_of(subject, program, rows, f"vjp of {subject.title}")


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
    """Compiled reverse mode equals its evaluation."""
    if not subject.differentiable:
        return
    program, types = subject.pulled_back
    generator = np.random.default_rng(6)
    inputs = (*subject.inputs, *[direction(generator, t) for t in types])
    _check_compilation(subject, program, inputs, f"vjp of {subject.title}")


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
