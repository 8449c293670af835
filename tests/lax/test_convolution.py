"""Convolutions against scipy.signal, by their options, and the errors of what does not fit."""

import numpy as np
import pytest
from samples.of_convolution import numbers
from scipy.signal import correlate

import fungrad.numpy as fnp
from fungrad import clear_caches, grad, jit, lax, vjp, vmap
from fungrad.compiler.convolution import products as compiled
from fungrad.lax import conv_general_dilated
from fungrad.testing import check_grads

X, W = numbers(2, 4, 7, 6), numbers(3, 4, 3, 2)


def inserted(x, steps):
    """The array with zeros between neighbours along its last axes."""
    shape = list(x.shape)
    place = [slice(None)] * x.ndim
    for a, step in zip(range(x.ndim - len(steps), x.ndim), steps, strict=True):
        shape[a] = max(0, (x.shape[a] - 1) * step + 1)
        place[a] = slice(None, None, step)
    result = np.zeros(shape, x.dtype)
    result[tuple(place)] = x
    return result


def expected(x, w, strides, pads, left=(1, 1), right=(1, 1), groups=1):
    """The convolution of (N, C, H, W) with (O, I, H, W) as sums of SciPy's correlations."""
    x, w = inserted(x, left), inserted(w, right)
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    made = len(w) // groups
    result = []
    for image in x:
        maps = []
        for o, kernel in enumerate(w):
            part = image[o // made * w.shape[1] :][: w.shape[1]]
            maps.append(sum(correlate(a, b, "valid") for a, b in zip(part, kernel, strict=True)))
        result.append(maps)
    return np.array(result)[:, :, :: strides[0], :: strides[1]]


@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((1, 2), (3, 0))])
@pytest.mark.parametrize("left, right", [((1, 1), (1, 1)), ((2, 3), (1, 2))])
def test_strides_padding_and_dilation(strides, pads, left, right):
    y = conv_general_dilated(X, W, strides, pads, left, right)
    np.testing.assert_allclose(y, expected(X, W, strides, pads, left, right), atol=1e-12)


def test_negative_padding_cuts_off():
    y = conv_general_dilated(X, W, (1, 1), [(-1, -2), (-1, 0)])
    np.testing.assert_allclose(y, expected(X[:, :, 1:-2, 1:], W, (1, 1), [(0, 0)] * 2), atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [5, 6, 7])
