"""jvp, linearize, vjp, linear_transpose: products with the Jacobian and with its transpose."""

import numpy as np

from fungrad.api.arguments import AllArguments
from fungrad.api.closing import leaf_paths, type_of_operand
from fungrad.api.gradient import split_aux
from fungrad.api.recorded import (
    Recorded,
    operand_of,
    owned,
    promoted_int,
    title_of,
)
from fungrad.api.zeros import float0, zeros_like
from fungrad.core.errors import TangentMismatchError, TreeMismatchError
from fungrad.core.tracing import Tracer, run, trace
from fungrad.core.tree import flatten, is_tree_node, subtrees
from fungrad.core.types import ArrayType, short_name, type_of
from fungrad.transforms.transpose import transpose


def jvp(fun, primals, tangents, has_aux=False):
    """The value of `fun` at `primals` and its derivative along `tangents`, by forward mode.

    Args:
        fun: a function of arrays and pytrees.
        primals: the arguments, a tuple or list.
        tangents: a tuple or list of the same structure, shapes and dtypes; for integer arguments
            None or float0 zeros.
        has_aux: whether `fun` returns `(output, aux)`; the result is then a triple.

    Raises:
        TreeMismatchError, TangentMismatchError.

    >>> jvp(lambda x: x**2, (3.0,), (1.0,))
    (np.float64(9.0), np.float64(6.0))
    """
    title = title_of("jvp", fun)
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError(
            f"{title}: primals and tangents must be tuples or lists of arguments, got "
            f"{type(primals).__name__} and {type(tangents).__name__}"
        )
    chosen = AllArguments(tuple(primals))
    operands, weak, active, moving = _paired(chosen, tuple(tangents), title)
    recorded = Recorded(fun, operands, weak, chosen.call, title)
    active = active + (False,) * (len(recorded.program.inputs) - len(active))
    outputs, pushed = recorded.jvp(active, moving)
    types = recorded.program.output_types
    tangents = [zeros_like(t) if p is None else p for t, p in zip(types, pushed, strict=True)]
    results = settled([*outputs, *tangents], [*recorded.operands, *moving])
    return _with_tangents(recorded, results[: len(types)], results[len(types) :], has_aux, title)


def _with_tangents(recorded, outputs, tangents, has_aux, title):
    y = recorded.outputs(outputs)
    dy = [None if k is None else tangents[k] for k in recorded.positions]
    if not has_aux:
        return recorded.tree.unflatten(y), recorded.tree.unflatten(dy)
    aux_tree, count = split_aux(recorded, title)
    first = recorded.tree.children()[0]
    return first.unflatten(y[:count]), first.unflatten(dy[:count]), aux_tree.unflatten(y[count:])


def _paired(chosen, tangents, title):
    """Operands, weak marks, active marks and tangents; errors name the leaf by its path."""
    leaves = leaves_beside(chosen.tree, tangents, title, "primals", "tangent")
    operands, weak, active, moving = [], [], [], []
    for number, (primal, tangent) in enumerate(zip(chosen.leaves, leaves, strict=True)):
        x, is_weak = operand_of(primal, title, lambda n=number: f"the argument at {chosen.path(n)}")
        if tangent is not None and not is_float0(tangent):
            x = promoted_int(x, is_weak)
        operands.append(x)
        weak.append(is_weak)
        is_active = x.dtype.kind in "fc"
        if not is_active or tangent is None:
            if tangent is not None and not is_float0(tangent):
                raise TangentMismatchError(
                    f"{title}: the argument at {chosen.path(number)} has dtype {x.dtype}, which "
                    "has no tangent; pass None or an array of dtype float0"
                )
            active.append(False)
            continue
        active.append(True)
        moving.append(
            matching(
                tangent,
                type_of_operand(x),
                lambda n=number: f"{title}: the tangent at {chosen.path(n)}",
            )
        )
    return operands, weak, tuple(active), moving


