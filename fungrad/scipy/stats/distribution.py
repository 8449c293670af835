"""What distributions of one variable share: arguments, location and scale, support, tails.

A distribution is an object with SciPy's methods. It is made from functions of the standardised
variable, which are only given values inside of the support, so that derivatives are finite there
and zero outside.
"""

from fungrad.numpy import ufuncs
from fungrad.numpy.special_operands import special_operands, where

INFINITY = float("inf")


class Distribution:
    """Binds SciPy's arguments: the variable, the shapes, then `loc` (and `scale`)."""

    defaults: dict

    def __init__(self, name, shapes, is_valid):
        self.name, self.shapes = name, tuple(shapes.split())
        self.is_valid = is_valid

    def __repr__(self):
        return f"fungrad.scipy.stats.{self.name}"

    def _bound(self, variable, args, keywords):
        """The variable, the shapes and the rest as arrays of one dtype and shape."""
        names = (*self.shapes, *self.defaults)
        values = dict(zip(names, args, strict=False))
        unknown = [k for k in keywords if k not in names or k in values]
        values.update(keywords)
        missing = [n for n in self.shapes if n not in values]
        if unknown or missing or len(args) > len(names):
            raise TypeError(
                f"{self.name} takes the parameters {', '.join(names)}; "
                + (f"missing: {', '.join(missing)}" if missing else f"got {args}, {keywords}")
            )
        values = {**self.defaults, **values}
        return special_operands(self.name, variable, *[values[n] for n in names])

    def _valid(self, shapes, scale=None):
        """Where the parameters are in their domain, or None where they always are."""
        valid = self.is_valid(*shapes) if self.is_valid else None
        if scale is not None:
            positive = scale > 0
            valid = positive if valid is None else ufuncs.logical_and(valid, positive)
        return valid


def masked(valid, value):
    """The value where valid, else nan."""
    return value if valid is None else where(valid, value, float("nan"))


def safe_log(x):
    """log(x), and -inf with derivative 0 where x is 0."""
    is_zero = x == 0
    return where(is_zero, -INFINITY, ufuncs.log(where(is_zero, 1.0, x)))


def log_of_probability(p, complement):
    """log(p) as log(1 - complement) where p is above 1/2."""
    is_large = p > 0.5
    of_large = ufuncs.log1p(-where(is_large, complement, 0.5))
    return where(is_large, of_large, safe_log(where(is_large, 0.5, p)))


class Continuous(Distribution):
    """A continuous distribution with location and scale.

    `support(*shapes)` gives the ends of the standardised support, `inside(*shapes)` a point within.
    `functions` are logpdf, cdf, sf, logcdf, logsf, ppf, isf of (y, *shapes); all but logpdf may be
    missing: sf is 1 - cdf, and the logarithms are taken of cdf and sf.
    """

    defaults: dict = {"loc": 0.0, "scale": 1.0}  # noqa: RUF012

    def __init__(self, name, shapes="", *, support=None, inside=None, is_valid=None, **functions):
        super().__init__(name, shapes, is_valid)
        self.support, self.inside, self.functions = support, inside, functions

    def _standard(self, x, args, keywords):
        """The standardised variable within the support, where it was, shapes, scale, validity."""
        x, *shapes, loc, scale = self._bound(x, args, keywords)
        y = (x - loc) / where(scale == 0, 1.0, scale)
        below = above = None
        if self.support is not None:
            low, high = self.support(*shapes)
            point = self.inside(*shapes)
            below, above = y < low, y > high
            y = where(ufuncs.logical_or(below, above), point, y)
        return y, below, above, shapes, scale, self._valid(shapes, scale)

    def logpdf(self, x, *args, **keywords):
        """The logarithm of the density; -inf outside of the support."""
        y, below, above, shapes, scale, valid = self._standard(x, args, keywords)
        value = self.functions["logpdf"](y, *shapes) - ufuncs.log(where(scale > 0, scale, 1.0))
        if below is not None:
            value = where(ufuncs.logical_or(below, above), -INFINITY, value)
        return masked(valid, value)

    def pdf(self, x, *args, **keywords):
        """The density; 0 outside of the support."""
        return ufuncs.exp(self.logpdf(x, *args, **keywords))

    def cdf(self, x, *args, **keywords):
        """The probability of at most x."""
        return self._probability("cdf", x, args, keywords, 0.0, 1.0)

    def sf(self, x, *args, **keywords):
        """The probability of more than x, accurate where it is small."""
        return self._probability("sf", x, args, keywords, 1.0, 0.0)

    def logcdf(self, x, *args, **keywords):
        """The logarithm of the probability of at most x."""
        return self._probability("logcdf", x, args, keywords, -INFINITY, 0.0)

    def logsf(self, x, *args, **keywords):
        """The logarithm of the probability of more than x."""
        return self._probability("logsf", x, args, keywords, 0.0, -INFINITY)

    def _probability(self, name, x, args, keywords, at_low, at_high):
        y, below, above, shapes, _, valid = self._standard(x, args, keywords)
        value = self._function(name)(y, *shapes)
        if below is not None:
            value = where(below, at_low, where(above, at_high, value))
        return masked(valid, value)

    def _function(self, name):
        """A function of the standardised variable, or one made from others."""
        if name in self.functions:
            return self.functions[name]
        if name == "sf" and "cdf" in self.functions:
            return lambda y, *shapes: 1 - self.functions["cdf"](y, *shapes)
        if name in ("logcdf", "logsf") and "cdf" in self.functions:
            own, other = self._function("cdf"), self._function("sf")
            own, other = (own, other) if name == "logcdf" else (other, own)
            return lambda y, *shapes: log_of_probability(own(y, *shapes), other(y, *shapes))
        raise AttributeError(f"{self.name} has no {name}")

    def ppf(self, q, *args, **keywords):
        """The quantile of the probability q; nan outside of [0, 1]."""
        return self._quantile("ppf", q, args, keywords)

    def isf(self, q, *args, **keywords):
        """The x for which sf(x) is q; nan outside of [0, 1]."""
        return self._quantile("isf", q, args, keywords)

    def _quantile(self, name, q, args, keywords):
        function = self._function(name)
        q, *shapes, loc, scale = self._bound(q, args, keywords)
        is_inside = ufuncs.logical_and(q > 0, q < 1)
        low, high = self.support(*shapes) if self.support else (-INFINITY, INFINITY)
        first, last = (low, high) if name == "ppf" else (high, low)
        y = function(where(is_inside, q, 0.5), *shapes)
        y = where(is_inside, y, where(q == 0, first, where(q == 1, last, float("nan"))))
        return masked(self._valid(shapes, scale), y * scale + loc)


