"""Sums of arrays that zeros surround: the adjoint of a split is a concatenation."""

from fungrad.core.program import Literal
from fungrad.primitives import elementwise as e
from fungrad.primitives.joining import Concatenate

_MOST_PARTS = 64  # of one concatenation: building it up part by part takes the square of that


def sum_of_pads(equation, pads, is_zero, result):
    """`pad(x) + pad(y)` with x and y side by side as `pad(concatenate(x + 0, y + 0))`, or None.

    `pads` are the equations that make the two operands. Adding 0 makes 0 of -0, as the sum does.
    """
    if any(p is None or not is_zero(p.inputs[1]) or any(p.primitive.interior) for p in pads):
        return None
    p, q = pads
    place = _common_axis(p, q)
    if place is None or max(_count_parts(x, result) for x in pads) > _MOST_PARTS:
        return None
    first, second = (p, q) if p.primitive.low[place] < q.primitive.low[place] else (q, p)
    middle = first.primitive.low[place] + first.inputs[0].type.shape[place]
    if middle != second.primitive.low[place]:
        return None
    zero = Literal(0, equation.outputs[0].type.dtype)
    parts = [result.add(e.add, [x.inputs[0], zero], x.source) for x in (first, second)]
    joined = result.add(Concatenate(place), parts, equation.source)
    high = list(first.primitive.high)
    high[place] = second.primitive.high[place]
    pad = first.primitive.replace(high=tuple(high))
    return result.add(pad, [joined, zero], equation.source)


def _count_parts(pad, result):
    made = result.made_by.get(pad.inputs[0])
    return len(made.inputs) if made is not None and isinstance(made.primitive, Concatenate) else 1


def _common_axis(p, q):
    """The one axis along which the places of two padded arrays differ, or None."""
    places = [zip(x.primitive.low, x.primitive.high, strict=True) for x in (p, q)]
    differing = [a for a, (u, v) in enumerate(zip(*places, strict=True)) if u != v]
    return differing[0] if len(differing) == 1 else None
