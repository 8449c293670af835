"""Gamma draws, by trial (see `trials`), and the derivative of their quantile function."""

import math

from fungrad.core.primitive import Routine
from fungrad.primitives import elementwise as e
from fungrad.primitives import special
from fungrad.primitives.random_bits import BLOCK
from fungrad.primitives.trials import F64, Method, Sampler, first_trial, pair, uniform


def _prepare_gamma(build, a):
    d = build.select(a < 1.0, a + 1.0, a) - 1 / 3
    return d, 1.0 / build("sqrt", 9.0 * d)


def _try_gamma(build, key, constants, states):
    (d, c), (counter,) = constants, states
    first, u = pair(build, key, counter)
    x = math.sqrt(2.0) * build("erfinv", 2.0 * first - 1.0)
    root = 1.0 + c * x
    v, square = root * root * root, x * x
    is_squeezed = (root > 0.0) & (u < 1.0 - 0.0331 * (square * square))
    inside = build.select(root > 0.0, v, 1.0)
    bound = 0.5 * square + d * (1.0 - inside + build("log", inside))
    is_accepted = (root > 0.0) & (build("log", u) < bound)
    return (is_squeezed, is_accepted), d * v, (counter + 2,)


class RandomGamma(Sampler, Routine):
    """Draws of the gamma distribution of shape a and scale 1, or with `log_space` their logarithms.

    Below a = 1 a draw for a + 1 times u**(1/a); at 1 -log(u). Source: G. Marsaglia and W. W. Tsang, "A simple
    method for generating gamma variables", ACM TOMS 26 (2000). The tangent is that of the quantile
    function at a fixed probability (M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization
    gradients", 2018). nan for a < 0.
    """

    log_space: bool
    methods = (Method(_prepare_gamma, first_trial, _try_gamma, True),) * 2

    @property
    def name(self):
        return "random_gamma"

    def is_first(self, build, a):
        return a < 1.0

    def is_closed(self, build, a):
        """At 1, where the distribution is exponential."""
        return build.equal(a, 1.0)

    def closed_form(self, build, key, a):
        """The result at 1."""
        value = -build("log", uniform(build, key, build.constant(0, BLOCK)))
        return build("log", value) if self.log_space else value

    def usable(self, build, a):
        """The parameter, or 1 where it has no draws."""
        return (build.select(a > 0.0, a, 1.0),)

    def finish(self, build, value, key, a, is_first):
        """The result from a draw for a, or for a + 1 where a < 1."""
        value = build("log", value) if self.log_space else value
        if is_first is not False:
            usable = build.select(a > 0.0, a, 1.0)
            u = uniform(build, key, build.constant(0, BLOCK))
            boost = build.select(usable < 1.0, build("log", u) / usable, 0.0)
            value = value + boost if self.log_space else value * build("exp", boost)
        at_zero = -math.inf if self.log_space else 0.0
        outside = build.select(build.equal(a, 0.0), at_zero, math.nan + 0.0 * a)
        return build.select(a > 0.0, value, outside)

    def jvp(self, inputs, tangents):
        y = self(*inputs)
        if tangents[1] is None:
            return y, None
        slope = log_gamma_slope(inputs[1], y if self.log_space else e.log(y))
        return y, e.strong_multiply(tangents[1], slope if self.log_space else slope * y)


def log_gamma_slope(a, y):
    """The derivative in a of the logarithm y of a gamma draw, at a fixed probability.

    -dP(a, x)/da / (x p(x; a)) at x = e**y; where x is so small that P(a, x) is
    x**a / gamma(a + 1) to the last digit, (digamma(a + 1) - y) / a.
    """
    is_small = e.less(y, F64.type(-40.0))
    near_zero = e.strong_divide(special.digamma(a + 1.0) - y, a)
    x = e.exp(e.select(is_small, F64.type(0.0), y))
    usual = e.negative(e.strong_divide(special.gammainc_a(a, x), x * special.gamma_density(a, x)))
    return e.select(is_small, near_zero, usual)