def test_same_padding_rounds_the_size_up(stride, size):
    x = X[:, :, :size]
    for name in ("SAME", "SAME_LOWER", "same"):
        assert conv_general_dilated(x, W, (stride, stride), name).shape[2] == -(-size // stride)
    with_zeros = conv_general_dilated(x, W, (1, 1), [(1, 1), (0, 1)])
    np.testing.assert_allclose(conv_general_dilated(x, W, (1, 1), "SAME"), with_zeros)


def test_feature_groups():
    w = numbers(6, 2, 3, 2)
    y = conv_general_dilated(X, w, (1, 1), "VALID", feature_group_count=2)
    np.testing.assert_allclose(y, expected(X, w, (1, 1), [(0, 0)] * 2, groups=2), atol=1e-12)


def test_batch_groups_pair_parts_of_the_batch_with_parts_of_the_kernel():
    w = numbers(6, 4, 3, 2)
    y = conv_general_dilated(X, w, (1, 1), "VALID", batch_group_count=2)
    parts = [
        conv_general_dilated(X[i : i + 1], w[3 * i : 3 * i + 3], (1, 1), "VALID") for i in (0, 1)
    ]
    np.testing.assert_allclose(y, np.concatenate(parts, 1), atol=1e-12)


@pytest.mark.parametrize(
    "names", [("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NHWC"), ("CWNH", "WOHI", "HNCW")]
)
def test_axes_by_name(names):
    left = X.transpose(["NCHW".index(c) for c in names[0]])
    right = W.transpose(["OIHW".index(c) for c in names[1]])
    spatial = "".join(c for c in names[1] if c not in "OI")
    strides = tuple({"H": 2, "W": 1}[c] for c in spatial)
    plain = conv_general_dilated(X, W, (2, 1), "SAME")
    wanted = plain.transpose(["NCHW".index(c) for c in names[2]])
    for call in (conv_general_dilated, jit(conv_general_dilated, static_argnums=(2, 3, 4, 5, 6))):
        y = call(left, right, strides, "SAME", None, None, names)
        np.testing.assert_allclose(y, wanted, atol=1e-12)


@pytest.mark.parametrize("part", [1, 3000, 1 << 20])
def test_compiled_loops_over_images_and_parts_give_what_one_turn_gives(part, monkeypatch, tmp_path):
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled, "_BYTES_AT_A_TIME", 1)
    monkeypatch.setattr(compiled, "_BYTES_OF_A_PART", part)
    clear_caches()
    turned = ("NHWC", "HWIO", "NHWC")
    x, w = (numbers(*v.shape, dtype=complex) for v in (X, W))  # tiles are for real numbers
    last = x.transpose(0, 2, 3, 1).copy(), w.transpose(2, 3, 1, 0).copy()
    for operands, strides, layout, groups in (
        ((x, numbers(6, 2, 3, 2, dtype=complex)), (2, 1), None, 2),
        (last, (1, 1), turned, 1),
    ):

        def with_cotangents(*v):
            y, back = vjp(
                lambda *v: conv_general_dilated(
                    *v,
                    strides,
                    "SAME",
                    None,
                    None,
                    layout,
                    feature_group_count=groups,  # noqa: B023
                ),
                *v,
            )
            return y, *back(y)

        found, expected = jit(with_cotangents)(*operands), with_cotangents(*operands)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-11)
    clear_caches()


def test_many_images_are_convolved_in_parts(monkeypatch):
    from fungrad.primitives import convolution

    whole = conv_general_dilated(X, W, (1, 1), "SAME")
    monkeypatch.setattr(convolution, "_BYTES_AT_A_TIME", 1)
    np.testing.assert_allclose(conv_general_dilated(X, W, (1, 1), "SAME"), whole, atol=1e-12)


def test_long_lines_are_added_up_in_pieces():
    """The compiled loops, for real, complex and whole numbers, and the sums over a line."""
    line, kernel = numbers(2100), numbers(40)
    for dtype in (float, complex, int):
        a, v = (10 * line).astype(dtype), (10 * kernel).astype(dtype)
        np.testing.assert_allclose(jit(fnp.convolve)(a, v), np.convolve(a, v), atol=1e-9)
    slope = jit(grad(lambda v: (fnp.convolve(line, v, "valid") * line[39:]).sum()))(kernel)
    np.testing.assert_allclose(slope, np.correlate(line, line[39:], "valid")[::-1], atol=1e-9)


def test_batches_of_kernels_and_images():
    kernels = numbers(5, 3, 4, 3, 2)
    y = vmap(lambda w: lax.conv(X, w, (1, 1), "SAME"))(kernels)
    for one, w in zip(y, kernels, strict=True):
        np.testing.assert_allclose(one, lax.conv(X, w, (1, 1), "SAME"), atol=1e-12)


def test_preferred_element_type():
    x, w = np.full((1, 1, 4), 100, np.int8), np.full((1, 1, 2), 100, np.int8)
    y = conv_general_dilated(x, w, (1,), "VALID", preferred_element_type=np.int32)
    assert y.dtype == np.int32 and (y == 20_000).all()


def test_conv_transpose_is_the_gradient_of_a_convolution():
    """With consistent padding, and the kernel turned round."""
    from fungrad import linear_transpose

    w, x = numbers(3, 2, 4, 5), numbers(2, 7, 9, 4)
    names, pads = ("NHWC", "HWIO", "NHWC"), [(1, 1), (0, 1)]

    def forward(x):
        return conv_general_dilated(x, w, (2, 2), pads, dimension_numbers=names)

    c = numbers(*forward(x).shape)
    (back,) = linear_transpose(forward, x)(c)
    y = lax.conv_transpose(c, w, (2, 2), pads, transpose_kernel=True, use_consistent_padding=True)
    np.testing.assert_allclose(y, back[:, : y.shape[1], : y.shape[2]], atol=1e-12)
    assert lax.conv_transpose(x, numbers(3, 3, 4, 5), (2, 3), "SAME").shape == (2, 14, 27, 5)


