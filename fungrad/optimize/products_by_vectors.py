"""Several products of one large matrix by vectors as sums, which share their pass over it.

Every element of the matrix is read once by each, so memory decides, and BLAS does not know of the
others: the Hessian-vector product of a regression, `X.T @ f(X @ w, X @ v)`, goes through X three
times that way, and once as sums.
"""

from collections import Counter
from dataclasses import replace
from operator import is_

from fungrad.core.program import derived
from fungrad.optimize.rewrite import rewritten, with_subprograms
from fungrad.primitives import elementwise as e
from fungrad.primitives.contraction import Contract
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.reductions import Sum

_LARGE = 1 << 17  # elements of a matrix: a megabyte
_SHORTEST = 64  # elements of a row, rows


@derived
def sum_products_by_vectors(program):
    """The same program with sums for products of which others read the same large matrix.

    In the programs inside of it too.
    """
    places = {
        e: _place_of_matrix(e) for e in program.equations if isinstance(e.primitive, Contract)
    }
    count = Counter(e.inputs[i] for e, i in places.items() if i is not None)

    def rule(equation, inputs, result):
        i = places.get(equation)
        if i is None or count[equation.inputs[i]] < 2:
            return None
        return _sum(equation, inputs, i, result)

    changed = rewritten(program, rule)
    equations = tuple(map(_with_inner, changed.equations))
    if all(map(is_, equations, changed.equations)):
        return changed
    return changed.replace(equations=equations)


def _with_inner(equation):
    primitive = with_subprograms(equation.primitive, sum_products_by_vectors)
    return equation if primitive is equation.primitive else replace(equation, primitive=primitive)


def _place_of_matrix(equation):
    """Which operand is a large matrix, where the other one is a vector; None if there is none."""
    for i in (0, 1):
        matrix, vector = equation.inputs[i].type, equation.inputs[1 - i].type
        is_product = matrix.ndim == 2 and vector.ndim == 1 and len(equation.primitive.out) == 1
        is_large = matrix.size >= _LARGE and min(matrix.shape, default=0) >= _SHORTEST
        if is_product and is_large and matrix.dtype == "f8":  # sums of others take longer
            return i
    return None


def _sum(equation, inputs, i, result):
    p = equation.primitive
    matrix, vector, labels = inputs[i], inputs[1 - i], (p.left, p.right)[i]
    axis = labels.index(*(p.right, p.left)[i])
    wide = result.add(Broadcast(matrix.type.shape, (axis,)), [vector], equation.source)
    terms = result.add(e.multiply, [matrix, wide], equation.source)
    return result.add(Sum((axis,)), [terms], equation.source)
