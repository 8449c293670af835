"""Products that are added to what is there: the last pass, for it hides sums from all others."""

from dataclasses import replace

from fungrad.core.primitive import Pointwise, Reduction
from fungrad.core.program import Equation, Literal, derived
from fungrad.optimize.dead_code import remove_dead_code
from fungrad.optimize.rewrite import Rebuilding, with_inputs, with_subprograms
from fungrad.primitives import elementwise as e
from fungrad.primitives.accumulation import AddProduct
from fungrad.primitives.contraction import Contract


@derived
def accumulate_products(program):
    """The same program with `total + x @ y` as one routine, inside of loops too.

    Only where the sum would need a loop of its own: where no elementwise function reads it, unless
    both terms are products, and where what the product is added to is in memory anyway.
    """
    result = Rebuilding(program)
    readers = readers_of(program)
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        value = None
        if equation.primitive in (e.add, e.subtract):
            value = _accumulated(equation, inputs, result, readers)
        if value is None:
            result.append(_with_inner(with_inputs(equation, inputs)))
        else:
            result.replace(equation.outputs[0], value)
    return remove_dead_code(result.finish())


def readers_of(program):
    """The equations that read each variable; None stands for the program's own outputs."""
    found = {}
    for equation in program.equations:
        for v in equation.inputs:
            found.setdefault(v, []).append(equation)
    for v in program.outputs:
        found.setdefault(v, []).append(None)
    return found


def _with_inner(equation):
    primitive = with_subprograms(equation.primitive, accumulate_products)
    return equation if primitive is equation.primitive else replace(equation, primitive=primitive)


def _accumulated(equation, inputs, result, readers):
    """The sum as one routine, or None."""
    places = (1, 0) if equation.primitive is e.add else (1,)
    for i in places:
        total, product = inputs[1 - i], result.made_by.get(inputs[i])
        if product is None or not isinstance(product.primitive, Contract):
            continue
        if len(readers[equation.inputs[i]]) > 1 or total.type is not equation.outputs[0].type:
            continue
        is_product = _is_product(total, result) and len(readers[equation.inputs[1 - i]]) == 1
        if is_product or _is_stored(total, result) and _stands_alone(equation, readers):
            p = product.primitive
            primitive = AddProduct(p.left, p.right, p.out, equation.primitive is e.subtract)
            return result.add(primitive, (total, *product.inputs), equation.source)
    return None


def _is_product(v, result):
    made = result.made_by.get(v)
    return made is not None and isinstance(made.primitive, Contract | AddProduct)


def _is_stored(v, result):
    """Whether a value is in memory whoever reads it: what is given, and what routines make."""
    if type(v) is Literal:
        return False
    made = result.made_by.get(v)
    return made is None or not isinstance(made.primitive, Pointwise | Reduction)


def _stands_alone(equation, readers):
    """Whether no loop over the elements of the sum could compute it by the way."""
    (v,) = equation.outputs
    return not any(
        isinstance(reader, Equation) and isinstance(reader.primitive, Pointwise | Reduction)
        for reader in readers.get(v, ())
    )
