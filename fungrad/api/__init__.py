"""Functions of functions: flatten pytrees, trace, transform, run. Imports everything below."""

import fungrad.numpy  # noqa: F401  (gives tracers the behaviour of arrays)
