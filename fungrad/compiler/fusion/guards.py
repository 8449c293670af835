"""Truth values outside of an inner loop where all that the loop adds is zero.

The derivative of a minimum over rows is such a sum: `sum(where(x == min(x), 1, 0) * f(...))` has one
term per row that counts. Zero wins here over an inf or nan that it would be multiplied by.
"""

_PRODUCTS = ("multiply", "strong_multiply")


def masks(value):
    """Truth values each of which makes an expression zero where it is false; mostly none."""
    op, operands = value.op, value.operands
    if op == "convert":
        (x,) = operands
        return (x,) if x.dtype.kind == "b" else masks(x)
    if op == "negative":
        return masks(operands[0])
    if op in _PRODUCTS:
        return masks(operands[0]) + masks(operands[1])
    if op == "select":
        condition, x, y = operands
        return (condition, *masks(x)) if y.is_constant and y.attribute == 0 else ()
    return ()


def guard(values, is_known):
    """What is true wherever one of the values may not be zero, of what `is_known`; None if that is
    everywhere."""
    found = []
    for value in values:
        known = [mask for mask in masks(value) if is_known(mask)]
        if not known:
            return None
        if not set(known) & set(found):
            found.append(known[0])
    result = found[0]
    for mask in found[1:]:
        result = result | mask
    return result
