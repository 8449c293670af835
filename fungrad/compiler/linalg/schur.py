"""Schur and Hessenberg forms by LAPACK, and what is made from them, matrix by matrix.

Inside, matrices are by column: what `gemm`, which takes them by row, sees is their transposes.
"""

import numpy as np

from fungrad.compiler.linalg.factors import copied
from fungrad.compiler.linalg.lapack import count, for_kind, read, write, written
from fungrad.primitives.matrices import real_type

_LOAD = """for i in range(SIZE_OF):
            for j in range(SIZE_OF):
                e = SOURCE[(b * SIZE_OF + i) * SIZE_OF + j]
                if not SIZE(e) < inf:
                    return 1
                TARGET[j * SIZE_OF + i] = CONVERTED(e)"""
_GEES = """if gees_NUMBER(1, 0, flags, SIZE_OF, TARGET, SIZE_OF, flags, w, wi, VECTORS, SIZE_OF,
                       work, lwork, rwork, flags) != 0:
            return 1"""


def _formed(source, target, vectors, size):
    """The text that brings a matrix of the batch into Schur form."""
    text = f"{_LOAD}\n        {_GEES}".replace("SOURCE", source).replace("TARGET", target)
    return text.replace("VECTORS", vectors).replace("SIZE_OF", size)


_SCHUR = """
def {name}(x, t, z, a, v, w, wi, work, rwork, flags, batch, n, lwork):
    for b in range(batch):
        FORMED
        for i in range(n):
            for j in range(n):
                t[(b * n + i) * n + j] = a[j * n + i]
                z[(b * n + i) * n + j] = v[j * n + i]
    return 0
"""


def schur(build, primitive, inputs, outputs):
    """Write the form and the vectors of each matrix."""
    view = build.contiguous(inputs[0])
    targets = [build.output(v) for v in outputs]
    *batch, n = view.shape[:-1]
    dtype = targets[0].buffer.dtype
    scratch, lwork = _scratch(build, dtype, n, 2)
    source = _SCHUR.replace("FORMED", _formed("x", "a", "v", "n"))
    pointers = [read(view), *map(written, [*targets, *scratch])]
    _write(build, "schur_kernel", source, dtype, pointers, [count(batch), n, lwork])


_SORTED = """
def {name}(x, chosen, t, z, a, v, w, wi, work, rwork, flags, picked, count, batch, n, lwork):
    for b in range(batch):
        FORMED
        for i in range(n):
            picked[i] = int32(chosen[b * n + i])
        if trsen_NUMBER(0, 1, picked, n, a, n, v, n, w, wi, count, rwork, offset(rwork, 1),
                        work, lwork, flags, n) != 0:
            return 1
        for i in range(n):
            for j in range(n):
                t[(b * n + i) * n + j] = a[j * n + i]
                z[(b * n + i) * n + j] = v[j * n + i]
    return 0
"""


def sorted_schur(build, primitive, inputs, outputs):
    """Write the form with the chosen eigenvalues in front, and the vectors, of each matrix."""
    view, chosen = [build.contiguous(v) for v in inputs]
    targets = [build.output(v) for v in outputs]
    *batch, n = view.shape[:-1]
    dtype = targets[0].buffer.dtype
    scratch, lwork = _scratch(build, dtype, n, 2)
    scratch += [build.temporary("int32", (k,)) for k in (n, 1)]
    source = _SORTED.replace("FORMED", _formed("x", "a", "v", "n"))
    pointers = [read(view), read(chosen), *map(written, [*targets, *scratch])]
    _write(build, "sorted_schur_kernel", source, dtype, pointers, [count(batch), n, lwork])


# The square root R of an upper triangular T by column: R[i, i] + R[j, j] divides.
_SQRTM = """
def {name}(x, y, a, v, r, t, w, wi, work, rwork, flags, batch, n, lwork):
    one = np.NUMBER(1)
    zero = np.NUMBER(0)
    for b in range(batch):
        FORMED
        for i in range(n * n):
            r[i] = zero
        for j in range(n):
            r[j * n + j] = sqrt(a[j * n + j])
            for step in range(j):
                i = j - 1 - step
                s = a[j * n + i]
                for k in range(i + 1, j):
                    s -= r[k * n + i] * r[j * n + k]
                if absolute(s) > 0:
                    s = divide(s, r[i * n + i] + r[j * n + j])
                r[j * n + i] = s
        gemm_NUMBER(n, n, n, one, v, n, 2, r, n, 0, zero, t, n)
        gemm_NUMBER(n, n, n, one, t, n, 0, v, n, 0, zero, a, n)
        for i in range(n):
            for j in range(n):
                y[(b * n + i) * n + j] = a[j * n + i]
    return 0
"""


