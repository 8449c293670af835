"""jvp, linearize, vjp, linear_transpose: products with the Jacobian and with its transpose."""

from functools import wraps

import numpy as np

from fungrad.api import plans
from fungrad.api.arguments import AllArguments, all_arguments, are_leaves, select_arguments
from fungrad.api.closing import leaf_paths
from fungrad.api.gradient import split_aux
from fungrad.api.jitting import jit
from fungrad.api.linear_maps import (
    PullBack,
    PushForward,
    is_float0,
    leaves_beside,
    matching,
)
from fungrad.api.operands import operand_of, plain_operand, promoted_int
from fungrad.api.ownership import settled
from fungrad.api.recorded import Recorded
from fungrad.api.titles import title_of
from fungrad.api.zeros import zeros_like
from fungrad.core.errors import TangentMismatchError
from fungrad.core.running import run
from fungrad.core.tracer import type_of_value
from fungrad.core.tracing import trace
from fungrad.core.tree import LEAF, flatten
from fungrad.core.types import ArrayType, type_of
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
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            f"{title}: primals and tangents must be tuples or lists of arguments, got "
            f"{type(primals).__name__} and {type(tangents).__name__}"
        )
    chosen = all_arguments(tuple(primals))
    recorded, moving = None, _plain_tangents(chosen, tangents)
    if moving is not None:
        active = (True,) * len(moving)
        recorded = Recorded.plainly(fun, chosen.leaves, None, title)
    if recorded is None:
        operands, weak, active, moving = _paired(chosen, tuple(tangents), title)
        recorded = Recorded.of(fun, operands, weak, chosen.call, title)
    outputs, pushed = recorded.jvp(active, moving)
    if recorded.tree is LEAF and recorded.is_numeric and not has_aux:
        return outputs[0], pushed[0]
    return _with_tangents(recorded, outputs, pushed, has_aux, title)


def _with_tangents(recorded, outputs, tangents, has_aux, title):
    y = recorded.outputs(outputs)
    dy = tangents
    if not recorded.is_numeric:
        dy = [None if k is None else tangents[k] for k in recorded.positions]
    if not has_aux:
        return recorded.tree.unflatten(y), recorded.tree.unflatten(dy)
    aux_tree, count = split_aux(recorded, title)
    first = recorded.tree.children()[0]
    return first.unflatten(y[:count]), first.unflatten(dy[:count]), aux_tree.unflatten(y[count:])


def _plain_tangents(chosen, tangents):
    """The tangents of arguments, where all are floats and arrays of floats; None where one is not."""
    if chosen.call is not None or len(tangents) != len(chosen.leaves) or not are_leaves(tangents):
        return None
    moving = []
    for x, tangent in zip(chosen.leaves, tangents, strict=True):
        x, tangent = plain_operand(x), plain_operand(tangent)
        if x is None or type(x) is not type(tangent):
            return None
        if type(x) is np.ndarray and (x.dtype is not tangent.dtype or x.shape != tangent.shape):
            return None
        moving.append(tangent)
    return moving


def _paired(chosen, tangents, title):
    """Operands, weak marks, active marks and tangents; errors name the leaf by its path."""
    leaves = tangents
    if type(chosen) is AllArguments or len(leaves) != len(chosen.leaves) or not are_leaves(leaves):
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
                type_of_value(x),
                lambda n=number: f"{title}: the tangent at {chosen.path(n)}",
            )
        )
    return operands, weak, tuple(active), moving


def _recorded(fun, primals, title):
    """All arguments, and the call of the function on their leaves."""
    chosen = all_arguments(primals)
    recorded = Recorded.plainly(fun, chosen.leaves, chosen.call, title)
    if recorded is not None:
        return chosen, recorded
    operands, weak = [], []
    for number, leaf in enumerate(chosen.leaves):
        x, is_weak = operand_of(leaf, title, lambda n=number: chosen.label(n))
        operands.append(promoted_int(x, is_weak))
        weak.append(is_weak)
    return chosen, Recorded.of(fun, operands, weak, chosen.call, title)


def linearize(fun, *primals, has_aux=False):
    """The value of `fun` at `primals`, and its derivative there as a linear function of tangents.

    The linear function evaluates the derivative without evaluating `fun` again. Arguments may be
    changed in place before it is called, arrays that `fun` closes over must not.

    >>> y, push_forward = linearize(lambda x: x**2, 3.0)
    >>> push_forward(1.0)
    np.float64(6.0)
    """
    title = title_of("linearize", fun)
    chosen, recorded = _recorded(fun, primals, title)
    linear = plans.forward(recorded.program, len(chosen.leaves))
    return _with_linear_map(PushForward, recorded, chosen, linear, has_aux, title)


def _with_linear_map(kind, recorded, chosen, linear, has_aux, title):
    """The output of a function, its derivative at the arguments, and aux if it has that."""
    outputs, residuals = recorded.halved(linear.halves, linear.places)
    y, out_tree, aux = recorded.outputs(outputs), recorded.tree, ()
    count = len(y)
    if has_aux:
        aux_tree, count = split_aux(recorded, title)
        out_tree, aux = recorded.tree.children()[0], (aux_tree.unflatten(y[count:]),)
    places = (0,) if count == 1 and recorded.is_numeric else tuple(recorded.positions[:count])
    derivative = kind(
        residuals,
        title,
        linear.halves,
        chosen.tree,
        linear.in_types,
        out_tree,
        linear.out_types,
        places,
    )
    return (out_tree.unflatten(y[:count]), derivative, *aux)


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
    chosen, recorded = _recorded(fun, primals, title)
    wanted = None
    if has_aux:
        main = recorded.positions[: split_aux(recorded, title)[1]]
        types = recorded.program.output_types
        wanted = tuple([k in main and t.is_differentiable for k, t in enumerate(types)])
    linear = plans.reverse(recorded.program, len(chosen.leaves), wanted)
    return _with_linear_map(PullBack, recorded, chosen, linear, has_aux, title)


def fwd_and_bwd(fun, argnums, has_aux=False, jitted=True):
    """The two passes of reverse mode as functions, to be called when the user wants to.

    `fwd(*args, **kwargs)` returns the value of `fun` and its `pull_back`, as `vjp` does (and aux,
    with `has_aux`); `bwd(pull_back, cotangent)` the cotangents of the arguments that `argnums`
    choose: one, or a tuple of them. Both are under `jit` if `jitted`; `bwd` is compiled once for
    all calls of `fwd` with arguments of the same types.

    >>> fwd, bwd = fwd_and_bwd(lambda w, x: w * x, argnums=(0, 1))
    >>> y, pull_back = fwd(3.0, 4.0)
    >>> bwd(pull_back, 1.0)
    (np.float64(4.0), np.float64(3.0))
    """
    title = title_of("fwd_and_bwd", fun)
    is_single = not isinstance(argnums, tuple | list)

    def fwd(*args, **kwargs):
        chosen = select_arguments(fun, args, kwargs, argnums, None, title)
        parts = chosen.rebuild(chosen.leaves)
        on_chosen = wraps(fun, assigned=("__name__",), updated=())(
            lambda *parts: chosen.call(fun, flatten(parts)[0])
        )
        return vjp(on_chosen, *((parts,) if is_single else parts), has_aux=has_aux)

    def bwd(pull_back, cotangent):
        pulled = pull_back(cotangent)
        return pulled[0] if is_single else pulled

    return (jit(fwd), jit(bwd)) if jitted else (fwd, bwd)


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


__all__ = ["fwd_and_bwd", "jvp", "linear_transpose", "linearize", "vjp"]
