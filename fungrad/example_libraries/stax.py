"""Networks from layers that are pairs of functions, as in `jax.example_libraries.stax`.

A layer is `init(key, input_shape) -> (output_shape, params)` and `apply(params, inputs, **kwargs)`.
The size of the batch in a shape may be -1: whatever it will be. The names of JAX are kept: what
makes a layer is written as a class is, what has no settings is a layer itself.

>>> import numpy as np
>>> from fungrad import random
>>> init, apply = serial(Dense(32), Relu, Dense(10), LogSoftmax)
>>> shape, params = init(random.PRNGKey(0), (-1, 28 * 28))
>>> shape, apply(params, np.ones((5, 28 * 28))).shape
((-1, 10), (5, 10))
"""

from functools import partial

import numpy as np

import fungrad.numpy as fnp
from fungrad import lax, nn, random
from fungrad.api.inspecting import ShapeDtypeStruct, eval_shape
from fungrad.core.errors import ShapeError
from fungrad.nn.initializers import glorot_normal, normal
from fungrad.nn.initializers import ones as _ones
from fungrad.nn.initializers import zeros as _zeros


def _shape_after(function, shape, into=0):
    """The shape of a function's output; an unknown batch stands along its axis `into`."""
    known = ShapeDtypeStruct(tuple([1 if n == -1 else n for n in shape]), np.float64)
    found = list(eval_shape(function, known).shape)
    if -1 in shape:
        found[into] = -1
    return tuple(found)


def Dense(out_dim, W_init=None, b_init=None):
    """A matrix product and a bias: x W + b, with W of shape (features, out_dim).

    The defaults are `glorot_normal()` and `normal()`.
    """
    W_init, b_init = W_init or glorot_normal(), b_init or normal()

    def init(rng, input_shape):
        first, second = random.split(rng)
        W = W_init(first, (input_shape[-1], out_dim))
        return (*input_shape[:-1], out_dim), (W, b_init(second, (out_dim,)))

    def apply(params, inputs, **kwargs):
        W, b = params
        return inputs @ W + b

    return init, apply


def _convolution(convolve):
    def layer(
        dimension_numbers,
        out_chan,
        filter_shape,
        strides=None,
        padding="VALID",
        W_init=None,
        b_init=None,
    ):
        image, kernel, output = dimension_numbers
        strides = strides or (1,) * len(filter_shape)
        W_init = W_init or glorot_normal(kernel.index("I"), kernel.index("O"))
        b_init = b_init or normal(1e-6)

        def init(rng, input_shape):
            sizes = iter(filter_shape)
            special = {"O": out_chan, "I": input_shape[image.index("C")]}
            shape = tuple([special[c] if c in special else next(sizes) for c in kernel])
            first, second = random.split(rng)
            bias = tuple([out_chan if c == "C" else 1 for c in output])
            params = W_init(first, shape), b_init(second, bias)
            return _shape_after(partial(apply, params), input_shape, output.index("N")), params

        def apply(params, inputs, **kwargs):
            W, b = params
            numbers = {"dimension_numbers": dimension_numbers}
            return convolve(inputs, W.astype(inputs.dtype), strides, padding, **numbers) + b

        return init, apply

    return layer


#: A convolution and a bias; `dimension_numbers` as in `lax.conv_general_dilated`. The defaults are
#: `glorot_normal` along the features, and `normal(1e-6)`.
GeneralConv = _convolution(lax.conv_general_dilated)
#: The transposed convolution of `lax.conv_transpose`, and a bias.
GeneralConvTranspose = _convolution(lax.conv_transpose)
Conv = partial(GeneralConv, ("NHWC", "HWIO", "NHWC"))
ConvTranspose = partial(GeneralConvTranspose, ("NHWC", "HWIO", "NHWC"))
Conv1DTranspose = partial(GeneralConvTranspose, ("NHC", "HIO", "NHC"))


def BatchNorm(
    axis=(0, 1, 2), epsilon=1e-5, center=True, scale=True, beta_init=_zeros, gamma_init=_ones
):
    """(x - mean) / sqrt(variance + epsilon) of the batch along `axis`, times gamma, plus beta.

    There are no running statistics: also in evaluation those of the batch are used.
    """
    axis = (axis,) if np.ndim(axis) == 0 else tuple(axis)

    def init(rng, input_shape):
        shape = tuple([n for i, n in enumerate(input_shape) if i not in axis])
        first, second = random.split(rng)
        beta = beta_init(first, shape) if center else ()
        return input_shape, (beta, gamma_init(second, shape) if scale else ())

    def apply(params, x, **kwargs):
        beta, gamma = params
        place = tuple([None if i in axis else slice(None) for i in range(np.ndim(x))])
        z = nn.standardize(x, axis, epsilon=epsilon)
        z = gamma[place] * z if scale else z
        return z + beta[place] if center else z

    return init, apply


def elementwise(fun, **fun_kwargs):
    """The layer without parameters that applies a function."""
    return _unchanged, lambda params, inputs, **kwargs: fun(inputs, **fun_kwargs)


def _unchanged(rng, input_shape):
    return input_shape, ()


