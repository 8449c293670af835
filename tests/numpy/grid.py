"""NumPy functions crossed with shapes, dtypes and options: what the grid test goes through.

A family is a list of names, the dtypes and shapes of the array, and the options; an option that
is a function gets the shape.
"""

from dataclasses import dataclass, field

import numpy as np

DTYPES = (bool, np.int8, np.uint8, np.int64, np.float16, np.float32, float, np.complex64, complex)
SHAPES = ((), (0,), (3,), (2, 3), (0, 3), (2, 1, 3))


def _mask(shape):
    return np.arange(int(np.prod(shape))).reshape(shape) % 2 == 0


@dataclass
class Family:
    """Functions of one array that take the same options."""

    names: str
    options: list = field(default_factory=lambda: [{}])
    dtypes: tuple = DTYPES
    shapes: tuple = SHAPES


AXES = [
    {},
    {"axis": 0},
    {"axis": -1},
    {"axis": (0, -1)},
    {"keepdims": True, "axis": (0, 1)},
    {"axis": ()},
    {"axis": 5},
    {"keepdims": True},
]
MASKS = [{"where": _mask}, {"axis": -1, "where": _mask, "keepdims": True}]
FIRST = [{"initial": 2}, {"where": _mask, "initial": 1, "axis": -1}]
QUANTILES = [
    {"q": 0.3},
    {"q": [0.0, 0.27, 1.0], "axis": -1},
    {"q": 0.5, "axis": (0, -1), "keepdims": True},
    {"q": 1.5},
]
METHODS = """linear lower higher midpoint nearest inverted_cdf averaged_inverted_cdf hazen weibull
    closest_observation interpolated_inverted_cdf median_unbiased normal_unbiased""".split()
REAL = (np.int64, np.float32, float)

