"""What the axes of a convolution are, how much it pads, and the shapes that follow."""

from typing import NamedTuple

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.primitives.windows import Window


class ConvDimensionNumbers(NamedTuple):
    """The axes of a convolution, as `jax.lax.ConvDimensionNumbers`.

    `lhs_spec` and `out_spec` are the axes of (batch, features, spatial...), `rhs_spec` those of
    (output features, input features, spatial...).
    """

    lhs_spec: tuple
    rhs_spec: tuple
    out_spec: tuple


ConvGeneralDilatedDimensionNumbers = None | ConvDimensionNumbers | tuple


def conv_general_permutations(dimension_numbers):
    """The axes that three strings such as ("NHWC", "HWIO", "NHWC") name.

    Spatial axes come in the order of their letters in the second string.

    >>> conv_general_permutations(("NHWC", "HWIO", "NHWC"))
    ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    """
    specs = tuple(dimension_numbers)
    for i, (spec, pair) in enumerate(zip(specs, ("NC", "OI", "NC"), strict=True)):
        for letter in pair:
            if spec.count(letter) != 1:
                raise TypeError(
                    f"convolution dimension_numbers[{i}] must contain the characters {pair[0]!r} "
                    f"and {pair[1]!r} exactly once, got {spec}"
                )
        if len(set(spec)) != len(spec):
            raise TypeError(
                f"convolution dimension_numbers[{i}] cannot have duplicate characters, got {spec}"
            )
    spatial = [c for c in specs[1] if c not in "OI"]
    for i, (spec, pair) in enumerate(zip(specs, ("NC", "OI", "NC"), strict=True)):
        if sorted(c for c in spec if c not in pair) != sorted(spatial):
            raise TypeError(
                f"convolution dimension_numbers must have the same spatial characters, got "
                f"{specs[1]} and, at {i}, {spec}"
            )
    return tuple(
        tuple([spec.index(c) for c in (*pair, *spatial)])
        for spec, pair in zip(specs, ("NC", "OI", "NC"), strict=True)
    )


def conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers):
    """The ConvDimensionNumbers of what `dimension_numbers` of a convolution may be.

    None stands for ("NCHW", "OIHW", "NCHW") with as many spatial axes as there are.

    >>> conv_dimension_numbers((1, 2, 5), (3, 2, 3), None).rhs_spec
    (0, 1, 2)
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    rank = len(lhs_shape)
    if rank != len(rhs_shape):
        raise TypeError(
            f"convolution requires lhs and rhs ndim to be equal, got {rank} and {len(rhs_shape)}"
        )
    if rank < 2:
        raise TypeError(f"convolution needs a batch axis and a feature axis, got rank {rank}")
    if dimension_numbers is None:
        order = tuple(range(rank))
        return ConvDimensionNumbers(order, order, order)
    if not isinstance(dimension_numbers, tuple | list):
        raise TypeError(
            "convolution dimension_numbers must be a tuple of three strings, "
            f"ConvDimensionNumbers or None, got {dimension_numbers!r}"
        )
    if len(dimension_numbers) != 3:
        raise TypeError(
            "convolution dimension_numbers list/tuple must be length 3, "
            f"got {len(dimension_numbers)}"
        )
    if not all(isinstance(spec, str) for spec in dimension_numbers):
        return ConvDimensionNumbers(*[tuple(map(int, spec)) for spec in dimension_numbers])
    for i, spec in enumerate(dimension_numbers):
        if len(spec) != rank:
            raise TypeError(
                f"convolution dimension_numbers[{i}] must have the length of the rank {rank}, "
                f"got {spec!r}"
            )
    return ConvDimensionNumbers(*conv_general_permutations(dimension_numbers))


def padtype_to_pads(in_shape, window_shape, window_strides, padding):
    """The pairs (low, high) that "SAME", "SAME_LOWER" or "VALID" stand for, one per axis.

    "SAME" makes the output as large as the input divided by the stride, rounded up; an odd zero
    goes to the end, with "SAME_LOWER" to the beginning.

    >>> padtype_to_pads((5, 6), (3, 4), (1, 1), "SAME")
    [(1, 1), (1, 2)]
    """
    name = padding.upper() if isinstance(padding, str) else padding
    if name == "VALID":
        return [(0, 0)] * len(in_shape)
    if name not in ("SAME", "SAME_LOWER"):
        raise ValueError(
            f"unrecognized padding type: expected 'VALID', 'SAME' or 'SAME_LOWER', got {padding!r}"
        )
    pads = []
    for n, width, stride in zip(in_shape, window_shape, window_strides, strict=True):
        total = max(0, (-(-n // stride) - 1) * stride + width - n)
        small, large = total // 2, total - total // 2
        pads.append((small, large) if name == "SAME" else (large, small))
    return pads


def dilated(n, dilation):
    """The size of an axis with dilation - 1 holes between neighbours."""
    return 0 if n == 0 else (n - 1) * dilation + 1


def window(n, width, stride, pads, left, right):
    """The Window of an axis of size n with padding, a stride, and both dilations."""
    low, high = pads
    size = max(0, (dilated(n, left) + low + high - dilated(width, right)) // stride + 1)
    return Window(size, left, stride, right, -low)


def per_axis(name, what, values, rank, default=1):
    """One whole number per axis, at least 1; None stands for the default."""
    values = (default,) * rank if values is None else tuple(values)
    if len(values) != rank:
        raise ValueError(
            f"{name}: {what} must have one entry for each of {rank} axes, got {len(values)}: "
            f"{values}"
        )
    values = tuple([int(v) for v in values])
    if any(v < 1 for v in values):
        raise ValueError(f"{name}: {what} must be at least 1 along every axis, got {values}")
    return values


def pad_pairs(name, padding, rank):
    """The pairs of an explicit padding."""
    pairs = [tuple(pair) for pair in padding]
    if len(pairs) != rank:
        raise TypeError(f"{name}: wrong number of explicit pads: expected {rank}, got {len(pairs)}")
    if any(len(pair) != 2 for pair in pairs):
        raise TypeError(f"{name}: padding must be pairs (low, high), got {padding}")
    return [(int(low), int(high)) for low, high in pairs]


# ---- shapes


def _conv_shape(lhs, rhs, strides, pads):
    """The shape of a convolution in the order (batch, features, spatial...)."""
    if isinstance(pads, str):
        pads = padtype_to_pads(lhs[2:], rhs[2:], strides, pads)
    spatial = [
        window(n, k, s, p, 1, 1).size
        for n, k, s, p in zip(lhs[2:], rhs[2:], strides, pads, strict=True)
    ]
    return lhs[0], rhs[0], *spatial


def conv_shape_tuple(lhs_shape, rhs_shape, strides, pads, batch_group_count=1):
    """The shape of a convolution of (N, C, spatial...) with (O, I, spatial...).

    >>> conv_shape_tuple((1, 3, 5, 6), (4, 3, 3, 3), (2, 1), "VALID")
    (1, 4, 2, 4)
    """
    batch, *rest = _conv_shape(tuple(lhs_shape), tuple(rhs_shape), strides, pads)
    if batch % batch_group_count:
        raise ValueError(f"batch_group_count {batch_group_count} does not divide {batch}")
    return batch // batch_group_count, *rest


def _shape_by_numbers(function, lhs_shape, rhs_shape, strides, padding, dimension_numbers):
    left, right, out = conv_general_permutations(dimension_numbers)
    lhs, rhs = tuple(np.take(lhs_shape, left)), tuple(np.take(rhs_shape, right))
    shape = function(lhs, rhs, strides, padding)
    return tuple([int(shape[i]) for i in np.argsort(out)])


def conv_general_shape_tuple(lhs_shape, rhs_shape, window_strides, padding, dimension_numbers):
    """The shape of a convolution with axes named by strings.

    >>> conv_general_shape_tuple((1, 5, 6, 2), (3, 3, 2, 4), (2, 1), "SAME", ("NHWC", "HWIO", "NHWC"))
    (1, 3, 6, 4)
    """
    return _shape_by_numbers(
        _conv_shape, lhs_shape, rhs_shape, window_strides, padding, dimension_numbers
    )


def conv_transpose_shape_tuple(lhs_shape, rhs_shape, window_strides, padding, dimension_numbers):
    """The shape of a transposed convolution with axes named by strings.

    >>> conv_transpose_shape_tuple((1, 5, 2), (3, 2, 4), (2,), "SAME", ("NHC", "HIO", "NHC"))
    (1, 10, 4)
    """

    def shape(lhs, rhs, strides, padding):
        if isinstance(padding, str):
            pairs = zip(rhs[2:], strides, strict=True)
            padding = [transposed_pads(k, s, padding) for k, s in pairs]
        spatial = [
            window(n, k, 1, p, s, 1).size
            for n, k, s, p in zip(lhs[2:], rhs[2:], strides, padding, strict=True)
        ]
        return lhs[0], rhs[0], *spatial

    return _shape_by_numbers(
        shape, lhs_shape, rhs_shape, window_strides, padding, dimension_numbers
    )


def transposed_pads(width, stride, padding):
    """The padding of a transposed convolution whose forward one has "SAME" or "VALID".

    The output has `stride` times the size of the input with "SAME".
    """
    name = padding.upper()
    if name == "SAME":
        total = width + stride - 2
        low = width - 1 if stride > width - 1 else -(-total // 2)
    elif name == "VALID":
        total = width + stride - 2 + max(width - stride, 0)
        low = width - 1
    else:
        raise ValueError(f"conv_transpose: padding is 'SAME', 'VALID' or pairs, got {padding!r}")
    return low, total - low


def require_equal_ranks(name, lhs, rhs):
    """ShapeError unless both operands have the same rank."""
    if lhs.ndim != rhs.ndim:
        raise ShapeError(
            f"{name} requires lhs and rhs of equal rank, got shapes {lhs.shape} and {rhs.shape}"
        )
