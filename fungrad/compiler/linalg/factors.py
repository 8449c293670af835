"""LU factors with partial pivoting, and solutions and inverses from them, matrix by matrix."""

from fungrad.compiler.linalg import blocked_factors
from fungrad.compiler.linalg.lapack import SMALL, count, for_kind, read, write, written
from fungrad.compiler.moves.copy import copy

# The largest element of column k at or below the diagonal comes to the diagonal.
_PIVOT = """            p = k
            best = SIZE(f[k * n + k])
            for i in range(k + 1, ROWS):
                size = SIZE(f[i * n + k])
                if size > best:
                    best = size
                    p = i
            PLACE = p
            if p != k:
                for j in range(n):
                    t = f[k * n + j]
                    f[k * n + j] = f[p * n + j]
                    f[p * n + j] = t
            d = f[k * n + k]
"""


def _pivoting(rows, place):
    """The text that finds and moves the pivot of one step, and writes its row to a place."""
    return _PIVOT.replace("ROWS", rows).replace("PLACE", place)


_LU = """
def {name}(a, y, pivots, batch, m, n):
    failed = 0
    least = min(m, n)
    for b in range(batch):
        x = offset(a, b * m * n)
        f = offset(y, b * m * n)
        for i in range(m * n):
            f[i] = x[i]
        for k in range(least):
PIVOT            if SIZE(d) == 0:
                failed = 1
            else:
                for i in range(k + 1, m):
                    q = divide(f[i * n + k], d)
                    f[i * n + k] = q
                    for j in range(k + 1, n):
                        f[i * n + j] -= q * f[k * n + j]
    return RESULT
""".replace("PIVOT", _pivoting("m", "pivots[b * least + k]"))
_LARGE_LU = """
def {name}(a, y, pivots, scratch, batch, m, n):
    failed = 0
    least = min(m, n)
    for b in range(batch):
        x = offset(a, b * m * n)
        f = offset(y, b * m * n)
        p = offset(pivots, b * least)
        for i in range(m):
            for j in range(n):
                scratch[j * m + i] = x[i * n + j]
        if getrf_DTYPE(m, n, scratch, m, p) != 0:
            failed = 1
        for i in range(least):
            p[i] = p[i] - 1
        for i in range(m):
            for j in range(n):
                f[i * n + j] = scratch[j * m + i]
    return RESULT
"""


def lu(build, primitive, inputs, outputs):
    """Write the factorisation of each matrix."""
    view = build.contiguous(inputs[0])
    target, pivots = map(build.output, outputs)
    *batch, m, n = view.shape
    can_fail = bool(getattr(primitive, "function", None))
    pointers = [read(view), written(target), written(pivots)]
    source = for_kind(_LU, view.buffer.dtype)
    if max(m, n) > SMALL:
        source = blocked_factors.LU if min(m, n) >= blocked_factors.LARGE else _LARGE_LU
        pointers.append(written(build.temporary(view.buffer.dtype, (m * n,))))
    source = source.replace("RESULT", "failed" if can_fail else "0")
    write(build, "lu_kernel", source, pointers, [count(batch), m, n], can_fail)


_PERMUTATION = """
def {name}(pivots, order, batch, k, n):
    for b in range(batch):
        y = offset(order, b * n)
        for i in range(n):
            y[i] = i
        for i in range(k):
            p = pivots[b * k + i]
            t = y[i]
            y[i] = y[p]
            y[p] = t
    return 0
"""


def permutation(build, primitive, inputs, outputs):
    """Write the order of rows that exchanges lead to."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    *batch, k = view.shape
    sizes = [count(batch), k, primitive.size]
    write(build, "permutation_kernel", _PERMUTATION, [read(view), written(target)], sizes)


_SOLVE = """
def {name}(a, pivots, x, batch, n, m):
    for b in range(batch):
        f = offset(a, b * n * n)
        y = offset(x, b * n * m)
        EXCHANGE
        LOWER
        UPPER
    return 0
