"""Activation functions under `jax.nn`'s names: elementwise, floats out, float32 stays float32.

Each is finite wherever its value is, and so are its derivatives: formulas that would overflow, or
multiply 0 by infinity, far from 0 are replaced by their limits there. At kinks the derivatives are
JAX's: that of `relu` at 0 is 0.
"""

import math

import numpy as np

import fungrad.numpy as fnp
from fungrad.numpy.arrays import operand
from fungrad.numpy.promotion import as_float, convert
from fungrad.primitives import elementwise as e

tanh = fnp.tanh


def as_floats(x):
    """The argument as an array of floats."""
    x = operand(x)
    return convert(x, as_float(x.dtype))


def choose(condition, x, y):
    """`numpy.where`, with a NumPy scalar for scalars."""
    chosen = fnp.where(condition, x, y)
    return chosen[()] if type(chosen) is np.ndarray else chosen


def gated(x, gate):
    """x gate(x) for a gate that opens from 0 to 1; at infinity its limit, where 0 meets inf."""
    is_infinite = fnp.isinf(x)
    inside = choose(is_infinite, 0, x)
    return choose(is_infinite, relu(x), inside * gate(inside))


def identity(x):
    """The argument itself, as an array.

    >>> identity(2.0)
    np.float64(2.0)
    """
    return operand(x)


# ---- piecewise linear and quadratic


