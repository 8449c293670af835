"""`x[index]` and `y[index] = value` on traced arrays."""

from functools import lru_cache

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import array
from fungrad.numpy.dispatch import has_tracer
from fungrad.numpy.index_plan import INT64, Plan, plan, raise_out_of_bounds
from fungrad.numpy.masked import MaskedRead, mask_error
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.numpy.remembered import remembered
from fungrad.numpy.writing import Awaiting, as_view, overwrite, require_writeable
from fungrad.primitives import elementwise as e
from fungrad.primitives.dynamic import DynamicUpdate
from fungrad.primitives.indexing import Gather, is_within
from fungrad.primitives.joining import Pad
from fungrad.primitives.movement import Fill, Reshape, Reverse, Slice

_ROWS = Gather((0,), "clip")  # of indices that were seen to lie within bounds


def getitem(x, index):
    """`x[index]` of a traced array: NumPy's basic and advanced indexing.

    Raises OutOfBoundsError, BooleanIndexError (a mask whose values are not known), IndexError.
    """
    if type(index) is int:
        return _row(x, index)
    rows = _rows(x.shape, index)
    if rows is not None:
        return _ROWS(x, rows)
    if type(index) is Tracer and index.dtype.kind == "b" and index.ndim and not index.is_known:
        return MaskedRead(x, index)
    how = plan(x.shape, index)
    result = how.read(x)
    return as_view(result, x, index) if how.is_view and how.result else result


def _rows(shape, index):
    """The rows that an array, list or mask of one axis selects, if they are known to exist."""
    if type(index) is Tracer and index.dtype.kind == "b" and index.is_known:
        index = index.value
    elif type(index) is list and index and all([type(i) is int for i in index]):
        index = np.array(index)
    if type(index) is not np.ndarray or not index.ndim or not shape:
        return None
    if index.dtype.kind == "b":
        return index.nonzero()[0] if index.shape == shape[:1] else None
    is_known = index.dtype == INT64 and is_within(index, shape[0])
    return index.copy() if is_known else None


def _row(x, i):
    """`x[i]` for a Python int, the most frequent index."""
    shape = x.shape
    if not shape:
        raise IndexError("too many indices for array: array is 0-dimensional, but 1 were indexed")
    n, rest = shape[0], shape[1:]
    if not -n <= i < n:
        raise_out_of_bounds(i, 0, n)
    start = i + n if i < 0 else i
    row = Reshape(rest)(_slice_of_row(start, rest)(x))
    return as_view(row, x, i) if rest else row


@lru_cache(maxsize=1024)
def _slice_of_row(start, rest):
    return Slice((start, *[0] * len(rest)), (start + 1, *rest), (1,) * (1 + len(rest)))


def setitem(y, index, value):
    """`y[index] = value` on an array made in the trace: `y` denotes the updated value.

    Raises ViewWriteError for arguments, views and arrays from outside the trace; OutOfBoundsError,
    BooleanIndexError, ShapeError.
    """
    if type(value) is MaskedRead:
        if value.base is not y or value.mask is not index:
            raise mask_error(value.mask)
        require_writeable(y)
        overwrite(y, updated(y, index, value.value, is_whole=True))
        return
    if type(y.recording) is Awaiting and type(value) is Tracer:
        awaiting = y.recording
        if awaiting.completed_by(y, index, value):
            y.recording = value.recording = awaiting.recording
    require_writeable(y)
    overwrite(y, updated(y, index, value))


def updated(y, index, value, is_whole=False):
    """A copy of `y` (traced or not) in which `y[index]` is `value`.

    With `is_whole` the index is a mask, and the value an array like `y` to choose from.
    """
    value = fitting(value, y.dtype)
    mask = _mask(index)
    if is_whole:
        return _where(y, mask, value)
    if mask is not None:
        rest = max(y.ndim - mask.ndim, 0)
        if np.ndim(value) == rest + 1 and value.shape[0] == 1:
            value = Reshape(value.shape[1:])(value)
        if np.ndim(value) <= rest:
            return _where(y, mask, value)
    how = plan(tuple(y.shape), index)
    return write(y, how, spread(value, how.result))


