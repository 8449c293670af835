"""Movements around contractions become labels: transposes cost nothing, broadcasts are undone."""

from math import prod

from fungrad.core.program import reader_counts
from fungrad.optimize.algebra import maker
from fungrad.optimize.basis_products import product_with_basis
from fungrad.optimize.matrix_vector import read_in_loops
from fungrad.optimize.rewrite import Rebuilding, with_inputs
from fungrad.primitives.contraction import Contract
from fungrad.primitives.elementwise import logical_and, multiply
from fungrad.primitives.movement import Broadcast, Reshape, Transpose
from fungrad.primitives.reductions import Any, Sum

#: The largest sizes of a matrix product that a loop computes faster than BLAS does.
_SMALL = 16
#: The most products of its elements; in single precision loops add in double, so BLAS is ahead from
#: fewer on: sixteen products of 16 x 16, float32, take 3 us, as loops 7; float64, 4 us both ways.
_FEW = {"float32": 1000}


def simplify_contractions(program, written_out=()):
    """The same program with transposed and broadcast operands, and transposed results, relabelled.

    Contractions for which a loop does better, and those in `written_out`, become sums of products.
    `b = transpose[order=(1 0)] a; c = contract[(0 1) (1 2) (0 2)] b d` becomes
    `c = contract[(1 0) (1 2) (0 2)] a d`.
    """
    result = Rebuilding(program)
    readers = reader_counts(program)
    in_loops = {*read_in_loops(program), *written_out}
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        if isinstance(equation.primitive, Contract):
            value = _contraction(equation, inputs, result)
            if value is None and (
                equation in in_loops or is_better_fused(equation.primitive, inputs)
            ):
                value = _sum_of_products(equation, inputs, result)
        elif isinstance(equation.primitive, Transpose):
            value = _transposed_result(equation, inputs, result, readers)
        else:
            value = None
        if value is None:
            result.append(with_inputs(equation, inputs))
        else:
            result.replace(equation.outputs[0], value)
    return result.finish()


def _transposed_result(equation, inputs, result, readers):
    made = maker(inputs[0], result, Contract)
    if made is None or readers.get(equation.inputs[0], 0) > 1:
        return None
    p = made.primitive
    out = tuple([p.out[a] for a in equation.primitive.order])
    return result.add(Contract(p.left, p.right, out), made.inputs, made.source)


def _contraction(equation, inputs, result):
    """The relabelled contraction, or None where nothing changes."""
    p = equation.primitive
    labels, operands = [p.left, p.right], list(inputs)
    changed = False
    for i in (0, 1):
        while (step := _without_movement(operands[i], labels[i], result)) is not None:
            operands[i], labels[i] = step
            changed = True
    moved = product_with_basis(operands, labels, p.out, result)
    if moved is not None:
        return moved
    for i in (0, 1):
        changed |= _narrow(i, operands, labels, p.out, result)
    for i in (0, 1):
        changed |= _sum_lonely(i, operands, labels, p.out, result)
    return _rebuilt(equation, operands, labels, result) if changed else None


def _without_movement(x, labels, result):
    """The operand before a transposition, and its labels."""
    made = maker(x, result, Transpose)
    if made is None:
        return None
    source = [None] * len(labels)
    for label, a in zip(labels, made.primitive.order, strict=True):
        source[a] = label
    return made.inputs[0], tuple(source)


def _narrow(i, operands, labels, out, result):
    """Take off the axes along which operand i is repeated, where the other one has the label."""
    made = maker(operands[i], result, Broadcast)
    if made is None:
        return False
    source = made.inputs[0].type.shape
    shape = made.primitive.shape
    kept = {a for a, n in zip(made.primitive.axes, source, strict=True) if n == shape[a]}
    if any(labels[i][a] not in labels[1 - i] for a in range(len(shape)) if a not in kept):
        return False
    x = made.inputs[0]
    axes = [a for a in made.primitive.axes if a in kept]
    squeezed = tuple([shape[a] for a in axes])
    if squeezed != source:
        x = result.add(Reshape(squeezed), [x])
    operands[i] = x
    labels[i] = tuple([labels[i][a] for a in axes])
    return True


def _sum_lonely(i, operands, labels, out, result):
    """Sum operand i over labels that stand nowhere else any more."""
    lonely = tuple([a for a, n in enumerate(labels[i]) if n not in labels[1 - i] and n not in out])
    if not lonely:
        return False
    operands[i] = result.add(Sum(lonely), [operands[i]])
    labels[i] = tuple([n for n in labels[i] if n in labels[1 - i] or n in out])
    return True


def _rebuilt(equation, operands, labels, result):
    out = equation.primitive.out
    return result.add(Contract(*labels, out), operands, equation.source)


def is_better_fused(primitive, inputs):
    """Whether a loop does it best: products and sums along vectors, small matrices, integers."""
    sizes = dict(zip(primitive.left, inputs[0].type.shape, strict=True))
    sizes.update(zip(primitive.right, inputs[1].type.shape, strict=True))
    groups = primitive.groups
    parts = (groups.left, groups.right, groups.contracted)
    if not groups.contracted or not (groups.left or groups.right):
        return True
    dtype = inputs[0].type.dtype
    if dtype.kind not in "fc":
        return True
    extents = [prod([sizes[i] for i in part]) for part in parts]
    return max(extents) <= _SMALL and prod(extents) <= _FEW.get(dtype.name, _SMALL**3)


def _loops_of(primitive):
    """The labels of a contraction in the order of its loops: as an operand is, that has all."""
    p = primitive
    for own in (p.left, p.right):
        if len(own) == len(p.out) + len(p.groups.contracted):
            if [label for label in own if label in p.out] == list(p.out):
                return own
    return (*p.out, *p.groups.contracted)


def _sum_of_products(equation, inputs, result):
    """The contraction as a product of repeated arrays, summed over the contracted labels."""
    p = equation.primitive
    labels = _loops_of(p)
    sizes = dict(zip(p.left, inputs[0].type.shape, strict=True))
    sizes.update(zip(p.right, inputs[1].type.shape, strict=True))
    shape = tuple([sizes[i] for i in labels])
    factors = [
        result.add(Broadcast(shape, tuple([labels.index(i) for i in own])), [x], equation.source)
        for x, own in zip(inputs, (p.left, p.right), strict=True)
    ]
    is_bool = inputs[0].type.dtype.kind == "b"
    product = result.add(logical_and if is_bool else multiply, factors, equation.source)
    summed = tuple([i for i, label in enumerate(labels) if label not in p.out])
    if not summed:
        return product
    return result.add(Any(summed) if is_bool else Sum(summed), [product], equation.source)