Tanh = elementwise(fnp.tanh)
Relu = elementwise(nn.relu)
Exp = elementwise(fnp.exp)
LogSoftmax = elementwise(nn.log_softmax, axis=-1)
Softmax = elementwise(nn.softmax, axis=-1)
Softplus = elementwise(nn.softplus)
Sigmoid = elementwise(nn.sigmoid)
Elu = elementwise(nn.elu)
LeakyRelu = elementwise(nn.leaky_relu)
Selu = elementwise(nn.selu)
Gelu = elementwise(nn.gelu)
Identity = elementwise(lambda x: x)


def _pooling(reducer, start, is_mean=False):
    def layer(window_shape, padding="VALID", strides=None, spec=None):
        strides = strides or (1,) * len(window_shape)
        spec = spec or f"N{'HWDXYZ'[: len(window_shape)]}C"

        def whole(sizes):
            """The sizes along all axes of an image: 1 along batch and features."""
            given = iter(sizes)
            return tuple([1 if c in "NC" else next(given) for c in spec])

        def reduced(x):
            return lax.reduce_window(
                x, start, reducer, whole(window_shape), whole(strides), padding
            )

        def init(rng, input_shape):
            return _shape_after(reduced, input_shape, spec.index("N")), ()

        def apply(params, inputs, **kwargs):
            total = reduced(inputs)
            return total / reduced(np.ones(inputs.shape, inputs.dtype)) if is_mean else total

        return init, apply

    return layer


MaxPool = _pooling(lax.max, -np.inf)
SumPool = _pooling(lax.add, 0.0)
AvgPool = _pooling(lax.add, 0.0, is_mean=True)


def _flattened(params, inputs, **kwargs):
    return fnp.reshape(inputs, (inputs.shape[0], -1))


#: All axes but the first as one.
Flatten = (
    lambda rng, input_shape: (_shape_after(partial(_flattened, ()), input_shape), ()),
    _flattened,
)


def FanOut(num):
    """The input `num` times, for `parallel`."""
    return (
        lambda rng, input_shape: ([input_shape] * num, ()),
        lambda params, inputs, **kwargs: [inputs] * num,
    )


#: The sum of several inputs.
FanInSum = (
    lambda rng, input_shape: (input_shape[0], ()),
    lambda params, inputs, **kwargs: sum(inputs),
)


def FanInConcat(axis=-1):
    """Several inputs, one after another along an axis."""

    def init(rng, input_shape):
        shape = list(input_shape[0])
        shape[axis] = sum([s[axis] for s in input_shape])
        return tuple(shape), ()

    return init, lambda params, inputs, **kwargs: fnp.concatenate(inputs, axis)


def Dropout(rate, mode="train"):
    """In training each element is kept with probability `rate` and divided by it, else it is 0.

    In any other mode nothing happens. `apply` needs a key, `apply(params, x, rng=key)`.
    """

    def apply(params, inputs, **kwargs):
        if mode != "train":
            return inputs
        rng = kwargs.get("rng")
        if rng is None:
            raise ValueError(
                "Dropout needs a key, apply(params, inputs, rng=key); or make the layer with "
                "mode='test'"
            )
        keep = random.bernoulli(rng, rate, np.shape(inputs))
        return fnp.where(keep, inputs / rate, 0)

    return _unchanged, apply


def serial(*layers):
    """One layer after another.

    >>> init, apply = serial(FanOut(2), parallel(Identity, Tanh), FanInSum)
    >>> apply(init(random.PRNGKey(0), (-1, 1))[1], np.array([[0.0]]))
    array([[0.]])
    """
    inits, applies = [i for i, _ in layers], [a for _, a in layers]

    def init(rng, input_shape):
        params = []
        for one in inits:
            rng, own = random.split(rng)
            input_shape, found = one(own, input_shape)
            params.append(found)
        return input_shape, params

    def apply(params, inputs, **kwargs):
        _require_one_each("serial", params, layers)
        keys = _keys(kwargs.pop("rng", None), len(layers))
        for one, own, rng in zip(applies, params, keys, strict=True):
            inputs = one(own, inputs, rng=rng, **kwargs)
        return inputs

    return init, apply


def parallel(*layers):
    """Layers beside each other: a list of inputs becomes a list of outputs."""

    def init(rng, input_shape):
        _require_one_each("parallel", input_shape, layers)
        keys = random.split(rng, len(layers))
        found = [i(k, s) for (i, _), k, s in zip(layers, keys, input_shape, strict=True)]
        return [shape for shape, _ in found], tuple([params for _, params in found])

    def apply(params, inputs, **kwargs):
        _require_one_each("parallel", inputs, layers)
        keys = _keys(kwargs.pop("rng", None), len(layers))
        given = zip(layers, params, inputs, keys, strict=True)
        return [one(own, x, rng=k, **kwargs) for (_, one), own, x, k in given]

    return init, apply


def _keys(rng, count):
    return [None] * count if rng is None else random.split(rng, count)


def _require_one_each(name, values, layers):
    if len(values) != len(layers):
        raise ShapeError(f"{name}: {len(layers)} layers, but {len(values)} inputs or parameters")


def shape_dependent(make_layer):
    """The layer that `make_layer(input_shape)` gives.

    >>> init, apply = shape_dependent(lambda shape: Dense(2 * shape[-1]))
    >>> init(random.PRNGKey(0), (-1, 3))[0]
    (-1, 6)
    """
    return (
        lambda rng, input_shape: make_layer(input_shape)[0](rng, input_shape),
        lambda params, inputs, **kwargs: make_layer(inputs.shape)[1](params, inputs, **kwargs),
    )
