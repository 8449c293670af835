"""A convolution over 1 to 3 dimensions, channels last."""

from fungrad import lax, random
from fungrad.core.errors import ShapeError
from fungrad.nn import initializers
from fungrad.nn.activations import as_floats
from fungrad.nn.checking import require_features

_LETTERS = "DHW"


def layout(name, x, rank):
    """The dimension numbers of a window of a rank; ShapeError where `x` has other axes."""
    if not 1 <= rank <= 3 or x.ndim != rank + 2:
        raise ShapeError(
            f"{name}: a window of {rank} dimensions takes (batch, {rank} positions, channels), got "
            f"shape {tuple(x.shape)}"
        )
    places = _LETTERS[3 - rank :]
    return f"N{places}C", f"{places}IO", f"N{places}C"


def per_dimension(value, rank):
    """A number for each dimension, where one is given for all."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def init(
    key, window, inputs, outputs, *, groups=1, weight=None, bias=initializers.zeros, dtype=None
):
    """The parameters {"w": (*window, inputs // groups, outputs), "b": (outputs,)}.

    `weight` and `bias` are initialisers, `lecun_normal` and `zeros` by default; with None for
    `bias` there is none. ValueError where the channels do not fall into the groups.

    >>> init(random.key(0), (3, 3), 1, 8)["w"].shape
    (3, 3, 1, 8)
    """
    if inputs % groups or outputs % groups:
        raise ValueError(f"conv: {inputs} and {outputs} channels do not fall into {groups} groups")
    weight = initializers.lecun_normal() if weight is None else weight
    for_weight, for_bias = random.split(key)
    params = {"w": weight(for_weight, (*window, inputs // groups, outputs), dtype)}
    if bias is not None:
        params["b"] = bias(for_bias, (outputs,), dtype)
    return params


def apply(params, x, *, strides=1, padding="SAME", dilation=1, groups=1):
    """The convolution of (batch, positions..., channels) with the window, plus b.

    Args:
        strides, dilation: an int, or one for each dimension.
        padding: "SAME", "VALID", or a pair (low, high) for each dimension.
        groups: as in `init`.

    >>> params = {"w": np.ones((2, 1, 1)), "b": np.zeros(1)}
    >>> apply(params, np.array([[[1.0], [2.0], [4.0]]]), padding="VALID").ravel()
    array([3., 6.])
    """
    x, w = as_floats(x), params["w"]
    rank = w.ndim - 2
    numbers = layout("conv", x, rank)
    require_features("conv", x, w.shape[-2] * groups)
    y = lax.conv_general_dilated(
        x,
        w,
        per_dimension(strides, rank),
        padding,
        rhs_dilation=per_dimension(dilation, rank),
        dimension_numbers=numbers,
        feature_group_count=groups,
    )
    return y + params["b"] if "b" in params else y
