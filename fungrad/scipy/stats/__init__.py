"""`scipy.stats`'s distributions, differentiable in all real parameters, and summaries of samples.

This file is the table of contents. Imports everything below.
"""

from fungrad.lazy import import_as_modules, lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "location_scale": (
            "cauchy",
            "expon",
            "gumbel_l",
            "gumbel_r",
            "laplace",
            "logistic",
            "norm",
            "uniform",
        ),
        "shaped": ("beta", "chi2", "gamma", "gennorm", "pareto", "t", "truncnorm"),
        "circular": ("vonmises", "wrapcauchy"),
        "counts": ("bernoulli", "betabinom", "binom", "geom", "nbinom", "poisson"),
        "samples": ("mode", "rankdata", "sem"),
        "density": ("gaussian_kde",),
        "multivariate": ("dirichlet", "multinomial", "multivariate_normal"),
    },
)

# import fungrad.scipy.stats.norm as norm; from fungrad.scipy.stats.norm import logpdf
import_as_modules(__name__, {*__all__} - {"gaussian_kde", "mode", "rankdata", "sem"})
