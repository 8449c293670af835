"""Matrices of a special form, made from blocks or from few numbers."""

import numpy as np

from fungrad.numpy.arrays import operand
from fungrad.numpy.creation import zeros
from fungrad.numpy.joining import concatenate
from fungrad.numpy.promotion import promote
from fungrad.numpy.shapes import reshape


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
