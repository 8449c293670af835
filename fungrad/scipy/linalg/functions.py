"""Functions of matrices."""

from fungrad.core.errors import ShapeError
from fungrad.numpy.matrix_arguments import promoted, square_matrices
from fungrad.numpy.norms import norm
from fungrad.primitives.eigen import Eig
from fungrad.primitives.exponential import Expm, ExpmFrechet
from fungrad.primitives.lu import right_solve
from fungrad.primitives.schur import Sqrtm, Sylvester


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


def sqrtm(A, blocksize=1):
    """The principal square roots of matrices; complex, also where they are real.

    The derivative solves a Sylvester equation, and exists where no two eigenvalues of the root are
    opposite. Raises numpy.linalg.LinAlgError where the Schur form does not converge.

    >>> sqrtm([[4.0, 0.0], [0.0, 9.0]])
    array([[2.+0.j, 0.+0.j],
           [0.+0.j, 3.+0.j]])
    """
    return Sqrtm()(square_matrices(A))


def funm(A, func, disp=True):
    """The function of a matrix that `func` is of its eigenvalues; it takes and returns an array.

    It is computed from eigenvectors, of which there must be a basis, and is complex. Without
    `disp` the result is (function, estimate of the relative error), as SciPy has it.

    >>> funm([[0.0, 1.0], [1.0, 0.0]], lambda w: w**2).real.round(12)
    array([[1., 0.],
           [0., 1.]])
    """
    A = square_matrices(A)
    w, v = Eig()(A)
    result = right_solve(v, v * func(w)[..., None, :])
    if disp:
        return result
    back = right_solve(v, v * w[..., None, :])
    return result, norm(back - A, 1) / norm(A, 1)


def solve_sylvester(A, B, C, *, method="schur", tol=1e-8):
    """X with A X + X B = C. Raises numpy.linalg.LinAlgError where Schur forms do not converge.

    Eigenvalues of A and of -B must differ. Derivatives in all three matrices, with equations of
    the same kind.

    >>> solve_sylvester([[2.0]], [[1.0]], [[6.0]])
    array([[2.]])
    """
    if method not in ("schur", "eigen"):
        raise ValueError(f"method is 'schur' or 'eigen', not {method!r}")
    return Sylvester()(*promoted(A, B, C))