class Discrete(Distribution):
    """A distribution of whole numbers with a location.

    `support(*shapes)` gives the first and last number; `functions` are logpmf, cdf, sf, ppf of
    (k, *shapes).
    """

    defaults: dict = {"loc": 0.0}  # noqa: RUF012

    def __init__(self, name, shapes="", *, support, is_valid=None, **functions):
        super().__init__(name, shapes, is_valid)
        self.support, self.functions = support, functions

    def logpmf(self, k, *args, **keywords):
        """The logarithm of the probability of k; -inf where k is not a number of the support."""
        k, *shapes, loc = self._bound(k, args, keywords)
        k = k - loc
        low, high = self.support(*shapes)
        is_inside = ufuncs.logical_and(k >= low, k <= high)
        is_inside = ufuncs.logical_and(is_inside, ufuncs.floor(k) == k)
        value = self.functions["logpmf"](where(is_inside, k, low), *shapes)
        outside = where(ufuncs.isnan(k), k, -INFINITY)
        return masked(self._valid(shapes), where(is_inside, value, outside))

    def pmf(self, k, *args, **keywords):
        """The probability of k."""
        return ufuncs.exp(self.logpmf(k, *args, **keywords))

    def cdf(self, k, *args, **keywords):
        """The probability of at most k."""
        return self._probability("cdf", k, args, keywords, 0.0, 1.0)

    def sf(self, k, *args, **keywords):
        """The probability of more than k, accurate where it is small."""
        return self._probability("sf", k, args, keywords, 1.0, 0.0)

    def logcdf(self, k, *args, **keywords):
        """The logarithm of the probability of at most k."""
        return log_of_probability(self.cdf(k, *args, **keywords), self.sf(k, *args, **keywords))

    def logsf(self, k, *args, **keywords):
        """The logarithm of the probability of more than k."""
        return log_of_probability(self.sf(k, *args, **keywords), self.cdf(k, *args, **keywords))

    def _probability(self, name, k, args, keywords, at_low, at_high):
        k, *shapes, loc = self._bound(k, args, keywords)
        k = ufuncs.floor(k - loc)
        low, high = self.support(*shapes)
        below, above = k < low, k >= high
        is_outside = ufuncs.logical_or(below, above)
        value = self.functions[name](where(is_outside, low, k), *shapes)
        value = where(below, at_low, where(above, at_high, value))
        return masked(self._valid(shapes), where(ufuncs.isnan(k), k, value))

    def ppf(self, q, *args, **keywords):
        """The smallest k for which cdf(k) is at least q; nan outside of [0, 1]."""
        if "ppf" not in self.functions:
            raise AttributeError(f"{self.name} has no ppf")
        q, *shapes, loc = self._bound(q, args, keywords)
        is_inside = ufuncs.logical_and(q > 0, q < 1)
        low, high = self.support(*shapes)
        k = self.functions["ppf"](where(is_inside, q, 0.5), *shapes)
        k = where(is_inside, k, where(q == 0, low - 1.0, where(q == 1, high, float("nan"))))
        return masked(self._valid(shapes), k + loc)
