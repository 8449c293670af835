"""Constants of a loop as its body reads them best.

A small array that is a view with strides, as a transposed one is, is put together once: a turn
that reads it element by element across its rows takes up to four times as long.

The product of few rows by a transposed matrix takes BLAS up to twice as long as by a matrix as it
stands: 64 rows of 1024 times 1024 x 256, float32, one core: 97 and 72 Gflop/s, 16 rows: 74 and 36.
So the weights that the backward pass of a recurrent network multiplies by are transposed once.
"""

from fungrad.compiler.language.views import View, row_major
from fungrad.compiler.moves.copy import contiguous, copy
from fungrad.primitives.accumulation import AddProduct
from fungrad.primitives.contraction import Contract

_FEWEST_TURNS = 4
_LEAST_ELEMENTS = 64 * 64
_MOST_ROWS = 256


def laid_out(build, body, v, given, turns):
    """The representation of the constant `v` of a loop body: given, or with other strides."""
    if not isinstance(given, View) or turns is None or turns < _FEWEST_TURNS:
        return given
    if not given.is_contiguous and v.type.size < _LEAST_ELEMENTS and all(given.strides):
        return contiguous(build.entry, given)
    if v.type.size < _LEAST_ELEMENTS or v in body.outputs or not given.is_contiguous:
        return given
    readers = [e for e in body.equations if v in e.inputs]
    orders = {_wanted(e, v) for e in readers}
    if len(orders) != 1 or None in orders:
        return given
    (order,) = orders
    shape = tuple([given.shape[a] for a in order])
    target = build.temporary(given.buffer.dtype, shape)
    moved = View(given.buffer, given.offset, shape, tuple([given.strides[a] for a in order]))
    copy(build.entry, moved, target)
    strides = dict(zip(order, row_major(shape), strict=True))
    return View(target.buffer, 0, given.shape, tuple([strides[a] for a in range(len(order))]))


def _wanted(equation, v):
    """The order of the axes of `v` that a product of few rows wants to find in memory, or None."""
    p = equation.primitive
    if isinstance(p, AddProduct):
        p, inputs = p.product, equation.inputs[1:]
    else:
        inputs = equation.inputs
    if not isinstance(p, Contract) or p.groups.batch or inputs.count(v) != 1:
        return None
    i = inputs.index(v)
    labels, own = ((p.left, p.groups.left), (p.right, p.groups.right))[i]
    rows = equation.outputs[0].type.size // _size(labels, own, v)
    is_last = bool(own) and p.out[-len(own) :] == tuple([n for n in labels if n in own])
    if not is_last or not 1 < rows < _MOST_ROWS or labels[-1] in own:
        return None
    order = [a for a, n in enumerate(labels) if n not in own]
    return tuple([*order, *(a for a, n in enumerate(labels) if n in own)])


def _size(labels, chosen, v):
    size = 1
    for label, n in zip(labels, v.type.shape, strict=True):
        size *= n if label in chosen else 1
    return size