def relu(x):
    """max(x, 0), with derivative 0 at 0.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    x = operand(x)
    return choose(x <= 0, 0, x)


def relu6(x):
    """min(max(x, 0), 6), with derivative 0 at 0 and at 6.

    >>> relu6(np.array([-2.0, 3.0, 8.0]))
    array([0., 3., 6.])
    """
    x = operand(x)
    return choose(x <= 0, 0, choose(x >= 6, 6, x))


def leaky_relu(x, negative_slope=0.01):
    """x, and `negative_slope` * x where x is negative.

    >>> leaky_relu(np.array([-2.0, 3.0]))
    array([-0.02,  3.  ])
    """
    x = as_floats(x)
    return choose(x >= 0, x, negative_slope * x)


def hard_tanh(x):
    """x cut off at -1 and 1.

    >>> hard_tanh(np.array([-2.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])
    """
    x = operand(x)
    return choose(x > 1, 1, choose(x < -1, -1, x))


def hard_sigmoid(x):
    """relu6(x + 3) / 6.

    >>> hard_sigmoid(np.array([-4.0, 0.0, 4.0]))
    array([0. , 0.5, 1. ])
    """
    return relu6(as_floats(x) + 3) / 6


def hard_silu(x):
    """x hard_sigmoid(x), also called `hard_swish` (Howard et al., 2019).

    >>> hard_silu(np.array([-4.0, 3.0]))
    array([-0.,  3.])
    """
    return gated(as_floats(x), hard_sigmoid)


hard_swish = hard_silu


def sparse_plus(x):
    """0 up to -1, x from 1 on, and the parabola (x + 1)**2 / 4 between.

    >>> sparse_plus(np.array([-2.0, 0.0, 2.0]))
    array([0.  , 0.25, 2.  ])
    """
    x = as_floats(x)
    inside = choose(fnp.abs(x) >= 1, 0, x)
    return choose(x <= -1, 0, choose(x >= 1, x, (inside + 1) ** 2 / 4))


def sparse_sigmoid(x):
    """0 up to -1, 1 from 1 on, and (x + 1) / 2 between: the derivative of `sparse_plus`.

    >>> sparse_sigmoid(np.array([-2.0, 0.0, 2.0]))
    array([0. , 0.5, 1. ])
    """
    return 0.5 * fnp.clip(as_floats(x) + 1, 0, 2)


# ---- sigmoid and its relatives


def sigmoid(x):
    """1 / (1 + exp(-x)).

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return e.logistic(as_floats(x))


def log_sigmoid(x):
    """log(sigmoid(x)) = -softplus(-x).

    >>> log_sigmoid(-1000.0)
    np.float64(-1000.0)
    """
    return -softplus(-as_floats(x))


def softplus(x):
    """log(1 + exp(x)), a smooth `relu`.

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    return fnp.logaddexp(as_floats(x), 0)


def soft_sign(x):
    """x / (1 + |x|).

    >>> soft_sign(np.array([-1.0, 3.0, np.inf]))
    array([-0.5 ,  0.75,  1.  ])
    """
    x = as_floats(x)
    size = fnp.abs(x)
    is_far = size > 1
    # Far out the quotient's derivative would be a difference of nearly equal numbers.
    far, near = choose(is_far, size, 1), choose(is_far, 0, x)
    return choose(is_far, fnp.sign(x) * (1 - 1 / (1 + far)), near / (1 + fnp.abs(near)))


def silu(x):
    """x sigmoid(x), also called `swish` (Ramachandran, Zoph and Le, 2017).

    >>> silu(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    """
    return gated(as_floats(x), sigmoid)


swish = silu


def mish(x):
    """x tanh(softplus(x)) (Misra, 2019).

    >>> mish(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    """
    return gated(as_floats(x), lambda inside: fnp.tanh(softplus(inside)))


def gelu(x, approximate=True):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016).

    With `approximate` (the default) by tanh, else exactly, by erf.

    >>> gelu(np.array([-1.0, 0.0, 1.0]), approximate=False)
    array([-0.15865525,  0.        ,  0.84134475])
    """
    x = as_floats(x)
    # Beyond 40 both forms are x or 0 in every precision; their squares and cubes may overflow.
    near = choose(fnp.abs(x) < 40, x, 0)
    if approximate:
        # 1 + tanh(u) = 2 sigmoid(2 u), which does not cancel below 0.
        inside = near * sigmoid(math.sqrt(8 / math.pi) * (near + 0.044715 * near**3))
    else:
        inside = near * (0.5 * e.erfc(near * -math.sqrt(0.5)))
    return choose(x >= 40, x, choose(x <= -40, 0, choose(fnp.isnan(x), x, inside)))


def squareplus(x, b=4):
    """(x + sqrt(x**2 + b)) / 2, a smooth `relu` without exponentials (Barron, 2021).

    >>> squareplus(np.array([-1e200, 0.0, 1e200]))
    array([1.e-200, 1.e+000, 1.e+200])
    """
    x = as_floats(x)
    is_infinite = fnp.isinf(x)
    inside = choose(is_infinite, 0, x)
    root = fnp.sqrt(b + fnp.zeros_like(x))
    size = choose(inside > 0, inside, -inside)
    large = size + fnp.hypot(size, root)
    # Below 0 the sum cancels: the same number as a quotient, which is 0/0 only where x = b = 0.
    is_zero = large == 0
    small = choose(is_zero, 0, root * (root / choose(is_zero, 1, large)))
    return choose(is_infinite, relu(x), 0.5 * choose(inside > 0, large, small))


def log1mexp(x):
    """log(1 - exp(-x)) for positive x (Maechler, 2012).

    >>> log1mexp(np.array([1e-20, 50.0]))
    array([-4.60517019e+01, -1.92874985e-22])
    """
    x = as_floats(x)
    is_small = x < math.log(2)
    near, far = choose(is_small, x, 1), choose(is_small, 1, x)
    return choose(is_small, fnp.log(-fnp.expm1(-near)), fnp.log1p(-fnp.exp(-far)))


# ---- exponential below 0


def elu(x, alpha=1.0):
    """x, and `alpha` * (exp(x) - 1) where x is not positive (Clevert et al., 2015).

    >>> elu(np.array([-1000.0, 2.0]))
    array([-1.,  2.])
    """
    x = as_floats(x)
    is_positive = x > 0
    return choose(is_positive, x, alpha * fnp.expm1(choose(is_positive, 0, x)))


def celu(x, alpha=1.0):
    """x, and `alpha` * (exp(x / alpha) - 1) where x is not positive (Barron, 2017).

    >>> celu(np.array([-1000.0, 2.0]), alpha=3.0)
    array([-3.,  2.])
    """
    x = as_floats(x)
    is_positive = x > 0
    return choose(is_positive, x, alpha * fnp.expm1(choose(is_positive, 0, x) / alpha))


def selu(x):
    """A scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al., 2017).

    >>> selu(np.array([-1000.0, 1.0]))
    array([-1.75809934,  1.05070099])
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


# ---- two halves


def glu(x, axis=-1):
    """The first half of an axis, gated by the sigmoid of the second (Dauphin et al., 2016).

    Raises ValueError where the axis has an odd size.

    >>> glu(np.array([1.0, 2.0, 0.0, 1000.0]))
    array([0.5, 2. ])
    """
    x = as_floats(x)
    size = x.shape[axis]
    if size % 2:
        raise ValueError(f"glu: axis {axis} of shape {tuple(x.shape)} has the odd size {size}")
    values, gates = fnp.split(x, 2, axis)
    return e.strong_multiply(values, sigmoid(gates))
