"""Special functions: points of the domain per word."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives import (
    bessel,
    beta_integrals,
    elementwise,
    hypergeometric,
    sine_integrals,
    special,
    student_t,
)
from fungrad.primitives.elementwise import Elementwise
from samples.table import F32, I64, bad, sample

POSITIVE, REAL = (0.4, 1.3, 2.6), (0.4, -1.3, 2.6)
UNIT, SHAPES, OTHERS = (0.2, 0.5, 0.7), (0.6, 2.3, 4.1), (1.4, 0.7, 3.2)
ORDERS = (0.0, 1.0, 2.0)
#: Points of the domain by word.
POINTS = {
    **dict.fromkeys("lgamma digamma trigamma gamma gammasgn".split(), ((0.4, 2.3, -1.6),)),
    **dict.fromkeys("zeta zeta_s zeta_ss".split(), ((2.0, 3.5, 1.4), (0.4, 2.3, 0.9))),
    **dict.fromkeys("digamma_step beta betaln poch".split(), (SHAPES, OTHERS)),
    "binom": ((5.2, 6.3, 4.1), (1.4, 2.7, 3.2)),
    **dict.fromkeys("gammainc gammaincc gamma_density gammainc_a".split(), (SHAPES, POSITIVE)),
    "gammainc_aa": (SHAPES, POSITIVE),
    **dict.fromkeys("gammaincinv gammainccinv".split(), (SHAPES, UNIT)),
    **dict.fromkeys(
        """betainc betaincc betaincinv betainccinv beta_density betainc_a betainc_b betainc_aa
        betainc_ab betainc_bb""".split(),
        (SHAPES, OTHERS, UNIT),
    ),
    **dict.fromkeys("erfcx log_ndtr dawsn".split(), (REAL,)),
    **dict.fromkeys("sine_integral cosine_integral fresnel_sine fresnel_cosine".split(), (REAL,)),
    **dict.fromkeys("erfcinv ndtri".split(), (UNIT,)),
    "owens_t": (REAL, OTHERS),
    **dict.fromkeys("expi exp1 spence".split(), (POSITIVE,)),
    **dict.fromkeys("stdtr stdtr_df".split(), (SHAPES, REAL)),
    "stdtrit": (SHAPES, UNIT),
    "expn": (ORDERS, POSITIVE),
    **dict.fromkeys(
        "hyp1f1 hyp1f1_a hyp1f1_b hyp1f1_aa hyp1f1_ab hyp1f1_bb".split(), (SHAPES, OTHERS, REAL)
    ),
    **dict.fromkeys(
        """hyp2f1 hyp2f1_a hyp2f1_b hyp2f1_c hyp2f1_aa hyp2f1_ab hyp2f1_ac hyp2f1_bb hyp2f1_bc
        hyp2f1_cc""".split(),
        (SHAPES, OTHERS, POSITIVE, (0.2, -0.5, 0.4)),
    ),
    **dict.fromkeys("xlogy xlog1py".split(), (REAL, POSITIVE)),
    **dict.fromkeys([f"bessel_{x}" for x in "j0 j1 i0 i0e i1 i1e".split()], (REAL,)),
    **dict.fromkeys([f"bessel_{x}" for x in "y0 y1 k0 k0e k1 k1e".split()], (POSITIVE,)),
    **dict.fromkeys(
        [f"bessel_{x}{y}" for x in "jv iv ive yv kv kve".split() for y in ("", "_v", "_vv")],
        (ORDERS, POSITIVE),
    ),
}
#: Rows without a derivative in some operand; it is in the derivatives of other rows that they are
#: differentiated.
HELD = """zeta_ss expn gammainc_aa betainc_aa betainc_ab betainc_bb bessel_jv_vv bessel_yv_vv
    bessel_iv_vv bessel_ive_vv bessel_kv_vv bessel_kve_vv hyp1f1_aa hyp1f1_ab hyp1f1_bb hyp2f1_aa
    hyp2f1_ab hyp2f1_ac hyp2f1_bb hyp2f1_bc hyp2f1_cc"""
#: Rows whose second derivatives are left to others that they are made of, or that are like them.
ONCE = """zeta_s betainc stdtr gammainc_a betainc_a betainc_b stdtr_df gammaincc gammaincinv gammainccinv betaincc
    betaincinv betainccinv stdtrit bessel_jv_v bessel_yv_v bessel_iv_v bessel_kv_v bessel_ive_v
    bessel_kve_v hyp1f1_a hyp1f1_b hyp2f1_a hyp2f1_b hyp2f1_c hyp2f1"""


def rows():
    """The rows of special functions."""
    modules = special, beta_integrals, bessel, student_t, hypergeometric, sine_integrals
    found = [x for module in modules for x in vars(module).values()]
    rows = {v.word: v for v in found if isinstance(v, Elementwise)}
    return [v for v in rows.values() if v not in vars(elementwise).values()]


def samples_of(row):
    """A row on arrays of both dtypes, on scalars, and on nothing."""
    points = POINTS[row.word]
    laws = {"laws": ("types", "batch")} if row.word in HELD.split() else {}
    arrays = [np.array(p) for p in points]
    return [
        sample(row, *arrays, order=1 if row.word in ONCE.split() else 2, **laws),
        sample(row, *[x.astype(F32) for x in arrays], order=1, laws=("types",)),
        sample(row, *[x[0] for x in arrays], order=1, laws=("types",)),
        sample(row, arrays[0], *[x[0] for x in arrays[1:]], order=1, laws=("types",)),
        sample(row, *[np.zeros((0, 2))] * len(points), order=1, laws=("types",)),
    ]


def bad_of(row):
    """Wrong dtypes and shapes for a row."""
    count = len(row.passes)
    found = [bad(row, [np.ones(2, I64)] * count, DtypeError, "dtype int64")]
    if count > 1:
        rest = [np.ones(2)] * (count - 1)
        found.append(bad(row, [np.ones(2, F32), *rest], DtypeError, "differ"))
        found.append(bad(row, [np.ones(3), *rest], ShapeError, "(3,) and (2,) differ"))
    return found


SPECIAL = [s for row in rows() for s in samples_of(row)]
SPECIAL_BAD = [b for row in rows() for b in bad_of(row)]
