"""Calls of `random`: JAX's own numbers for a key where they are, else what holds of many draws."""

import numpy as np

from fungrad import random
from tests.tables.row import Table, t

TABLE = Table("random", random)
KEY = t(random.key(7))
P = np.array([0.1, 0.2, 0.3, 0.4])

# What jax.random draws with 64 bits from key 7: name, arguments after the key, numbers.
DRAWN = [
    ("uniform", ((3,),), [0.8441069450823528, 0.04541258512665647, 0.22498462569285382]),
    ("normal", ((3,),), [1.0114813355590866, -1.6910609087906374, -0.7554662899926428]),
    ("gumbel", ((3,),), [1.7750434817033711, -1.12880713678253, -0.3999319680607421]),
    ("exponential", ((3,),), [1.8585850522259963, 0.04647605816229587, 0.2548724120098844]),
    ("laplace", ((3,),), [-1.1654378716660514, 2.3988188263562535, 0.7985760288063726]),
    ("logistic", ((3,),), [1.6891089719953885, -3.0454899487539038, -1.2368507973564338]),
    ("cauchy", ((3,),), [1.8759253820352535, -6.961667356611034, -1.1709640860639026]),
    ("maxwell", ((3,),), [2.1103342874387123, 2.890289838360094, 1.3191661026399093]),
    ("rademacher", ((3,),), [-1, 1, 1]),
    ("randint", ((3,), 0, 1000), [637, 789, 786]),
    ("permutation", (6,), [4, 2, 3, 5, 0, 1]),
    ("choice", (9, (3,)), [8, 6, 8]),
    ("orthogonal", (2,), [[0.8011940556673438, -0.5984046165959227],
                          [-0.5984046165959227, -0.8011940556673438]]),
]  # fmt: skip
for _name, _arguments, _numbers in DRAWN:
    TABLE.row(_name, KEY, *_arguments, to=np.array(_numbers), smooth=False)
TABLE.row("bits", KEY, (3,), np.uint64, to=np.array(
    [15571024786774969728, 837714335556982463, 4150233810675416579], np.uint64))  # fmt: skip

# The same with parameters, in which the draws are differentiable: parameters, numbers.
OF_PARAMETERS = [
    ("truncated_normal", (-1.0, 2.0), [1.034876278399035, -0.8566117260155717, -0.404761387816821]),
    ("lognormal", (0.5,), [1.658213250861074, 0.4293295580461756, 0.6854133822539943]),
    ("pareto", (3.0,), [1.8580514865443059, 1.0156126428149468, 1.0886707652755416]),
    ("rayleigh", (2.0,), [1.1643919622897025, 4.973502594281982, 3.45453118019371]),
    ("triangular", (0.0, 1.0, 3.0), [2.0328607496818862, 0.3691039899269167, 0.8215557662621336]),
    ("weibull_min", (2.0, 1.5), [3.0233258380340025, 0.25853311962084186, 0.8039799439059258]),
    ("double_sided_maxwell", (1.0, 2.0),
     [3.4149009550420124, 3.902631450008386, -2.5768431911817977]),
]  # fmt: skip


def _of_key(f, *parameters):
    return f(random.key(7), *parameters, (3,))


for _name, _parameters, _numbers in OF_PARAMETERS:
    TABLE.row(_name, *map(t, _parameters), by=_of_key, to=np.array(_numbers))
# The derivative is that of a quantile, not of the draw for a key: random/test_derivatives_of_draws.
TABLE.row("wald", t(2.0), by=_of_key, smooth=False,
          to=np.array([1.222488559813012, 0.4505433598517179, 2.1349619813755516]))  # fmt: skip
TABLE.row("uniform", t(0.5), t(2.0), by=lambda f, a, b: f(random.key(7), (2,), None, a, b),
          to=np.array([0.5 + 1.5 * u for u in DRAWN[0][2][:2]]))  # fmt: skip
TABLE.row("multivariate_normal", np.array([1.0, 2.0]), np.array([[2.0, 0.5], [0.5, 1.0]]),
          by=lambda f, m, c: f(random.key(7), m, c), to=np.array(
              [2.430450622834912, 0.7757700204934421]))  # fmt: skip
TABLE.row("bernoulli", KEY, 0.6, (4,), to=np.array([False, True, True, True]))
TABLE.row("geometric", KEY, 0.3, (3,), to=np.array([1, 9, 5]))
TABLE.row("categorical", KEY, np.log(P), shape=(3,), to=np.array([0, 3, 2]), smooth=False)

# Draws by trial: the mean of many, and its derivative in the first parameter.
MANY = (4000,)


def _mean(f, a, *rest):
    return f(random.key(7), a, *rest, MANY).mean()


for _name, _parameters, _wanted, _slope in [
    ("gamma", (2.5,), 2.5, 1.0),
    ("loggamma", (2.5,), 0.7032, 0.4904),
    ("chisquare", (3.0,), 3.0, 1.0),
    ("beta", (2.0, 3.0), 0.4, 3 / 25),
]:
    TABLE.row(_name, t(_parameters[0]), *_parameters[1:], by=_mean, to=np.float64(_wanted),
              tolerance=0.05, slope=_slope)  # fmt: skip
TABLE.row("dirichlet", np.array([1.0, 2.0, 3.0]), tolerance=0.05, slope=0.0,
          by=lambda f, a: f(random.key(7), a, MANY).mean(0).sum(), to=np.float64(1.0))  # fmt: skip
TABLE.row("t", t(9.0), by=lambda f, a: (f(random.key(7), a, MANY) ** 2).mean(),
          to=np.float64(9 / 7), tolerance=0.1, slope=-2 / 49)  # fmt: skip
TABLE.row("f", t(4.0), t(12.0), by=lambda f, a, b: f(random.key(7), a, b, MANY).mean(),
          to=np.float64(1.2), tolerance=0.1, smooth=False)  # fmt: skip
TABLE.row("generalized_normal", t(3.0), by=lambda f, p: abs(f(random.key(7), p, MANY)).mean(),
          to=np.float64(0.5054), tolerance=0.05, smooth=False)  # fmt: skip
TABLE.row("poisson", KEY, 3.0, by=lambda f, k, a: f(k, a, MANY).mean(), to=np.float64(3.0),
          tolerance=0.1, batches=False)  # fmt: skip
TABLE.row("binomial", KEY, 9.0, 0.4, by=lambda f, k, n, p: f(k, n, p, MANY).mean(),
          to=np.float64(3.6), tolerance=0.1, batches=False)  # fmt: skip
TABLE.row("multinomial", KEY, 9, by=lambda f, k, n: f(k, n, P, shape=(2000, 4)).mean(0),
          to=9 * P, tolerance=0.1, batches=False)  # fmt: skip
TABLE.row("ball", KEY, 3, by=lambda f, k, d: ((f(k, d, shape=MANY) ** 2).sum(-1) ** 1.5).mean(),
          to=np.float64(0.5), tolerance=0.05, batches=False)  # fmt: skip

TABLE.row("key", 7, to=np.array([0, 7], np.uint32))
TABLE.row("PRNGKey", 7, to=np.array([0, 7], np.uint32))
TABLE.row("split", KEY, 2, to=np.array([[3625411723, 1954958720], [195045567, 4062205631]],
                                       np.uint32))  # fmt: skip
TABLE.row("fold_in", KEY, 5, to=np.array([3583082021, 1947592014], np.uint32))
for _name in ("key_data", "wrap_key_data", "clone"):
    TABLE.row(_name, KEY, to=random.key(7))
TABLE.row("key_impl", KEY, by=lambda f, k: "threefry2x32" in str(f(k)), to=True)
