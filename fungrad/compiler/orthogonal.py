"""QR factors by LAPACK, matrix by matrix."""

from fungrad.compiler.lapack import count, read, write, written
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
    write(build, "qr_kernel", _QR, pointers, [count(batch), m, n, columns, rows, lwork])


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
