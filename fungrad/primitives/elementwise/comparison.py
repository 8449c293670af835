"""Comparison, logic, bits, and the selection of one of two values."""

import operator

import numpy as np

from fungrad.primitives.elementwise.rows import Elementwise, binary, bool_dtype, same_dtype, unary

equal = binary("equal", operator.eq, kinds="biufc", result=bool_dtype)
not_equal = binary("not_equal", operator.ne, kinds="biufc", result=bool_dtype)
less = binary("less", operator.lt, kinds="biuf", result=bool_dtype)
less_equal = binary("less_equal", operator.le, kinds="biuf", result=bool_dtype)
greater = binary("greater", operator.gt, kinds="biuf", result=bool_dtype)
greater_equal = binary("greater_equal", operator.ge, kinds="biuf", result=bool_dtype)
isnan = unary("isnan", np.isnan, kinds="fc", result=bool_dtype)
isinf = unary("isinf", np.isinf, kinds="fc", result=bool_dtype)
isfinite = unary("isfinite", np.isfinite, kinds="fc", result=bool_dtype)
signbit = unary("signbit", np.signbit, kinds="f", result=bool_dtype)

logical_and = binary("logical_and", np.logical_and, kinds="b")
logical_or = binary("logical_or", np.logical_or, kinds="b")
logical_xor = binary("logical_xor", np.logical_xor, kinds="b")
logical_not = unary("logical_not", np.logical_not, kinds="b")

bitwise_and = binary("bitwise_and", operator.and_, kinds="biu")
bitwise_or = binary("bitwise_or", operator.or_, kinds="biu")
bitwise_xor = binary("bitwise_xor", operator.xor, kinds="biu")
bitwise_not = unary("bitwise_not", operator.invert, kinds="biu")
left_shift = binary("left_shift", np.left_shift, kinds="iu")
right_shift = binary("right_shift", np.right_shift, kinds="iu")
population_count = unary(
    "population_count",
    lambda x: np.bitwise_count(x.view(f"u{x.itemsize}")).astype(x.dtype),
    kinds="iu",
)


def _select(c, x, y):
    if type(c) is np.bool_ and isinstance(x, np.generic) and isinstance(y, np.generic):
        return x if c else y
    result = np.where(c, x, y)
    return result if result.ndim else result[()]


select = Elementwise(
    "select",
    _select,
    (
        None,
        lambda t, c, x, y, z: select(c, t, t.dtype.type(0)),
        lambda t, c, x, y, z: select(c, t.dtype.type(0), t),
    ),
    (1, 2),
    "biufc",
    same_dtype,
    True,
)
