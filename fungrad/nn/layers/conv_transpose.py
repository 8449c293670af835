"""A transposed convolution, which enlarges by its strides; channels last."""

from fungrad import lax
from fungrad.nn.activations import as_floats
from fungrad.nn.checking import require_features
from fungrad.nn.layers import conv


def init(key, window, inputs, outputs, **options):
    """The parameters {"w": (*window, inputs, outputs), "b": (outputs,)}, as `conv.init` has them.

    >>> init(fungrad.random.key(0), (2, 2), 8, 1)["w"].shape
    (2, 2, 8, 1)
    """
    return conv.init(key, window, inputs, outputs, **options)


def apply(params, x, *, strides=1, padding="SAME", dilation=1):
    """The convolution of `x`, with zeros between its elements, plus b: `lax.conv_transpose`.

    With "SAME" each dimension of the result is `strides` times as large.

    >>> params = {"w": np.array([1.0, 10.0]).reshape(2, 1, 1)}
    >>> apply(params, np.array([[[1.0], [2.0]]]), strides=2).ravel()
    array([10.,  1., 20.,  2.])
    """
    x, w = as_floats(x), params["w"]
    rank = w.ndim - 2
    numbers = conv.layout("conv_transpose", x, rank)
    require_features("conv_transpose", x, w.shape[-2])
    y = lax.conv_transpose(
        x,
        w,
        conv.per_dimension(strides, rank),
        padding,
        rhs_dilation=conv.per_dimension(dilation, rank),
        dimension_numbers=numbers,
    )
    return y + params["b"] if "b" in params else y
