"""Linear algebra on LAPACK, and loops for small matrices; Fourier transforms. Imports `language`
and `moves`."""
