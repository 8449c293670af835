"""The user's arrays: NumPy's names, promotion, broadcasting and keywords. Imports core, primitives."""

from fungrad.numpy import operators

operators.install()
