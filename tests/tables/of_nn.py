"""Calls of `nn` and `nn.initializers`: values from formulas."""

import numpy as np
import scipy.special as special

from fungrad import nn, random
from fungrad.nn import initializers
from tests.tables.row import Table, t

TABLE = Table("nn", nn)
R = np.random.default_rng(5)
X, P = R.uniform(-0.9, 0.9, (3, 4)), R.uniform(0.2, 2.0, (3, 4))


def _soft(x):
    return np.logaddexp(x, 0)


FORMULAS = {
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "identity": lambda x: x,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "log_sigmoid": lambda x: -_soft(-x),
    "log_softmax": lambda x: x - special.logsumexp(x, -1, keepdims=True),
    "mish": lambda x: x * np.tanh(_soft(x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "swish": lambda x: x * special.expit(x),
    "soft_sign": lambda x: x / (1 + abs(x)),
    "softmax": lambda x: special.softmax(x, -1),
    "softplus": _soft,
    "sparse_plus": lambda x: (x + 1) ** 2 / 4,
    "sparse_sigmoid": lambda x: (x + 1) / 2,
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "tanh": np.tanh,
    "logsumexp": special.logsumexp,
    "logmeanexp": lambda x: np.log(np.mean(np.exp(x))),
    "glu": lambda x: x[:, :2] * special.expit(x[:, 2:]),
    "standardize": lambda x: (
        (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    ),
}
for _name, _formula in FORMULAS.items():
    TABLE.row(_name, X, to=_formula)
TABLE.row("log1mexp", P, to=lambda x: np.log1p(-np.exp(-x)))
TABLE.row("one_hot", t([0, 2, -1, 3]), 3, to=np.eye(3)[[0, 2, 0, 0]] * [[1], [1], [0], [0]])
Q, K, V = (R.standard_normal((2, 3, 2, 4)) for _ in range(3))


def _attention(q, k, v):
    weights = special.softmax(np.einsum("bqhd,bkhd->bhqk", q, k) / 2, -1)
    return np.einsum("bhqk,bkhd->bqhd", weights, v)


TABLE.row("dot_product_attention", Q, K, V, to=_attention)

INITIAL = Table("nn.initializers", initializers)
KEY = t(random.key(7))
SHAPE = (40, 50)


def _spread(f, key, *args):
    """Mean and deviation of many weights."""
    x = f(*args)(key, SHAPE)
    return np.stack([np.mean(x), np.std(x)])


# The variance of each: of the inputs, of the outputs, or of both.
for _name, _variance in {
    "glorot_normal": 2 / 90, "glorot_uniform": 2 / 90, "xavier_normal": 2 / 90,
    "xavier_uniform": 2 / 90, "he_normal": 2 / 40, "he_uniform": 2 / 40, "kaiming_normal": 2 / 40,
    "kaiming_uniform": 2 / 40, "lecun_normal": 1 / 40, "lecun_uniform": 1 / 40,
}.items():  # fmt: skip
    INITIAL.row(
        _name, KEY, by=_spread, to=np.array([0.0, _variance**0.5]), tolerance=0.02, batches=False
    )
INITIAL.row("normal", KEY, 0.5, by=_spread, to=np.array([0.0, 0.5]), tolerance=0.03)
INITIAL.row("uniform", KEY, 0.5, by=_spread, to=np.array([0.25, 0.5 / 12**0.5]), tolerance=0.03)
INITIAL.row(
    "truncated_normal", KEY, 0.5, by=_spread, to=np.array([0.0, 0.5 * 0.8796]), tolerance=0.03
)
INITIAL.row(
    "variance_scaling", KEY, 2.0, "fan_in", "normal", by=_spread, to=np.array([0, 0.05**0.5]),
    tolerance=0.03,
)  # fmt: skip
INITIAL.row("constant", KEY, 0.5, by=lambda f, k, v: f(v)(k, (2, 3)), to=np.full((2, 3), 0.5))
for _name in ("zeros", "ones"):
    INITIAL.row(_name, KEY, (2, 3), to=getattr(np, _name)((2, 3)))


def _gram(f, key):
    x = f()(key, (3, 4, 4))[1] if f is initializers.delta_orthogonal else f()(key, (4, 4))
    return x @ x.T


for _name in ("orthogonal", "delta_orthogonal"):
    INITIAL.row(_name, KEY, by=_gram, to=np.eye(4), tolerance=1e-9)
INITIAL.row("Initializer", by=lambda f: callable(f), to=True)