def fitting(value, dtype):
    """A value to be written into an array of the dtype, cast as NumPy casts it.

    Raises DtypeError where the cast would drop a derivative.
    """
    if isinstance(value, list | tuple) and has_tracer(value):
        value = array(value)
    if type(value) is Tracer:
        if value.dtype.kind in "fc" and not np.can_cast(value.dtype, dtype, "same_kind"):
            raise DtypeError(
                f"a traced {value.dtype} value is written into an array of dtype {dtype}, which "
                f"would drop its derivative; make the array with dtype={value.dtype}, or write "
                f"value.astype({dtype})"
            )
        return convert(value, dtype)
    return np.asarray(value).astype(dtype)[()]


def spread(value, shape):
    """The value in the shape of what it is written to; leading axes of size 1 are dropped."""
    own = np.shape(value)
    if own == shape:
        return value
    if not own:
        return Fill(shape)(value)
    extra = len(own) - len(shape)
    if extra > 0 and own[:extra] == (1,) * extra:
        value = Reshape(own[extra:])(value)
    try:
        return broadcast_to(value, shape)
    except ShapeError:
        raise ShapeError(
            f"could not broadcast a value of shape {own} into an indexed array of shape {shape}"
        ) from None


def _mask(index):
    """The mask, where the whole index is one boolean array (traced or not)."""
    if type(index) is Tracer or type(index) is np.ndarray:
        return index if index.dtype.kind == "b" and index.ndim else None
    return None


def _where(y, mask, value):
    """`y[mask] = value` by selection, for which the mask need not be known."""
    shape = tuple(y.shape)
    if mask.shape != shape[: mask.ndim]:
        raise IndexError(
            f"boolean index did not match indexed array: the mask has shape {mask.shape}, the "
            f"array has shape {shape}"
        )
    if mask.shape != shape:
        mask = Reshape((*mask.shape, *[1] * (len(shape) - mask.ndim)))(mask)
        mask = broadcast_to(mask, shape)
    return e.select(mask, broadcast_to(value, shape) if np.ndim(value) else value, y)


def write(y, how: Plan, value, combine="set"):
    """`y` with a value of the shape of the result written (or combined) where the plan reads."""
    if how.axes:
        value = how.scatter(how.read_block(y), value, combine)
    elif combine != "set":
        value = COMBINE[combine](how.read_block(y), value)
    return write_block(y, how, value)


COMBINE = {
    "add": e.add,
    "multiply": e.multiply,
    "minimum": e.minimum,
    "maximum": e.maximum,
}


def write_block(y, how: Plan, block):
    """`y` with its block (the elements that the slices select) exchanged."""
    shape = how.sliced
    block = block if how.block == shape else Reshape(shape)(block)
    block = Reverse(how.reversed)(block) if how.reversed else block
    if shape == how.shape:
        return block
    if 0 in shape:
        return y
    if all(s == 1 for s in how.steps):
        return DynamicUpdate()(y, block, *[np.int64(a) for a in how.starts])
    low, interior = how.starts, tuple([s - 1 for s in how.steps])
    covered = [1 + (n - 1) * s for n, s in zip(shape, how.steps, strict=True)]
    high = tuple([n - a - c for n, a, c in zip(how.shape, low, covered, strict=True)])
    pad = Pad(low, high, interior)
    inside = pad(Fill(shape)(np.True_), np.False_)
    return e.select(inside, pad(block, y.dtype.type(0)), y)


def install():
    """Attach indexing to the tracer class."""
    recalled = remembered(getitem)

    def indexed(self, index):
        of_values = type(index) is np.ndarray  # no two calls need be alike
        return getitem(self, index) if of_values else recalled(self, index)

    Tracer.__getitem__ = indexed
    Tracer.__setitem__ = setitem
