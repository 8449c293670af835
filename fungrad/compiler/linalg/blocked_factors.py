"""Factors of large matrices block by block, so that the products of blocks run in parts.

LAPACK's own threads would make results depend on their number, so it works on one. Here it factors
the diagonal blocks or panels only; what is left, nearly all of the work, are products, which the
threads of `parallel` share in parts that depend on sizes only.
"""

#: From so many rows on blocks pay (measured on two cores, Cholesky factors by blocks of 128: 1.2 of
#: LAPACK's time for 768 rows, 0.82 for 1000, 0.71 for 1600).
LARGE = 1000
_BLOCK = 128

# By row: L21 = A21 L11^-H, then A22 -= L21 L21^H, its lower part by strips.
CHOLESKY = f"""
def {{name}}(a, y, batch, n):
    for b in range(batch):
        x = offset(a, b * n * n)
        l = offset(y, b * n * n)
        for i in range(n * n):
            l[i] = x[i]
        for k in range((n + {_BLOCK - 1}) // {_BLOCK}):
            first = {_BLOCK} * k
            w = min(n - first, {_BLOCK})
            d = offset(l, first * n + first)
            if potrf_DTYPE(1, w, d, n) != 0:
                return 1
            rest = n - first - w
            p = offset(d, w * n)
            trsm_DTYPE(0, 1, 2, 0, rest, w, 1.0, d, n, p, n)
            for s in range((rest + {_BLOCK - 1}) // {_BLOCK}):
                at = {_BLOCK} * s
                v = min(rest - at, {_BLOCK})
                q = offset(p, at * n)
                c = offset(q, w + at)
                gemm_DTYPE(rest - at, v, w, -1.0, q, n, 0, q, n, 2, 1.0, c, n)
        for i in range(n):
            for j in range(i + 1, n):
                l[i * n + j] = 0
    return 0
"""

# `scratch` has the matrix by column, which is its transpose by row.
LU = f"""
def {{name}}(a, y, pivots, scratch, batch, m, n):
    failed = 0
    least = min(m, n)
    for b in range(batch):
        x = offset(a, b * m * n)
        f = offset(y, b * m * n)
        p = offset(pivots, b * least)
        for j in range(n):
            for i in range(m):
                scratch[j * m + i] = x[i * n + j]
        for k in range((least + {_BLOCK - 1}) // {_BLOCK}):
            first = {_BLOCK} * k
            w = min(least - first, {_BLOCK})
            d = offset(scratch, first * m + first)
            if getrf_DTYPE(m - first, w, d, m, offset(p, first)) != 0:
                failed = 1
            for i in range(w):
                p[first + i] = p[first + i] + first - 1
            for j in range(n):
                if j < first or j >= first + w:
                    for i in range(first, first + w):
                        o = p[i]
                        t = scratch[j * m + i]
                        scratch[j * m + i] = scratch[j * m + o]
                        scratch[j * m + o] = t
            right = n - first - w
            u = offset(d, w * m)
            trsm_DTYPE(0, 0, 0, 1, right, w, 1.0, d, m, u, m)
            l = offset(d, w)
            c = offset(u, w)
            r = m - first - w
            gemm_DTYPE(right, r, w, -1.0, u, m, 0, l, m, 0, 1.0, c, m)
        for i in range(m):
            for j in range(n):
                f[i * n + j] = scratch[j * m + i]
    return RESULT
"""
