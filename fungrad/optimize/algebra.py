"""Identities that hold exactly: of arithmetic, of movements of movements, of conversions.

A rule is a function `(equation, inputs, result) -> value or None`: `inputs` are the inputs in the
new program, `result` the program in the making (`result.made_by` finds the makers of inputs,
`result.add` appends equations), and the value is a variable or literal that stands for the output.
"""

from math import prod

import numpy as np

from fungrad.core.program import Literal
from fungrad.optimize.basis_products import sum_of_diagonal
from fungrad.optimize.comparisons import compared_root
from fungrad.optimize.facts import root_of_power
from fungrad.optimize.pads import sum_of_pads
from fungrad.optimize.rewrite import rewritten
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.basis import Basis
from fungrad.primitives.contraction import Contract
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.reductions import Sum


def simplify(program):
    """The same program after every rule that applies, in the order of the equations."""
    return rewritten(program, _simplified)


def _simplified(equation, inputs, result):
    """What stands for the output of an equation after the rules that apply, or None."""
    for rule in RULES.get(rule_key(equation.primitive), ()):
        value = rule(equation, inputs, result)
        if value is not None and value.type is equation.outputs[0].type:
            made = result.made_by.get(value)
            if made is None or made is not result.equations[-1]:
                return value
            again = _simplified(made, made.inputs, result)
            return value if again is None else again
    return None


def rule_key(primitive):
    """What rules are found by: the row of an elementwise primitive, else the class."""
    return primitive if isinstance(primitive, e.Elementwise) else type(primitive)


def is_literal(v, number):
    """Whether `v` is the literal of a number (0 is not -0)."""
    if type(v) is not Literal or v.value != number:
        return False
    return number != 0 or v.type.dtype.kind not in "fc" or not np.signbit(v.value.real)


def maker(v, result, kind):
    """The equation that makes `v` by a primitive of a class, or None."""
    made = result.made_by.get(v)
    return made if made is not None and isinstance(made.primitive, kind) else None


# ---- arithmetic


def _product(equation, inputs, result):
    x, y = inputs
    if is_literal(y, 1):
        return x
    if is_literal(x, 1):
        return y
    if is_literal(y, -1):
        return result.add(e.negative, [x], equation.source)
    if is_literal(x, -1):
        return result.add(e.negative, [y], equation.source)
    if x.type.dtype.kind in "iu" and (is_literal(x, 0) or is_literal(y, 0)):
        return _filled(Literal(0, x.type.dtype), equation, result)
    return None


def _filled(literal, equation, result):
    shape = equation.outputs[0].type.shape
    return result.add(m.Fill(shape), [literal], equation.source) if shape else literal


def _sum(equation, inputs, result):
    """x + 0 is not x for x = -0, but x + (-0) is; integers have one zero.

    A product of arrays is a sum that starts at 0, and never -0; nor is what 0 was added to.
    """
    for x, y in (inputs, inputs[::-1]):
        if _is_neutral(y) or is_literal(y, 0) and _is_never_minus_zero(x, result):
            return x
    pads = [maker(v, result, Pad) for v in inputs]
    joined = sum_of_pads(equation, pads, lambda v: is_literal(v, 0), result)
    if joined is not None:
        return joined
    x, y = inputs
    if x.type.dtype.kind in "fc":
        negated = _negated(y, result)
        if negated is not None:
            return result.add(e.subtract, [x, negated], equation.source)
    return None


def _is_never_minus_zero(x, result):
    made = result.made_by.get(x)
    if made is None:
        return False
    if isinstance(made.primitive, Contract):
        return bool(made.primitive.groups.contracted)
    if isinstance(made.primitive, Concatenate):
        return all(_is_never_minus_zero(v, result) for v in made.inputs)
    return made.primitive is e.add and any(is_literal(v, 0) for v in made.inputs)


def _negated(y, result):
    made = result.made_by.get(y)
    return made.inputs[0] if made is not None and made.primitive is e.negative else None


def _is_neutral(y):
    if type(y) is not Literal or y.value != 0:
        return False
    return y.type.dtype.kind in "iu" or y.type.dtype.kind == "f" and bool(np.signbit(y.value))


def _difference(equation, inputs, result):
    x, y = inputs
    if is_literal(y, 0):
        return x
    negated = _negated(y, result)
    if negated is not None:
        return result.add(e.add, [x, negated], equation.source)
    return None


def _quotient(equation, inputs, result):
    x, y = inputs
    if is_literal(y, 1):
        return x
    return None


