"""The matrix exponential by Pade approximation of degree 13, scaling and squaring."""

from fungrad.compiler.linalg.lapack import count, read, write, written

#: Up to this norm the approximation is accurate to rounding (Higham 2005, table 2.3).
_NORM = 5.371920351148152

_COEFFICIENTS = [
    *[64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000],
    *[10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1],
]

# The powers a2, a4 and a6; then u and v with exp(a) = (v - u)^-1 (v + u).
_EXPM = """
def {name}(a, y, x, a2, a4, a6, u, v, t, pivots, batch, n):
    nn = n * n
    one = np.DTYPE(1)
    zero = np.DTYPE(0)
    for b in range(batch):
        norm = 0.0
        for j in range(n):
            total = 0.0
            for i in range(n):
                total += float64(absolute(a[b * nn + i * n + j]))
            if not total <= norm:
                norm = total
        squarings = 0
        scale = 1.0
        while norm * scale > LIMIT and squarings < 1100:
            squarings += 1
            scale *= 0.5
        for i in range(nn):
            x[i] = a[b * nn + i] * REALTYPE(scale)
        gemm_DTYPE(n, n, n, one, x, n, 0, x, n, 0, zero, a2, n)
        gemm_DTYPE(n, n, n, one, a2, n, 0, a2, n, 0, zero, a4, n)
        gemm_DTYPE(n, n, n, one, a4, n, 0, a2, n, 0, zero, a6, n)
        for i in range(nn):
            t[i] = C13 * a6[i] + C11 * a4[i] + C9 * a2[i]
            u[i] = C7 * a6[i] + C5 * a4[i] + C3 * a2[i]
        for i in range(n):
            u[i * n + i] += C1
        gemm_DTYPE(n, n, n, one, a6, n, 0, t, n, 0, one, u, n)
        for i in range(nn):
            t[i] = C12 * a6[i] + C10 * a4[i] + C8 * a2[i]
            v[i] = C6 * a6[i] + C4 * a4[i] + C2 * a2[i]
        for i in range(n):
            v[i * n + i] += C0
        gemm_DTYPE(n, n, n, one, a6, n, 0, t, n, 0, one, v, n)
        gemm_DTYPE(n, n, n, one, x, n, 0, u, n, 0, zero, t, n)
        for i in range(n):
            for j in range(n):
                p = t[i * n + j]
                q = v[i * n + j]
                a2[j * n + i] = q - p
                a4[j * n + i] = q + p
        getrf_DTYPE(n, n, a2, n, pivots)
        getrs_DTYPE(0, n, n, a2, n, pivots, a4, n)
        for i in range(n):
            for j in range(n):
                x[i * n + j] = a4[j * n + i]
        for k in range(squarings):
            gemm_DTYPE(n, n, n, one, x, n, 0, x, n, 0, zero, t, n)
            for i in range(nn):
                x[i] = t[i]
        for i in range(nn):
            y[b * nn + i] = x[i]
    return 0
"""


def expm(build, primitive, inputs, outputs):
    """Write the exponential of each matrix."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    *batch, n = view.shape[:-1]
    dtype = view.buffer.dtype
    scratch = [build.temporary(dtype, (n * n,)) for _ in range(7)]
    scratch.append(build.temporary("int32", (n,)))
    source = _EXPM.replace("LIMIT", repr(_NORM))
    real = dtype.type(0).real.dtype.name
    source = source.replace("REALTYPE", real)
    for k in reversed(range(14)):
        source = source.replace(f"C{k} ", f"{real}({float(_COEFFICIENTS[k])!r}) ")
        source = source.replace(f"C{k}\n", f"{real}({float(_COEFFICIENTS[k])!r})\n")
    pointers = [read(view), written(target), *map(written, scratch)]
    write(build, "expm_kernel", source, pointers, [count(batch), n])
