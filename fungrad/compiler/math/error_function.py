"""erf, erfc and erfinv.

Up to 0.7, erf(x) is x times a polynomial in x**2. Beyond, erfc(x) is e**-x**2 / (1 + 2 x) times a
polynomial in t = (x - a) / (x + a), which maps the range of x to an interval around 0.
"""

import math

import numpy as np

from fungrad.compiler.math.exponential import exp_of_sum
from fungrad.compiler.math.floating_point import polynomial, product_in_two_parts, scaled
from fungrad.compiler.math.logarithm import log

_SMALL = 0.7
#: erf(x) / x - 1 as a polynomial in x**2, to 2**-27 and 2**-56.
_ERF = {
    np.float32: (
        0.12837916612625122,
        -0.3761262893676758,
        0.112835593521595,
        -0.026845647022128105,
        0.005141020752489567,
        -0.0006973124109208584,
    ),
    np.float64: (
        0.12837916709551256,
        -0.37612638903183043,
        0.1128379167090613,
        -0.026866170632162706,
        0.005223977451704097,
        -0.0008548313662077872,
        0.00012054706684522465,
        -1.49074207681145e-05,
        1.6139047328804858e-06,
        -1.3133965158492523e-07,
    ),
}
#: a, and e**x**2 erfc(x) (1 + 2 x) as a polynomial in t, to 2**-26 and 2**-54.
_MIDDLE = {np.float32: 2.75, np.float64: 4.375}
_ERFC = {
    np.float32: (
        1.2588036060333252,
        -0.13046249747276306,
        -0.07130512595176697,
        0.14490701258182526,
        -0.11450953036546707,
        0.052311722189188004,
        -0.010399849154055119,
        -0.0025901002809405327,
        0.0016602306859567761,
    ),
    np.float64: (
        1.2267799849011336,
        -0.1375923054305788,
        0.02945900761206358,
        0.04909274004800673,
        -0.08804081150611014,
        0.09179382490580536,
        -0.07371828860344944,
        0.04847705541959315,
        -0.02638089642689466,
        0.011664090480429023,
        -0.00394664718234152,
        0.0008414786881076695,
        1.059234955256433e-05,
        -8.834305825205681e-05,
        2.9975270842227647e-05,
        3.351561151799252e-07,
        -3.5835050399222963e-06,
        8.188150820533792e-07,
        2.6205902932028013e-07,
        -1.1190095187809485e-07,
        -1.1460147199746486e-08,
    ),
}
#: Beyond, erfc(x) underflows to 0.
_LARGEST = {np.float32: 10.5, np.float64: 28.0}

#: erfinv(x) / x as a polynomial in w - 5/2 for w = -log(1 - x**2) < 5, to 2**-24.
_ERFINV_CENTRE = (
    1.5014094114303589,
    0.24664029479026794,
    -0.004177500028163195,
    -0.0012527587823569775,
    0.00021841049601789564,
    -4.9540399231773335e-06,
    -3.4769284411595436e-06,
    4.6424150923485286e-07,
    2.4251336938618806e-08,
    -8.656654060246183e-09,
)
#: Where w is 5.
_ERFINV_FAR = math.sqrt(-math.expm1(-5.0))
#: The same polynomial to 2**-53, for float64: its first coefficient is the sum of two numbers.
_ERFINV_MIDDLE = 1.501409351110792
_ERFINV_CENTRE_DOUBLE = (
    -6.515399129749711e-17,
    0.246640276744167,
    -0.004177317724383624,
    -0.0012527079078110321,
    0.00021825026434406123,
    -4.996079598850206e-06,
    -3.416619596565087e-06,
    4.787252185239e-07,
    1.3416803755242823e-08,
    -1.0861168938287872e-08,
    9.073036495405582e-10,
    1.1960698817209524e-10,
    -3.110278672226475e-11,
    9.115660381671943e-13,
    5.356343166393055e-13,
    -7.612669130138496e-14,
    -2.8811110175240593e-15,
    1.896729354143592e-15,
    -1.3661917890666732e-16,
    -2.6828646429085144e-17,
    4.909393921888345e-18,
    1.700908089393591e-19,
    -6.890747263782666e-20,
)
#: erfinv(x) / x for larger w: the middle m, and a polynomial in sqrt(w) - m, to 2**-26 and 2**-20.
_ERFINV_TAIL = {
    np.float32: (
        3.0,
        (
            2.832976818084717,
            1.0016748905181885,
            0.00944487564265728,
            -0.0076363845728337765,
            0.005689464509487152,
            -0.0036009985487908125,
            0.0014797142939642072,
            -5.064621291239746e-05,
            -0.00030576554127037525,
            0.00011182466550963,
        ),
    ),
    np.float64: (
        4.0,
        (
            3.839782238006592,
            1.0095045566558838,
            0.0012825233861804008,
            -0.0009186428505927324,
            0.00027553964173421264,
            -5.189546209294349e-05,
            7.974545587785542e-05,
            -6.930228846613318e-05,
            1.9646584405563772e-05,
            -1.3153411373423296e-06,
        ),
    ),
}


