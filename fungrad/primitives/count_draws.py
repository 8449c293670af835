"""Draws of counts by trial (see `trials`): Poisson and binomial."""

import math
from typing import NamedTuple

from fungrad.core.primitive import Routine
from fungrad.primitives.random_bits import BLOCK
from fungrad.primitives.trials import F64, Method, Sampler, first_trial, pair, uniform


def _start_search(build, key, constants):
    """A probability still to go, the probability of the count 0, and that count."""
    return uniform(build, key, build.constant(0, BLOCK)), constants[0], 0.0 * constants[0]


def _search(ratio):
    """Trials of a sequential search: the count whose probability contains u.

    `ratio(constants, count)` is what the next probability is of one. The search ends at 200, which
    is beyond reach for means below 10, so that no rounding error keeps it going.
    """

    def step(build, key, constants, states):
        left, probability, count = states
        is_found = (left <= probability) | (count >= 200.0)
        following = probability * ratio(constants, count)
        return (is_found,), count, (left - probability, following, count + 1.0)

    return step


class _Hat(NamedTuple):
    """A hat function of transformed rejection: where it is centred, and its constants."""

    centre: object
    a: object
    b: object
    scale: object
    v_r: object


def _under_hat(build, key, counter, hat):
    """A trial: the count, whether it is accepted at once, and the logarithm of its height.

    Source: W. Hoermann, "The transformed rejection method for generating Poisson random variables",
    Insurance: Mathematics and Economics 12 (1993), and "The generation of binomial random
    variates", J. Statistical Computation and Simulation 46 (1993).
    """
    u, v = pair(build, key, counter)
    u = u - 0.5
    edge = 0.5 - abs(u)
    count = build("floor", (2.0 * hat.a / edge + hat.b) * u + hat.centre)
    height = build("log", v * hat.scale / (hat.a / (edge * edge) + hat.b))
    is_inside = (edge >= 0.07) & (v <= hat.v_r)
    return count, is_inside, height


def _prepare_poisson_search(build, rate):
    return build("exp", -rate), rate


def _prepare_poisson(build, rate):
    b = 0.931 + 2.53 * build("sqrt", rate)
    scale = 1.1239 + 1.1328 / (b - 3.4)
    return (
        rate + 0.43,
        0.02483 * b - 0.059,
        b,
        scale,
        0.9277 - 3.6224 / (b - 2.0),
        rate,
        build("log", rate),
    )


def _try_poisson(build, key, constants, states):
    *hat, rate, log_rate = constants
    (counter,) = states
    count, is_inside, height = _under_hat(build, key, counter, _Hat(*hat))
    usable = build("maximum", count, build.constant(0.0, F64))
    bound = usable * log_rate - rate - build("lgamma", usable + 1.0)
    is_accepted = (count >= 0.0) & (height <= bound)
    return (is_inside, is_accepted), count, (counter + 2,)


class RandomPoisson(Sampler, Routine):
    """Draws of the Poisson distribution of a rate, as reals; -1 where the rate is negative or nan.

    Below a rate of 10 by sequential search, above by transformed rejection.
    """

    methods = (
        Method(
            _prepare_poisson_search,
            _start_search,
            _search(lambda c, k: c[1] / (k + 1.0)),
            False,
        ),
        Method(_prepare_poisson, first_trial, _try_poisson, True),
    )

    @property
    def name(self):
        return "random_poisson"

    def is_first(self, build, rate):
        return rate < 10.0

    def usable(self, build, rate):
        """The parameter, or 1 where it has no draws."""
        return (build.select(rate >= 0.0, rate, 1.0),)

    def finish(self, build, value, key, rate, is_first):
        """The result from a draw."""
        return build.select(rate >= 0.0, value, -1.0)

    def jvp(self, inputs, tangents):
        return self(*inputs), None


def _prepare_binomial_search(build, n, p):
    return build("exp", n * build("log1p", -p)), n, p / (1.0 - p)


def _prepare_binomial(build, n, p):
    deviation = build("sqrt", n * p * (1.0 - p))
    b = 1.15 + 2.53 * deviation
    a = 0.0248 * b + 0.01 * p - 0.0873
    scale = (2.83 + 5.1 / b) * deviation
    mode = build("floor", (n + 1.0) * p)
    at_mode = build("lgamma", mode + 1.0) + build("lgamma", n - mode + 1.0)
    odds = build("log", p / (1.0 - p))
    return n * p + 0.5, a, b, scale, 0.92 - 4.2 / b, n, mode, at_mode, odds


def _try_binomial(build, key, constants, states):
    *hat, n, mode, at_mode, odds = constants
    (counter,) = states
    count, is_inside, height = _under_hat(build, key, counter, _Hat(*hat))
    is_possible = (count >= 0.0) & (count <= n)
    usable = build.select(is_possible, count, 0.0)
    bound = at_mode - build("lgamma", usable + 1.0) - build("lgamma", n - usable + 1.0)
    is_accepted = is_possible & (height <= bound + (usable - mode) * odds)
    return (is_inside, is_accepted), count, (counter + 2,)


class RandomBinomial(Sampler, Routine):
    """Draws of the binomial distribution of n trials with probability p, as reals.

    The rarer of success and failure is counted: where it is expected less than 10 times by
    sequential search, else by transformed rejection. nan where n < 0 or p is outside of [0, 1].
    """

    methods = (
        Method(
            _prepare_binomial_search,
            _start_search,
            _search(lambda c, k: c[2] * (c[1] - k) / (k + 1.0)),
            False,
        ),
        Method(_prepare_binomial, first_trial, _try_binomial, True),
    )

    @property
    def name(self):
        return "random_binomial"

    def is_first(self, build, n, p):
        return n * p < 10.0

    def usable(self, build, n, p):
        """Whole n and the smaller of p and 1 - p, or 1 and 1/2 where there are no draws."""
        is_valid = _has_binomial(n, p)
        p = build.select(p <= 0.5, p, 1.0 - p)
        return build.select(is_valid, build("floor", n), 1.0), build.select(is_valid, p, 0.5)

    def finish(self, build, value, key, n, p, is_first):
        """The result from a count of the rarer outcome."""
        value = build.select(p <= 0.5, value, build("floor", n) - value)
        return build.select(_has_binomial(n, p), value, math.nan + 0.0 * n)

    def jvp(self, inputs, tangents):
        return self(*inputs), None


def _has_binomial(n, p):
    return (n >= 0.0) & (p >= 0.0) & (p <= 1.0)