def sqrtm(build, primitive, inputs, outputs):
    """Write the square root of each matrix."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    *batch, n = view.shape[:-1]
    dtype = target.buffer.dtype
    scratch, lwork = _scratch(build, dtype, n, 4)
    source = _SQRTM.replace("FORMED", _formed("x", "a", "v", "n"))
    pointers = [read(view), *map(written, [target, *scratch])]
    _write(build, "sqrtm_kernel", source, dtype, pointers, [count(batch), n, lwork])


_SYLVESTER = """
def {name}(x, z, c, y, a, u, q, v, f, t, w, wi, work, rwork, flags, scale, batch, m, n, lwork):
    one = np.NUMBER(1)
    zero = np.NUMBER(0)
    for b in range(batch):
        FIRST
        SECOND
        for i in range(m):
            for j in range(n):
                t[j * m + i] = c[(b * m + i) * n + j]
        gemm_NUMBER(n, m, n, one, v, n, 0, t, m, 0, zero, f, m)
        gemm_NUMBER(n, m, m, one, f, m, 0, u, m, 2, zero, t, m)
        trsyl_NUMBER(0, 0, 1, m, n, a, m, q, n, t, m, scale)
        gemm_NUMBER(n, m, n, one, v, n, 2, t, m, 0, zero, f, m)
        gemm_NUMBER(n, m, m, one, f, m, 0, u, m, 0, zero, t, m)
        for i in range(m):
            for j in range(n):
                y[(b * m + i) * n + j] = t[j * m + i] / scale[0]
    return 0
"""


def sylvester(build, primitive, inputs, outputs):
    """Write the solution for each pair of matrices."""
    first, second, right = [copied(build, v) for v in inputs]
    target = build.output(outputs[0])
    *batch, m, n = target.shape
    dtype, most = target.buffer.dtype, max(m, n)
    matrices = [build.temporary(dtype, (k,)) for k in (m * m, m * m, n * n, n * n, m * n, m * n)]
    scratch, lwork = _scratch(build, dtype, most, 0)
    scale = build.temporary(real_type(dtype), (1,))
    source = _SYLVESTER.replace("FIRST", _formed("x", "a", "u", "m"))
    source = source.replace("SECOND", _formed("z", "q", "v", "n"))
    if dtype.kind == "c":
        source = source.replace("t[j * m + i] / scale[0]", "divide(t[j * m + i], NUMBER(scale[0]))")
    pointers = [*map(read, (first, second, right)), written(target)]
    pointers += map(written, [*matrices, *scratch, scale])
    sizes = [count(batch), m, n, lwork]
    _write(build, "sylvester_kernel", source, dtype, pointers, sizes)


_HESSENBERG = """
def {name}(x, h, q, a, tau, work, batch, n, lwork):
    for b in range(batch):
        for i in range(n):
            for j in range(n):
                a[j * n + i] = x[(b * n + i) * n + j]
        gehrd_NUMBER(n, 1, n, a, n, tau, work, lwork)
        for i in range(n):
            for j in range(n):
                place = (b * n + i) * n + j
                if i > j + 1:
                    h[place] = 0
                else:
                    h[place] = a[j * n + i]
        orghr_NUMBER(n, 1, n, a, n, tau, work, lwork)
        for i in range(n):
            for j in range(n):
                q[(b * n + i) * n + j] = a[j * n + i]
    return 0
"""


def hessenberg(build, primitive, inputs, outputs):
    """Write the form and the vectors of each matrix."""
    view = build.contiguous(inputs[0])
    targets = [build.output(v) for v in outputs]
    *batch, n = view.shape[:-1]
    dtype, lwork = view.buffer.dtype, 64 * n + 1
    scratch = [build.temporary(dtype, (k,)) for k in (n * n, n + 1, lwork)]
    source = _HESSENBERG.replace("NUMBER", dtype.name)
    pointers = [read(view), *map(written, [*targets, *scratch])]
    write(build, "hessenberg_kernel", source, pointers, [count(batch), n, lwork])


def _scratch(build, dtype, n, matrices):
    """Scratch memory: matrices, then what `gees` needs; and the size of its workspace."""
    lwork = 34 * n + 1
    views = [build.temporary(dtype, (n * n,)) for _ in range(matrices)]
    views += [build.temporary(dtype, (k,)) for k in (n + 1, n + 1, lwork)]
    views += [build.temporary(real_type(dtype), (n + 2,)), build.temporary("int32", (n + 1,))]
    return views, lwork


def _write(build, hint, source, dtype, pointers, sizes):
    given = pointers[0][0].buffer.dtype
    converted = dtype.name if given != dtype else ""
    source = for_kind(source, given).replace("CONVERTED", converted)
    write(build, hint, source.replace("NUMBER", np.dtype(dtype).name), pointers, sizes, True)
