"""Reductions over windows, under the names and arguments of `jax.lax`."""

import numpy as np

from fungrad.core import tree
from fungrad.core.errors import ShapeError
from fungrad.core.tracing import Tracer, trace
from fungrad.core.types import ArrayType
from fungrad.lax import elementwise
from fungrad.lax.arrays import pad
from fungrad.lax.dimension_numbers import (
    dilated,
    pad_pairs,
    padtype_to_pads,
    per_axis,
    window,
)
from fungrad.numpy.creation import operand
from fungrad.numpy.promotion import convert
from fungrad.numpy.selection import where
from fungrad.primitives.movement import Broadcast, Slice
from fungrad.primitives.window_extrema import WindowMax, WindowMin
from fungrad.primitives.windows import WindowSum

#: The primitive that reduces windows by a function of one equation, by the name of that one.
_PRIMITIVES = {
    "add": WindowSum,
    "maximum": WindowMax,
    "minimum": WindowMin,
    "logical_or": WindowMax,
    "logical_and": WindowMin,
}
_ON_TRUTHS = {"bitwise_or": WindowMax, "bitwise_and": WindowMin}


def reduce_window(
    operand,
    init_value,
    computation,
    window_dimensions,
    window_strides=None,
    padding="VALID",
    base_dilation=None,
    window_dilation=None,
):
    """Every window of an array, or of the arrays of a pytree, reduced by a function of two values.

    Args:
        operand: an array, or a pytree of arrays of one shape.
        init_value: what each reduction begins with: a scalar, or a pytree of scalars. Padding has
            no elements.
        computation: an associative and commutative function of two values (or pytrees). Sums,
            maxima and minima are recognised by what they compute, however they are written.
        window_dimensions: the size of a window, one per axis.
        window_strides: steps between windows; None stands for 1.
        padding: "SAME", "SAME_LOWER", "VALID", or a pair (low, high) per axis.
        base_dilation, window_dilation: distances of neighbours in the array and in the window.

    Raises:
        ValueError, TypeError: what is given per axis does not fit the rank, or is below 1.

    In the derivative of a maximum or minimum the first element that holds it takes all.

    >>> from fungrad.lax import add, max
    >>> x = np.arange(16.0).reshape(4, 4)
    >>> reduce_window(x, -np.inf, max, (2, 2), (2, 2))
    array([[ 5.,  7.],
           [13., 15.]])
    >>> reduce_window(np.arange(4.0), 0.0, add, (3,), padding="SAME")
    array([1., 3., 6., 5.])
    """
    arrays, structure = tree.flatten(operand)
    arrays = [_array(x) for x in arrays]
    inits = [_scalar(i, x) for i, x in zip(tree.leaves(init_value), arrays, strict=True)]
    shape = arrays[0].shape
    if any(x.shape != shape for x in arrays):
        raise ShapeError(
            f"reduce_window: operands of one shape expected, got {[x.shape for x in arrays]}"
        )
    axes = _Axes(shape, window_dimensions, window_strides, padding, base_dilation, window_dilation)
    recognised = _recognised(computation, arrays) if structure == tree.structure(0) else None
    if recognised is not None:
        return _reduced(recognised, arrays[0], inits[0], axes)
    return _folded(computation, arrays, inits, structure, axes)


def _array(x):
    return operand(x)


def _scalar(init, x):
    init = convert(operand(init), x.dtype)
    if np.shape(init):
        raise ShapeError(f"reduce_window: init_value is a scalar, got shape {np.shape(init)}")
    return init


class _Axes:
    """Windows, strides, paddings and dilations of all axes."""

    def __init__(self, shape, widths, strides, padding, base, dilation):
        name, rank = "reduce_window", len(shape)
        self.shape = shape
        self.widths = per_axis(name, "window_dimensions", widths, rank)
        self.strides = per_axis(name, "window_strides", strides, rank)
        self.base = per_axis(name, "base_dilation", base, rank)
        self.dilation = per_axis(name, "window_dilation", dilation, rank)
        if isinstance(padding, str):
            sizes = [dilated(n, d) for n, d in zip(shape, self.base, strict=True)]
            wide = [dilated(k, d) for k, d in zip(self.widths, self.dilation, strict=True)]
            self.pads = padtype_to_pads(sizes, wide, self.strides, padding)
        else:
            self.pads = pad_pairs(name, padding, rank)

    @property
    def windows(self):
        """A Window per axis, None where nothing slides."""
        rows = zip(
            self.shape, self.widths, self.strides, self.pads, self.base, self.dilation, strict=True
        )
        return tuple(
            None if (k, s, tuple(p), b) == (1, 1, (0, 0), 1) else window(n, k, s, p, b, d)
            for n, k, s, p, b, d in rows
        )


