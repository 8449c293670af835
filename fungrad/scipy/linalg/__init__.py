"""`scipy.linalg`'s names, differentiable, batched and compiled. Imports everything below.

This file is the table of contents.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "decompositions": (
            "eigh",
            "eigh_tridiagonal",
            "hessenberg",
            "polar",
            "qr",
            "qr_multiply",
            "rsf2csf",
            "schur",
            "svd",
        ),
        "functions": ("expm", "expm_frechet", "funm", "solve_sylvester", "sqrtm"),
        "solvers": (
            "cho_factor",
            "cho_solve",
            "cholesky",
            "det",
            "inv",
            "lu",
            "lu_factor",
            "lu_solve",
            "solve",
            "solve_triangular",
        ),
        "structured": (
            "block_diag",
            "circulant",
            "companion",
            "convolution_matrix",
            "dft",
            "fiedler",
            "fiedler_companion",
            "hadamard",
            "hankel",
            "helmert",
            "hilbert",
            "invhilbert",
            "invpascal",
            "leslie",
            "pascal",
            "toeplitz",
        ),
    },
)
