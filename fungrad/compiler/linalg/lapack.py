"""Linear algebra: a loop over the batch around LAPACK, or around loops where matrices are small.

Matrices are stored by row; what LAPACK takes by column is copied to scratch memory. The sources
name the routines of `fungrad.compiler.products.blas` with DTYPE in place of the dtype.
"""

import re

from fungrad.compiler.linalg import blocked_factors

#: Up to these sizes plain loops are no slower than the library (measured, one core: 1.1 to 1.4
#: times as fast for LU and QR factors of that size, equal for triangular matrices).
SMALL, SMALL_TRIANGULAR = 32, 16


def write(build, hint, source, pointers, sizes, can_fail=False):
    """Write a kernel with the given source and call it.

    `pointers` are pairs of a view and whether it is written, `sizes` the integers that follow them.
    A status of 1 means that the primitive has failed.
    """
    writer = build.kernel(hint)
    for view, is_written in pointers:
        writer.pointer(view.buffer, view.offset, is_written)
    assert len(writer.pointers) == len(pointers), f"{hint}: two pointers to one place"
    for size in sizes:
        writer.parameter(size)
    if can_fail:
        writer.errors.append(build.equation.primitive)
    writer.text = source.replace("DTYPE", pointers[0][0].buffer.dtype.name)
    build.call(writer)


def count(shape):
    """How many matrices a batch has."""
    total = 1
    for n in shape:
        total *= n
    return total


def read(view):
    """A view as an operand that is only read."""
    return view, False


def written(view):
    """A view as an operand that is written."""
    return view, True


_CHOLESKY = """
def {name}(a, y, batch, n):
    for b in range(batch):
        x = offset(a, b * n * n)
        l = offset(y, b * n * n)
        for i in range(n):
            for j in range(i):
                s = x[i * n + j]
                for k in range(j):
                    s -= l[i * n + k] * CONJ(l[j * n + k])
                l[i * n + j] = divide(s, l[j * n + j])
                l[j * n + i] = 0
            d = REAL(x[i * n + i])
            for k in range(i):
                d -= SQUARE(l[i * n + k])
            if d <= 0:
                return 1
            l[i * n + i] = sqrt(d)
    return 0
"""

_LARGE_CHOLESKY = """
def {name}(a, y, batch, n):
    for b in range(batch):
        x = offset(a, b * n * n)
        l = offset(y, b * n * n)
        for i in range(n):
            for j in range(i + 1):
                l[i * n + j] = x[i * n + j]
            for j in range(i + 1, n):
                l[i * n + j] = 0
        if potrf_DTYPE(1, n, l, n) != 0:
            return 1
    return 0
"""


def for_kind(source, dtype):
    """The source for real or complex numbers: CONJ(x), REAL(x), SQUARE(x), SIZE(x) and so on."""
    is_complex = dtype.kind == "c"
    forms = {
        "CONJ": "conjugate({})" if is_complex else "{}",
        "REAL": "real({})" if is_complex else "{}",
        "SQUARE": "(real({0}) * real({0}) + imag({0}) * imag({0}))" if is_complex else "{0} * {0}",
        "IS_REAL": "imag({}) == 0" if is_complex else "True",
        "COMPLEX": f"{dtype.name}({{}})" if is_complex else "{}",
        "SIZE": "(absolute(real({0})) + absolute(imag({0})))" if is_complex else "absolute({0})",
    }
    for word, form in forms.items():
        while found := re.search(rf"\b{word}\(", source):
            before, rest = source[: found.start()], source[found.end() :]
            inner, after = _until_closed(rest)
            source = before + form.format(inner) + after
    return source


def _until_closed(text):
    """The text up to the parenthesis that closes, and what follows it."""
    depth = 1
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if not depth:
            return text[:i], text[i + 1 :]
    raise ValueError(text)


def cholesky(build, primitive, inputs, outputs):
    """Write the factorisation of each matrix; 0 above it."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    *batch, n = target.shape[:-1]
    source = for_kind(_CHOLESKY, view.buffer.dtype) if n <= SMALL_TRIANGULAR else _LARGE_CHOLESKY
    source = blocked_factors.CHOLESKY if n >= blocked_factors.LARGE else source
    pointers = [read(view), written(target)]
    write(build, "cholesky_kernel", source, pointers, [count(batch), n], can_fail=True)


# Row by row, or for the transpose column by column: the inner loop runs along a row.
_BY_ROWS = """
def {name}(a, x, batch, n, m):
    for b in range(batch):
        t = offset(a, b * n * n)
        y = offset(x, b * n * m)
        for step in range(n):
            i = ORDER
            for k in RANGE:
                f = t[i * n + k]
                for j in range(m):
                    y[i * m + j] -= f * y[k * m + j]
            DIVIDE
    return 0
"""
_BY_COLUMNS = """
def {name}(a, x, batch, n, m):
    for b in range(batch):
        t = offset(a, b * n * n)
        y = offset(x, b * n * m)
        for step in range(n):
            i = ORDER
            DIVIDE
            for k in RANGE:
                f = CONJUGATED(t[i * n + k])
                for j in range(m):
                    y[k * m + j] -= f * y[i * m + j]
    return 0
"""
_DIVIDE = """d = CONJUGATED(t[i * n + i])
            if SIZE(d) == 0:
                return 1
            for j in range(m):
                y[i * m + j] = divide(y[i * m + j], d)"""
_LARGE = """
def {name}(a, x, batch, n, m):
    for b in range(batch):
        t = offset(a, b * n * n)
        CHECK
        trsm_DTYPE(1, LOWER, FORM, UNIT, n, m, 1.0, t, n, offset(x, b * n * m), m)
    return 0
"""
_CHECK = """for i in range(n):
            if SIZE(t[i * n + i]) == 0:
                return 1"""


def triangular_solve(build, primitive, inputs, outputs):
    """Write the solution for each matrix, in place of the right-hand sides."""
    target = build.begin(outputs[0], inputs[1])
    matrices = build.contiguous(inputs[0])
    *batch, n, m = target.shape
    source = _triangular_source(primitive, n, target.buffer.dtype)
    pointers = [read(matrices), written(target)]
    can_fail = not primitive.unit
    write(build, "triangular_kernel", source, pointers, [count(batch), n, m], can_fail)


def _triangular_source(primitive, n, dtype):
    upper, is_transposed = primitive.upper, primitive.transposed or primitive.conjugated
    if n > SMALL_TRIANGULAR:
        form = 2 if primitive.conjugated else int(primitive.transposed)
        source = for_kind(_LARGE.replace("CHECK", "" if primitive.unit else _CHECK), dtype)
        source = source.replace("LOWER", str(int(not upper))).replace("FORM", str(form))
        return source.replace("UNIT", str(int(primitive.unit)))
    source = _BY_COLUMNS if is_transposed else _BY_ROWS
    source = source.replace("DIVIDE", "" if primitive.unit else _DIVIDE)
    goes_up = upper != is_transposed
    source = source.replace("ORDER", "n - 1 - step" if goes_up else "step")
    source = source.replace("RANGE", "range(i + 1, n)" if upper else "range(i)")
    is_conjugated = primitive.conjugated and dtype.kind == "c"
    return for_kind(source.replace("CONJUGATED", "CONJ" if is_conjugated else ""), dtype)
