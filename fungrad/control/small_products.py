"""Small products in the body of a loop, which are written out there, as contractions again.

Sums of products that a loop over few elements computes faster than BLAS are no contractions any
more when their loop is optimised: `sum[axes=(1)] (multiply a (broadcast[axes=(1)] b))`. As those of
all steps at once they may well be worth one, and a matrix that every turn multiplies by is worth
another layout.
"""

from fungrad.core.program import Variable, live
from fungrad.optimize.contractions import is_better_fused
from fungrad.optimize.rewrite import Rebuilding, with_inputs
from fungrad.primitives.contraction import Contract
from fungrad.primitives.elementwise import add, multiply, subtract
from fungrad.primitives.movement import Broadcast, Transpose
from fungrad.primitives.reductions import Sum

#: Up to this size arrays of a body are local variables, and products of them a few statements.
LOCAL_SIZE = 16
#: Turns of a loop that are worth laying out a matrix for.
FEWEST_TURNS = 8
#: Matrices of a loop that are laid out anew: what the second cache holds, beside others.
_LARGEST = 1 << 14
#: Where a loop is ahead of BLAS: the rows of a matrix that are added up, written out, their length;
#: the products, where it is along them.
_SHORT, _LONG, _FEW_SUMMED = 16, 512, 256


def with_contractions(body, constants):
    """The body of a loop with contractions for small products that are written out.

    The matrices among its `constants` that vectors are multiplied by lie with their longer axis
    last, and of small square ones that of the results: eight products by 8 x 8 are computed in one
    vector, without a sum across it, in 12 ns instead of 90.
    """
    maker = {v: e for e in body.equations for v in e.outputs}
    others = (e for e in body.equations if e.primitive not in (add, subtract))
    read_otherwise = {v for e in others for v in e.inputs}.union(body.outputs)
    result = Rebuilding(body)
    for equation in body.equations:
        found = _contraction(equation, maker, read_otherwise)
        if found is None:
            result.append(with_inputs(equation, result.values(equation.inputs)))
            continue
        primitive, operands = found
        operands = list(result.values(operands))
        laid_out = _laid_out(primitive, operands, constants, result)
        if laid_out is equation.primitive:
            result.append(with_inputs(equation, tuple(operands)))
        else:
            value = result.add(laid_out, operands, equation.source)
            result.replace(equation.outputs[0], value)
    return live(result.finish())


def better_written_out(body, constants):
    """The products of a constant matrix and a vector that are better written out in a loop."""
    return [e for e in body.equations if _is_better_written_out(e, constants)]


def _is_better_written_out(equation, constants):
    number = _matrix(equation.primitive, equation.inputs, constants)
    if number is None:
        return False
    p = equation.primitive
    short, long = equation.inputs[number].type.shape
    if equation.outputs[0].type.dtype != float or short > _SHORT or long > _LONG:
        return False
    labels = (p.left, p.right)[number]
    return labels[1] in p.out or short * long <= _FEW_SUMMED


def _matrix(primitive, operands, constants):
    """The number of the operand that is a constant matrix, in a product by a vector; or None."""
    if not isinstance(primitive, Contract):
        return None
    if not primitive.is_matrix_product or len(primitive.out) != 1:
        return None
    for number, v in enumerate(operands):
        if v in constants and v.type.ndim == 2 and v.type.size <= _LARGEST:
            return number
    return None


def _contraction(equation, maker, read_otherwise):
    """The contraction that an equation is, perhaps written out, and its operands; or None.

    An outer product is one where it is only added to something.
    """
    if isinstance(equation.primitive, Contract):
        return equation.primitive, equation.inputs
    is_sum = isinstance(equation.primitive, Sum)
    if not is_sum and not read_otherwise.isdisjoint(equation.outputs):
        return None
    product = maker.get(equation.inputs[0]) if is_sum else equation
    if product is None or product.primitive is not multiply:
        return None
    type = product.outputs[0].type
    if type.size <= LOCAL_SIZE or type.dtype.kind not in "fc":
        return None
    factors = [_factor(v, maker) for v in product.inputs]
    if None in factors:
        return None
    (x, left), (y, right) = factors
    summed = equation.primitive.axes if is_sum else ()
    out = tuple([a for a in range(type.ndim) if a not in summed])
    if any((a in left) + (a in right) + (a in out) < 2 for a in range(type.ndim)):
        return None
    primitive = Contract(left, right, out)
    groups = primitive.groups
    if not is_sum and not (groups.left and groups.right):
        return None
    return (primitive, (x, y)) if is_better_fused(primitive, (x, y)) else None


def _factor(v, maker):
    """What a factor of a product repeats, and the axes of the product that are its own; or None."""
    made = maker.get(v)
    if made is None or not isinstance(made.primitive, Broadcast):
        return (v, tuple(range(v.type.ndim))) if type(v) is Variable else None
    (x,), p = made.inputs, made.primitive
    if type(x) is not Variable or x.type.shape != tuple([p.shape[a] for a in p.axes]):
        return None
    return x, p.axes


def _laid_out(primitive, operands, constants, result):
    """The product of a constant matrix and a vector with the matrix as a loop reads it best."""
    number = _matrix(primitive, operands, constants)
    if number is None:
        return primitive
    labels = [primitive.left, primitive.right]
    rows, columns = operands[number].type.shape
    if columns > rows:
        return primitive
    if rows == columns and (rows > _SHORT or labels[number][1] in primitive.out):
        return primitive
    operands[number] = result.add(Transpose((1, 0)), [operands[number]])
    labels[number] = labels[number][::-1]
    return Contract(*labels, primitive.out)


def is_layout(made, reader):
    """Whether an equation lays a matrix out for the small product that reads it."""
    return isinstance(made.primitive, Transpose) and isinstance(reader.primitive, Contract)
