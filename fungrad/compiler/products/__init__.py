"""Products of matrices: BLAS, tiles in registers, parts for threads. Imports `language` and
`moves`."""
