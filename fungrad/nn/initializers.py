"""Initialisers of weights, `jax.nn.initializers`' names: for the same key, JAX's own numbers.

An initialiser is a function `(key, shape, dtype)` to an array; the functions here make them, apart
from `zeros` and `ones`, which are initialisers themselves. The dtype is float64 unless one is
given. Shapes are (..., inputs, outputs) unless `in_axis` and `out_axis` say otherwise.
"""

import math
from typing import Protocol

import numpy as np

import fungrad.numpy as fnp
from fungrad import random
from fungrad.core.errors import DtypeError, ShapeError
from fungrad.lazy import no_other_names
from fungrad.nn.checking import require
from fungrad.numpy.dispatch import normalize_axes, normalize_axis

# The standard deviation of a standard normal variable that is cut off at -2 and 2.
_TRUNCATED = 0.87962566103423978


class Initializer(Protocol):
    """What an initialiser is: a function of a key, a shape and a dtype."""

    def __call__(self, key, shape, dtype=None):
        """An array of the shape and dtype."""


def _dtype(given, default):
    dtype = np.dtype(given if given is not None else default if default is not None else float)
    if dtype.kind not in "fc":
        raise DtypeError(f"an initialiser makes floats, not {dtype}")
    return dtype


def zeros(key, shape, dtype=None):
    """Zeros; the key is not used.

    >>> zeros(None, (2,))
    array([0., 0.])
    """
    return np.zeros(shape, np.dtype(float if dtype is None else dtype))


def ones(key, shape, dtype=None):
    """Ones; the key is not used.

    >>> ones(None, (2,), np.float32)
    array([1., 1.], dtype=float32)
    """
    return np.ones(shape, np.dtype(float if dtype is None else dtype))


def constant(value, dtype=None):
    """The initialiser to one value, or to an array that broadcasts to the shape.

    >>> constant(0.5)(None, (2,))
    array([0.5, 0.5])
    """

    def init(key, shape, dtype=dtype):
        return np.full(shape, value, np.dtype(float if dtype is None else dtype))

    return init


def uniform(scale=0.01, dtype=None):
    """The initialiser from 0 to `scale`, uniformly.

    >>> uniform(2.0)(random.key(0), (100,)).max() < 2
    np.True_
    """

    def init(key, shape, dtype=None, default=dtype):
        dtype = _dtype(dtype, default)
        return random.uniform(key, shape, dtype) * dtype.type(scale)

    return init


def normal(stddev=0.01, dtype=None):
    """The initialiser to normal numbers of a standard deviation, around 0.

    >>> normal(2.0)(random.key(0), (10000,)).std().round(1)
    np.float64(2.0)
    """

    def init(key, shape, dtype=None, default=dtype):
        dtype = _dtype(dtype, default)
        return random.normal(key, shape, dtype) * dtype.type(stddev)

    return init


def truncated_normal(stddev=0.01, dtype=None, lower=-2.0, upper=2.0):
    """The initialiser to normal numbers between two bounds, which are in standard deviations.

    >>> abs(truncated_normal(0.5)(random.key(0), (1000,))).max() < 1
    np.True_
    """

    def init(key, shape, dtype=None, default=dtype):
        dtype = _dtype(dtype, default)
        return random.truncated_normal(key, lower, upper, shape, dtype) * dtype.type(stddev)

    return init


def _fans(shape, in_axis, out_axis, batch_axis):
    """The numbers of inputs of an output, and of outputs of an input."""
    if len(shape) < 2:
        raise ShapeError(
            f"an initialiser that looks at inputs and outputs needs two axes, got shape {shape}"
        )
    sizes = [
        math.prod([shape[a] for a in normalize_axes(axes, len(shape))])
        for axes in (in_axis, out_axis, batch_axis)
    ]
    inputs, outputs, batch = sizes
    field = math.prod(shape) / max(inputs * outputs * batch, 1)
    return inputs * field, outputs * field


