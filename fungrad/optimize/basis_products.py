"""Products with parts of an identity matrix are movements: nothing is multiplied.

NumPy multiplies by the zeros too, so that an infinity or nan spreads; here each element of the
result is an element of the other factor, or 0.
"""

from math import prod

from fungrad.core.program import Literal
from fungrad.primitives import elementwise as e
from fungrad.primitives.basis import Basis
from fungrad.primitives.joining import Pad
from fungrad.primitives.movement import Broadcast, Fill, Reshape, Slice, Transpose

_LINEAR = (e.add, e.subtract, e.negative)
_PRODUCTS = (e.multiply, e.strong_multiply)
_QUOTIENTS = (e.divide, e.strong_divide)
_DEPTH = 16  # makers between a sum and the basis


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


# ---- diagonal matrices


def sum_of_diagonal(equation, inputs, result):
    """The diagonal, for the sum over the columns of a matrix that is 0 beside it, or None.

    The Jacobian of a sum of an elementwise function is one: `sum(basis * slope)`, by forward mode.
    """
    (x,) = inputs
    shape = x.type.shape
    if len(shape) != 2 or shape[0] != shape[1] or equation.primitive.axes not in ((0,), (1,)):
        return None
    if not _is_diagonal(x, result, _DEPTH) or type(x) is Literal:
        return None
    diagonal = _diagonal(x, result, equation.source)
    if diagonal.type.shape:
        return diagonal
    return result.add(Fill(shape[:1]), [diagonal], equation.source)


def _is_diagonal(x, result, depth):
    """Whether a square matrix is made of an identity matrix and of what its columns are scaled by."""
    made = result.made_by.get(x)
    if made is None or not depth:
        return False
    p, inputs = made.primitive, made.inputs
    if isinstance(p, Basis):
        return p.is_whole and len(p.shape) == 1
    if p in _LINEAR:
        return all(_is_diagonal(v, result, depth - 1) for v in inputs)
    if p in _QUOTIENTS:
        return _is_diagonal(inputs[0], result, depth - 1) and _is_row(inputs[1], result)
    if p not in _PRODUCTS:
        return False
    return any(
        _is_diagonal(u, result, depth - 1) and _is_row(v, result) for u, v in (inputs, inputs[::-1])
    )


def _is_row(x, result):
    """Whether all rows of a matrix are known to be one vector, or it is one number."""
    made = result.made_by.get(x)
    if not x.type.shape:
        return True
    if made is None:
        return False
    if isinstance(made.primitive, Fill):
        return not made.inputs[0].type.shape
    return (
        isinstance(made.primitive, Broadcast)
        and made.primitive.axes == (1,)
        and (made.inputs[0].type.shape == x.type.shape[1:])
    )


def _diagonal(x, result, source):
    """The elements on the diagonal: a vector, or one number for all."""
    made = result.made_by[x]
    p, inputs = made.primitive, made.inputs
    if isinstance(p, Basis):
        return Literal(1, p.dtype)
    parts = []
    for v in inputs:
        is_row = _is_row(v, result)
        parts.append(_row(v, result) if is_row else _diagonal(v, result, source))
    return result.add(p, parts, source)


def _row(x, result):
    return result.made_by[x].inputs[0] if x.type.shape else x
