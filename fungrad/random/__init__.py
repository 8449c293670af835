"""`jax.random`'s names: draws that are functions of a key. Imports everything below.

A key is a plain array of two uint32 words; `key` and `PRNGKey` make the same. The generator is
threefry2x32: a draw hashes the key with the position of each element, so it does not depend on
whether it runs eager, compiled, or as a row of a batch. For the same key, dtype and shape the
numbers of all draws but those by trial (gamma, Poisson, binomial and what is made of them) are
JAX's own.

Draws are differentiable in their parameters: gamma draws, and beta, Dirichlet, chi-squared, t and F
draws with them, by the derivative of the quantile function.
"""

from fungrad.lazy import no_other_names
from fungrad.random.counts import binomial, geometric, multinomial, poisson
from fungrad.random.gamma_family import (
    ball,
    beta,
    chisquare,
    dirichlet,
    f,
    gamma,
    generalized_normal,
    loggamma,
    t,
)
from fungrad.random.keys import (
    PRNGKey,
    clone,
    fold_in,
    key,
    key_data,
    key_impl,
    split,
    wrap_key_data,
)
from fungrad.random.order import categorical, choice, permutation
from fungrad.random.real_numbers import (
    cauchy,
    exponential,
    gumbel,
    laplace,
    logistic,
    normal,
    truncated_normal,
)
from fungrad.random.transformed import (
    double_sided_maxwell,
    lognormal,
    maxwell,
    pareto,
    rayleigh,
    triangular,
    wald,
    weibull_min,
)
from fungrad.random.uniform_numbers import bernoulli, bits, rademacher, randint, uniform
from fungrad.random.vectors import multivariate_normal, orthogonal

__getattr__ = no_other_names(__name__)