def leaves_beside(tree, given, title, whole, part):
    """The leaves of tangents or cotangents for a structure; None stands for one that is zero."""
    leaves, given_tree = flatten(given)
    if given_tree == tree:
        return leaves
    try:
        leaves = subtrees(tree, given, title)
    except TreeMismatchError:
        leaves = None
    if leaves is None or any(x is not None and is_tree_node(type(x)) for x in leaves):
        raise TreeMismatchError(
            f"{title}: the {whole} have the structure {tree}, the {part}s {given_tree}; pass one "
            f"{part} for every leaf of the {whole}, or None for one that is zero"
        )
    return leaves


def is_float0(x):
    """Whether a value is a float0 array, the tangent of integers."""
    return getattr(x, "dtype", None) == float0


def matching(x, expected, what):
    """A tangent or cotangent in the type of its value; Python numbers are converted.

    `what()` names it in errors.
    """
    if type(x) in (int, float, complex) and not expected.shape:
        if type(x) is complex and expected.dtype.kind != "c":
            raise TangentMismatchError(f"{what()} is complex, its value is {expected.dtype}")
        return expected.dtype.type(x)
    if type(x) is np.ndarray and x.ndim and x.shape == expected.shape and x.dtype == expected.dtype:
        return x
    operand, is_weak = operand_of(x, label=what)
    given = operand.type if type(operand) is Tracer else type_of(operand)
    if given.shape != expected.shape:
        raise TangentMismatchError(
            f"{what()} has shape {given.shape}, its value has shape {expected.shape}"
        )
    if given.dtype != expected.dtype:
        if not is_weak:
            raise TangentMismatchError(
                f"{what()} has dtype {given.dtype}, its value has dtype {expected.dtype}; convert "
                f"it with .astype({short_name(expected.dtype)!r})"
            )
        from fungrad.numpy.promotion import convert

        return convert(operand, expected.dtype)
    return operand


def _recorded(fun, primals, title):
    """All arguments, their leaves as operands, and the call of the function on them."""
    chosen = AllArguments(primals)
    pairs = [
        operand_of(leaf, title, lambda i=i: chosen.label(i)) for i, leaf in enumerate(chosen.leaves)
    ]
    operands = [promoted_int(x, is_weak) for x, is_weak in pairs]
    return chosen, operands, Recorded(fun, operands, [w for _, w in pairs], chosen.call, title)


def linearize(fun, *primals, has_aux=False):
    """The value of `fun` at `primals`, and its derivative there as a linear function of tangents.

    The linear function evaluates the derivative without evaluating `fun` again. Arguments may be
    changed in place before it is called, arrays that `fun` closes over must not.

    >>> y, push_forward = linearize(lambda x: x**2, 3.0)
    >>> push_forward(1.0)
    np.float64(6.0)
    """
    title = title_of("linearize", fun)
    chosen, operands, recorded = _recorded(fun, primals, title)
    active = recorded.active(len(operands))
    outputs, push = recorded.forward(active)

    def push_forward(*tangents):
        marks = active[: len(operands)]
        moving = _flat_tangents(chosen, primals, tangents, operands, marks, title)
        pushed = push(moving)
        types = recorded.program.output_types
        dy = [zeros_like(t) if p is None else p for t, p in zip(types, pushed, strict=True)]
        dy = settled(dy, moving)
        flat = [None if k is None else dy[k] for k in recorded.positions]
        return out_tree.unflatten(flat[: out_tree.num_leaves])

    y = recorded.outputs(outputs)
    out_tree = recorded.tree
    if not has_aux:
        return out_tree.unflatten(y), push_forward
    aux_tree, count = split_aux(recorded, title)
    out_tree = recorded.tree.children()[0]
    return out_tree.unflatten(y[:count]), push_forward, aux_tree.unflatten(y[count:])


def settled(values, given):
    """Results for the user, none of which is one of the arrays that were given."""
    return values if any(type(v) is Tracer for v in values) else owned(values, given)


def _flat_tangents(chosen, primals, tangents, operands, marks, title):
    leaves = leaves_beside(chosen.tree, tuple(tangents), title, "arguments", "tangent")
    moving = []
    for number, (t, x, is_active) in enumerate(zip(leaves, operands, marks, strict=True)):
        if is_active:
            kind = type_of_operand(x)
            moving.append(
                zeros_like(kind)
                if t is None
                else matching(
                    t, kind, lambda n=number: f"{title}: the tangent of {chosen.label(n)}"
                )
            )
        elif not (t is None or is_float0(t)):
            raise TangentMismatchError(f"{title}: {chosen.label(number)} has no tangent")
    return moving


