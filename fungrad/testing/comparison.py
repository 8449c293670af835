"""Comparisons that name the worst element."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from fungrad.core.types import type_of


@dataclass(frozen=True)
class Tolerance:
    """What may differ: `absolute` times the largest expected magnitude (at least 1), `relative`."""

    absolute: float
    relative: float


def precision(dtypes):
    """The coarsest machine epsilon among the floating dtypes; that of float64 if there is none."""
    found = [np.finfo(d).eps for d in map(np.dtype, dtypes) if d.kind in "fc"]
    return float(max(found, default=np.finfo(np.float64).eps))


def rounding(dtypes, factor=1.0):
    """The tolerance for two ways to compute the same: some hundred units in the last place."""
    unit = 400 * precision(dtypes) * factor
    return Tolerance(unit, unit)


def require_close(actual, expected, what, tolerance):
    """AssertionError that names the worst element, unless the two arrays agree.

    Integers and booleans must be equal; nan agrees with nan.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        raise AssertionError(f"{what}: got shape {actual.shape}, expected {expected.shape}")
    if actual.dtype.kind not in "fc" or expected.dtype.kind not in "fc":
        difference = (actual != expected).astype(float)
        allowed = np.zeros(expected.shape)
    else:
        difference, allowed = _difference(actual, expected, tolerance)
    is_wrong = ~(difference <= allowed)
    if not is_wrong.any():
        return
    badness = np.where(is_wrong, np.nan_to_num(difference - allowed, nan=np.inf), -1.0)
    worst = np.unravel_index(np.argmax(badness), expected.shape)
    worst = tuple([int(i) for i in worst])
    count = f"{int(is_wrong.sum())} of {expected.size} elements differ, the worst" * bool(worst)
    raise AssertionError(
        f"{what}: {count or 'the value'} at index {worst}: got {actual[worst]!r}, "
        f"expected {expected[worst]!r}"
    )


def _difference(actual, expected, tolerance):
    """Elementwise differences and what is allowed of them; 0 for equal infinities and for nan."""
    with np.errstate(all="ignore"):
        agree = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        difference = np.where(agree, 0.0, np.abs(actual - expected))
        magnitude = np.abs(expected)
        finite = magnitude[np.isfinite(magnitude)]
        scale = max(1.0, float(finite.max(initial=0.0)))
        allowed = tolerance.absolute * scale + tolerance.relative * magnitude
    return difference, np.where(np.isfinite(allowed), allowed, 0.0)


def require_types(values, types, what):
    """AssertionError unless the values are NumPy values of the given types."""
    if len(values) != len(types):
        raise AssertionError(f"{what}: {len(values)} outputs, but {len(types)} types")
    for k, (value, expected) in enumerate(zip(values, types, strict=True)):
        found = type_of(value) if isinstance(value, np.ndarray | np.generic) else type(value)
        if found is not expected:
            shown = (
                f"the Python {found.__name__} {value!r:.60}" if isinstance(found, type) else found
            )
            raise AssertionError(f"{what}: output {k} is {shown}, expected {expected}")


@contextmanager
def naming_inputs(labels, values):
    """The text of a failure inside ends with the inputs, each on a line."""
    try:
        yield
    except AssertionError as failure:
        lines = [
            f"\n  {label}: {type_of(x)} = {x!r:.200}"
            for label, x in zip(labels, values, strict=True)
        ]
        raise AssertionError(f"{failure}{''.join(lines)}") from failure.__cause__
