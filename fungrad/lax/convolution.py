"""Convolutions under the names and arguments of `jax.lax`."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.lax.arrays import pad, reshape, rev, transpose
from fungrad.lax.dimension_numbers import (
    conv_dimension_numbers,
    dilated,
    pad_pairs,
    padtype_to_pads,
    per_axis,
    require_equal_ranks,
    transposed_pads,
    window,
)
from fungrad.numpy.creation import operand
from fungrad.numpy.promotion import convert, promote
from fungrad.primitives.contraction import Contract
from fungrad.primitives.convolution import Convolve
from fungrad.primitives.indexing import Gather
from fungrad.primitives.movement import Iota


def _numbers(lhs, rhs, given):
    """The dimension numbers of two operands, checked to be permutations of their axes."""
    require_equal_ranks("conv_general_dilated", lhs, rhs)
    numbers = conv_dimension_numbers(lhs.shape, rhs.shape, given)
    for spec in numbers:
        if sorted(spec) != list(range(lhs.ndim)):
            raise ShapeError(f"conv_general_dilated: {spec} does not order {lhs.ndim} axes")
    return numbers


def _pads(name, sizes, widths, strides, padding, left, right):
    """The padding as pairs; `widths` are those of the kernel, not dilated."""
    if not isinstance(padding, str):
        return pad_pairs(name, padding, len(sizes))
    if any(d != 1 for d in left) and padding.upper() != "VALID":
        raise ValueError(
            f"{name}: padding {padding!r} is not defined together with lhs_dilation {left}; give "
            "pairs (low, high), or use conv_transpose"
        )
    wide = [dilated(k, d) for k, d in zip(widths, right, strict=True)]
    return padtype_to_pads(sizes, wide, strides, padding)


def conv_general_dilated(
    lhs,
    rhs,
    window_strides,
    padding,
    lhs_dilation=None,
    rhs_dilation=None,
    dimension_numbers=None,
    feature_group_count=1,
    batch_group_count=1,
    precision=None,
    preferred_element_type=None,
    out_sharding=None,
):
    """The convolution (as machine learning has it: a correlation) of images with a kernel.

    Args:
        lhs: images, of axes (N, C, spatial...) unless `dimension_numbers` says otherwise.
        rhs: the kernel, of axes (O, I, spatial...).
        window_strides: steps from one output element to the next, one per spatial axis.
        padding: "SAME", "SAME_LOWER", "VALID", or a pair (low, high) per spatial axis; negative
            numbers cut off.
        lhs_dilation, rhs_dilation: distances of neighbours, with zeros between them.
        dimension_numbers: three strings such as ("NHWC", "HWIO", "NHWC"), ConvDimensionNumbers,
            or None for NCHW, OIHW, NCHW.
        feature_group_count: input and output features fall into as many groups, convolved each
            for itself; the features of `lhs` are that many times those of `rhs`.
        batch_group_count: the batch and the output features fall into as many groups.
        preferred_element_type: the dtype in which products are added and returned.
        precision, out_sharding: without effect.

    Raises:
        ShapeError, TypeError, ValueError: shapes, groups or paddings do not fit.

    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> conv_general_dilated(x, np.array([[[1.0, 0.0, -1.0]]]), (1,), "SAME")
    array([[[-1., -2., -2., -2.,  3.]]])
    """
    name = "conv_general_dilated"
    lhs, rhs = promote(operand(lhs), operand(rhs))
    if preferred_element_type is not None:
        lhs, rhs = (convert(v, np.dtype(preferred_element_type)) for v in (lhs, rhs))
    numbers = _numbers(lhs, rhs, dimension_numbers)
    rank = lhs.ndim - 2
    strides = per_axis(name, "window_strides", window_strides, rank)
    left = per_axis(name, "lhs_dilation", lhs_dilation, rank)
    right = per_axis(name, "rhs_dilation", rhs_dilation, rank)
    sizes = [lhs.shape[a] for a in numbers.lhs_spec[2:]]
    widths = [rhs.shape[a] for a in numbers.rhs_spec[2:]]
    pads = _pads(name, sizes, widths, strides, padding, left, right)
    windows = tuple(map(window, sizes, widths, strides, pads, left, right))
    groups = int(feature_group_count), int(batch_group_count)
    _require_groups(lhs, rhs, numbers, groups)
    return _convolved(lhs, rhs, numbers, windows, groups)


def _require_groups(lhs, rhs, numbers, groups):
    """Errors unless features and batch fall into the groups."""
    name, (of_features, of_batch) = "conv_general_dilated", groups
    batch, features = (lhs.shape[a] for a in numbers.lhs_spec[:2])
    made, taken = (rhs.shape[a] for a in numbers.rhs_spec[:2])
    if of_features < 1 or of_batch < 1 or (of_features > 1 and of_batch > 1):
        raise ValueError(
            f"{name}: feature_group_count and batch_group_count are at least 1, and one of them "
            f"is 1; got {of_features} and {of_batch}"
        )
    if features % of_features:
        raise ShapeError(
            f"{name}: feature_group_count must divide the feature dimension of lhs, but "
            f"{of_features} does not divide {features}; lhs has shape {lhs.shape}"
        )
    if features // of_features != taken:
        raise ShapeError(
            f"{name}: the feature dimension of lhs divided by feature_group_count must equal the "
            f"input feature dimension of rhs, but {features} // {of_features} != {taken}; the "
            f"shapes are {lhs.shape} and {rhs.shape}, the dimension numbers {tuple(numbers)}"
        )
    if made % of_features:
        raise ShapeError(
            f"{name}: feature_group_count must divide the output feature dimension of rhs, but "
            f"{of_features} does not divide {made}; rhs has shape {rhs.shape}"
        )
    if batch % of_batch or made % of_batch:
        raise ShapeError(
            f"{name}: batch_group_count must divide the batch dimension {batch} of lhs and the "
            f"output feature dimension {made} of rhs, got {of_batch}"
        )


def _convolved(lhs, rhs, numbers, windows, groups):
    """The convolution; an axis that falls into groups is split into (group, member)."""
    rank = len(windows)
    batch, features, made, group = rank, rank + 1, rank + 2, rank + 3
    left, right, out = [None] * lhs.ndim, [None] * lhs.ndim, [None] * lhs.ndim
    roles = ((batch, features), (made, features), (batch, made))
    for labels, spec, role in zip((left, right, out), numbers, roles, strict=True):
        for axis, label in zip(spec, (*role, *range(rank)), strict=True):
            labels[axis] = label
    count = max(groups)
    if count > 1:
        split = features if groups[0] > 1 else batch
        lhs, left = _split(lhs, left, split, group, count)
        rhs, right = _split(rhs, right, made, group, count)
        at = out.index(made)
        out = [*out[:at], group, *out[at:]]
    result = Convolve(tuple(left), tuple(right), tuple(out), windows)(lhs, rhs)
    if count == 1:
        return result
    at = out.index(group)
    shape = result.shape
    return reshape(result, (*shape[:at], shape[at] * shape[at + 1], *shape[at + 2 :]))


def _split(x, labels, label, group, count):
    """The array with an axis split into groups, and its labels."""
    at, shape = labels.index(label), x.shape
    split = reshape(x, (*shape[:at], count, shape[at] // count, *shape[at + 1 :]))
    return split, [*labels[:at], group, *labels[at:]]


def conv(lhs, rhs, window_strides, padding, precision=None, preferred_element_type=None):
    """`conv_general_dilated` of (N, C, spatial...) with (O, I, spatial...), without dilation.

    >>> conv(np.ones((1, 2, 4)), np.ones((3, 2, 2)), (2,), "VALID").shape
    (1, 3, 2)
    """
    return conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )


def conv_with_general_padding(
    lhs,
    rhs,
    window_strides,
    padding,
    lhs_dilation,
    rhs_dilation,
    precision=None,
    preferred_element_type=None,
):
    """`conv_general_dilated` of (N, C, spatial...) with (O, I, spatial...).

    >>> x, w = np.ones((1, 2, 4)), np.ones((3, 2, 2))
    >>> conv_with_general_padding(x, w, (1,), [(1, 1)], (2,), None).shape
    (1, 3, 8)
    """
    return conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation=lhs_dilation,
        rhs_dilation=rhs_dilation,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )


_CHANNELS_LAST = {
    2: ("NC", "IO", "NC"),
    3: ("NHC", "HIO", "NHC"),
    4: ("NHWC", "HWIO", "NHWC"),
    5: ("NHWDC", "HWDIO", "NHWDC"),
}


def conv_transpose(
    lhs,
    rhs,
    strides,
    padding,
    rhs_dilation=None,
    dimension_numbers=None,
    transpose_kernel=False,
    precision=None,
    preferred_element_type=None,
    use_consistent_padding=False,
):
    """The convolution with fractional strides, which enlarges images `strides` times.

    "SAME" and "VALID" mean the padding of the convolution that it transposes; so do pairs with
    `use_consistent_padding`, while without it they pad the dilated images themselves. The axes are
    by default (N, spatial..., C), (spatial..., I, O), (N, spatial..., C). With `transpose_kernel`
    the kernel is turned round along its spatial axes, and its features are exchanged.

    >>> conv_transpose(np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 5)), (2, 2), "SAME").shape
    (1, 8, 8, 5)
    """
    name = "conv_transpose"
    lhs, rhs = operand(lhs), operand(rhs)
    if dimension_numbers is None:
        if lhs.ndim not in _CHANNELS_LAST:
            raise ValueError(f"{name}: no default dimension_numbers for rank {lhs.ndim}")
        dimension_numbers = _CHANNELS_LAST[lhs.ndim]
    numbers = _numbers(lhs, rhs, dimension_numbers)
    rank = lhs.ndim - 2
    strides = per_axis(name, "strides", strides, rank)
    right = per_axis(name, "rhs_dilation", rhs_dilation, rank)
    wide = [dilated(rhs.shape[a], d) for a, d in zip(numbers.rhs_spec[2:], right, strict=True)]
    if isinstance(padding, str):
        pads = [transposed_pads(k, s, padding) for k, s in zip(wide, strides, strict=True)]
    else:
        pads = pad_pairs(name, padding, rank)
        if use_consistent_padding:
            pads = [(k - 1 - a, k - 1 - b) for k, (a, b) in zip(wide, pads, strict=True)]
    if transpose_kernel:
        rhs = rev(rhs, numbers.rhs_spec[2:])
        made, taken, *spatial = numbers.rhs_spec
        numbers = numbers._replace(rhs_spec=(taken, made, *spatial))
    return conv_general_dilated(
        lhs,
        rhs,
        (1,) * rank,
        pads,
        lhs_dilation=strides,
        rhs_dilation=right,
        dimension_numbers=numbers,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )


# ---- patches


def _patches(lhs, filter_shape, strides, padding, left, right, dimension_numbers):
    """The windows as (N, C, filter..., spatial...), and the dimension numbers."""
    name = "conv_general_dilated_patches"
    rank = lhs.ndim - 2
    filter_shape = per_axis(name, "filter_shape", filter_shape, rank)
    numbers = conv_dimension_numbers(lhs.shape, (1, 1, *filter_shape), dimension_numbers)
    strides = per_axis(name, "window_strides", strides, rank)
    left = per_axis(name, "lhs_dilation", left, rank)
    right = per_axis(name, "rhs_dilation", right, rank)
    x = transpose(lhs, numbers.lhs_spec)
    pads = _pads(name, x.shape[2:], filter_shape, strides, padding, left, right)
    windows = tuple(map(window, x.shape[2:], filter_shape, strides, pads, left, right))
    holes = [(low, high, d - 1) for (low, high), d in zip(pads, left, strict=True)]
    x = pad(x, x.dtype.type(0), [(0, 0, 0), (0, 0, 0), *holes])
    shape = (*filter_shape, *[w.size for w in windows])
    places = []
    for axis, w in enumerate(windows):
        element, place = (Iota(shape, np.dtype(np.int64), a)() for a in (axis, rank + axis))
        places.append(place * w.out + element * w.right)
    if not x.size * np.prod(shape, dtype=int):
        return np.zeros((*x.shape[:2], *shape), x.dtype), numbers
    gathered = Gather(tuple(range(2, rank + 2)), "clip")(x, *places) if rank else x
    return transpose(gathered, (2 * rank, 2 * rank + 1, *range(2 * rank))), numbers


def conv_general_dilated_patches(
    lhs,
    filter_shape,
    window_strides,
    padding,
    lhs_dilation=None,
    rhs_dilation=None,
    dimension_numbers=None,
    precision=None,
    preferred_element_type=None,
):
    """The part of the images that a kernel of a shape meets at each place, as its features.

    The arguments are those of `conv_general_dilated`. The features of the result are those of
    `lhs`, each followed by the elements of its patch.

    >>> x = np.arange(4.0).reshape(1, 1, 4)
    >>> conv_general_dilated_patches(x, (2,), (1,), "VALID")
    array([[[0., 1., 2.],
            [1., 2., 3.]]])
    """
    lhs = operand(lhs)
    if preferred_element_type is not None:
        lhs = convert(lhs, np.dtype(preferred_element_type))
    patches, numbers = _patches(
        lhs, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers
    )
    rank = lhs.ndim - 2
    spatial = patches.shape[2 + rank :]
    flat = reshape(patches, (patches.shape[0], int(np.prod(patches.shape[1 : 2 + rank])), *spatial))
    return transpose(flat, tuple(np.argsort(numbers.out_spec).tolist()))


def conv_general_dilated_local(
    lhs,
    rhs,
    window_strides,
    padding,
    filter_shape,
    lhs_dilation=None,
    rhs_dilation=None,
    dimension_numbers=None,
    precision=None,
):
    """The convolution with a kernel of its own at each place of the output.

    `rhs` has along its spatial axes the places of the output, and along its input features those
    of `conv_general_dilated_patches`.

    >>> x, w = np.arange(4.0).reshape(1, 1, 4), np.ones((1, 2, 3))
    >>> conv_general_dilated_local(x, w, (1,), "VALID", (2,))
    array([[[1., 3., 5.]]])
    """
    lhs, rhs = promote(operand(lhs), operand(rhs))
    patches, numbers = _patches(
        lhs, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers
    )
    rank = lhs.ndim - 2
    spatial = tuple(patches.shape[2 + rank :])
    features = int(np.prod(patches.shape[1 : 2 + rank]))
    rhs = transpose(rhs, numbers.rhs_spec)
    if rhs.shape[1:] != (features, *spatial):
        raise ShapeError(
            f"conv_general_dilated_local: rhs has input features and places {rhs.shape[1:]}, but "
            f"the patches of lhs have {(features, *spatial)}"
        )
    flat = reshape(patches, (patches.shape[0], features, *spatial))
    places = tuple(range(rank))
    batch, inner, made = rank, rank + 1, rank + 2
    out = [None] * lhs.ndim
    for axis, label in zip(numbers.out_spec, (batch, made, *places), strict=True):
        out[axis] = label
    return Contract((batch, inner, *places), (made, inner, *places), tuple(out))(flat, rhs)
