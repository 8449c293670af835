"""The same program, cheaper: one pass, one file. Imports `core` and `primitives` only."""

from fungrad.optimize.passes import optimize

__all__ = ["optimize"]
