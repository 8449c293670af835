"""Solutions of sparse linear systems, under the names of `jax.scipy.sparse.linalg` and SciPy."""

from fungrad.lazy import no_other_names
from fungrad.scipy.sparse.factored import spsolve
from fungrad.scipy.sparse.krylov import bicgstab, cg, gmres

__all__ = ["bicgstab", "cg", "gmres", "spsolve"]

__getattr__ = no_other_names(__name__)
