"""Matrices of a special form, made from blocks or from few numbers."""

import numpy as np

from fungrad.numpy.arrays import operand
from fungrad.numpy.creation import eye, zeros
from fungrad.numpy.joining import concatenate
from fungrad.numpy.promotion import broadcast_to, promote
from fungrad.numpy.selection import where
from fungrad.numpy.shapes import reshape
from fungrad.numpy.ufuncs import absolute
from fungrad.primitives.matrices import with_diagonal


def block_diag(*arrs):
    """The matrix with the given matrices along its diagonal, 0 elsewhere.

    Vectors are matrices of one row. Batches in front of the matrices must be equal.

    >>> block_diag([[1.0, 2.0]], 3.0)
    array([[1., 2., 0.],
           [0., 0., 3.]])
    """
    blocks = promote(*[operand(a) for a in arrs or ([],)])
    blocks = [b if b.ndim >= 2 else reshape(b, (1, b.size)) for b in blocks]
    batch = blocks[0].shape[:-2]
    if any(b.shape[:-2] != batch for b in blocks):
        shapes = ", ".join(str(b.shape) for b in blocks)
        raise ValueError(f"block_diag: the matrices have different batches in front: {shapes}")
    width, rows, before = sum(b.shape[-1] for b in blocks), [], 0
    for b in blocks:
        height, own = b.shape[-2:]
        after = width - before - own
        sides = [zeros((*batch, height, n), b.dtype) for n in (before, after)]
        rows.append(concatenate([sides[0], b, sides[1]], -1))
        before += own
    return concatenate(rows, -2)


def toeplitz(c, r=None):
    """The matrix of constant diagonals with first column `c` and first row `r`.

    `r` is the conjugate of `c` by default; its first element is not used. Batches in front must be
    equal.

    >>> toeplitz([1.0, 2.0, 3.0], [1.0, 4.0])
    array([[1., 4.],
           [2., 1.],
           [3., 2.]])
    """
    c = operand(c)
    c, r = promote(c, c.conj() if r is None else operand(r))
    c, r = (x if x.ndim else reshape(x, (1,)) for x in (c, r))
    m, n = c.shape[-1], r.shape[-1]
    line = concatenate([c[..., ::-1], r[..., 1:]], -1)
    place = np.arange(n)[None, :] - np.arange(m)[:, None] + (m - 1)
    return line[..., place]


def circulant(c):
    """The matrix whose columns are `c`, each one turned by one more place.

    >>> circulant([1, 2, 3])
    array([[1, 3, 2],
           [2, 1, 3],
           [3, 2, 1]])
    """
    c = _vectors("circulant", c)
    n = c.shape[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % max(n, 1)]


def hankel(c, r=None):
    """The matrix of constant antidiagonals with first column `c` and last row `r`, 0 by default.

    >>> hankel([1, 2], [2, 3, 4])
    array([[1, 2, 3],
           [2, 3, 4]])
    """
    c = _vectors("hankel", c)
    c, r = promote(c, c * 0 if r is None else _vectors("hankel", r))
    line = concatenate([c, r[..., 1:]], -1)
    return line[..., np.arange(c.shape[-1])[:, None] + np.arange(r.shape[-1])]


def companion(a):
    """The companion matrix of the polynomial with coefficients `a`, the leading one first.

    >>> companion([1.0, -3.0, 2.0])
    array([[ 3., -2.],
           [ 1.,  0.]])
    """
    a = _vectors("companion", a)
    n = a.shape[-1]
    if n < 2:
        raise ValueError("companion: a polynomial of degree 1 at least has two coefficients")
    row = -a[..., 1:] / a[..., :1]
    return concatenate([row[..., None, :], _below(row)], -2)


def _below(row):
    """Under the first row: 1 below the diagonal."""
    n = row.shape[-1]
    return broadcast_to(eye(n - 1, n, dtype=row.dtype), (*row.shape[:-1], n - 1, n))


