"""Constant tables that expansions look up, by name."""

from functools import cache
from math import isqrt

import numpy as np

from fungrad.primitives import oscillating_integrals, parameter_derivatives, tail_integrals

#: Rows of the table are numbered from that of the exponents 1032 to 1039 (2**9 to 2**16).
FIRST_ROW = 1032 // 8
TWO_OVER_PI_PARTS = 4
_ROWS = 2048 // 8 - FIRST_ROW
_BITS = 1400


def _pi(precision):
    """floor(pi * 2**precision), by the iteration of Gauss, Brent and Salamin."""
    guard = precision + 64
    a, t, power = 1 << guard, 1 << (guard - 2), 1
    b = isqrt(1 << (2 * guard - 1))
    while abs(a - b) > 1 << 32:
        mean = (a + b) >> 1
        t -= power * (a - mean) ** 2 >> guard
        a, b, power = mean, isqrt(a * b), 2 * power
    return ((a + b) ** 2 // (4 * t)) >> (guard - precision)


def _two_over_pi():
    """8 * (2**e * 2/pi mod 4) in parts on the grids 2**-51, 2**-104, 2**-157, 2**-210.

    Row j is for the biased exponents from 8 (FIRST_ROW + j), where x = m 2**e and the mantissa m
    is whole; what remains of a part lies between -1/2 and 1/2 of its grid.
    """
    two_over_pi = (1 << (_BITS + 1 + 1200)) // _pi(1200)
    table = []
    for row in range(_ROWS):
        e = 8 * (FIRST_ROW + row) - 1075
        rest = (two_over_pi << 200 << e) if e >= 0 else two_over_pi << 200 >> -e
        rest %= 1 << (_BITS + 200 + 2)
        if rest >= 1 << (_BITS + 200 + 1):
            rest -= 1 << (_BITS + 200 + 2)
        for part in range(TWO_OVER_PI_PARTS):
            grid = _BITS + 200 - (51 + 53 * part)
            whole = (rest + (1 << (grid - 1))) >> grid
            rest -= whole << grid
            table.append(float(whole) * 2.0 ** -(51 + 53 * part) * 8.0)
    return np.array(table)


@cache
def constant_table(name):
    """The table of a name."""
    if name == "two_over_pi":
        return _two_over_pi()
    families = oscillating_integrals, parameter_derivatives, tail_integrals
    return next(family.TABLES[name] for family in families if name in family.TABLES)
