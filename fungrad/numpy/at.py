"""`x.at[index].set(value)`: changed copies of arrays, and reads with a mode for bad indices.

`fungrad.at(x)[index]` does the same for plain arrays.
"""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.index_plan import plan
from fungrad.numpy.indexing import fitting, spread, updated, write
from fungrad.numpy.masked import mask_error
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.primitives import elementwise as e
from fungrad.primitives.movement import Transpose

MODES = ("raise", "clip", "drop", "fill", "wrap", "promise_in_bounds")


def at(x):
    """The changes of `x` by index: `at(x)[i].add(v)` is a copy of x with x[i] + v at i.

    >>> import fungrad.numpy as fnp
    >>> fnp.at(np.zeros(3))[1].set(5.0)
    array([0., 5., 0.])
    """
    return At(operand(x))


def _mode(mode):
    if mode is None:
        return "raise"
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is not one of {', '.join(MODES)}")
    return mode


def read(x, index, mode="raise", fill_value=None):
    """`x[index]` with a mode for indices out of bounds; "fill" reads `fill_value` (default nan)."""
    mode = _mode(mode)
    how = plan(tuple(x.shape), index, mode)
    result = how.read(x)
    if mode not in ("fill", "drop") or not how.axes:
        return result
    if mode == "drop" and fill_value is None:
        return result
    valid = None
    for i, a in zip(how.indices, how.axes, strict=True):
        n = how.block[a]
        inside = (i >= -n) & (i < n)
        valid = inside if valid is None else valid & inside
    lead = np.shape(valid)
    gathered = how.gathered
    valid = broadcast_to(
        np.reshape(valid, lead + (1,) * (len(gathered) - len(lead))), gathered
    )
    if how.order is not None:
        valid = Transpose(how.order)(valid)
    return e.select(valid, result, convert(_fill(fill_value, x.dtype), x.dtype))


def _fill(value, dtype):
    """JAX's default: nan, the smallest signed integer, the largest unsigned one, True."""
    if value is not None:
        return value
    if dtype.kind in "fc":
        return np.nan
    if dtype.kind == "b":
        return True
    info = np.iinfo(dtype)
    return info.min if dtype.kind == "i" else info.max


class At:
    """`at(x)`, which waits for an index."""

    __slots__ = ("array",)

    def __init__(self, array):
        self.array = array

    def __getitem__(self, index):
        return AtIndex(self.array, index)

    def __repr__(self):
        return f"at({self.array!r})"


class AtIndex:
    """`at(x)[index]`: its methods return changed copies.

    Each takes `mode`, one of "raise" (the default), "clip", "drop", "fill", "wrap" and
    "promise_in_bounds"; `indices_are_sorted` and `unique_indices` are accepted as hints.
    """

    __slots__ = ("array", "index")

    def __init__(self, array, index):
        self.array = array
        self.index = index

    def get(
        self, *, mode=None, fill_value=None, indices_are_sorted=False, unique_indices=False
    ):
        """The elements, `fill_value` where mode is "fill" and the index lies outside."""
        return own(read(self.array, self.index, mode, fill_value), self.array)

    def set(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The values in place of the elements; of repeated indices the last counts."""
        if _mode(mode) == "raise" or self._is_masked:
            return own(updated(self.array, self.index, values), self.array)
        return self._combined(values, "set", mode)

    def add(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The values added; repeated indices accumulate."""
        return self._combined(values, "add", mode, ufuncs.add)

    def subtract(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The values subtracted; repeated indices accumulate."""
        values = ufuncs.negative(fitting(values, self.array.dtype))
        return self._combined(values, "add", mode, ufuncs.add)

    def multiply(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The values multiplied in; repeated indices accumulate."""
        return self._combined(values, "multiply", mode, ufuncs.multiply)

    mul = multiply

    def divide(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The elements divided by the values; repeated indices accumulate."""
        if self._is_masked:
            return self._where(ufuncs.divide(self.array, values))
        ones = self._combined_into(self.array.dtype.type(1), values, "multiply", mode)
        return own(ufuncs.divide(self.array, ones), self.array)

    def power(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The elements to the power of the values; indices must not repeat."""
        return self.apply(lambda x: ufuncs.power(x, values), mode=mode)

    @property
    def _is_masked(self):
        """Whether the index is a mask whose values are not known."""
        index = self.index
        return type(index) is Tracer and index.dtype.kind == "b" and not index.is_known

    def _where(self, changed):
        """The changed array where the mask holds."""
        return own(updated(self.array, self.index, changed, is_whole=True), self.array)

    def min(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The smaller of element and value."""
        return self._combined(values, "minimum", mode, ufuncs.minimum)

    def max(self, values, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """The larger of element and value."""
        return self._combined(values, "maximum", mode, ufuncs.maximum)

    def apply(self, func, *, mode=None, indices_are_sorted=False, unique_indices=False):
        """`func` of the elements in their place; indices must not repeat."""
        if self._is_masked:
            return self._where(func(self.array))
        return self.set(func(read(self.array, self.index, mode)), mode=mode)

    def _combined(self, values, combine, mode, function=None):
        values = fitting(values, self.array.dtype)
        if self._is_masked:
            if np.ndim(values) > self.array.ndim - self.index.ndim:
                raise mask_error(self.index)
            return self._where(function(self.array, values))
        how = plan(tuple(self.array.shape), self.index, _mode(mode))
        result = write(self.array, how, spread(values, how.result), combine)
        return own(result, self.array)

    def _combined_into(self, neutral, values, combine, mode):
        """An array of neutral elements with the values combined into it."""
        values = fitting(values, self.array.dtype)
        shape = tuple(self.array.shape)
        how = plan(shape, self.index, _mode(mode))
        return write(broadcast_to(neutral, shape), how, spread(values, how.result), combine)

    def __repr__(self):
        return f"at({self.array!r})[{self.index!r}]"


def own(result, array):
    """A result for the user: an array of its own."""
    if type(result) is Tracer:
        return Tracer(result.recording, result.id, result.weak) if result is array else result
    result = np.asarray(result)
    if not result.ndim:
        return result[()]
    is_shared = result is array or result.base is not None or not result.flags.writeable
    return np.array(result) if is_shared else result