def _strong_product(equation, inputs, result):
    """Zero wins over infinity and nan only where there is one, and one that is not zero too."""
    if inputs[0] is inputs[1]:
        return result.add(e.square, inputs[:1], equation.source)
    is_plain = any(type(y) is Literal and 0 < abs(y.value) < np.inf for y in inputs)
    roots = [root_of_power(v, result) for v in inputs]
    if is_plain or roots[0] is roots[1]:
        return result.add(e.multiply, inputs, equation.source)
    return None


def _negation(equation, inputs, result):
    return _negated(inputs[0], result)


def _selection(equation, inputs, result):
    condition, x, y = inputs
    if x is y and x.type is equation.outputs[0].type:
        return x
    if type(condition) is Literal:
        chosen = x if condition.value else y
        shape = equation.outputs[0].type.shape
        if chosen.type.shape != shape:
            return result.add(m.Fill(shape), [chosen], equation.source)
        return chosen
    return None


def _power(equation, inputs, result):
    x, y = inputs
    if is_literal(y, 1):
        return x
    if is_literal(y, 2):
        return result.add(e.square, [x], equation.source)
    return None


def _integer_power(equation, inputs, result):
    if equation.primitive.exponent == 2:
        return result.add(e.square, inputs, equation.source)
    return inputs[0] if equation.primitive.exponent == 1 else None


def _identity(equation, inputs, result):
    return inputs[0]


def _conversion(equation, inputs, result):
    """Nothing for the same dtype; one conversion for two where the first loses nothing."""
    (x,) = inputs
    dtype = equation.primitive.dtype
    if x.type.dtype == dtype:
        return x
    if type(x) is Literal:
        return Literal(equation.primitive.evaluate(x.value), dtype)
    made = maker(x, result, e.Convert)
    if made is not None and np.can_cast(made.inputs[0].type.dtype, x.type.dtype, "safe"):
        return result.add(equation.primitive, made.inputs, equation.source)
    return None


# ---- movements


def _reshape(equation, inputs, result):
    (x,) = inputs
    if x.type.shape == equation.primitive.shape:
        return x
    made = maker(x, result, m.Reshape)
    if made is not None:
        return result.add(equation.primitive, made.inputs, equation.source)
    return _of_fill(equation, x, result)


def _transpose(equation, inputs, result):
    (x,) = inputs
    order = equation.primitive.order
    if order == tuple(range(len(order))):
        return x
    kept = [a for a in order if x.type.shape[a] != 1]
    if kept == sorted(kept):
        return result.add(m.Reshape(equation.outputs[0].type.shape), [x], equation.source)
    made = maker(x, result, m.Transpose)
    if made is not None:
        both = tuple([made.primitive.order[a] for a in order])
        return result.add(m.Transpose(both), made.inputs, equation.source)
    made = maker(x, result, m.Broadcast)
    if made is not None:
        axes = tuple([order.index(a) for a in made.primitive.axes])
        shape = equation.outputs[0].type.shape
        return result.add(m.Broadcast(shape, axes), made.inputs, equation.source)
    return _of_fill(equation, x, result)


def _of_fill(equation, x, result):
    """A movement of an array filled with one scalar is such an array."""
    made = maker(x, result, m.Fill | m.Broadcast)
    if made is not None and not made.inputs[0].type.shape:
        shape = equation.outputs[0].type.shape
        return result.add(m.Fill(shape), made.inputs, equation.source) if shape else made.inputs[0]
    return None


def _broadcast(equation, inputs, result):
    (x,) = inputs
    shape, axes = equation.primitive.shape, equation.primitive.axes
    if x.type.shape == shape and axes == tuple(range(len(shape))):
        return x
    if not x.type.shape:
        return result.add(m.Fill(shape), [x], equation.source)
    made = maker(x, result, m.Broadcast)
    if made is not None:
        both = tuple([axes[a] for a in made.primitive.axes])
        if _stretches_alike(made.inputs[0].type.shape, both, shape):
            return result.add(m.Broadcast(shape, both), made.inputs, equation.source)
    made = maker(x, result, m.Transpose)
    if made is not None:
        both = tuple([axes[made.primitive.order.index(a)] for a in range(len(axes))])
        return result.add(m.Broadcast(shape, both), made.inputs, equation.source)
    made = maker(x, result, m.Reshape)
    if made is not None:
        return _broadcast_of_reshape(equation, made, result)
    return _of_fill(equation, x, result)


