"""Eigenvalues and singular values by LAPACK, matrix by matrix."""

from fungrad.compiler.linalg.lapack import count, for_kind, read, write, written
from fungrad.primitives.matrices import real_type

_EIGH = """
def {name}(x, w, OUTPUT a, work, rwork, iwork, batch, n, lower, lwork, lrwork, liwork):
    for b in range(batch):
        for i in range(n):
            for j in range(n):
                a[j * n + i] = x[(b * n + i) * n + j]
        if syevd_DTYPE(VECTORS, lower, n, a, n, offset(w, b * n),
                       work, lwork, rwork, lrwork, iwork, liwork) != 0:
            return 1
        STORE
    return 0
"""
_STORE_VECTORS = """for i in range(n):
            for j in range(n):
                v[(b * n + i) * n + j] = a[j * n + i]"""


def eigh(build, primitive, inputs, outputs):
    """Write the eigenvalues, and the vectors if they are an output, of each Hermitian matrix."""
    view = build.contiguous(inputs[0])
    targets = [build.output(v) for v in outputs]
    *batch, n = view.shape[:-1]
    dtype, has_vectors = view.buffer.dtype, len(outputs) == 2
    is_complex = dtype.kind == "c"
    lwork = 2 * n + n * n if is_complex else 1 + 6 * n + 2 * n * n
    lwork = max(lwork, 66 * n, 1)
    lrwork, liwork = (1 + 5 * n + 2 * n * n if is_complex else 1), 3 + 5 * n
    scratch = [
        *[build.temporary(dtype, (size,)) for size in (n * n, lwork)],
        build.temporary(real_type(dtype), (lrwork,)),
        build.temporary("int32", (liwork,)),
    ]
    source = _EIGH.replace("OUTPUT", "v," if has_vectors else "")
    source = source.replace("VECTORS", str(int(has_vectors)))
    source = source.replace("STORE", _STORE_VECTORS if has_vectors else "")
    pointers = [read(view), *map(written, targets), *map(written, scratch)]
    sizes = [count(batch), n, int(primitive.lower), lwork, lrwork, liwork]
    write(build, "eigh_kernel", source, pointers, sizes, can_fail=True)


_SVD = """
def {name}(x, OUTPUTS a, work, rwork, iwork, batch, m, n, columns, rows, lwork):
    least = min(m, n)
    for b in range(batch):
        for i in range(m):
            for j in range(n):
                a[j * m + i] = x[(b * m + i) * n + j]
        PREPARE
        if gesdd_DTYPE(JOB, m, n, a, m, offset(s, b * least), FIRST, m, SECOND, rows,
                       work, lwork, rwork, iwork) != 0:
            return 1
        STORE
    return 0
"""
# LAPACK leaves the vectors of a matrix without elements alone.
_PREPARE = """for i in range(m * columns):
            p[i] = 0
        for i in range(rows * n):
            q[i] = 0
        for i in range(columns):
            p[i * (m + 1)] = 1
        for i in range(rows):
            q[i * (n + 1)] = 1"""
_STORE_FACTORS = """for i in range(m):
            for j in range(columns):
                u[(b * m + i) * columns + j] = p[j * m + i]
        for i in range(rows):
            for j in range(n):
                vh[(b * rows + i) * n + j] = q[j * rows + i]"""


