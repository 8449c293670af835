"""Calls of `scipy.special` in every real parameter, beside SciPy's own values."""

import numpy as np
import scipy.special as peer

from fungrad.scipy import special
from tests.tables.row import Table

TABLE = Table("scipy.special", special)
REAL, POSITIVE, UNIT = (np.array(v) for v in ((0.4, -1.3, 2.6), (0.4, 1.3, 2.6), (0.2, 0.5, 0.7)))
SHAPES, OTHERS = np.array([0.6, 2.3, 4.1]), np.array([1.4, 0.7, 3.2])
COUNTS = np.array([1, 2, 0])

TABLE.each("erf erfc expit log_ndtr ndtr erfcx dawsn i0 i0e i1 i1e", REAL, to=peer)
TABLE.each("erfinv logit ndtri entr", UNIT, to=peer)
TABLE.each("gamma gammaln digamma expi exp1 spence", POSITIVE, to=peer)
TABLE.row("loggamma", POSITIVE, to=peer.gammaln)
TABLE.each("gammasgn", REAL, to=peer, smooth=False)
TABLE.each(
    "beta betaln poch xlogy xlog1py rel_entr kl_div boxcox boxcox1p", SHAPES, OTHERS, to=peer
)
TABLE.each("gammainc gammaincc", SHAPES, POSITIVE, to=peer)
TABLE.row("betainc", SHAPES, OTHERS, UNIT, to=peer.betainc)
TABLE.row(
    "polygamma", POSITIVE, by=lambda f, x: f(COUNTS, x), to=lambda x: peer.polygamma(COUNTS, x)
)
TABLE.row("multigammaln", 2 + POSITIVE, 3, to=peer.multigammaln)
TABLE.row("factorial", POSITIVE, to=lambda n: peer.gamma(n + 1))
TABLE.row("comb", 4 + POSITIVE, OTHERS, to=peer.comb)
TABLE.row("logsumexp", np.stack([REAL, OTHERS]), axis=1, to=peer.logsumexp)
TABLE.row(
    "logsumexp", REAL, by=lambda f, x: f(x, b=OTHERS), to=lambda x: peer.logsumexp(x, b=OTHERS)
)
TABLE.each("softmax log_softmax", np.stack([REAL, OTHERS]), axis=1, to=peer)
TABLE.row("zeta", 1 + POSITIVE, SHAPES, to=peer.zeta)
TABLE.row("expn", POSITIVE, by=lambda f, x: f(COUNTS, x), to=lambda x: peer.expn(COUNTS, x))
TABLE.row("bessel_jn", REAL, v=3, to=lambda x, v: peer.jv(np.arange(4).reshape(4, 1), x))
TABLE.row("hyp1f1", SHAPES, OTHERS, REAL, to=peer.hyp1f1)
TABLE.row("hyp2f1", SHAPES, OTHERS, POSITIVE + 1, UNIT, to=peer.hyp2f1)
TABLE.row("owens_t", REAL, OTHERS, to=peer.owens_t)
TABLE.each("sici fresnel", REAL, to=peer)
TABLE.row("bernoulli", 4, to=peer.bernoulli)