def variance_scaling(scale, mode, distribution, in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """The initialiser of variance scale / n, so that signals keep their size from layer to layer.

    Args:
        scale: a positive number.
        mode: what n is: "fan_in", the number of inputs of an output; "fan_out", that of outputs of
            an input; "fan_avg" or "fan_geo_avg", their arithmetic or geometric mean.
        distribution: "truncated_normal", "normal" or "uniform".
        in_axis, out_axis, batch_axis: axes, or tuples of axes; those in none of the three are
            positions of a window.

    >>> draw = variance_scaling(2.0, "fan_in", "normal")
    >>> draw(random.key(0), (50, 400)).std().round(2)
    np.float64(0.2)
    """
    modes = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
    if mode not in modes:
        raise ValueError(f"variance_scaling: mode is one of {', '.join(modes)}, got {mode!r}")
    if distribution not in ("truncated_normal", "normal", "uniform"):
        raise ValueError(
            "variance_scaling: distribution is 'truncated_normal', 'normal' or 'uniform', got "
            f"{distribution!r}"
        )
    require("variance_scaling", "scale", scale, 0)

    def init(key, shape, dtype=None, default=dtype):
        dtype = _dtype(dtype, default)
        shape = tuple(shape)
        fan_in, fan_out = _fans(shape, in_axis, out_axis, batch_axis)
        count = {
            "fan_in": fan_in,
            "fan_out": fan_out,
            "fan_avg": (fan_in + fan_out) / 2,
            "fan_geo_avg": math.sqrt(fan_in * fan_out),
        }[mode]
        # In the precision of the result, as JAX rounds it.
        variance = dtype.type(scale / max(count, 1e-300))
        if distribution == "normal":
            return random.normal(key, shape, dtype) * np.sqrt(variance)
        if dtype.kind == "c":
            raise DtypeError(f"variance_scaling: {distribution} numbers are real, not {dtype}")
        if distribution == "uniform":
            return random.uniform(key, shape, dtype, -1) * np.sqrt(3 * variance)
        stddev = np.sqrt(variance) / dtype.type(_TRUNCATED)
        return random.truncated_normal(key, -2, 2, shape, dtype) * stddev

    return init


def glorot_uniform(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """Uniform, of variance 2 / (inputs + outputs) (Glorot and Bengio, 2010); `xavier_uniform`.

    >>> (glorot_uniform()(random.key(0), (2, 1)) ** 2 < 2).all()
    np.True_
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


def glorot_normal(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """Truncated normal, of variance 2 / (inputs + outputs); also called `xavier_normal`.

    >>> glorot_normal()(random.key(0), (100, 100)).std().round(1)
    np.float64(0.1)
    """
    return variance_scaling(
        1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype
    )


def lecun_uniform(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """Uniform, of variance 1 / inputs (LeCun et al., 1998).

    >>> lecun_uniform()(random.key(0), (100, 100)).std().round(1)
    np.float64(0.1)
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """Truncated normal, of variance 1 / inputs.

    >>> lecun_normal()(random.key(0), (100, 100)).std().round(1)
    np.float64(0.1)
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """Uniform, of variance 2 / inputs, for `relu` (He et al., 2015); also `kaiming_uniform`.

    >>> he_uniform()(random.key(0), (50, 100)).std().round(1)
    np.float64(0.2)
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """Truncated normal, of variance 2 / inputs, for `relu`; also called `kaiming_normal`.

    >>> he_normal()(random.key(0), (50, 100)).std().round(1)
    np.float64(0.2)
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


xavier_uniform, xavier_normal = glorot_uniform, glorot_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal


def orthogonal(scale=1.0, column_axis=-1, dtype=None):
    """The initialiser to orthonormal rows or columns (Saxe et al., 2014), times `scale`.

    Columns lie along `column_axis`, the other axes are taken together.

    >>> q = orthogonal()(random.key(0), (3, 2))
    >>> (q.T @ q).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """

    def init(key, shape, dtype=None, default=dtype):
        dtype = _dtype(dtype, default)
        if len(shape) < 2:
            raise ShapeError(f"orthogonal: a matrix needs two axes, got shape {tuple(shape)}")
        axis = normalize_axis(column_axis, len(shape))
        columns = shape[axis]
        rows = math.prod(shape) // max(columns, 1)
        numbers = random.normal(key, (max(rows, columns), min(rows, columns)), dtype)
        q, r = fnp.linalg.qr(numbers)
        q = q * fnp.sign(fnp.diagonal(r))  # uniform over all orthogonal matrices
        q = q if rows >= columns else q.T
        others = [n for a, n in enumerate(shape) if a != axis]
        return dtype.type(scale) * fnp.moveaxis(fnp.reshape(q, (*others, columns)), -1, axis)

    return init


def delta_orthogonal(scale=1.0, column_axis=-1, dtype=None):
    """The initialiser of a convolution that is orthogonal at its centre (Xiao et al., 2018).

    For shapes (window..., inputs, outputs) of 1 to 3 dimensions, with no more inputs than outputs.

    >>> delta_orthogonal()(random.key(0), (3, 1, 1))[[0, 2]].tolist()
    [[[0.0]], [[0.0]]]
    """

    def init(key, shape, dtype=None, default=dtype):
        if len(shape) not in (3, 4, 5):
            raise ShapeError(f"delta_orthogonal: shapes have 3, 4 or 5 axes, got {tuple(shape)}")
        if shape[-1] < shape[-2]:
            raise ShapeError(
                f"delta_orthogonal: there are at least as many outputs as inputs, got shape "
                f"{tuple(shape)}"
            )
        dtype = _dtype(dtype, default)
        matrix = orthogonal(scale, column_axis)(key, shape[-2:], dtype)
        centre = tuple([(n - 1) // 2 for n in shape[:-2]])
        return fnp.at(fnp.zeros(shape, dtype))[centre].set(matrix)

    return init


__getattr__ = no_other_names(__name__)
