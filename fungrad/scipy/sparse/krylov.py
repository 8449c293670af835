"""Krylov methods: solutions of linear systems that are known by their products with vectors.

The derivative is that of the solution, by one more system with the same method, in both modes;
iterations are not differentiated.
"""

from fungrad.api.implicit import custom_linear_solve
from fungrad.api.loops import fori_loop, while_loop
from fungrad.core.errors import ShapeError
from fungrad.flatten_util import ravel_pytree
from fungrad.numpy import creation, products, ufuncs
from fungrad.numpy import reductions as r
from fungrad.numpy.arrays import operand
from fungrad.numpy.norms import norm
from fungrad.numpy.promotion import is_sparse
from fungrad.numpy.selection import where
from fungrad.numpy.shapes import expand_dims
from fungrad.numpy.solving import lstsq


def cg(A, b, x0=None, *, tol=1e-5, atol=0.0, maxiter=None, M=None):
    """(x, None) with A x = b by conjugate gradients, for Hermitian positive definite A.

    Args:
        A: a matrix (one of SciPy's sparse ones, too), or a linear function from a pytree to one of
            the same structure.
        b: the right-hand side: an array or pytree.
        x0: where to begin; zeros by default.
        tol, atol: it ends where the residual is at most max(tol * norm(b), atol).
        maxiter: the most iterations; ten times the size of b by default.
        M: an approximate inverse of A, a matrix or a function like A.

    >>> x, _ = cg(np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0]))
    >>> x.round(6)
    array([0.090909, 0.636364])
    """
    return _solved(_cg, A, b, x0, tol, atol, maxiter, M, is_symmetric=True)


def bicgstab(A, b, x0=None, *, tol=1e-5, atol=0.0, maxiter=None, M=None):
    """(x, None) with A x = b by stabilised biconjugate gradients; arguments as those of `cg`.

    >>> x, _ = bicgstab(np.array([[4.0, 1.0], [0.0, 2.0]]), np.array([6.0, 4.0]))
    >>> x.round(6)
    array([1., 2.])
    """
    return _solved(_bicgstab, A, b, x0, tol, atol, maxiter, M)


def gmres(
    A,
    b,
    x0=None,
    *,
    tol=1e-5,
    atol=0.0,
    restart=20,
    maxiter=None,
    M=None,
    solve_method="batched",
):
    """(x, None) with A x = b by generalised minimal residuals; arguments as those of `cg`.

    `restart` is the dimension of the Krylov space, after which it begins anew; `maxiter` counts
    such restarts. Both methods, "batched" and "incremental", orthogonalise twice per step.

    >>> x, _ = gmres(np.array([[4.0, 1.0], [0.0, 2.0]]), np.array([6.0, 4.0]))
    >>> x.round(6)
    array([1., 2.])
    """
    if solve_method not in ("batched", "incremental"):
        raise ValueError(f"invalid solve_method {solve_method}: 'batched' or 'incremental'")

    def method(product, b, x, bound, most, precondition):
        size = min(int(restart), b.size)
        return _gmres(product, b, x, bound, most, precondition, size)

    return _solved(method, A, b, x0, tol, atol, maxiter, M)


def _solved(method, A, b, x0, tol, atol, maxiter, M, is_symmetric=False):
    """The solution by a method on vectors; the function `A` may be one of pytrees."""
    vector, unravel = ravel_pytree(b)
    start = creation.zeros_like(vector) if x0 is None else ravel_pytree(x0)[0]
    if start.shape != vector.shape:
        raise ShapeError(f"x0 has {start.size} elements, b has {vector.size}")
    product = _on_vectors(A, unravel, "A")
    precondition = _on_vectors(M, unravel, "M") if M is not None else lambda v: v
    most = 10 * vector.size if maxiter is None else maxiter

    def solve(product, right):
        bound = ufuncs.maximum(tol * norm(right), atol)
        return method(product, right, start, bound, most, precondition)

    is_real = vector.dtype.kind != "c"
    x = custom_linear_solve(product, vector, solve, solve, symmetric=is_symmetric and is_real)
    return unravel(x), None