# ---- vjp, linear_transpose


def vjp(fun, *primals, has_aux=False):
    """The value of `fun` at `primals`, and the function from cotangents of the value to cotangents
    of the arguments, by reverse mode.

    The second result takes a pytree like the value and returns a tuple with one entry per
    argument (float0 zeros for integers). Arguments may be changed in place before it is called,
    arrays that `fun` closes over must not. With `has_aux`, `fun` returns `(output, aux)` and the
    result is `(output, pull_back, aux)`.

    >>> y, pull_back = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> pull_back(1.0)
    (np.float64(4.0), np.float64(3.0))
    """
    title = title_of("vjp", fun)
    chosen, operands, recorded = _recorded(fun, primals, title)
    count = len(recorded.leaves)
    out_tree = recorded.tree
    if has_aux:
        aux_tree, count = split_aux(recorded, title)
        out_tree = recorded.tree.children()[0]
    types = recorded.program.output_types
    main = {k for k in recorded.positions[:count] if k is not None}
    wanted = tuple([k in main and t.is_differentiable for k, t in enumerate(types)])
    outputs, pull = recorded.reverse(recorded.active(len(operands)), wanted)
    in_types = recorded.program.input_types[: len(operands)]

    def pull_back(cotangent):
        leaves = leaves_beside(out_tree, cotangent, title, "outputs", "cotangent")
        given = [None] * len(types)
        places = recorded.positions[:count]
        for number, (leaf, k) in enumerate(zip(leaves, places, strict=True)):
            if k is not None and wanted[k]:
                what = lambda n=number: f"{title}: the cotangent{leaf_paths(out_tree)[n]}"
                given[k] = zeros_like(types[k]) if leaf is None else matching(leaf, types[k], what)
        pulled = pull(given)[: len(operands)]
        result = [zeros_like(t) if c is None else c for t, c in zip(in_types, pulled, strict=True)]
        return chosen.tree.unflatten(settled(result, given))

    y = recorded.outputs(outputs)
    if not has_aux:
        return recorded.tree.unflatten(y), pull_back
    return out_tree.unflatten(y[:count]), pull_back, aux_tree.unflatten(y[count:])


def linear_transpose(fun, *primals):
    """The transpose of a linear function: from cotangents of its output to those of its inputs.

    `primals` are arrays or ShapeDtypeStructs; only their shapes and dtypes matter.

    >>> double = linear_transpose(lambda x: 2 * x, 1.0)
    >>> double(3.0)
    (np.float64(6.0),)

    Raises:
        LinearityError: `fun` is not linear.
    """
    title = title_of("linear_transpose", fun)
    chosen = AllArguments(primals)
    types = [
        ArrayType(x.shape, x.dtype) if hasattr(x, "shape") else type_of(x) for x in chosen.leaves
    ]
    seen = {}

    def flat(*tracers):
        leaves, seen["tree"] = flatten(chosen.call(fun, tracers))
        return leaves

    program, captures = trace(flat, types, title)
    linear = (True,) * len(types) + (False,) * len(captures)
    given = (True,) * len(program.outputs)
    transposed, found = transpose(program, linear, given)

    def pull_back(cotangent):
        leaves = leaves_beside(seen["tree"], cotangent, title, "outputs", "cotangent")
        paths = leaf_paths(seen["tree"])
        cotangents = [
            zeros_like(t) if c is None else matching(c, t, lambda p=p: f"{title}: the cotangent{p}")
            for c, t, p in zip(leaves, program.output_types, paths, strict=True)
        ]
        pulled = iter(run(transposed, [*captures, *cotangents]))
        result = [next(pulled) if f else zeros_like(t) for f, t in zip(found, types, strict=True)]
        return chosen.tree.unflatten(settled(result, cotangents))

    return pull_back


__all__ = ["jvp", "linear_transpose", "linearize", "vjp"]
