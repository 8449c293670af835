"""Products of matrices with vectors for which a loop needs less time than BLAS.

Such a product takes as long as reading the matrix. Where several vectors meet one matrix, as a
value and its tangent do in forward mode, one loop reads it once for all of them: the Hessian-vector
product of a regression, `X.T @ f(X @ w, X @ v)`, goes through X three times by BLAS. And through a
matrix that is larger than the cache BLAS goes in strips of columns, which memory serves at half of
its speed where rows are short.
"""

from fungrad.primitives.contraction import Contract

_SHORTEST_ROW = 128  # below, BLAS and functions of the sums, vectorised, are worth more
_SHORTEST = 64  # elements of a row, rows
_LARGE = 1 << 20  # bytes, from which on a product costs more to read than to compute
_BEYOND_CACHES = 24 << 20  # bytes, of which no cache holds much
_ROWS_IN_STRIPS = range(64, 2049)  # elements of rows for which going by strips takes longer


def read_in_loops(program):
    """The contractions of matrices with vectors that are better written as sums of products."""
    groups = {}
    for equation in program.equations:
        found = _matrix_of(equation)
        if found is not None:
            groups.setdefault(found[0], []).append((equation, found[1]))
    chosen = set()
    for matrix, products in groups.items():
        if _goes_in_strips(matrix.type) or (_is_large(matrix.type) and len(products) > 1):
            chosen.update([equation for equation, _ in products])
        elif matrix.type.dtype == float and matrix.type.shape[-1] >= _SHORTEST_ROW:
            # in float32 sums are kept in float64 on the way, which BLAS does not do
            for summed in (0, 1):
                along = [equation for equation, axis in products if axis == summed]
                chosen.update(_apart(program, along))
    return chosen


def _matrix_of(equation):
    """The matrix, and the axis that is summed, of a product of a matrix with a vector."""
    p = equation.primitive
    if not isinstance(p, Contract) or not p.is_matrix_product or len(p.out) != 1:
        return None
    for v, labels in zip(equation.inputs, (p.left, p.right), strict=True):
        if len(labels) == 2 and v.type.dtype.kind == "f":
            return v, labels.index(p.groups.contracted[0])
    return None


def _bytes(type):
    return type.size * type.dtype.itemsize


def _goes_in_strips(type):
    return _bytes(type) >= _BEYOND_CACHES and type.shape[-1] in _ROWS_IN_STRIPS


def _is_large(type):
    is_long = _bytes(type) >= _LARGE and min(type.shape) >= _SHORTEST
    return is_long and type.dtype == float


def _apart(program, equations):
    """Those of the equations that do not wait for each other: one loop can compute them all."""
    if len(equations) < 2:
        return ()
    together, late = [], set()
    for equation in program.equations:
        if any(v in late for v in equation.inputs):
            late.update(equation.outputs)
        elif equation in equations:
            together.append(equation)
            late.update(equation.outputs)
    return together if len(together) > 1 else ()
