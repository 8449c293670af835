"""Hessenberg and tridiagonal forms by elementary reflectors, as LAPACK's `gehrd` and `sytrd` have it.

The reflectors are I - tau v v^H. What is returned has the form in its own elements and the vectors
below it; everything is differentiable, since it is computed step by step.
"""

import fungrad.numpy as fnp
from fungrad.numpy.matrix_arguments import square_matrices


def _reflector(x):
    """(v, tau, beta): I - tau v v^H, adjoint, takes columns x to (beta, 0, ...); v begins with 1."""
    alpha = x[..., :1]
    rest = fnp.sum(fnp.real(x[..., 1:] * fnp.conj(x[..., 1:])), -1, keepdims=True)
    size = fnp.sqrt(fnp.real(alpha * fnp.conj(alpha)) + rest)
    beta = -fnp.where(fnp.real(alpha) < 0, -size, size)
    is_done = (rest == 0) & (fnp.imag(alpha) == 0)
    beta = fnp.where(is_done, fnp.real(alpha), beta)
    safe = fnp.where(is_done, 1, beta)
    tau = fnp.where(is_done, 0, (safe - alpha) / safe)
    tail = x[..., 1:] / fnp.where(is_done, 1, alpha - beta)
    return fnp.concatenate([fnp.ones_like(alpha), tail], -1), tau, beta


def _both_sides(a, v, tau, start):
    """H^H a H for the reflector H of the rows and columns from `start` on."""
    column, row = v[..., :, None], fnp.conj(v)[..., None, :]
    tau = tau[..., None]
    left = a[..., start:, :]
    left = left - fnp.conj(tau) * (column @ (row @ left))
    a = fnp.concatenate([a[..., :start, :], left], -2)
    right = a[..., :, start:]
    right = right - tau * ((right @ column) @ row)
    return fnp.concatenate([a[..., :, :start], right], -1)


def _reduced(a):
    """The form, the vectors below its first subdiagonal, and the factors."""
    n = a.shape[-1]
    vectors, taus = [], []
    for i in range(n - 1):
        v, tau, beta = _reflector(a[..., i + 1 :, i])
        a = _both_sides(a, v, tau, i + 1)
        zeros = fnp.zeros((*a.shape[:-2], i + 2), a.dtype)
        vectors.append(fnp.concatenate([zeros, v[..., 1:]], -1))
        taus.append(tau[..., 0])
    if n < 2:
        return a, fnp.zeros_like(a), fnp.zeros((*a.shape[:-2], 0), a.dtype)
    vectors.append(fnp.zeros((*a.shape[:-2], n), a.dtype))
    return a, fnp.stack(vectors, -1), fnp.stack(taus, -1).astype(a.dtype)


def hessenberg(a):
    """(form and vectors in one matrix, taus): the Hessenberg form of square matrices.

    `householder_product` of the vectors, a[1:, :-1], and of taus is the lower right part of Q with
    Q H Q^H = a. Raises ShapeError for other than square matrices.

    >>> packed, taus = hessenberg(np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 1.0], [4.0, 0.0, 2.0]]))
    >>> packed[:2, :2].round(3)
    array([[ 1.  , -1.2 ],
           [-5.  ,  2.12]])
    """
    form, vectors, taus = _reduced(square_matrices(a))
    return fnp.triu(form, -1) + vectors, taus


def tridiagonal(a, *, lower=True):
    """(form and vectors in one matrix, diagonal, subdiagonal, taus) of Hermitian matrices.

    Reads one triangle. The diagonal and the subdiagonal are real.

    >>> _, d, e, _ = tridiagonal(np.array([[1.0, 3.0, 4.0], [3.0, 1.0, 0.0], [4.0, 0.0, 2.0]]))
    >>> d.round(3), e.round(3)
    (array([1.  , 1.64, 1.36]), array([-5.  , -0.48]))
    """
    a = square_matrices(a)
    part = fnp.tril(a, -1) if lower else fnp.conj(fnp.swapaxes(fnp.triu(a, 1), -1, -2))
    middle = fnp.real(fnp.diagonal(a, 0, -2, -1))
    eye = fnp.eye(a.shape[-1], dtype=a.dtype)
    whole = part + fnp.conj(fnp.swapaxes(part, -1, -2)) + middle[..., None] * eye
    form, vectors, taus = _reduced(whole)
    d, e = fnp.real(fnp.diagonal(form, 0, -2, -1)), fnp.real(fnp.diagonal(form, -1, -2, -1))
    packed = fnp.tril(fnp.triu(form, -1)) + vectors
    return packed + fnp.triu(a, 1), d, e, taus
