"""`jax.scipy.optimize`'s names: SciPy's minimisers with exact, compiled derivatives."""

from typing import NamedTuple

import numpy as np

from fungrad.api.gradient import grad, value_and_grad
from fungrad.api.jacobians import hessian
from fungrad.api.jitting import jit
from fungrad.api.products import jvp
from fungrad.core import tree
from fungrad.core.errors import ShapeError, UnknownValueError
from fungrad.core.tracing import Tracer
from fungrad.lazy import no_other_names
from fungrad.numpy.arrays import operand

_WITHOUT_DERIVATIVES = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_BY_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_BY_HESSIANS = {"dogleg", "trust-exact"}


class OptimizeResults(NamedTuple):
    """Where a minimisation ended: `x`, `fun` and `jac` there, and how it went.

    `status` is 0 on success, else SciPy's number; `hess_inv` is the last approximation of the
    inverse Hessian where the method has one; `nfev`, `njev`, `nit` count calls of the function, of
    its gradient, and iterations.

    >>> minimize(lambda x: ((x - 1) ** 2).sum(), np.zeros(2), method="BFGS").x.round(6)
    array([1., 1.])
    """

    x: np.ndarray
    success: bool
    status: int
    fun: np.floating
    jac: np.ndarray
    hess_inv: np.ndarray | None
    nfev: int
    njev: int
    nit: int


def minimize(fun, x0, args=(), *, method="BFGS", tol=None, options=None):
    """A local minimum of a function of a vector, as an `OptimizeResults`.

    SciPy's minimisers do the work, in double precision, with compiled derivatives of `fun`:
    gradients, or products with the Hessian where the method uses them. It is no function to be
    differentiated or compiled itself; the derivative of a minimum in parameters is what
    `lax.custom_root` gives of the gradient's root.

    Args:
        fun: a function `fun(x, *args)` to a scalar.
        x0: where to begin, a vector.
        args: further arguments of `fun`.
        method: a method of `scipy.optimize.minimize`: "BFGS", "L-BFGS-B", "CG", "Newton-CG",
            "trust-ncg", ...; JAX's "l-bfgs-experimental-do-not-rely-on-this" is "L-BFGS-B".
        tol, options: as in SciPy.

    Raises:
        ShapeError where x0 is no vector, UnknownValueError inside a trace, and SciPy's ValueError
        for an unknown method.

    >>> from fungrad.scipy.optimize import minimize
    >>> rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> minimize(rosenbrock, np.array([-1.0, 1.0])).x.round(4)
    array([1., 1.])
    """
    from scipy import optimize

    if any(type(leaf) is Tracer for leaf in tree.leaves((x0, args))):
        raise UnknownValueError(
            "minimize runs outside of transforms: minimise first, and use lax.custom_root on the "
            "gradient where the minimum is to be differentiated in parameters"
        )
    x0 = operand(x0)
    if x0.ndim != 1:
        raise ShapeError(f"minimize: x0 has the shape {x0.shape}; ravel it to a vector")
    dtype = x0.dtype if x0.dtype.kind == "f" else np.dtype(float)
    method = "L-BFGS-B" if str(method).lower().startswith("l-bfgs") else method
    found = optimize.minimize(
        x0=x0.astype(float),
        args=tuple(args),
        method=method,
        tol=tol,
        options=options,
        **_functions(fun, str(method).lower(), dtype),
    )
    inverse = found.get("hess_inv")
    return OptimizeResults(
        found.x.astype(dtype),
        bool(found.success),
        int(found.status),
        dtype.type(found.fun),
        np.asarray(found.get("jac", np.full(x0.shape, np.nan)), dtype),
        inverse.todense() if hasattr(inverse, "todense") else inverse,
        int(found.nfev),
        int(found.get("njev", 0)),
        int(found.get("nit", 0)),
    )


def _functions(fun, method, dtype):
    """What SciPy calls: the function, and the derivatives that the method uses."""

    def adapted(function):
        """Compiled, and computed in the dtype of the first guess."""
        compiled = jit(function)
        return lambda x, *args: compiled(x.astype(dtype), *args)

    if method in _WITHOUT_DERIVATIVES:
        return {"fun": adapted(fun)}
    found = {"fun": adapted(value_and_grad(fun)), "jac": True}
    if method in _BY_PRODUCTS:

        def product(x, v, *args):
            return jvp(lambda x: grad(fun)(x, *args), (x,), (v.astype(dtype),))[1]

        found["hessp"] = adapted(product)
    elif method in _BY_HESSIANS:
        found["hess"] = adapted(hessian(fun))
    return found


__getattr__ = no_other_names(__name__)
