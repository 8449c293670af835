"""Functions of functions: flatten pytrees, trace, transform, run. Imports everything below."""
