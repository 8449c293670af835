"""Draws by trial: gamma, Poisson and binomial variates, each element by a loop of its own.

An element has a key of its own, from which its trial number j takes the blocks of bits that it
needs: so the draws of a batch are those of its rows. A method is written once, for a `build` that
makes scalar expressions of compiled code or evaluates on arrays (`OnArrays`). All is in double
precision.
"""

import math
from typing import NamedTuple

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives import elementwise as e
from fungrad.primitives import special
from fungrad.primitives.random_bits import BLOCK, rounds, threefry2x32

F64 = np.dtype(np.float64)


class Method(NamedTuple):
    """How one element is drawn.

    `prepare(build, *parameters)` are constants; `start(build, key, constants)` the first states;
    `step(build, key, constants, states)` is a trial: conditions of which one that holds ends it,
    the cheap ones first, its value, and the next states. `is_direct` says that most first trials
    end by their first condition.
    """

    prepare: object
    start: object
    step: object
    is_direct: bool


class _Sampler:
    """What samplers share: keys of elements first, then parameters, all of one shape or rank 0.

    Where `is_first(build, *parameters)` holds the first of two `methods` draws an element, else the
    second. `finish(build, value, key, *parameters, is_first)` makes the result of a draw; there
    `is_first` is None where it differs from element to element. Where `is_closed` holds of the
    parameters, the result is `closed_form(build, key, *parameters)` without a trial.
    """

    count = 1

    def infer(self, key, *parameters):
        if key.dtype != BLOCK or any(t.dtype != F64 for t in parameters):
            found = ", ".join(str(t.dtype) for t in (key, *parameters))
            raise DtypeError(f"{self.name}: takes a uint64 key and float64 parameters, got {found}")
        return ArrayType(e.common_shape(self.name, (key, *parameters)), F64)

    def evaluate(self, key, *parameters):
        shape = np.broadcast_shapes(*map(np.shape, (key, *parameters)))
        operands = [np.broadcast_to(x, shape).reshape(-1) for x in (key, *parameters)]
        result = np.empty(operands[0].shape)
        with np.errstate(all="ignore"):
            usable = self.usable(ON_ARRAYS, *operands[1:])
            chosen = self.is_first(ON_ARRAYS, *usable)
            for method, where in zip(self.methods, (chosen, ~chosen), strict=True):
                part = np.flatnonzero(np.broadcast_to(where, result.shape))
                result[part] = _run(method, operands[0][part], [x[part] for x in usable])
            result = self.finish(ON_ARRAYS, result, *operands, None)
            is_closed = self.is_closed(ON_ARRAYS, *operands[1:])
            if is_closed is not None:
                result = np.where(is_closed, self.closed_form(ON_ARRAYS, *operands), result)
        return result.reshape(shape)[()]

    def is_closed(self, build, *parameters):
        """Whether the draws need no trials; None: they always do."""
        return None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return self(*e.aligned(inputs, batched, axis)), True

    def emit(self, build, inputs, outputs):
        build.sample(self, inputs, outputs)


class OnArrays:
    """The `build` that evaluates on arrays what else becomes scalar expressions."""

    def __call__(self, word, *operands):
        return getattr(special if word == "lgamma" else e, word).evaluate(*operands)

    def constant(self, value, dtype):
        return np.dtype(dtype).type(value)

    def cast(self, x, dtype):
        return x.astype(dtype)

    def select(self, condition, x, y):
        return np.where(condition, x, y)

    def equal(self, x, y):
        return x == y


ON_ARRAYS = OnArrays()


def _run(method, key, parameters):
    """The draws of a method for arrays of one axis: trials go on with those not yet accepted."""

    def full(values):
        return [np.broadcast_to(x, key.shape) for x in values]

    result, pending = np.empty(key.shape), np.arange(key.size)
    constants = full(method.prepare(ON_ARRAYS, *parameters))
    states = full(method.start(ON_ARRAYS, key, constants))
    while pending.size:
        accepted, value, states = method.step(ON_ARRAYS, key, constants, states)
        is_done = np.logical_or.reduce(full(accepted))
        result[pending[is_done]] = full([value])[0][is_done]
        states = full(states)
        pending, key, *rest = (x[~is_done] for x in (pending, key, *constants, *states))
        constants, states = rest[: len(constants)], rest[len(constants) :]
    return result


# ---- pieces of trials


def _uniform(build, key, counter):
    """A real strictly between 0 and 1 from a block of bits."""
    is_array = build is ON_ARRAYS
    bits = threefry2x32.evaluate(key, counter) if is_array else rounds(build, key, counter)
    return (build.cast(bits >> 12, F64) + 0.5) * 2.0**-52


def _first_trial(build, key, constants):
    """The number of the first block of the first trial; block 0 is kept for other use."""
    return (build.constant(1, BLOCK),)


def _pair(build, key, counter):
    """Two uniform reals of a trial."""
    return _uniform(build, key, counter), _uniform(build, key, counter + 1)


# ---- gamma


def _prepare_gamma(build, a):
    d = build.select(a < 1.0, a + 1.0, a) - 1 / 3
    return d, 1.0 / build("sqrt", 9.0 * d)


def _try_gamma(build, key, constants, states):
    (d, c), (counter,) = constants, states
    first, u = _pair(build, key, counter)
    x = math.sqrt(2.0) * build("erfinv", 2.0 * first - 1.0)
    root = 1.0 + c * x
    v, square = root * root * root, x * x
    is_squeezed = (root > 0.0) & (u < 1.0 - 0.0331 * (square * square))
    inside = build.select(root > 0.0, v, 1.0)
    bound = 0.5 * square + d * (1.0 - inside + build("log", inside))
    is_accepted = (root > 0.0) & (build("log", u) < bound)
    return (is_squeezed, is_accepted), d * v, (counter + 2,)


class RandomGamma(_Sampler, Routine):
    """Draws of the gamma distribution of shape a and scale 1, or with `log_space` their logarithms.

    Below a = 1 a draw for a + 1 times u**(1/a); at 1 -log(u). Source: G. Marsaglia and W. W. Tsang, "A simple
    method for generating gamma variables", ACM TOMS 26 (2000). The tangent is that of the quantile
    function at a fixed probability (M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization
    gradients", 2018). nan for a < 0.
    """

    log_space: bool
    methods = (Method(_prepare_gamma, _first_trial, _try_gamma, True),) * 2

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
        value = -build("log", _uniform(build, key, build.constant(0, BLOCK)))
        return build("log", value) if self.log_space else value

    def usable(self, build, a):
        """The parameter, or 1 where it has no draws."""
        return (build.select(a > 0.0, a, 1.0),)

    def finish(self, build, value, key, a, is_first):
        """The result from a draw for a, or for a + 1 where a < 1."""
        value = build("log", value) if self.log_space else value
        if is_first is not False:
            usable = build.select(a > 0.0, a, 1.0)
            u = _uniform(build, key, build.constant(0, BLOCK))
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


# ---- counts


def _start_search(build, key, constants):
    """A probability still to go, the probability of the count 0, and that count."""
    return _uniform(build, key, build.constant(0, BLOCK)), constants[0], 0.0 * constants[0]


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
    u, v = _pair(build, key, counter)
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


class RandomPoisson(_Sampler, Routine):
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
        Method(_prepare_poisson, _first_trial, _try_poisson, True),
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


class RandomBinomial(_Sampler, Routine):
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
        Method(_prepare_binomial, _first_trial, _try_binomial, True),
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
