"""Draws beside NumPy's Philox generator: compiled, on all threads and on one, no slower than that."""

from functools import partial

import numpy as np

import fungrad
from fungrad import random
from tests.speed.measure import installed, medians
from tests.speed.table import Row

F32, F64 = np.float32, np.float64
X = np.random.default_rng(0).random(1_000_000)
P = np.array([0.1, 0.2, 0.3, 0.4])
RATES = 30 * X
MEAN, COVARIANCE = np.zeros(10), np.eye(10) + 0.1
SIZES = (1_000, 1_000_000)
MILLION = SIZES[-1]

#: name: (fungrad's and JAX's draw of a key and size, a Philox generator's draw of that size)
DRAWS = {
    "bits": (
        lambda random, key, n: random.bits(key, (n,), np.uint64),
        lambda philox, n: philox.integers(0, 2**64, n, np.uint64),
    ),
    "randint(10)": (
        lambda random, key, n: random.randint(key, (n,), 0, 10),
        lambda philox, n: philox.integers(0, 10, n),
    ),
    "randint(10**12)": (
        lambda random, key, n: random.randint(key, (n,), 0, 10**12),
        lambda philox, n: philox.integers(0, 10**12, n),
    ),
    "randint(2**20 + 1)": (
        lambda random, key, n: random.randint(key, (n,), 0, 2**20 + 1),
        lambda philox, n: philox.integers(0, 2**20 + 1, n),
    ),
    "randint(10) int32": (
        lambda random, key, n: random.randint(key, (n,), 0, 10, np.int32),
        lambda philox, n: philox.integers(0, 10, n, np.int32),
    ),
    "bernoulli(0.3)": (
        lambda random, key, n: random.bernoulli(key, 0.3, (n,)),
        lambda philox, n: philox.binomial(1, 0.3, n),
    ),
    "permutation": (
        lambda random, key, n: random.permutation(key, n),
        lambda philox, n: philox.permutation(n),
    ),
    "permutation of reals": (
        lambda random, key, n: random.permutation(key, X[:n]),
        lambda philox, n: philox.permutation(X[:n]),
    ),
    "permutation of each row": (
        lambda random, key, n: random.permutation(key, X[:n].reshape(-1, 10), 1, independent=True),
        lambda philox, n: philox.permuted(X[:n].reshape(-1, 10), axis=1),
    ),
    # NumPy draws positions until it has ten; JAX's numbers need a random key for each element
    "choice of 10 without replacement of": (
        lambda random, key, n: random.choice(key, n, (10,), replace=False),
        lambda philox, n: philox.choice(n, 10, replace=False),
    ),
    "choice": (
        lambda random, key, n: random.choice(key, X[:1000], (n,)),
        lambda philox, n: philox.choice(X[:1000], n),
    ),
    "choice with p": (
        lambda random, key, n: random.choice(key, 4, (n,), p=P),
        lambda philox, n: philox.choice(4, n, p=P),
    ),
    "categorical": (
        lambda random, key, n: random.categorical(key, np.log(P), shape=(n,)),
        lambda philox, n: philox.choice(4, n, p=P),
    ),
    "gumbel": (
        lambda random, key, n: random.gumbel(key, (n,), F64),
        lambda philox, n: philox.gumbel(size=n),
    ),
    "laplace": (
        lambda random, key, n: random.laplace(key, (n,), F64),
        lambda philox, n: philox.laplace(size=n),
    ),
    "poisson(4)": (
        lambda random, key, n: random.poisson(key, 4.0, (n,)),
        lambda philox, n: philox.poisson(4.0, n),
    ),
    "poisson(20)": (
        lambda random, key, n: random.poisson(key, 20.0, (n,)),
        lambda philox, n: philox.poisson(20.0, n),
    ),
    "poisson of rates": (
        lambda random, key, n: random.poisson(key, RATES[:n]),
        lambda philox, n: philox.poisson(RATES[:n]),
    ),
    "binomial(1000, 0.3)": (
        lambda random, key, n: random.binomial(key, 1000, 0.3, (n,)),
        lambda philox, n: philox.binomial(1000, 0.3, n),
    ),
    "binomial(10, 0.3)": (
        lambda random, key, n: random.binomial(key, 10, 0.3, (n,)),
        lambda philox, n: philox.binomial(10, 0.3, n),
    ),
    "multinomial": (
        lambda random, key, n: random.multinomial(key, 100, P, shape=(n // 4, 4)),
        lambda philox, n: philox.multinomial(100, P, n // 4),
    ),
    "geometric": (
        lambda random, key, n: random.geometric(key, 0.3, (n,)),
        lambda philox, n: philox.geometric(0.3, n),
    ),
    "logistic": (
        lambda random, key, n: random.logistic(key, (n,), F64),
        lambda philox, n: philox.logistic(size=n),
    ),
    "cauchy": (
        lambda random, key, n: random.cauchy(key, (n,), F64),
        lambda philox, n: philox.standard_cauchy(n),
    ),
    "t(3)": (
        lambda random, key, n: random.t(key, 3.0, (n,), F64),
        lambda philox, n: philox.standard_t(3.0, n),
    ),
    "multivariate_normal": (
        lambda random, key, n: random.multivariate_normal(key, MEAN, COVARIANCE, (n // 10,)),
        lambda philox, n: philox.multivariate_normal(MEAN, COVARIANCE, n // 10, method="cholesky"),
    ),
    "gamma(2.5) float32": (
        lambda random, key, n: random.gamma(key, F32(2.5), (n,), F32),
        lambda philox, n: philox.standard_gamma(2.5, n, F32),
    ),
    "gamma(0.5)": (
        lambda random, key, n: random.gamma(key, 0.5, (n,), F64),
        lambda philox, n: philox.standard_gamma(0.5, n),
    ),
    "gamma(2.5)": (
        lambda random, key, n: random.gamma(key, 2.5, (n,), F64),
        lambda philox, n: philox.standard_gamma(2.5, n),
    ),
    "beta(2, 3)": (
        lambda random, key, n: random.beta(key, 2.0, 3.0, (n,), F64),
        lambda philox, n: philox.beta(2.0, 3.0, n),
    ),
    "dirichlet": (
        lambda random, key, n: random.dirichlet(key, P, (n // 4,), F64),
        lambda philox, n: philox.dirichlet(P, n // 4),
    ),
}
#: The same for draws that a generator makes in both dtypes.
REALS = {
    "uniform": (
        lambda random, key, n, dtype: random.uniform(key, (n,), dtype),
        lambda philox, n, dtype: philox.random(n, dtype),
    ),
    "normal": (
        lambda random, key, n, dtype: random.normal(key, (n,), dtype),
        lambda philox, n, dtype: philox.standard_normal(n, dtype),
    ),
    "exponential": (
        lambda random, key, n, dtype: random.exponential(key, (n,), dtype),
        lambda philox, n, dtype: philox.standard_exponential(n, dtype),
    ),
}


def cases():
    """Every draw, few and many; those of reals eager, too."""
    result = {}
    for name, (draw, of_philox) in (_of_dtypes() | DRAWS).items():
        for n in SIZES:
            title = f"{name}, {n} numbers"
            has_eager = n == MILLION and name.split()[0] in REALS
            result[title] = partial(_rows, title, draw, of_philox, n, has_eager)
    return result


def _of_dtypes():
    """The draws of reals of each dtype."""
    return {
        f"{name} {np.dtype(dtype)}": tuple(
            [lambda *a, f=f, dtype=dtype: f(*a, dtype) for f in draws]
        )
        for name, draws in REALS.items()
        for dtype in (F64, F32)
    }


def _rows(what, draw, of_philox, n, has_eager):
    """The rows of compiled code, on one thread and on all, and of eager code if wanted."""
    key, philox = random.key(0), np.random.Generator(np.random.Philox(0))
    compiled = fungrad.jit(lambda key: draw(random, key, n))
    with fungrad.threads(1):
        seconds = medians(
            {"one": lambda: compiled(key), "Philox": lambda: of_philox(philox, n)}, seconds=0.2
        )
    one = Row(f"{what}, one thread", seconds.pop("one"), seconds, rival="Philox", at_most=1.0)
    calls = {"compiled": lambda: compiled(key), "Philox": lambda: of_philox(philox, n)}
    if has_eager:
        calls["eager"] = lambda: draw(random, key, n)
    if n == MILLION and "jax" in installed("jax"):
        calls["jax"] = _of_jax(draw, n)
    seconds = medians(calls, seconds=0.2)
    value, eager = seconds.pop("compiled"), seconds.pop("eager", None)
    result = [Row(what, value, seconds, rival="Philox", at_most=1.0), one]
    if eager is not None:
        result.append(Row(f"{what}, eager", eager, seconds, rival="Philox", at_most=1.0))
    return result


def _of_jax(draw, n):
    import jax

    jax.config.update("jax_enable_x64", True)
    compiled = jax.jit(lambda key: draw(jax.random, key, n))
    key = jax.random.key(0)
    return lambda: jax.block_until_ready(compiled(key))