def _recognised(computation, arrays):
    """The primitive for a function of two scalars, or None."""
    (x,) = arrays
    scalar = ArrayType((), x.dtype)
    program, captured = trace(
        lambda a, b: [_array(computation(a, b))], (scalar, scalar), "tracing reduce_window"
    )
    if captured or len(program.equations) != 1:
        return None
    (equation,) = program.equations
    if set(equation.inputs) != set(program.inputs) or equation.outputs != program.outputs:
        return None
    word = equation.primitive.name
    if x.dtype.kind == "b":
        return _ON_TRUTHS.get(word) or _PRIMITIVES.get(word)
    kind = _PRIMITIVES.get(word)
    return kind if kind is not None and x.dtype.kind in kind.kinds else None


def _reduced(kind, x, init, axes):
    """The windows reduced by a primitive, then combined with what they begin with."""
    primitive = kind(axes.windows, axes.widths)
    result = primitive(x)
    if type(init) is not Tracer and init == primitive.identity(x.dtype):
        return result
    combine = {WindowSum: elementwise.add, WindowMax: elementwise.max, WindowMin: elementwise.min}
    return combine[kind](result, init)


def _folded(computation, arrays, inits, structure, axes):
    """The windows reduced by any function: along one axis after another, by doubling."""

    def combine(left, right):
        return tree.leaves(computation(structure.unflatten(left), structure.unflatten(right)))

    is_met = np.ones((), bool)
    for a, w in enumerate(axes.windows):
        if w is None:
            continue
        config = [(0, 0, 0)] * len(axes.shape)
        config[a] = (*axes.pads[a], axes.base[a] - 1)
        inside = pad(np.ones(axes.shape[a], bool), False, config[a : a + 1])
        runs = _Runs(a, [pad(x, i, config) for x, i in zip(arrays, inits, strict=True)], inside)
        runs = runs.folded(axes.widths[a], axes.dilation[a], combine)
        runs = runs.part(0, w.size, axes.strides[a])
        arrays = runs.arrays
        is_met = is_met & runs.along(runs.inside)
    wide = [Broadcast(tuple(x.shape), ())(i) for i, x in zip(inits, arrays, strict=True)]
    result = combine(wide, arrays)
    if not is_met.all():
        result = [where(is_met, y, i) for y, i in zip(result, wide, strict=True)]
    return structure.unflatten(result)


class _Runs:
    """Combined runs of elements along an axis, by where they begin.

    `inside` says for each place whether the run has any element, besides padding and holes.
    """

    def __init__(self, axis, arrays, inside):
        self.axis, self.arrays, self.inside = axis, arrays, inside

    def along(self, line):
        """A line as an array along the axis, to be broadcast."""
        shape = [1] * self.arrays[0].ndim
        shape[self.axis] = -1
        return line.reshape(shape)

    def part(self, start, count, step=1):
        """`count` of the runs, from one place on."""
        inside = self.inside[start:][: max(0, count - 1) * step + 1 : step][:count]
        parts = [_part(x, self.axis, start, count, step) for x in self.arrays]
        return _Runs(self.axis, parts, inside)

    def joined(self, other, combine):
        """Runs followed by others; where one has no element it is the other."""
        both, arrays = self.inside & other.inside, combine(self.arrays, other.arrays)
        if not both.all():
            both, first = self.along(both), self.along(self.inside)
            rows = zip(arrays, self.arrays, other.arrays, strict=True)
            arrays = [where(both, y, where(first, left, right)) for y, left, right in rows]
        return _Runs(self.axis, arrays, self.inside | other.inside)

    def folded(self, width, dilation, combine):
        """Runs of `width` elements, made of runs of 1, 2, 4, ... elements."""
        count = max(0, len(self.inside) - (width - 1) * dilation)
        result, taken, run, length = None, 0, self, 1
        while taken < width:
            step = length * dilation
            if width & length:
                piece = run.part(taken * dilation, count)
                result = piece if result is None else result.joined(piece, combine)
                taken += length
            if taken < width:
                shorter = max(0, len(run.inside) - step)
                run = run.part(0, shorter).joined(run.part(step, shorter), combine)
                length *= 2
        return result


def _part(x, axis, start, count, step=1):
    """`count` elements along an axis."""
    starts, stops, steps = [0] * x.ndim, list(x.shape), [1] * x.ndim
    start = min(start, x.shape[axis])
    starts[axis], steps[axis] = start, step
    stops[axis] = start + (count and (count - 1) * step + 1)
    if count == x.shape[axis]:
        return x
    return Slice(tuple(starts), tuple(stops), tuple(steps))(x)


def reduce_window_shape_tuple(
    operand_shape,
    window_dimensions,
    window_strides,
    padding,
    base_dilation=None,
    window_dilation=None,
):
    """The shape of what `reduce_window` returns.

    >>> reduce_window_shape_tuple((5, 6), (2, 2), (2, 2), [(0, 0), (1, 1)])
    (2, 4)
    """
    axes = _Axes(
        tuple(operand_shape),
        window_dimensions,
        window_strides,
        padding,
        base_dilation,
        window_dilation,
    )
    pairs = zip(axes.windows, operand_shape, strict=True)
    return tuple([int(n) if w is None else w.size for w, n in pairs])
