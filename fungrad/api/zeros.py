"""The tangents and cotangents that are zero."""

import numpy as np

float0 = np.dtype([("float0", np.void, 0)])


def zeros_like(type):
    """The zero tangent or cotangent of a type; float0 for integers and booleans."""
    if not type.is_differentiable:
        return np.zeros(type.shape, float0)
    return np.zeros(type.shape, type.dtype)[()]


__all__ = ["float0"]
