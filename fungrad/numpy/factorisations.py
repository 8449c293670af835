"""`numpy.linalg`'s factorisations, with NumPy's named tuples."""

import numpy as np

from fungrad.numpy import ufuncs
from fungrad.numpy.dispatch import traced
from fungrad.numpy.matrix_arguments import matrices, square_matrices
from fungrad.numpy.promotion import convert
from fungrad.numpy.sorting import argsort
from fungrad.numpy.taking import take_along_axis
from fungrad.primitives.eigen import Eig, Eigvals
from fungrad.primitives.linalg import Cholesky
from fungrad.primitives.matrices import adjoint
from fungrad.primitives.orthogonal import Qr
from fungrad.primitives.spectral import Eigh, Eigvalsh, Svd, Svdvals

_ONE = np.eye(1)
QRResult = type(np.linalg.qr(_ONE))
EigResult = type(np.linalg.eig(_ONE))
EighResult = type(np.linalg.eigh(_ONE))
SVDResult = type(np.linalg.svd(_ONE))

_SYMMETRIZE = ("symmetrize_input",)  # JAX's keyword


def _square(a, symmetrize_input):
    """Square matrices; with `symmetrize_input`, the mean of each and its adjoint."""
    a = square_matrices(a)
    return (a + adjoint(a)) / 2 if symmetrize_input else a


@traced(np.linalg.cholesky, extras=_SYMMETRIZE)
def cholesky(a, /, *, upper=False, symmetrize_input=False):
    """`numpy.linalg.cholesky`: reads one triangle, and only that has a derivative.

    With `symmetrize_input`, the factor of the mean of `a` and its adjoint.

    >>> from fungrad import grad
    >>> grad(lambda a: cholesky(a)[1, 1])(np.array([[4.0, 0.0], [2.0, 5.0]]))
    array([[ 0.0625,  0.    ],
           [-0.25  ,  0.25  ]])
    """
    a = _square(a, symmetrize_input)
    return adjoint(Cholesky()(adjoint(a))) if upper else Cholesky()(a)


@traced(np.linalg.qr)
def qr(a, mode="reduced"):
    """`numpy.linalg.qr`: modes "reduced", "complete" and "r".

    >>> from fungrad import grad
    >>> grad(lambda a: qr(a).R[0, 0])(np.array([[3.0, 1.0], [4.0, 2.0]]))
    array([[-0.6,  0. ],
           [-0.8,  0. ]])
    """
    if mode not in ("reduced", "complete", "r"):
        hint = "; use 'reduced' on traced values" if mode == "raw" else ""
        raise ValueError(f"Unrecognized mode '{mode}'{hint}")
    q, r = Qr(mode == "complete")(matrices(a))
    return r if mode == "r" else QRResult(q, r)


def _reads_lower(uplo):
    if not isinstance(uplo, str) or uplo.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return uplo.upper() == "L"


@traced(np.linalg.eigh, extras=_SYMMETRIZE)
def eigh(a, UPLO="L", symmetrize_input=False):
    """`numpy.linalg.eigh`: reads one triangle, and only that has a derivative.

    Where eigenvalues coincide, functions of the values alone, traces, projectors on all vectors
    of a value and polar factors have their derivative. Reverse mode gives nan, with a
    RuntimeWarning, where a function depends on the choice of the vectors. A function of the matrix
    put together as V f(w) V^H lacks the term f'(w) within the coinciding values: reverse mode warns
    where w and V come from one call. Where w comes from an `eigvalsh` of its own, V looks to it
    like a projector; it warns if the cotangents of coinciding values differ, as they do unless the
    diagonal of V^H S V, with S the weights of the function's elements, happens to be constant there.
    Forward mode cannot know what reads the vectors. It warns whenever their tangents lack something,
    also where that does not matter. `scipy.linalg.funm`, `sqrtm` and `expm` have the whole
    derivative in both modes.

    >>> from fungrad import grad
    >>> grad(lambda a: eigh(a).eigenvalues[0])(np.array([[1.0, 0.0], [0.0, 3.0]]))
    array([[1., 0.],
           [0., 0.]])
    """
    return EighResult(*Eigh(_reads_lower(UPLO))(_square(a, symmetrize_input)))


@traced(np.linalg.eigvalsh, extras=_SYMMETRIZE)
def eigvalsh(a, UPLO="L", *, symmetrize_input=False):
    """`numpy.linalg.eigvalsh`: reads one triangle, and only that has a derivative."""
    return Eigvalsh(_reads_lower(UPLO))(_square(a, symmetrize_input))


@traced(np.linalg.eig)
def eig(a):
    """`numpy.linalg.eig`; on traced values the results are complex, also where all are real."""
    return EigResult(*Eig()(square_matrices(a)))


@traced(np.linalg.eigvals)
def eigvals(a):
    """`numpy.linalg.eigvals`; on traced values they are complex, also where all are real.

    >>> from fungrad import grad
    >>> grad(lambda a: eigvals(a).real.max())(np.array([[1.0, 0.0], [0.0, 3.0]]))
    array([[0., 0.],
           [0., 1.]])
    """
    return Eigvals()(square_matrices(a))


@traced(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """`numpy.linalg.svd`; for the derivative where singular values coincide see `eigh`.

    >>> from fungrad import grad
    >>> grad(lambda a: svd(a, compute_uv=False).sum())(np.array([[1.0, 0.0], [0.0, 3.0]]))
    array([[1., 0.],
           [0., 1.]])
    """
    if hermitian:
        return _hermitian_svd(square_matrices(a), compute_uv)
    a = matrices(a)
    return SVDResult(*Svd(bool(full_matrices))(a)) if compute_uv else Svdvals()(a)


def _hermitian_svd(a, compute_uv):
    """Singular values and vectors from eigenvalues and eigenvectors, the largest moduli first."""
    w, v = Eigh(True)(a)
    s = ufuncs.absolute(w)
    order = argsort(s, -1)[..., ::-1]
    s = take_along_axis(s, order, -1)
    if not compute_uv:
        return s
    order = order[..., None, :]
    sign = take_along_axis(ufuncs.sign(w)[..., None, :], order, -1)
    u = take_along_axis(v, order, -1)
    return SVDResult(u, s, adjoint(u * convert(sign, u.dtype)))


@traced(np.linalg.svdvals)
def svdvals(x, /):
    """`numpy.linalg.svdvals`."""
    return Svdvals()(matrices(x))
