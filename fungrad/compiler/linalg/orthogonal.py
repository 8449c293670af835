"""QR factors by LAPACK, matrix by matrix."""

from fungrad.compiler.linalg.lapack import SMALL, count, for_kind, read, write, written
from fungrad.primitives.matrices import real_type

_QR = """
def {name}(x, q, r, a, tau, work, batch, m, n, columns, rows, lwork):
    least = min(m, n)
    for b in range(batch):
        for i in range(m):
            for j in range(n):
                a[j * m + i] = x[(b * m + i) * n + j]
        geqrf_DTYPE(m, n, a, m, tau, work, lwork)
        for i in range(rows):
            for j in range(n):
                place = (b * rows + i) * n + j
                if j >= i:
                    r[place] = a[j * m + i]
                else:
                    r[place] = 0
        orgqr_DTYPE(m, columns, least, a, m, tau, work, lwork)
        for i in range(m):
            for j in range(columns):
                q[(b * m + i) * columns + j] = a[j * m + i]
    return 0
"""

# The same reflectors for small matrices, by row; `w` holds a row of inner products.
_SMALL_QR = """
def {name}(x, q, r, a, tau, w, batch, m, n, columns, rows, lwork):
    least = min(m, n)
    for b in range(batch):
        for i in range(m * n):
            a[i] = x[b * m * n + i]
        for k in range(least):
            big = SIZE(a[k * n + k])
            rest = big - big
            for i in range(k + 1, m):
                rest = maximum(rest, SIZE(a[i * n + k]))
            big = maximum(big, rest)
            tau[k] = 0
            if not (rest == 0 and IS_REAL(a[k * n + k])):
                total = rest - rest
                for i in range(k, m):
                    e = divide(a[i * n + k], COMPLEX(big))
                    total += SQUARE(e)
                length = big * sqrt(total)
                if REAL(a[k * n + k]) >= 0:
                    length = -length
                first = a[k * n + k] - COMPLEX(length)
                tau[k] = divide(-first, COMPLEX(length))
                for i in range(k + 1, m):
                    a[i * n + k] = divide(a[i * n + k], first)
                a[k * n + k] = COMPLEX(length)
                t = CONJ(tau[k])
                for j in range(k + 1, n):
                    w[j] = a[k * n + j]
                for i in range(k + 1, m):
                    e = CONJ(a[i * n + k])
                    for j in range(k + 1, n):
                        w[j] += e * a[i * n + j]
                for j in range(k + 1, n):
                    a[k * n + j] -= t * w[j]
                for i in range(k + 1, m):
                    e = t * a[i * n + k]
                    for j in range(k + 1, n):
                        a[i * n + j] -= e * w[j]
        for i in range(rows):
            for j in range(n):
                if j >= i:
                    r[(b * rows + i) * n + j] = a[i * n + j]
                else:
                    r[(b * rows + i) * n + j] = 0
        y = offset(q, b * m * columns)
        for i in range(m):
            for j in range(columns):
                y[i * columns + j] = 0
            if i < columns:
                y[i * columns + i] = 1
        for step in range(least):
            k = least - 1 - step
            t = tau[k]
            for j in range(k, columns):
                w[j] = y[k * columns + j]
            for i in range(k + 1, m):
                e = CONJ(a[i * n + k])
                for j in range(k, columns):
                    w[j] += e * y[i * columns + j]
            for j in range(k, columns):
                y[k * columns + j] -= t * w[j]
            for i in range(k + 1, m):
                e = t * a[i * n + k]
                for j in range(k, columns):
                    y[i * columns + j] -= e * w[j]
    return 0
"""


def qr(build, primitive, inputs, outputs):
    """Write the factors of each matrix."""
    view = build.contiguous(inputs[0])
    q, r = map(build.output, outputs)
    *batch, m, n = view.shape
    columns, rows = q.shape[-1], r.shape[-2]
    lwork = 64 * max(m, n, 1)
    scratch = [
        build.temporary(view.buffer.dtype, (size,))
        for size in (m * max(n, columns), max(m, n, 1), lwork)
    ]
    pointers = [read(view), written(q), written(r), *map(written, scratch)]
    source = _QR
    if max(m, n) <= SMALL:
        source = for_kind(_SMALL_QR, view.buffer.dtype)
    write(build, "qr_kernel", source, pointers, [count(batch), m, n, columns, rows, lwork])


_PIVOTS = """
def {name}(x, order, a, tau, work, rwork, batch, m, n, lwork):
    for b in range(batch):
        p = offset(order, b * n)
        for j in range(n):
            p[j] = 0
            for i in range(m):
                a[j * m + i] = x[(b * m + i) * n + j]
        geqp3_DTYPE(m, n, a, m, p, tau, work, lwork, rwork)
        for j in range(n):
            p[j] = p[j] - 1
            if m == 0:
                p[j] = j
    return 0
"""


def qr_pivots(build, primitive, inputs, outputs):
    """Write the order of columns of each matrix."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    *batch, m, n = view.shape
    dtype, lwork = view.buffer.dtype, 34 * (n + 1)
    scratch = [build.temporary(dtype, (size,)) for size in (m * n, max(m, n, 1), lwork)]
    scratch.append(build.temporary(real_type(dtype), (2 * n + 1,)))
    pointers = [read(view), written(target), *map(written, scratch)]
    write(build, "pivots_kernel", _PIVOTS, pointers, [count(batch), m, n, lwork])