def svd(build, primitive, inputs, outputs):
    """Write the singular values, and the vectors if they are outputs, of each matrix."""
    view = build.contiguous(inputs[0])
    targets = [build.output(v) for v in outputs]
    *batch, m, n = view.shape
    dtype, least, most = view.buffer.dtype, min(m, n), max(m, n)
    has_vectors = len(outputs) == 3
    columns = targets[0].shape[-1] if has_vectors else 1
    rows = targets[2].shape[-2] if has_vectors else 1
    lwork = 4 * least * least + 8 * least + most + 64 * (m + n) + 1
    lrwork = 1
    if dtype.kind == "c":
        lrwork = max(5 * least * (least + 2), 2 * most * least + 2 * least * least + least, 1)
    scratch = [
        *[build.temporary(dtype, (size,)) for size in (m * n, lwork)],
        build.temporary(real_type(dtype), (lrwork,)),
        build.temporary("int32", (8 * least + 1,)),
    ]
    source, names = _SVD, "s,"
    if has_vectors:
        names = "u, s, vh, p, q,"
        scratch = [
            *[build.temporary(dtype, (size,)) for size in (m * columns, rows * n)],
            *scratch,
        ]
        job, first, second = ("2" if primitive.full else "1"), "p", "q"
    else:
        job, first, second = "0", "a", "a"
    source = source.replace("OUTPUTS", names).replace("JOB", job)
    source = source.replace("FIRST", first).replace("SECOND", second)
    source = source.replace("STORE", _STORE_FACTORS if has_vectors else "")
    source = source.replace("PREPARE", _PREPARE if has_vectors and not least else "")
    pointers = [read(view), *map(written, targets), *map(written, scratch)]
    sizes = [count(batch), m, n, columns, rows, lwork]
    write(build, "svd_kernel", source, pointers, sizes, can_fail=True)


_EIG = """
def {name}(x, w, OUTPUT a, REALS work, rwork, batch, n, lwork):
    for b in range(batch):
        for i in range(n):
            for j in range(n):
                t = x[(b * n + i) * n + j]
                if not SIZE(t) < inf:
                    return 1
                a[j * n + i] = t
        CALL
            return 1
        STORE
    return 0
"""
_CALL_COMPLEX = """if geev_DTYPE(0, VECTORS, n, a, n, offset(w, b * n), a, a, n, VR, n,
                      work, lwork, rwork) != 0:"""
_CALL_REAL = """if geev_DTYPE(0, VECTORS, n, a, n, wr, wi, a, n, VR, n, work, lwork, rwork) != 0:"""
_STORE_VALUES = """for i in range(n):
            w[b * n + i] = make_complex(wr[i], wi[i])
        """
_STORE_COMPLEX = """for i in range(n):
            for j in range(n):
                v[(b * n + i) * n + j] = r[j * n + i]"""
# Of a conjugate pair LAPACK packs the real and the imaginary part into two columns.
_STORE_PACKED = """for j in range(n):
            for i in range(n):
                p = r[j * n + i]
                if wi[j] > 0:
                    v[(b * n + i) * n + j] = make_complex(p, r[(j + 1) * n + i])
                elif wi[j] < 0:
                    v[(b * n + i) * n + j] = make_complex(r[(j - 1) * n + i], -p)
                else:
                    v[(b * n + i) * n + j] = make_complex(p, p - p)"""


def eig(build, primitive, inputs, outputs):
    """Write the eigenvalues, and the vectors if they are an output, of each matrix."""
    view = build.contiguous(inputs[0])
    targets = [build.output(v) for v in outputs]
    *batch, n = view.shape[:-1]
    dtype, has_vectors = view.buffer.dtype, len(outputs) == 2
    is_complex = dtype.kind == "c"
    lwork = 66 * n + 1
    scratch, names = [build.temporary(dtype, (n * n,))], "r, " if has_vectors else ""
    scratch += [build.temporary(dtype, (n * n,))] * has_vectors
    if not is_complex:
        names += "wr, wi,"
        scratch += [build.temporary(dtype, (n,)) for _ in range(2)]
    scratch += [
        build.temporary(dtype, (lwork,)),
        build.temporary(real_type(dtype), (2 * n if is_complex else 1,)),
    ]
    store = "" if is_complex else _STORE_VALUES
    if has_vectors:
        store += _STORE_COMPLEX if is_complex else _STORE_PACKED
    source = _EIG.replace("OUTPUT", "v," if has_vectors else "").replace("REALS", names)
    source = source.replace("CALL", _CALL_COMPLEX if is_complex else _CALL_REAL)
    source = source.replace("VECTORS", str(int(has_vectors)))
    source = source.replace("VR", "r" if has_vectors else "a").replace("STORE", store)
    pointers = [read(view), *map(written, targets), *map(written, scratch)]
    write(
        build,
        "eig_kernel",
        for_kind(source, dtype),
        pointers,
        [count(batch), n, lwork],
        can_fail=True,
    )
