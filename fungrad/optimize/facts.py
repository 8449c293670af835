"""What is known of values from the equations that make them, for every input.

`result` is the program in the making (`rewrite.Rebuilding`), whose `made_by` finds the makers.
"""

from math import prod

import numpy as np

from fungrad.core.program import Literal
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.contraction import Contract
from fungrad.primitives.reductions import Sum

#: How many makers deep a fact is looked for.
_DEPTH = 8

_ALWAYS = (e.square, e.exp, e.absolute, e.sqrt)
_IF_ALL_ARE = (e.add, e.multiply, e.maximum, e.minimum)  # not a quotient: 1 / -0 is -inf
_IF_ALL_ARE_TOO = (Sum, m.Reshape, m.Transpose, m.Broadcast, m.Fill, m.Slice, m.Reverse)


def is_never_negative(v, result, depth=_DEPTH):
    """Whether a real value is nan or at least 0 (or -0), as squares and their sums are."""
    if v.type.dtype.kind != "f":
        return False
    if type(v) is Literal:
        return bool(v.value >= 0)
    made = result.made_by.get(v)
    if made is None or not depth:
        return False
    p, inputs = made.primitive, made.inputs
    if p in _ALWAYS or _is_square(p, inputs):
        return True
    is_kept = p in _IF_ALL_ARE or isinstance(p, _IF_ALL_ARE_TOO)
    return is_kept and all(is_never_negative(x, result, depth - 1) for x in inputs)


def _is_square(p, inputs):
    """Whether an equation multiplies a value by itself, or sums such products."""
    if p is e.multiply or p is e.strong_multiply:
        return inputs[0] is inputs[1]
    return isinstance(p, Contract) and inputs[0] is inputs[1] and p.left == p.right


def root_of_power(v, result, depth=_DEPTH):
    """The x of which v is a constant times a positive whole power, computed by products, or None.

    Two such values of one x are never 0 the one and infinite the other: below 1 none overflows,
    above none vanishes, since the constant is bounded at every step.
    """
    return _power(v, result, depth)[0]


def _power(v, result, depth):
    """(x, factor) with v = factor * x**n, n > 0; (v, 1) where nothing is known."""
    made = result.made_by.get(v) if depth else None
    if made is None or v.type.dtype.kind != "f":
        return v, 1.0
    p, inputs = made.primitive, made.inputs
    if p is e.negative or p is e.square:
        root, factor = _power(inputs[0], result, depth - 1)
        found = root, factor if p is e.negative else factor * factor
    elif p is e.multiply or p is e.strong_multiply:
        found = _power_of_product(inputs, result, depth - 1)
    else:
        return v, 1.0
    bound = float(np.finfo(v.type.dtype).max) ** 0.25
    return found if found[0] is not None and 1 / bound <= found[1] <= bound else (v, 1.0)


def _power_of_product(inputs, result, depth):
    factors = [abs(x.value.astype(np.float64)) for x in inputs if type(x) is Literal]
    found = [_power(x, result, depth) for x in inputs if type(x) is not Literal]
    if not found or any(root is not found[0][0] for root, _ in found):
        return None, 1.0
    return found[0][0], prod([*factors, *[f for _, f in found]])