def _on_vectors(A, unravel, name):
    """A matrix, or a function of pytrees, as a function of vectors."""
    if callable(A):
        return lambda v: ravel_pytree(A(unravel(v)))[0]
    A = A if is_sparse(A) else operand(A)
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ShapeError(f"{name} must be a square matrix or a function, got shape {A.shape}")
    return lambda v: products.matmul(A, v)


def _inner(x, y):
    """The inner product, conjugated in x."""
    return products.vdot(x, y)


def _ratio(x, y):
    """x / y, and 0 where y is 0: the method has arrived."""
    is_zero = y == 0
    return where(is_zero, x * 0, x / where(is_zero, y * 0 + 1, y))


def _cg(product, b, x, bound, most, precondition):
    residual = b - product(x)
    z = precondition(residual)

    def goes_on(state):
        _, residual, _, _, k = state
        return (norm(residual) > bound) & (k < most)

    def step(state):
        x, residual, direction, gamma, k = state
        q = product(direction)
        alpha = _ratio(gamma, _inner(direction, q))
        x, residual = x + alpha * direction, residual - alpha * q
        z = precondition(residual)
        following = _inner(residual, z)
        return x, residual, z + _ratio(following, gamma) * direction, following, k + 1

    return while_loop(goes_on, step, (x, residual, z, _inner(residual, z), 0))[0]


def _bicgstab(product, b, x, bound, most, precondition):
    """Source: H. A. van der Vorst, SIAM J. Sci. Stat. Comput. 13 (1992)."""
    first = b - product(x)

    def goes_on(state):
        _, residual, *_, k = state
        return (norm(residual) > bound) & (k < most)

    def step(state):
        x, residual, direction, q, alpha, omega, rho, k = state
        following = _inner(first, residual)
        beta = _ratio(following, rho) * _ratio(alpha, omega)
        direction = residual + beta * (direction - omega * q)
        turned = precondition(direction)
        q = product(turned)
        alpha = _ratio(following, _inner(first, q))
        half = residual - alpha * q
        other = precondition(half)
        t = product(other)
        omega = _ratio(_inner(t, half), _inner(t, t))
        x = x + alpha * turned + omega * other
        return x, half - omega * t, direction, q, alpha, omega, following, k + 1

    zero, one = b * 0, r.sum(b * 0) + 1
    return while_loop(goes_on, step, (x, first, zero, zero, one, one, one, 0))[0]


def _gmres(product, b, x, bound, most, precondition, size):
    """Source: Y. Saad and M. H. Schultz, SIAM J. Sci. Stat. Comput. 7 (1986)."""

    def goes_on(state):
        _, residual, k = state
        return (norm(residual) > bound) & (k < most)

    def step(state):
        x, residual, k = state
        length = norm(residual)
        basis, small = _arnoldi(product, precondition, residual, length, size)
        right = where(creation.arange(size + 1) == 0, length, b[:1] * 0)
        y = lstsq(small, right)[0]
        x = x + precondition(products.matmul(y, basis[:size]))
        return x, b - product(x), k + 1

    return while_loop(goes_on, step, (x, b - product(x), 0))[0]


def _arnoldi(product, precondition, residual, length, size):
    """An orthonormal basis of the Krylov space, by row, and the operator in that basis."""
    rows = creation.arange(size + 1)
    first = _ratio(residual, length)
    basis = where(expand_dims(rows == 0, -1), first, residual * 0)
    small = creation.zeros((size + 1, size), residual.dtype)

    def extend(k, state):
        basis, small = state
        w = product(precondition(basis[k]))
        h = products.matmul(basis.conj(), w)
        w = w - products.matmul(h, basis)
        again = products.matmul(basis.conj(), w)
        w, h = w - products.matmul(again, basis), h + again
        rest = norm(w)
        is_next = rows == k + 1
        h = where(is_next, rest, h)
        basis = where(expand_dims(is_next, -1), _ratio(w, rest), basis)
        small = where(creation.arange(size) == k, expand_dims(h, -1), small)
        return basis, small

    return fori_loop(0, size, extend, (basis, small))
