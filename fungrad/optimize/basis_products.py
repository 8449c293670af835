"""Products with parts of an identity matrix are movements: nothing is multiplied.

NumPy multiplies by the zeros too, so that an infinity or nan spreads; here each element of the
result is an element of the other factor, or 0.
"""

from math import prod

from fungrad.core.program import Literal
from fungrad.primitives.basis import Basis
from fungrad.primitives.joining import Pad
from fungrad.primitives.movement import Reshape, Slice, Transpose


def product_with_basis(operands, labels, out, result):
    """What stands for a contraction of which one operand is made by `Basis`, or None."""
    for i in (0, 1):
        made = result.made_by.get(operands[i])
        if made is None or not isinstance(made.primitive, Basis) or not made.primitive.shape:
            continue
        (row, *columns), other = labels[i], labels[1 - i]
        rest = [n for n in other if n != row and n not in columns]
        if not set(rest) <= set(out):
            continue
        factor, basis = operands[1 - i], made.primitive
        if row in out and row not in other and set(columns) <= set(other) - set(out):
            x = _ordered(factor, other, (*rest, *columns), result)
            x = _numbers_of_elements(basis, x, len(rest), result)
            return _ordered(x, (*rest, row), out, result)
        if row in other and row not in out and not set(columns) & set(other):
            x = _ordered(factor, other, (row, *rest), result)
            x = _elements_of_numbers(basis, x, result)
            return _ordered(x, (*columns, *rest), out, result)
    return None


def _ordered(x, labels, wanted, result):
    """The array with its axes in the order of other labels."""
    order = tuple([labels.index(n) for n in wanted])
    return x if order == tuple(range(len(order))) else result.add(Transpose(order), [x])


def _numbers_of_elements(basis, x, first, result):
    """The last axes flattened, and zeros for the numbers of which the basis has no vector."""
    size = prod(basis.shape)
    shape = (*x.type.shape[:first], size)
    if x.type.shape != shape:
        x = result.add(Reshape(shape), [x])
    if basis.is_whole:
        return x
    none = (0,) * first
    pad = Pad((*none, basis.start), (*none, basis.count - basis.start - size), (*none, 0))
    return result.add(pad, [x, Literal(0, basis.dtype)])


def _elements_of_numbers(basis, x, result):
    """The part of the first axis that the vectors of the basis stand for, in their shape."""
    rest, size = x.type.shape[1:], prod(basis.shape)
    if not basis.is_whole:
        starts = (basis.start, *(0 for _ in rest))
        stops = (basis.start + size, *rest)
        x = result.add(Slice(starts, stops, (1,) * len(stops)), [x])
    shape = (*basis.shape, *rest)
    return x if x.type.shape == shape else result.add(Reshape(shape), [x])
