"""`scipy.special`'s names, differentiable and compiled. Imports everything below; SciPy late.

This file is the table of contents; the functions of numbers are in `fungrad.numpy`, since SciPy's
own take part on traced values too.
"""

from fungrad.lazy import no_other_names
from fungrad.numpy.bessel import (
    bessel_jn,
    i0,
    i0e,
    i1,
    i1e,
    iv,
    ive,
    j0,
    j1,
    jn,
    jv,
    k0,
    k0e,
    k1,
    k1e,
    kn,
    kv,
    kve,
    y0,
    y1,
    yn,
    yv,
)
from fungrad.numpy.gamma_functions import (
    beta,
    betainc,
    betaincc,
    betainccinv,
    betaincinv,
    betaln,
    binom,
    digamma,
    exp1,
    expi,
    expn,
    gamma,
    gammainc,
    gammaincc,
    gammainccinv,
    gammaincinv,
    gammaln,
    gammasgn,
    hyp1f1,
    hyp2f1,
    loggamma,
    multigammaln,
    poch,
    polygamma,
    psi,
    spence,
    stdtr,
    stdtrit,
    zeta,
)
from fungrad.numpy.special import (
    boxcox,
    boxcox1p,
    dawsn,
    entr,
    erf,
    erfc,
    erfcinv,
    erfcx,
    erfinv,
    exp10,
    expit,
    exprel,
    inv_boxcox,
    inv_boxcox1p,
    kl_div,
    log_expit,
    log_ndtr,
    logit,
    ndtr,
    ndtri,
    owens_t,
    rel_entr,
    xlog1py,
    xlogy,
)
from fungrad.numpy.ufuncs import cbrt, exp2, expm1, log1p
from fungrad.scipy.special.counting import bernoulli, comb, factorial
from fungrad.scipy.special.sums import log_softmax, logsumexp, softmax

__getattr__ = no_other_names(__name__)