"""
_TRANSPOSED_SOLVE = (
    _SOLVE.replace("EXCHANGE", "@").replace("UPPER", "EXCHANGE").replace("@", "UPPER")
)
_EXCHANGE = """for step in range(n):
            k = ORDER
            p = pivots[b * n + k]
            if p != k:
                for j in range(m):
                    t = y[k * m + j]
                    y[k * m + j] = y[p * m + j]
                    y[p * m + j] = t"""
_LOWER = """for i in range(n):
            for k in range(i):
                q = f[i * n + k]
                for j in range(m):
                    y[i * m + j] -= q * y[k * m + j]"""
_UPPER = """for step in range(n):
            i = n - 1 - step
            for k in range(i + 1, n):
                q = f[i * n + k]
                for j in range(m):
                    y[i * m + j] -= q * y[k * m + j]
            d = f[i * n + i]
            for j in range(m):
                y[i * m + j] = divide(y[i * m + j], d)"""
_UPPER_TRANSPOSED = """for i in range(n):
            d = CONJUGATED(f[i * n + i])
            for j in range(m):
                y[i * m + j] = divide(y[i * m + j], d)
            for k in range(i + 1, n):
                q = CONJUGATED(f[i * n + k])
                for j in range(m):
                    y[k * m + j] -= q * y[i * m + j]"""
_LOWER_TRANSPOSED = """for step in range(n):
            i = n - 1 - step
            for k in range(i):
                q = CONJUGATED(f[i * n + k])
                for j in range(m):
                    y[k * m + j] -= q * y[i * m + j]"""
_BY_LIBRARY = "trsm_DTYPE(1, {lower}, {form}, {lower}, n, m, 1.0, f, n, y, m)"


def solve(build, primitive, inputs, outputs):
    """Write the solution for each matrix, in place of the right-hand sides."""
    target = build.begin(outputs[0], inputs[3])
    factors, pivots = build.contiguous(inputs[1]), build.contiguous(inputs[2])
    *batch, n, m = target.shape
    dtype = target.buffer.dtype
    form = 2 if primitive.conjugated else int(primitive.transposed)
    source = _TRANSPOSED_SOLVE if form else _SOLVE
    source = source.replace("EXCHANGE", _EXCHANGE)
    source = source.replace("ORDER", "n - 1 - step" if form else "step")
    lower, upper = (_LOWER_TRANSPOSED, _UPPER_TRANSPOSED) if form else (_LOWER, _UPPER)
    if n > SMALL:
        lower, upper = (_BY_LIBRARY.format(lower=k, form=form) for k in (1, 0))
    source = source.replace("LOWER", lower).replace("UPPER", upper)
    conjugate = "CONJ" if form == 2 and dtype.kind == "c" else ""
    source = for_kind(source.replace("CONJUGATED", conjugate), dtype)
    pointers = [read(factors), read(pivots), written(target)]
    write(build, "solve_kernel", source, pointers, [count(batch), n, m])


# Elimination above and below the diagonal; the inverse grows where the matrix was.
_INVERSE = """
def {name}(a, y, pivots, batch, n):
    for b in range(batch):
        x = offset(a, b * n * n)
        f = offset(y, b * n * n)
        for i in range(n * n):
            f[i] = x[i]
        for k in range(n):
PIVOT            if SIZE(d) == 0:
                return 1
            f[k * n + k] = 1
            for j in range(n):
                f[k * n + j] = divide(f[k * n + j], d)
            for i in range(n):
                if i != k:
                    q = f[i * n + k]
                    f[i * n + k] = 0
                    for j in range(n):
                        f[i * n + j] -= q * f[k * n + j]
        for step in range(n):
            k = n - 1 - step
            p = pivots[k]
            if p != k:
                for i in range(n):
                    t = f[i * n + k]
                    f[i * n + k] = f[i * n + p]
                    f[i * n + p] = t
    return 0
""".replace("PIVOT", _pivoting("n", "pivots[k]"))
# The inverse of the transpose, which LAPACK sees, is the transpose of the inverse.
_LARGE_INVERSE = """
def {name}(a, y, pivots, work, batch, n, lwork):
    for b in range(batch):
        x = offset(a, b * n * n)
        f = offset(y, b * n * n)
        for i in range(n * n):
            f[i] = x[i]
        if getrf_DTYPE(n, n, f, n, pivots) != 0:
            return 1
        getri_DTYPE(n, f, n, pivots, work, lwork)
    return 0
"""


def inverse(build, primitive, inputs, outputs):
    """Write the inverse of each matrix."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    *batch, n = view.shape[:-1]
    dtype = view.buffer.dtype
    pointers = [read(view), written(target), written(build.temporary("int32", (n,)))]
    if n <= SMALL:
        source, sizes = for_kind(_INVERSE, dtype), [count(batch), n]
    else:
        source, sizes = _LARGE_INVERSE, [count(batch), n, 64 * n]
        pointers.append(written(build.temporary(dtype, (64 * n,))))
    write(build, "inverse_kernel", source, pointers, sizes, can_fail=True)


_TRIDIAGONAL = """
def {name}(lower, middle, upper, x, dl, d, du, a, batch, n, m):
    for b in range(batch):
        for i in range(n):
            d[i] = middle[b * n + i]
            if i > 0:
                dl[i - 1] = lower[b * n + i]
                du[i - 1] = upper[b * n + i - 1]
            for j in range(m):
                a[j * n + i] = x[(b * n + i) * m + j]
        if gtsv_DTYPE(n, m, dl, d, du, a, n) != 0:
            return 1
        for i in range(n):
            for j in range(m):
                x[(b * n + i) * m + j] = a[j * n + i]
    return 0
"""


def tridiagonal_solve(build, primitive, inputs, outputs):
    """Write the solution for each matrix, in place of the right-hand sides."""
    target = build.begin(outputs[0], inputs[3])
    diagonals = [copied(build, v) for v in inputs[:3]]
    *batch, n, m = target.shape
    dtype = target.buffer.dtype
    scratch = [build.temporary(dtype, (size,)) for size in (n + 1, n + 1, n + 1, n * m)]
    pointers = [*map(read, diagonals), written(target), *map(written, scratch)]
    sizes = [count(batch), n, m]
    write(build, "tridiagonal_kernel", _TRIDIAGONAL, pointers, sizes, can_fail=True)


def copied(build, v):
    """A copy of an operand, which another operand may be too."""
    view = build.view(v)
    target = build.temporary(view.buffer.dtype, view.shape)
    copy(build.entry, view, target)
    return target
