"""Rows scattered among zeros: products and sums over them need those rows alone.

The adjoint of `(x @ w)[rows]` is `x.T @ scatter(c, rows)`, which is `x[rows].T @ c`. So the
derivative of a program that selects rows (see `selections`) costs what that program does.
"""

from fungrad.core.program import Literal
from fungrad.core.record import record
from fungrad.optimize.algebra import is_literal
from fungrad.optimize.rewrite import rewritten
from fungrad.optimize.rowwise import axes_of_inputs, resized
from fungrad.optimize.selections import COST, Index, Range, with_axis_at
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.contraction import Contract
from fungrad.primitives.indexing import Scatter
from fungrad.primitives.joining import Pad
from fungrad.primitives.reductions import Sum

_DEEPEST = 50  # equations between a scatter and a product; the search is a recursion
_MODES = ("raise", "clip", "wrap")  # of scatters that write all rows


@record(frozen=True)
class Scattered:
    """An array that is 0 but for some places along an axis; places that occur twice are added up.

    `parts` are pairs of a selection of places and a function that makes the rows there.
    """

    axis: int
    parts: tuple

    @property
    def size(self):
        """How many rows there are."""
        return sum(selection.size for selection, _ in self.parts)


def sum_scattered_rows(program):
    """The same program with products and sums over scattered rows as those of the rows.

    `d = scatter[axes=(0)] 0 c i; e = contract[(0 1) (0 2) (1 2)] a d` becomes
    `d = gather[axes=(0)] a i; e = contract[(0 1) (0 2) (1 2)] d c`.
    """
    has_any = any(isinstance(q.primitive, Scatter | Pad) for q in program.equations)
    return rewritten(program, _summed) if has_any else program


def _summed(equation, inputs, result):
    """The sum over the axis along which an operand is scattered, or None."""
    p = equation.primitive
    if not isinstance(p, Contract | Sum):
        return None
    for number, v in enumerate(inputs):
        found = _scattered(v, result, 0)
        if found is None or not _is_summed(p, number, found.axis):
            continue
        n = v.type.shape[found.axis]
        types = [x.type for x in inputs], [equation.outputs[0].type]
        if n == 0 or (1 - found.size / n) * p.flops(*types) < COST * len(found.parts):
            continue
        terms = [_term(equation, inputs, number, found.axis, part, result) for part in found.parts]
        total = terms[0]
        for term in terms[1:]:
            total = result.add(e.add, [total, term], equation.source)
        return total
    return None


def _is_summed(primitive, number, axis):
    if isinstance(primitive, Sum):
        return axis in primitive.axes
    own, other = primitive.left, primitive.right
    if number:
        own, other = other, own
    return own[axis] in other and own[axis] not in primitive.out


def _term(equation, inputs, number, axis, part, result):
    """What the rows of one part contribute."""
    selection, make = part
    operands = list(inputs)
    operands[number] = make(result)
    if isinstance(equation.primitive, Contract):
        labels = (equation.primitive.left, equation.primitive.right)
        at = labels[1 - number].index(labels[number][axis])
        other = inputs[1 - number]
        operands[1 - number] = selection.take(other, at, result, equation.source)
    return result.add(equation.primitive, operands, equation.source)


# ---- what is scattered


def _scattered(v, result, depth):
    """The `Scattered` that a value of the new program is, or None."""
    made = result.made_by.get(v)
    if made is None or depth > _DEEPEST or len(made.outputs) != 1:
        return None
    p = made.primitive
    if isinstance(p, Scatter):
        return _of_scatter(made, result)
    if isinstance(p, Pad):
        return _of_pad(made)
    if p is e.add:
        x, y = [_scattered(u, result, depth + 1) for u in made.inputs]
        if x is None or y is None or x.axis != y.axis:
            return None
        return Scattered(x.axis, x.parts + y.parts)
    numbers = [i for i in _linear_inputs(p) if type(made.inputs[i]) is not Literal]
    for number in numbers:
        found = _scattered(made.inputs[number], result, depth + 1)
        if found is not None:
            return _through(made, number, found)
    return None


def _of_scatter(made, result):
    p, (target, updates, *indices) = made.primitive, made.inputs
    if p.combine != "add" or len(p.axes) != 1 or p.mode not in _MODES:
        return None
    filled = result.made_by.get(target)
    if filled is None or not isinstance(filled.primitive, m.Fill):
        return None
    if not is_literal(filled.inputs[0], 0):
        return None
    (axis,), (index,) = p.axes, indices

    def rows(result):
        x, rank = updates, index.type.ndim
        if rank != 1:
            x = result.add(m.Reshape((index.type.size, *x.type.shape[rank:])), [x], made.source)
        return with_axis_at(x, 0, axis, result)

    return Scattered(axis, ((Index(index, p.mode, p.shown or p.axes), rows),))


def _of_pad(made):
    """Of several padded axes, that along which the rows are fewest; the others are padded in it."""
    p, (x, value) = made.primitive, made.inputs
    if not is_literal(value, 0) or not x.type.size:
        return None
    shape = made.outputs[0].type.shape
    axis = min(range(len(shape)), key=lambda a: x.type.shape[a] / shape[a], default=None)
    if axis is None:
        return None
    low, interior = p.low[axis], p.interior[axis]
    stop = low + (x.type.shape[axis] - 1) * (interior + 1) + 1
    widths = [(*w[:axis], 0, *w[axis + 1 :]) for w in (p.low, p.high, p.interior)]

    def rows(result):
        return result.add(Pad(*widths), [x, value], made.source) if any(map(any, widths)) else x

    return Scattered(axis, ((Range(low, stop, interior + 1), rows),))


_LINEAR = (m.Reshape, m.Transpose, m.Broadcast, m.Reverse, Sum)


def _linear_inputs(primitive):
    """The operands for which a zero row makes a zero row, whatever the others are."""
    if isinstance(primitive, _LINEAR):
        return (0,)
    if isinstance(primitive, Contract):
        return (0, 1)
    if isinstance(primitive, e.Elementwise):
        is_one = len(primitive.passes) == 1
        return primitive.linear if is_one or primitive.multilinear else ()
    return ()


def _through(made, number, found):
    """The value of an equation whose operand is scattered, where it works row by row."""
    shape = made.outputs[0].type.shape
    for axis in range(len(shape)):
        inputs = axes_of_inputs(made, axis)
        if inputs is not None and inputs[number] == found.axis:
            break
    else:
        return None

    def through(selection, make):
        def rows(result):
            operands = [
                v if a is None else selection.take(v, a, result, made.source)
                for v, a in zip(made.inputs, inputs, strict=True)
            ]
            operands[number] = make(result)
            primitive = resized(made.primitive, axis, selection.size)
            return result.add(primitive, operands, made.source)

        return rows

    return Scattered(axis, tuple([(s, through(s, make)) for s, make in found.parts]))