FAMILIES = [
    Family(
        """abs absolute negative positive reciprocal square sqrt cbrt exp exp2 expm1 log log10 log1p
        log2 sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh deg2rad rad2deg
        degrees radians sign floor ceil trunc rint round around sinc nan_to_num fabs conj conjugate
        real imag angle logical_not isnan isinf isfinite iscomplexobj isrealobj isneginf isposinf
        isreal iscomplex i0 modf frexp signbit invert bitwise_count fix shape ndim size copy ravel
        atleast_1d atleast_2d atleast_3d zeros_like ones_like transpose flip squeeze""",
        shapes=((), (0,), (2, 3)),
    ),
    Family("sum prod", [*AXES, *MASKS, *FIRST, {"dtype": np.float32}, {"initial": None}]),
    Family("max min amax amin nanmax nanmin", [*AXES, *MASKS[:1], *FIRST]),
    Family("any all", [*AXES, *MASKS]),
    Family("nansum nanprod", [*AXES, *FIRST]),
    Family("count_nonzero", AXES),
    Family("std var", [{"axis": 0}, *MASKS, {"ddof": 1}, {"axis": -1, "correction": 1}], REAL),
    Family("mean", [{}, {"axis": (0, -1)}, {"axis": 1, "keepdims": True}, {"dtype": np.float32}]),
    Family("nanmean nanstd nanvar", [{}, {"axis": -1, "keepdims": True}, *MASKS[:1]], REAL),
    Family("argmax argmin", [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": 4}]),
    Family("nanargmax nanargmin", [{}, {"axis": 0}], REAL, SHAPES[2:4]),
    Family("cumsum cumprod nancumsum nancumprod", [{}, {"axis": 0}, {"axis": -1, "dtype": "f4"}]),
    Family("cumulative_sum cumulative_prod", [{"axis": -1, "include_initial": True}]),
    Family("median", [{}, {"axis": 0}, {"axis": (0, 1), "keepdims": True}], REAL, SHAPES[2:]),
    Family("nanmedian", [{}, {"axis": -1}], REAL, SHAPES[2:4]),
    Family("quantile", QUANTILES, REAL, ((3,), (2, 3), (2, 1, 3))),
    Family("nanquantile", [{"q": 0.3}, {"q": [0.2, 0.9], "axis": -1}], (float,), ((3,), (2, 4))),
    Family(
        "quantile nanquantile",
        [{"q": [0.0, 0.27, 0.5, 1.0], "method": m} for m in METHODS],
        (float,),
        ((5,),),
    ),
    Family("percentile", [{"q": 30}, {"q": [20, 70.0], "axis": -1}], REAL, ((3,), (2, 3))),
    Family(
        "average",
        [{}, {"axis": -1, "weights": lambda s: np.arange(1, 4)}, {"axis": 0, "returned": True}],
        REAL,
        ((3,), (2, 3)),
    ),
    Family("ptp", [{"axis": -1}, {"keepdims": True}], REAL),
    Family("sort argsort", [{"kind": "stable", "axis": a} for a in (-1, 0, None, 7)]),
    Family("sort_complex", dtypes=(np.int8, np.float32, complex), shapes=((3,), (2, 3))),
    Family("diff", [{}, {"axis": 0, "n": 2}, {"prepend": 0, "append": 1}, {"n": 0}]),
    Family(
        "tril triu diag diagflat diagonal trace rot90",
        [{}, *({"k": k} for k in (-1, 2))],
        (bool, float),
    ),
    Family(
        "repeat",
        [{"repeats": r, "axis": a} for r in (2, 0, [1, 0, 2]) for a in (None, 0)],
        (float,),
    ),
    Family(
        "roll",
        [{"shift": 1}, {"shift": (1, 2), "axis": (0, -1)}, {"shift": 9, "axis": 0}],
        (float,),
    ),
    Family("tile", [{"reps": r} for r in (2, (2, 1), (1, 2, 3), 0, ())], (float,)),
    Family(
        "reshape",
        [{"shape": s, "order": o} for s in (-1, (3, -1), (7,), ()) for o in "CF"],
        (float,),
    ),
    Family("expand_dims", [{"axis": a} for a in (0, -1, (0, 1), 9, (0, 0))], (float,)),
    Family(
        "moveaxis", [{"source": 0, "destination": -1}, {"source": 4, "destination": 0}], (float,)
    ),
    Family("broadcast_to", [{"shape": s} for s in ((2, 3), (4, 2, 3), (3,), ())], (float,)),
    Family(
        "take",
        [{"indices": [0, -1], "axis": a} for a in (None, 0, -1)]
        + [{"indices": [7, -9], "mode": m} for m in ("wrap", "clip", "raise")],
        (float,),
    ),
    Family(
        "pad",
        [
            {"pad_width": w, "mode": m}
            for w in (1, ((1, 2),), -1, 1.5)
            for m in ("constant", "edge", "reflect", "wrap", "mean", "median")
        ],
        (np.int64, float),
        ((3,), (2, 3), (0, 3)),
    ),
    Family("full_like", [{"fill_value": v} for v in (2, 1j, -1, [1, 2, 3])], (np.uint8, float)),
    Family(
        "clip", [{"a_min": a, "a_max": b} for a, b in ((0, 1), (-1.5, None), (2, 0), (300, 400))]
    ),
    Family(
        "histogram",
        [{}, {"bins": [0, 1, 2]}, {"bins": 5, "range": (-1, 1)}, {"bins": 0}],
        (np.int64, float),
        ((3,), (2, 3), (0,)),
    ),
    Family("cov corrcoef", [{}, {"rowvar": False}], (np.int64, float, complex), ((3,), (2, 3))),
    Family("unique", dtypes=(np.int64, float), shapes=((3,), (2, 3), (0,))),
    Family(
        "mean var std nanmean nanvar nanstd",
        [*({"dtype": d} for d in (int, bool, complex)), {"axis": -1, "where": True}, {"axis": [0]}],
        (bool, np.int8, float, complex),
        ((), (0,), (2, 3)),
    ),
    Family("cumsum cumprod", [{"dtype": bool}], (bool, np.int8, float), ((), (0,), (2, 3))),
    Family("sum max any", [{"axis": [0]}, {"axis": 0.0}], (float,), ((), (3,))),
    Family("nanquantile", [{"q": [0.2, 0.9]}, {"q": 1.5}], (np.int64, float), ((0,), (0, 3))),
    Family("quantile", [{"q": 0.5, "method": "bad"}], (np.int64, float), ((0,), (3,))),
    Family("partition", [{"kth": 5}, {"kth": 9, "axis": None}], (float,), ((3,), (2, 3))),
    Family("ediff1d", [{"to_begin": 1.5}, {"to_end": [2, 3]}], (np.int8, float), ((3,), (0,))),
    Family("rollaxis", [{"axis": 0, "start": s} for s in (0, 2, 9)], (float,), ((3,), (2, 3))),
    Family("broadcast_to", [{"shape": (-1,)}], (float,), ((), (3,))),
    Family(
        "nan_to_num",
        [{"nan": [1, 2, 3]}, {"nan": 1j}, {"posinf": 1, "neginf": 2}],
        (np.float32, complex),
        ((3,), (2, 3)),
    ),
    Family(
        "round",
        [{"decimals": d} for d in (1, -1, 400, 1.5)],
        (bool, np.int8, float, complex),
        ((3,),),
    ),
    Family("unwrap", [{"period": 4}, {"period": 5}], (bool, np.int8, float), ((3,), (2, 3))),
    Family("sin exp logical_not isnan", [{"dtype": d} for d in (int, np.float32)], shapes=((3,),)),
    Family("absolute", [{"dtype": np.float32}], (np.float32, np.complex64), ((3,),)),
    Family("clip", [{"min": -1}, {"max": 300}, {}, {"a_min": 0}], (bool, np.uint8, float), ((3,),)),
    Family(
        "cov",
        [{"fweights": [1, 2]}, {"aweights": [-1, 1, 1]}, {"ddof": 1.5}],
        (float,),
        ((3,), (2, 3)),
    ),
    Family("bincount", [{"minlength": -1}], (np.int64, float), ((0,),)),
    Family("resize", [{"new_shape": -1}], (float,), ((3,),)),
    Family("pad", [{"pad_width": -1}], (float,), ((),)),
    Family("gradient", [{"edge_order": 3}], (bool,), ((3,),)),
    Family("gradient trapezoid", [{}, {"axis": 0}], (np.int64, float, complex)),
    Family(
        "digitize",
        [{"bins": [-1, 0, 1]}, {"bins": [1, 0, -1], "right": True}, {"bins": [1, 2, 0]}],
        REAL,
        ((), (3,), (2, 3)),
    ),
]

#: Functions of two arrays, on every pair of dtypes, on a dtype and a number, and on shapes.
PAIRS = """add subtract multiply divide true_divide floor_divide mod remainder fmod power float_power
    arctan2 hypot maximum minimum fmax fmin logaddexp logaddexp2 heaviside copysign equal not_equal
    less less_equal greater greater_equal logical_and logical_or logical_xor isclose allclose
    array_equal array_equiv left_shift right_shift bitwise_and bitwise_or bitwise_xor gcd lcm ldexp
    nextafter divmod append isin dot inner outer kron convolve correlate vecdot""".split()
NUMBERS = (True, 2, -1, 0.5, 2j, 300)
TWO_SHAPES = (((0, 3), (1, 3)), ((), (3,)), ((2, 1), (3,)), ((2, 3), (2,)), ((0,), (1,)), ((), ()))

#: Cases in which NumPy's own result or error is an accident, by (name, part of the description).
ACCIDENTS = [
    ("average", "(0, 3)"),
    ("repeat", "'repeats': [1, 0, 2]"),
    *[(name, "() {'axis': -1") for name in ("std", "var", "nanmean", "nanstd", "nanvar")],
    *[(name, f"{dtype}() ") for name in ("tril", "triu") for dtype in ("bool", "float64")],
    *[("vecdot", f", {number}") for number in (300, -1)],
]
