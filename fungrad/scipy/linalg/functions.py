"""Functions of matrices."""

from fungrad.core.errors import ShapeError
from fungrad.numpy.matrix_arguments import promoted, square_matrices
from fungrad.primitives.exponential import Expm, ExpmFrechet


def expm(A, *, upper_triangular=False, max_squarings=16):
    """The exponentials of matrices, by Pade approximation, scaling and squaring.

    Derivatives of every order. Source: N. J. Higham, SIAM J. Matrix Anal. Appl. 26 (2005).

    >>> expm([[0.0, 1.0], [0.0, 0.0]])
    array([[1., 1.],
           [0., 1.]])
    """
    return Expm()(square_matrices(A))


def expm_frechet(A, E, *, method=None, compute_expm=True):
    """(exp(A), its derivative in direction E), or the derivative alone.

    >>> expm_frechet([[0.0]], [[2.0]], compute_expm=False)
    array([[2.]])
    """
    A, E = promoted(A, E)
    if square_matrices(A).shape != E.shape:
        raise ShapeError(f"expm_frechet: shapes {A.shape} and {E.shape} differ")
    derivative = ExpmFrechet()(A, E)
    return (Expm()(A), derivative) if compute_expm else derivative
