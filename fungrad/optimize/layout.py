"""Elementwise functions in the layout of what they read: transpositions move towards the outputs.

A contraction or another elementwise function takes them in, where they cost nothing.
"""

from fungrad.optimize.rewrite import rewritten
from fungrad.primitives.elementwise import Elementwise
from fungrad.primitives.movement import Broadcast, Fill, Transpose


def move_transpositions(program):
    """The same program with transpositions of operands after elementwise functions.

    `b = transpose[order=(1 0)] a; c = sin b` becomes `b = sin a; c = transpose[order=(1 0)] b`.
    Where operands differ, the largest one decides, if all others can be laid out like it.
    """
    return rewritten(program, _transposed)


def _transposed(equation, inputs, result):
    if not isinstance(equation.primitive, Elementwise) or equation.outputs[0].type.ndim < 2:
        return None
    arrays = [v for v in inputs if v.type.shape]
    sources = [_source(v, result) for v in arrays]
    if not sources or None in sources:
        return None
    largest = max(x.type.size for x, _ in sources)
    axes = {at for x, at in sources if x.type.size == largest}
    if len(axes) != 1 or largest == 1:
        return None
    (main,) = axes
    if list(main) == sorted(main):
        return None
    shape = equation.outputs[0].type.shape
    order = (*[a for a in range(len(shape)) if a not in main], *main)
    new = [_laid_out(v, order, result) if v.type.shape else v for v in inputs]
    value = result.add(equation.primitive, new, equation.source)
    return result.add(Transpose(_inverse(order)), [value], equation.source)


def _source(v, result):
    """The array of which `v` is a layout, and which axes of `v` its axes are; or None."""
    made = result.made_by.get(v)
    if made is None:
        return None
    if isinstance(made.primitive, Transpose):
        return made.inputs[0], _inverse(made.primitive.order)
    if isinstance(made.primitive, Broadcast):
        return made.inputs[0], made.primitive.axes
    return (made.inputs[0], ()) if isinstance(made.primitive, Fill) else None


def _laid_out(v, order, result):
    """The array `v` with its axes in an order, made from what it is a layout of."""
    made = result.made_by[v]
    shape = tuple([v.type.shape[a] for a in order])
    if isinstance(made.primitive, Fill):
        return result.add(Fill(shape), made.inputs, made.source)
    if isinstance(made.primitive, Broadcast):
        axes = tuple([order.index(a) for a in made.primitive.axes])
        return result.add(Broadcast(shape, axes), made.inputs, made.source)
    moved = tuple([made.primitive.order[a] for a in order])
    if moved == tuple(range(len(moved))):
        return made.inputs[0]
    return result.add(Transpose(moved), made.inputs, made.source)


def _inverse(order):
    return tuple([order.index(a) for a in range(len(order))])
