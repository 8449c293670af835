"""Products of arrays: every one is a contraction of two operands over labelled axes."""

from functools import lru_cache

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.tracing import state
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axis, refuse_out, traced
from fungrad.numpy.joining import getitem_any, stack
from fungrad.numpy.promotion import convert, is_sparse, promote
from fungrad.numpy.reductions import sum
from fungrad.numpy.shapes import diagonal_of_last_axes, moveaxis, ravel, reshape
from fungrad.numpy.sparse_products import sparse_product
from fungrad.primitives.contraction import Contract
from fungrad.primitives.movement import Reshape, Transpose


def require_equal(name, x, i, y, j):
    """ShapeError unless axis i of x and axis j of y have one size."""
    if x.shape[i] != y.shape[j]:
        raise ShapeError(
            f"{name}: axis {i % x.ndim} of shape {x.shape} has size {x.shape[i]}, but axis "
            f"{j % y.ndim} of shape {y.shape} has size {y.shape[j]}"
        )


PRECISION = ("precision", "preferred_element_type")  # JAX's keywords of products


def factors(a, b, preferred_element_type=None):
    """Two operands in the dtype of their product; TypeError where it cannot hold them.

    `precision`, which the functions take besides, has no meaning: products are computed in their
    dtype.
    """
    a, b = promote(operand(a), operand(b))
    if preferred_element_type is None:
        return a, b
    dtype = np.dtype(preferred_element_type)
    if not np.can_cast(a.dtype, dtype, "same_kind"):
        raise TypeError(f"a product of {a.dtype} cannot have preferred_element_type={dtype}")
    return convert(a, dtype), convert(b, dtype)


@traced(np.dot, extras=PRECISION)
def dot(a, b, out=None, *, precision=None, preferred_element_type=None):
    """`numpy.dot`."""
    refuse_out("dot", out)
    if is_sparse(a) or is_sparse(b):
        return sparse_product("dot", a, b)
    a, b = factors(a, b, preferred_element_type)
    left, right = a.shape, b.shape
    if not left or not right:
        return ufuncs.multiply(a, b)
    if left[-1] != (right[-2] if len(right) > 1 else right[-1]):
        require_equal("dot", a, -1, b, -2 if b.ndim > 1 else -1)
    return _inner_product(len(left), len(right))(a, b)


@lru_cache
def _inner_product(n, m):
    """The sum over the last axis of n and the last but one (or only one) of m axes."""
    left, rest = tuple(range(n)), tuple(range(n, n + m - 1))
    right = (n - 1,) if m == 1 else (*rest[:-1], n - 1, rest[-1])
    return Contract(left, right, left[:-1] + rest)


@traced(np.matmul)
def matmul(x1, x2, /, out=None, **options):
    """`numpy.matmul`: batches in front broadcast."""
    refuse_out("matmul", out)
    if is_sparse(x1) or is_sparse(x2):
        return sparse_product("matmul", x1, x2)
    a, b = promote(operand(x1), operand(x2))
    left, right = a.shape, b.shape
    if not left or not right:
        raise ShapeError(
            "matmul: input operand does not have enough dimensions; multiply by a scalar with *"
        )
    if left[-1] != (right[-2] if len(right) > 1 else right[-1]):
        require_equal("matmul", a, -1, b, -2 if b.ndim > 1 else -1)
    if len(left) <= 2 and len(right) <= 2:
        return _inner_product(len(left), len(right))(a, b)
    inner = 0
    row, column = (1,) if a.ndim > 1 else (), (2,) if b.ndim > 1 else ()
    return _batched(
        "matmul", a, b, left[:-2], right[:-2], (*row, inner), (inner, *column), (*row, *column)
    )


def _batched(name, a, b, left, right, left_core, right_core, out_core):
    """A contraction whose leading axes broadcast: an axis of size 1 is dropped, not repeated."""
    try:
        shape = np.broadcast_shapes(left, right)
    except ValueError:
        raise ShapeError(
            f"{name}: the leading axes {left} of shape {a.shape} and {right} of shape {b.shape} "
            "do not broadcast"
        ) from None
    labels = tuple(range(10, 10 + len(shape)))
    a, left_labels = _without_ones(a, left, shape, labels)
    b, right_labels = _without_ones(b, right, shape, labels)
    present = set(left_labels) | set(right_labels)
    kept = tuple([i for i in labels if i in present])
    left_labels, right_labels = left_labels + left_core, right_labels + right_core
    y = Contract(left_labels, right_labels, kept + out_core)(a, b)
    full = (*shape, *y.shape[len(kept) :])
    return y if y.shape == full else Reshape(full)(y)


def _without_ones(x, batch, shape, labels):
    """The operand without those leading axes that have size 1, and the labels of the others."""
    lead = len(shape) - len(batch)
    keep = [i for i, n in enumerate(batch) if n != 1]
    if len(keep) != len(batch):
        x = Reshape((*[batch[i] for i in keep], *x.shape[len(batch) :]))(x)
    return x, tuple([labels[lead + i] for i in keep])


def conjugated(x):
    """The complex conjugate; real values as they are, truth values too."""
    return ufuncs.conjugate(x) if x.dtype.kind == "c" else x


def _require_axes(name, *ranks):
    """ShapeError unless each operand has as many axes as the product needs."""
    for number, (x, rank) in enumerate(ranks):
        if np.ndim(x) < rank:
            raise ShapeError(
                f"{name}: operand {number} of shape {np.shape(x)} does not have enough "
                f"dimensions: {rank} are needed"
            )


