"""What windows put into an array, times another array: one routine, after all other passes."""

from dataclasses import replace

from fungrad.core.program import derived
from fungrad.optimize.accumulate import readers_of
from fungrad.optimize.algebra import is_literal
from fungrad.optimize.dead_code import remove_dead_code
from fungrad.optimize.rewrite import Rebuilding, with_inputs, with_subprograms
from fungrad.primitives import elementwise as e


@derived
def scale_windows(program):
    """The same program with `window_put(y, number) * factor` as one routine, inside of loops too.

    `c = window_put[...] a b; d = multiply c f` becomes `d = scaled_put[...] a b f`. So does
    `d = select m c 0.0`, in which the factor is a mask.
    """
    result, readers = Rebuilding(program), None
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        value, found = None, _put_and_factor(equation, inputs, result)
        if found is not None:
            readers = readers or readers_of(program)
            value = _scaled(equation, inputs, *found, result, readers)
        if value is None:
            result.append(_with_inner(with_inputs(equation, inputs)))
        else:
            result.replace(equation.outputs[0], value)
    return remove_dead_code(result.finish())


def _put_and_factor(equation, inputs, result):
    """The numbers of the operands that windows are put into and that it is multiplied by, or None.

    So is `select mask put 0`; where it is `select mask 0 put`, the mask is to be negated.
    """
    pairs = {e.multiply: ((0, 1), (1, 0)), e.select: ((1, 0), (2, 0))}
    for put, factor in pairs.get(equation.primitive, ()):
        made = result.made_by.get(inputs[put])
        if made is None or not hasattr(made.primitive, "scaled"):
            continue
        if equation.primitive is e.multiply or is_literal(inputs[3 - put], 0):
            return put, factor
    return None


def _scaled(equation, inputs, number, other, result, readers):
    """The product as one routine, or None."""
    factor, put = inputs[other], result.made_by[inputs[number]]
    if len(readers[equation.inputs[number]]) > 1 or factor.type.shape != inputs[number].type.shape:
        return None
    if equation.primitive is e.select and number == 2:
        factor = result.add(e.logical_not, (factor,), equation.source)
    return result.add(put.primitive.scaled, (*put.inputs, factor), equation.source)


def _with_inner(equation):
    primitive = with_subprograms(equation.primitive, scale_windows)
    return equation if primitive is equation.primitive else replace(equation, primitive=primitive)