def _erf_of_small(x):
    return x + x * polynomial(x * x, _ERF[x.dtype.type])


def _erfc_of_large(build, size):
    """erfc(x) for x >= 0.7; the square in two parts, as an error in it is one of the result."""
    largest, middle = _LARGEST[size.dtype.type], _MIDDLE[size.dtype.type]
    size = build.select(size > largest, largest, size)
    square, rest = product_in_two_parts(build, size, size)
    exponential, k = exp_of_sum(build, -square, -rest)
    t = (size - middle) / (size + middle)
    factor = polynomial(t, _ERFC[size.dtype.type]) / (1.0 + 2.0 * size)
    return scaled(build, exponential * factor, k)


def erf(build, x):
    """The error function, with the sign of x."""
    size = abs(x)
    large = build("copysign", 1.0 - _erfc_of_large(build, size), x)
    return build.select(size < _SMALL, _erf_of_small(x), large)


def erfc(build, x):
    """The complementary error function, accurate where it is small; 2 for large negative x."""
    size = abs(x)
    tail = _erfc_of_large(build, size)
    large = build.select(x < 0, 2.0 - tail, tail)
    return build.select(size < _SMALL, 1.0 - _erf_of_small(x), large)


def erfinv(build, x):
    """The inverse of erf: polynomials, and for float64 near 1 a step of Halley's method.

    In a draw of normal numbers three in a thousand are so near 1, so that there is a branch.
    """
    size = abs(x)
    if x.dtype == np.float64:
        w = -log(build, build.fma(-size, size, 1.0))
        t = w - 2.5
        lost = (t + 2.5) - w  # in the rounding of t
        rest = polynomial(t, _ERFINV_CENTRE_DOUBLE) - lost * _ERFINV_CENTRE_DOUBLE[1]
        centre = build.fma(size, _ERFINV_MIDDLE, size * rest)
        is_far = size > _ERFINV_FAR
        value = build.select(is_far, build.call_where(is_far, "erfinv_near_one", size), centre)
    else:
        value = build.select(build.equal(size, 1), np.inf, _rough_erfinv(build, size))
    return build("copysign", value, x)


def _rough_erfinv(build, size):
    w = -log(build, (1.0 - size) * (1.0 + size))
    middle, tail = _ERFINV_TAIL[size.dtype.type]
    large = polynomial(build("sqrt", w) - middle, tail)
    return size * build.select(w < 5.0, polynomial(w - 2.5, _ERFINV_CENTRE), large)


def _erfinv_near_one(build, size):
    y = _rough_erfinv(build, size)
    excess = (1.0 - size) - _erfc_of_large(build, y)  # 1 - size is exact
    step = excess * build("exp", y * y) * (math.sqrt(math.pi) / 2)
    return build.select(build.equal(size, 1), np.inf, y - step / (1.0 + y * step))


#: Functions that erfinv branches to.
RARE = {"erfinv_near_one": _erfinv_near_one}
