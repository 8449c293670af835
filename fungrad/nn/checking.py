"""What bad input gets: hyperparameters out of range, and arrays with other sizes than meant."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.tracing import Tracer


def require(name, what, value, low, high=np.inf, *, is_open=False):
    """ValueError unless `value`, where it is a known number, lies from `low` to `high`.

    With `is_open`, `high` itself is refused.
    """
    if type(value) is Tracer or value is None or callable(value):
        return
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "biuf":
        raise ValueError(f"{name}: {what} is a number, got {value!r}")
    fits = low <= number < high if is_open else low <= number <= high
    if not (fits and np.isfinite(number)):
        if high == np.inf:
            wanted = f"a finite number that is at least {low:g}"
        else:
            wanted = f"from {low:g} to {'below ' if is_open else ''}{high:g}"
        raise ValueError(f"{name}: {what} is {wanted}, got {value!r}")


def require_count(name, what, value, low=1):
    """ValueError unless `value`, where it is known, is a whole number that is at least `low`."""
    if type(value) is Tracer:
        return
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iu" or number < low:
        raise ValueError(f"{name}: {what} is a whole number that is at least {low}, got {value!r}")


def require_features(name, x, features):
    """ShapeError unless the last axis of `x` has the size that the parameters take."""
    if not x.shape or x.shape[-1] != features:
        raise ShapeError(
            f"{name}: the parameters take {features} features along the last axis, got an input of "
            f"shape {tuple(x.shape)}"
        )