def test_patches_times_a_kernel_are_a_convolution():
    patches = lax.conv_general_dilated_patches(
        X, (3, 2), (2, 1), [(1, 0), (0, 1)], rhs_dilation=(1, 2)
    )
    y = lax.conv_general_dilated(X, W, (2, 1), [(1, 0), (0, 1)], rhs_dilation=(1, 2))
    wanted = np.einsum("npij,op->noij", patches, W.reshape(3, -1))
    np.testing.assert_allclose(y, wanted, atol=1e-12)
    local = lax.conv_general_dilated_local(
        X,
        np.broadcast_to(W.reshape(3, -1)[..., None, None], (3, *patches.shape[1:])),
        (2, 1),
        [(1, 0), (0, 1)],
        (3, 2),
        rhs_dilation=(1, 2),
    )
    np.testing.assert_allclose(local, y, atol=1e-12)


@pytest.mark.parametrize("transform", [lambda f: f, jit], ids=["eager", "compiled"])
def test_derivatives(transform):
    def f(x, w):
        return conv_general_dilated(
            x, w, (2, 1), "SAME", rhs_dilation=(1, 2), feature_group_count=2
        )

    check_grads(transform(f), (X[:1, :, :4, :3], numbers(2, 2, 2, 2)), order=2)
    check_grads(
        transform(lambda x: lax.conv_general_dilated_patches(x, (2, 2), (1, 2), "SAME")),
        (X[:1, :1, :3, :3],),
        order=1,
    )


BAD = [
    (dict(rhs=numbers(3, 5, 3, 2)), ValueError, "4 // 1 != 5; the shapes are (2, 4, 7, 6)"),
    (dict(rhs=numbers(3, 4, 3)), ValueError, "equal rank, got shapes (2, 4, 7, 6) and (3, 4, 3)"),
    (
        dict(window_strides=(1,)),
        ValueError,
        "window_strides must have one entry for each of 2 axes",
    ),
    (dict(window_strides=(1, 0)), ValueError, "window_strides must be at least 1"),
    (dict(padding="FULL"), ValueError, "'VALID', 'SAME' or 'SAME_LOWER', got 'FULL'"),
    (dict(padding=[(0, 0)]), TypeError, "explicit pads: expected 2, got 1"),
    (dict(lhs_dilation=(2, 2)), ValueError, "use conv_transpose"),
    (dict(feature_group_count=3), ValueError, "3 does not divide 4"),
    (dict(feature_group_count=2), ValueError, "4 // 2 != 4"),
    (dict(batch_group_count=2), ValueError, "batch_group_count must divide the batch dimension 2"),
    (dict(feature_group_count=2, batch_group_count=2), ValueError, "one of them is 1"),
    (dict(dimension_numbers=("NHWC", "HWIO")), TypeError, "must be length 3, got 2"),
    (dict(dimension_numbers=("NHWX", "HWIO", "NHWC")), TypeError, "'N' and 'C' exactly once"),
    (dict(dimension_numbers=("NHWC", "HDIO", "NHWC")), TypeError, "same spatial characters"),
    (dict(dimension_numbers=("NWC", "WIO", "NWC")), TypeError, "length of the rank 4, got 'NWC'"),
]


@pytest.mark.parametrize("changed, error, message", BAD, ids=lambda v: str(v)[:40])
def test_what_does_not_fit_is_refused(changed, error, message):
    given = dict(lhs=X, rhs=W, window_strides=(1, 1), padding="SAME")
    with pytest.raises(error) as raised:
        conv_general_dilated(**{**given, **changed})
    assert message in str(raised.value)