def leslie(f, s):
    """The matrix of fecundities `f` in the first row and survivals `s` below the diagonal.

    >>> leslie([1.0, 2.0], [0.5])
    array([[1. , 2. ],
           [0.5, 0. ]])
    """
    f, s = promote(_vectors("leslie", f), _vectors("leslie", s))
    if f.shape[-1] != s.shape[-1] + 1 or s.shape[-1] == 0:
        raise ValueError("leslie: there is one survival less than fecundities, and one at least")
    square = with_diagonal(s)
    lower = concatenate([square, square[..., :1] * 0], -1)
    return concatenate([f[..., None, :], lower], -2)


def fiedler(a):
    """The matrix of the distances between numbers.

    >>> fiedler([1, 4])
    array([[0, 3],
           [3, 0]])
    """
    a = _vectors("fiedler", a)
    return absolute(a[..., :, None] - a[..., None, :])


def fiedler_companion(a):
    """The pentadiagonal companion matrix of the polynomial with coefficients `a`.

    Source: M. Fiedler, Linear Algebra Appl. 372 (2003).

    >>> fiedler_companion([1.0, -3.0, 2.0])
    array([[ 3., -2.],
           [ 1.,  0.]])
    """
    from scipy.linalg import fiedler_companion

    a = _vectors("fiedler_companion", a)
    n = a.shape[-1] - 1
    if n < 1:
        return zeros((0,), a.dtype)
    monic = -a[..., 1:] / a[..., :1]
    # Every element is 0, 1 or a coefficient: SciPy's matrix of their numbers says which.
    numbers = -np.atleast_2d(fiedler_companion([1.0, *np.arange(2.0, n + 2)]))
    which = np.where(numbers > 0, numbers - 2, 0).astype(int)
    ones = (numbers == -1).astype(a.dtype if a.dtype.kind in "fc" else float)
    return where(numbers > 1, monic[..., which], ones.astype(monic.dtype))


def convolution_matrix(a, n, mode="full"):
    """The matrix whose product with a vector of n elements is its convolution with `a`.

    >>> convolution_matrix([1, 2], 2)
    array([[1, 0],
           [2, 1],
           [0, 2]])
    """
    a = _vectors("convolution_matrix", a)
    if n <= 0:
        raise ValueError("n must be a positive integer.")
    if mode not in ("full", "valid", "same"):
        raise ValueError("mode must be one of ('full', 'valid', 'same')")
    m = a.shape[-1]
    place = np.arange(m + n - 1)[:, None] - np.arange(n)
    inside = (place >= 0) & (place < m)
    full = where(inside, a[..., np.where(inside, place, 0)], a[..., :1, None] * 0)
    least, most = min(m, n), max(m, n)
    if mode == "valid":
        return full[..., least - 1 : most, :]
    if mode == "same":
        start = (least - 1) // 2
        return full[..., start : start + most, :]
    return full


def _vectors(name, x):
    x = operand(x)
    if not x.ndim:
        raise ValueError(f"{name} needs vectors, got a number")
    return x


def _constant(name, doc):
    """A matrix that depends on no array: SciPy's own."""

    def make(*args, **kwargs):
        import scipy.linalg

        return getattr(scipy.linalg, name)(*args, **kwargs)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = doc
    return make


dft = _constant("dft", "The matrix of the discrete Fourier transform, as `scipy.linalg.dft`.")
hadamard = _constant("hadamard", "The Hadamard matrix, as `scipy.linalg.hadamard`.")
helmert = _constant("helmert", "The Helmert matrix, as `scipy.linalg.helmert`.")
hilbert = _constant("hilbert", "The Hilbert matrix, as `scipy.linalg.hilbert`.")
invhilbert = _constant("invhilbert", "Its inverse, as `scipy.linalg.invhilbert`.")
invpascal = _constant("invpascal", "The inverse of `pascal`, as `scipy.linalg.invpascal`.")
pascal = _constant("pascal", "The matrix of binomials, as `scipy.linalg.pascal`.")
