"""Python functions as closed programs: what they close over becomes operands."""

import numpy as np

from fungrad.api.operands import is_numeric, operand_of
from fungrad.api.ownership import owned
from fungrad.api.titles import title_of
from fungrad.control.programs import rearranged, recorded
from fungrad.core.program import Program
from fungrad.core.record import record
from fungrad.core.running import run
from fungrad.core.tracer import is_same, type_of_value
from fungrad.core.tracing import DEFERRED, UNKNOWN, Recording, Tracer, state
from fungrad.core.tree import flatten, flatten_with_path, keystr
from fungrad.core.types import WEAK_DTYPES, ArrayType
from fungrad.primitives.elementwise import Convert


@record(frozen=True)
class Closed:
    """A function as a program: inputs are the closed-over values, then the arguments.

    `tree` is the structure of the outputs, `weak` says which of them stand for Python numbers, and
    `values` are their values where these were known.
    """

    program: Program
    captures: tuple
    tree: object
    weak: tuple
    values: tuple = ()

    @property
    def types(self):
        """The types of the outputs."""
        return self.program.output_types


def operands_of(leaves, what="", tree=None):
    """Leaves as operands, their types, and which are weak.

    `what` names the arguments in the error for what is no number: "scan of f: xs", and `tree` is
    their structure.
    """
    label = lambda i: f"{what or 'an argument'}{leaf_paths(tree)[i] if tree else ''}"
    pairs = [operand_of(leaf, label=lambda i=i: label(i)) for i, leaf in enumerate(leaves)]
    operands = [x for x, _ in pairs]
    return operands, [type_of_value(x) for x in operands], [w for _, w in pairs]


def known_values(operands):
    """The values of operands, UNKNOWN where the trace knows none."""
    values = []
    for x in operands:
        value = x.recording.values[x.id] if type(x) is Tracer else x
        values.append(x.value if value is DEFERRED else value)
    return values


def record_closed(primitive, operands, closed):
    """The equation of a function that was closed on values, with its outputs where known."""
    values = closed.values
    recording = state.recording
    if any(v is UNKNOWN or v is DEFERRED for v in values) or recording.hides_values:
        return primitive(*operands)
    return recording.record_known(primitive, operands, [np.asarray(v)[()] for v in values])


def close(call, types, weak, title, values=None):
    """The function `call(*tracers)` (a pytree of outputs) as a closed program.

    With `values` the tracers carry values (UNKNOWN where there is none), as in eager code.
    """
    recording = Recording(title, hides_values=values is None)
    values = [UNKNOWN] * len(types) if values is None else values
    with recording:
        tracers = [
            recording.add_input(t, v, w) for t, v, w in zip(types, values, weak, strict=True)
        ]
        leaves, tree = flatten(call(*tracers))
        for leaf in leaves:
            if not is_numeric(leaf):
                raise TypeError(
                    f"{title} returned {leaf!r:.60} of type {type(leaf).__name__}; return arrays, "
                    "numbers, or pytrees of them"
                )
        program = recording.finish(leaves, title.rpartition(" ")[2])
    n = len(types)
    order = (*range(n, len(program.inputs)), *range(n))
    weak = tuple([x.weak if type(x) is Tracer else type(x) in WEAK_DTYPES for x in leaves])
    if recording.captures:
        program = rearranged(program, order)
    known = [x.recording.values[x.id] if type(x) is Tracer else x for x in leaves]
    return Closed(program, tuple(recording.captures), tree, weak, tuple(known))


def with_captures_of(closed, others):
    """The programs of several closed functions over the same closed-over values."""
    everything = []
    for c in (closed, *others):
        everything += [x for x in c.captures if not any(same(x, y) for y in everything)]
    programs = []
    for c in (closed, *others):
        k = len(c.captures)
        places = [_place(x, c.captures) for x in everything]
        programs.append(rearranged(c.program, (*places, *range(k, len(c.program.inputs)))))
    return programs, everything


def _place(x, captures):
    """The position of a value among the captured ones, or its type where it is not there."""
    for i, captured in enumerate(captures):
        if same(captured, x):
            return i
    return type_of_value(x)


def same(x, y):
    """Whether two captured values are one: the same array, or the same traced value."""
    if type(x) is Tracer and type(y) is Tracer:
        return is_same(x, y)
    return x is y


def converting(program, dtypes):
    """The program with its outputs converted to the given dtypes."""
    if all(t.dtype == d for t, d in zip(program.output_types, dtypes, strict=True)):
        return program

    def converted(*v):
        results = run(program, list(v))
        return [
            x if x.dtype == d else Convert(np.dtype(d))(x)
            for x, d in zip(results, dtypes, strict=True)
        ]

    return recorded(converted, list(program.input_types), program.name)


def convert_operand(x, type):
    """An operand in the dtype of a type."""
    return x if x.dtype == type.dtype else Convert(type.dtype)(x)


def leaf_paths(tree):
    """The path of every leaf for error texts: " at ['w'][0]", or "" for a bare leaf."""
    if tree.num_nodes == 1:
        return [""] * tree.num_leaves
    paths = [
        keystr(path) for path, _ in flatten_with_path(tree.unflatten([0] * tree.num_leaves))[0]
    ]
    return [f" at {path}" if path else "" for path in paths]


def promoted(type, weak, other, other_weak):
    """The common type of two results where a weak one gives way, or None."""
    if type is other:
        return type
    if type.shape != other.shape or not (weak or other_weak):
        return None
    if weak and other_weak:
        return ArrayType(type.shape, np.result_type(type.dtype, other.dtype))
    strong, loose = (other, type) if weak else (type, other)
    return strong if _RANK[loose.dtype.kind] <= _RANK[strong.dtype.kind] else None


_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


def finished(results, given):
    """Results for the user: arrays of their own outside a trace, none of those that were given."""
    results = list(results)
    return results if any(type(r) is Tracer for r in results) else owned(results, given)


def closure_convert(fun, *example_args):
    """`fun` without closed-over traced values, and these values to pass after its arguments.

    >>> f, values = closure_convert(lambda x: x * 2.0, 1.0)
    >>> f(3.0, *values)
    np.float64(6.0)
    """
    title = title_of("closure_convert", fun)
    leaves, tree = flatten(example_args)
    _, types, weak = operands_of(leaves)
    closed = close(lambda *v: fun(*tree.unflatten(v)), types, weak, title)
    traced = [i for i, c in enumerate(closed.captures) if type(c) is Tracer]
    hoisted = [closed.captures[i] for i in traced]

    def converted(*args_and_values):
        args = args_and_values[: len(example_args)]
        values = iter(args_and_values[len(example_args) :])
        captures = [next(values) if i in traced else c for i, c in enumerate(closed.captures)]
        operands, _, _ = operands_of(flatten(args)[0])
        inputs = [*captures, *operands]
        return closed.tree.unflatten(finished(run(closed.program, inputs), inputs))

    return converted, hoisted
