"""The language: types, programs, tracing, primitives, pytrees, errors. Imports NumPy only."""
