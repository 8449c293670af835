"""The elements of rows as scalar expressions: a loop over the rows holds no other loop."""

import numpy as np

from fungrad.compiler.fusion.accumulators import combined_elements, folded
from fungrad.compiler.fusion.roots import Root
from fungrad.compiler.fusion.uses import lands
from fungrad.compiler.language.index import IndexBuilder
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.core.primitive import Reduction


class UnrolledBuilder(IndexBuilder):
    """Makes the expressions of a row; what is multiplied by a zero of a basis is left out.

    Such a zero says that an output does not depend on an input: see `basis_products`. What is
    added to it keeps its sign, also that of a zero.
    """

    def nothing(self, dtype):
        """The zero of a basis."""
        return self.symbol("nothing", dtype)

    def call(self, word, dtype, *operands, attribute=None):
        if any(map(_is_nothing, operands)):
            simple = self._without_nothing(word, dtype, operands)
            if simple is not None:
                return simple
        return super().call(word, dtype, *operands, attribute=attribute)

    def _without_nothing(self, word, dtype, operands):
        is_none = [_is_nothing(x) for x in operands]
        if word in _PRODUCTS or (word in _QUOTIENTS and is_none[0]):
            return self.nothing(dtype)
        if word in _SUMS:
            x, y = operands
            if not is_none[0]:
                return x
            return self.call("negative", dtype, y) if word == "subtract" else y
        return self.nothing(dtype) if word == "negative" else None

    def cast(self, x, dtype):
        return self.nothing(dtype) if _is_nothing(x) else super().cast(x, dtype)


_PRODUCTS = ("multiply", "strong_multiply")
_QUOTIENTS = ("divide", "strong_divide")
_SUMS = ("add", "subtract", "fast_add")


def _is_nothing(x):
    return x.op == "symbol" and x.attribute == "nothing"


def something(x):
    """A leaf of an expression itself, or the number 0 where it is a zero of a basis."""
    return constant(0, x.dtype) if _is_nothing(x) else x


def basis_element(nest, equation, index):
    """An element of an equation's output that has no inputs, and whose zeros are nothing."""
    element = nest.build.element(equation, index, None)
    is_zero = element.is_constant and not element.attribute
    return nest.build.nothing(element.dtype) if is_zero else element


def ends_rows(equation, rank):
    """Whether the output is there only when all rows have been: they are `rank` leading axes."""
    is_reduction = isinstance(equation.primitive, Reduction)
    return lands(equation) or (is_reduction and any(a < rank for a in equation.primitive.axes))


def unrolled_roots(nest):
    """What the kernel of a nest over rows stores: every element that others read."""
    group, rank = nest.group, len(nest.group.domain)
    schedule = nest.lowering.schedule
    inner = {v for v in (*group.outputs, *group.inlined) if v.type.shape[:rank] == group.domain}
    for v in sorted(inner, key=lambda v: schedule.position[schedule.maker[v]]):
        if not ends_rows(schedule.maker[v], rank):
            for at in _indices(v.type.shape[rank:]):
                nest.element(v, (*nest.index, *at))
    roots = []
    for equation in group.equations:
        if lands(equation):
            shape = equation.inputs[1].type.shape[rank:]
            roots += [nest.landed(equation, (*nest.index, *at)) for at in _indices(shape)]
        elif ends_rows(equation, rank):
            roots += _combined_over_rows(nest, equation, rank)
        else:
            (v,) = equation.outputs
            for at in _indices(v.type.shape[rank:]):
                index = (*nest.index, *at)
                roots.append(Root(equation, nest.element(v, index), 0, False, index))
    return roots


def _combined_over_rows(nest, equation, rank):
    """Per element of a reduction over all rows, what a row adds to it."""
    (v,) = equation.inputs
    axes = equation.primitive.axes
    kept = [n for a, n in enumerate(v.type.shape) if a not in axes]
    rows = dict(zip(range(rank), nest.index, strict=True))
    roots = []
    for at in _indices(kept):
        value = folded(equation.primitive, _operands(nest, equation, at, rows))
        roots.append(Root(equation, value, 0, False, at))
    return roots


def unrolled_reduction(nest, equation, index):
    """One element of a reduction within a row."""
    (v,) = equation.inputs
    operands = _operands(nest, equation, index, {})
    if equation.primitive.combine == "add":
        operands = [x for x in operands if not _is_nothing(x)]
        if not operands:
            return nest.build.nothing(v.type.dtype)
    return combined_elements(equation.primitive, operands, v.type.dtype)


def _operands(nest, equation, index, fixed):
    """What is combined to the element of a reduction at an index; `fixed` are indices by axis."""
    (v,) = equation.inputs
    axes = [a for a in equation.primitive.axes if a not in fixed]
    operands = []
    for inner in _indices([v.type.shape[a] for a in axes]):
        along, kept = fixed | dict(zip(axes, inner, strict=True)), iter(index)
        at = [along[a] if a in along else next(kept) for a in range(v.type.ndim)]
        operands.append(nest.element(v, tuple(at)))
    return operands


def _indices(shape):
    return [tuple([constant(i, INDEX) for i in at]) for at in np.ndindex(*shape)]