@traced(np.vecdot)
def vecdot(x1, x2, /, out=None, *, axis=-1, **options):
    """`numpy.vecdot`: conjugates the first operand."""
    refuse_out("vecdot", out)
    a, b = promote(operand(x1), operand(x2))
    _require_axes("vecdot", (a, 1), (b, 1))
    a, b = moveaxis(conjugated(a), axis, -1), moveaxis(b, axis, -1)
    require_equal("vecdot", a, -1, b, -1)
    return _batched("vecdot", a, b, a.shape[:-1], b.shape[:-1], (0,), (0,), ())


@traced(np.matvec)
def matvec(x1, x2, /, out=None, **options):
    """`numpy.matvec`."""
    refuse_out("matvec", out)
    a, b = promote(operand(x1), operand(x2))
    _require_axes("matvec", (a, 2), (b, 1))
    require_equal("matvec", a, -1, b, -1)
    return _batched("matvec", a, b, a.shape[:-2], b.shape[:-1], (1, 0), (0,), (1,))


@traced(np.vecmat)
def vecmat(x1, x2, /, out=None, **options):
    """`numpy.vecmat`: conjugates the vector."""
    refuse_out("vecmat", out)
    a, b = promote(operand(x1), operand(x2))
    _require_axes("vecmat", (a, 1), (b, 2))
    require_equal("vecmat", a, -1, b, -2)
    a = conjugated(a)
    return _batched("vecmat", a, b, a.shape[:-1], b.shape[:-2], (0,), (0, 1), (1,))


@traced(np.vdot, extras=PRECISION)
def vdot(a, b, /, *, precision=None, preferred_element_type=None):
    """`numpy.vdot`: conjugates the first operand, flattens both."""
    a, b = factors(ravel(operand(a)), ravel(operand(b)), preferred_element_type)
    return dot(conjugated(a), b)


@traced(np.inner, extras=PRECISION)
def inner(a, b, /, *, precision=None, preferred_element_type=None):
    """`numpy.inner`."""
    a, b = factors(a, b, preferred_element_type)
    if not np.ndim(a) or not np.ndim(b):
        return ufuncs.multiply(a, b)
    require_equal("inner", a, -1, b, -1)
    n, m = a.ndim, b.ndim
    left, rest = tuple(range(n)), tuple(range(n, n + m - 1))
    return Contract(left, (*rest, n - 1), left[:-1] + rest)(a, b)


@traced(np.outer)
def outer(a, b, out=None):
    """`numpy.outer` of flattened operands."""
    refuse_out("outer", out)
    a, b = factors(a, b)
    a, b = (x if x.ndim == 1 else ravel(x) for x in (a, b))
    recording = state.recording  # compiled code fuses a multiplication with what reads it
    if recording is not None and recording.is_evaluated and a.dtype.kind != "b":
        return Contract((0,), (1,), (0, 1))(a, b)
    return ufuncs.multiply(Reshape((a.size, 1))(a), Reshape((1, b.size))(b))


@traced(np.tensordot, extras=PRECISION)
def tensordot(a, b, axes=2, *, precision=None, preferred_element_type=None):
    """`numpy.tensordot`."""
    a, b = factors(a, b, preferred_element_type)
    if isinstance(axes, int | np.integer):
        first, second = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        first, second = [list(i) if isinstance(i, tuple | list | np.ndarray) else [i] for i in axes]
    if len(first) != len(second):
        raise ShapeError(f"tensordot: axes {first} and {second} differ in number")
    first = [normalize_axis(i, a.ndim) for i in first]
    second = [normalize_axis(j, b.ndim) for j in second]
    for i, j in zip(first, second, strict=True):
        require_equal("tensordot", a, i, b, j)
    left = tuple(range(a.ndim))
    right = list(range(a.ndim, a.ndim + b.ndim))
    for i, j in zip(first, second, strict=True):
        right[j] = i
    out = [i for i in left if i not in first]
    out += [label for j, label in enumerate(right) if j not in second]
    if not left or not right:
        return ufuncs.multiply(a, b)
    return Contract(left, tuple(right), tuple(out))(a, b)


@traced(np.kron)
def kron(a, b):
    """`numpy.kron`."""
    a, b = operand(a), operand(b)
    rank = max(np.ndim(a), np.ndim(b))
    left = (1,) * (rank - np.ndim(a)) + tuple(np.shape(a))
    right = (1,) * (rank - np.ndim(b)) + tuple(np.shape(b))
    a = reshape(a, tuple([m for n in left for m in (n, 1)]))
    b = reshape(b, tuple([m for n in right for m in (1, n)]))
    return reshape(ufuncs.multiply(a, b), tuple([n * m for n, m in zip(left, right, strict=True)]))


@traced(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    """`numpy.trace`."""
    refuse_out("trace", out)
    a = operand(a)
    i, j = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    order = (*[k for k in range(a.ndim) if k not in (i, j)], i, j)
    return sum(diagonal_of_last_axes(Transpose(order)(a), offset), -1, dtype=dtype)


@traced(np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """`numpy.cross` of vectors with 3 (or 2) components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(operand(a), axisa, -1), moveaxis(operand(b), axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ShapeError(
            f"cross: vectors have 2 or 3 components, not {a.shape[-1]} and {b.shape[-1]}"
        )
    x, y = ([getitem_any(v, (..., k)) for k in range(v.shape[-1])] for v in (a, b))
    last = x[0] * y[1] - x[1] * y[0]
    if len(x) == 2 and len(y) == 2:
        return last
    zero = last * 0
    x, y = (v if len(v) == 3 else [*v, zero] for v in (x, y))
    parts = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], last]
    return moveaxis(stack(parts, -1), -1, axisc)
