"""threads: how many cores one compiled call may use."""

import operator


class threads:
    """Let compiled functions use `n` threads for large loops and matrix products, from now on.

    As a context manager it does so within the block only. None, the default, is one thread per core
    that the process may run on. Results do not depend on the number of threads. Two calls from
    different threads of Python do not share the pool: the second one runs on its own thread.
    SciPy's own BLAS and LAPACK (not NumPy's) work on one thread once compiled code calls them,
    since LAPACK's results depend on the number of its threads: it would be 1.2 to 1.7 times as fast
    on two. Large Cholesky and LU factors, and so solutions and determinants, are made block by
    block, and threads share the products of blocks; eigenvalues, SVD and QR are left to one thread.

    Args:
        n: the number of threads, at least 1, or None.

    Raises:
        ValueError, where n is less than 1; TypeError, where it is no integer.

    >>> import numpy as np
    >>> from fungrad import jit
    >>> with threads(1):
    ...     jit(np.sum)(np.ones(3))
    np.float64(3.0)
    """

    def __init__(self, n=None):
        from fungrad.compiler.execution import parallel

        if n is not None:
            try:
                n = operator.index(n)
            except TypeError:
                raise TypeError(f"threads: n is {n!r}; give an int, or None") from None
            if n < 1:
                raise ValueError(f"threads: n is {n}; at least one thread has to do the work")
        self._before = parallel.chosen_threads()
        parallel.set_threads(n)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        from fungrad.compiler.execution import parallel

        parallel.set_threads(self._before)


__all__ = ["threads"]