def _stretches_alike(source, axes, shape):
    return all(n in (1, shape[a]) for n, a in zip(source, axes, strict=True))


def _broadcast_of_reshape(equation, made, result):
    """A reshape that only adds axes of size 1 is part of the broadcast."""
    source, middle = made.inputs[0].type.shape, made.outputs[0].type.shape
    kept = [a for a, n in enumerate(middle) if n != 1]
    if 1 in source or [middle[a] for a in kept] != list(source):
        return None
    axes = tuple([equation.primitive.axes[a] for a in kept])
    return result.add(m.Broadcast(equation.primitive.shape, axes), made.inputs, equation.source)


def _fill(equation, inputs, result):
    return inputs[0] if not equation.primitive.shape else None


def _basis(equation, inputs, result):
    """One vector of one number is 1."""
    p, shape = equation.primitive, equation.outputs[0].type.shape
    if any(n != 1 for n in shape):
        return None
    return result.add(m.Fill(shape), [Literal(1, p.dtype)], equation.source)


def _slice(equation, inputs, result):
    (x,) = inputs
    if equation.outputs[0].type is x.type:
        return x
    made = maker(x, result, m.Slice)
    if made is not None:
        p, q = made.primitive, equation.primitive
        starts = tuple([a + b * s for a, b, s in zip(p.starts, q.starts, p.steps, strict=True)])
        steps = tuple([s * t for s, t in zip(p.steps, q.steps, strict=True)])
        stops = tuple(
            [
                a if n == 0 else a + (n - 1) * s + 1
                for a, n, s in zip(starts, equation.outputs[0].type.shape, steps, strict=True)
            ]
        )
        return result.add(m.Slice(starts, stops, steps), made.inputs, equation.source)
    return _of_fill(equation, x, result)


def _reverse(equation, inputs, result):
    (x,) = inputs
    if not equation.primitive.axes:
        return x
    made = maker(x, result, m.Reverse)
    if made is not None and set(made.primitive.axes) == set(equation.primitive.axes):
        return made.inputs[0]
    return _of_fill(equation, x, result)


def _concatenate(equation, inputs, result):
    axis = equation.primitive.axis
    kept = [x for x in inputs if x.type.shape[axis]]
    if len(kept) == 1:
        return kept[0]
    parts = []
    for x in kept:
        made = maker(x, result, Concatenate)
        is_alike = made is not None and made.primitive is equation.primitive
        parts += made.inputs if is_alike else (x,)
    if parts and len(parts) != len(inputs):
        return result.add(equation.primitive, parts, equation.source)
    return None


def _pad(equation, inputs, result):
    x, value = inputs
    made = maker(x, result, m.Fill)
    if made is not None and made.inputs[0] is value:
        return result.add(m.Fill(equation.outputs[0].type.shape), [value], equation.source)
    return x if x.type is equation.outputs[0].type else None


# ---- sums


def _reduction(equation, inputs, result):
    """A sum over no axes; a sum over axes of size 1; a sum of one scalar repeated."""
    (x,) = inputs
    axes = equation.primitive.axes
    if not axes:
        return x
    sizes = [x.type.shape[a] for a in axes]
    if all(n == 1 for n in sizes):
        return result.add(m.Reshape(equation.outputs[0].type.shape), [x], equation.source)
    made = maker(x, result, m.Fill)
    if made is None or 0 in x.type.shape:
        return None
    count = Literal(prod(sizes), x.type.dtype)
    total = result.add(e.multiply, [made.inputs[0], count], equation.source)
    return _filled(total, equation, result)


RULES = {
    e.multiply: (_product,),
    e.strong_multiply: (_strong_product, _product),
    e.add: (_sum,),
    e.subtract: (_difference,),
    e.divide: (_quotient,),
    e.negative: (_negation,),
    e.less: (compared_root,),
    e.less_equal: (compared_root,),
    e.greater: (compared_root,),
    e.greater_equal: (compared_root,),
    e.select: (_selection,),
    e.power: (_power,),
    e.stop_gradient: (_identity,),
    e.IntegerPower: (_integer_power,),
    e.Named: (_identity,),
    e.Convert: (_conversion,),
    m.Reshape: (_reshape,),
    m.Transpose: (_transpose,),
    m.Broadcast: (_broadcast,),
    m.Fill: (_fill,),
    Basis: (_basis,),
    m.Slice: (_slice,),
    m.Reverse: (_reverse,),
    Concatenate: (_concatenate,),
    Pad: (_pad,),
    Sum: (_reduction, sum_of_diagonal),
}
