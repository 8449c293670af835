"""Jacobians, Hessians and products with them, in forward and reverse mode."""

from functools import wraps

import numpy as np

from fungrad.api.arguments import select_arguments
from fungrad.api.gradient import differentiable, grad
from fungrad.api.products import jvp, vjp
from fungrad.api.recorded import Recorded, float0, owned, title_of
from fungrad.core.errors import ComplexError, IntegerOutputError, TreeMismatchError
from fungrad.core.tracing import run
from fungrad.core.tree import flatten
from fungrad.transforms.batch import BatchAxis, batch
from fungrad.transforms.linearize import linearize
from fungrad.transforms.vjp import vjp as reverse


def jacfwd(fun, argnums=0, has_aux=False, holomorphic=False):
    """The Jacobian by forward mode: one tangent per element of the input, all at once.

    The result has, for each output leaf, the structure of the argument; each leaf has the shape of
    the output followed by that of the input. Cheap for few inputs.

    >>> jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian(fun, argnums, has_aux, holomorphic, False, "fwd", "jacfwd")


def jacrev(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False):
    """The Jacobian by reverse mode: one cotangent per element of the output, all at once.

    Result as for `jacfwd`. Cheap for few outputs.

    >>> jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian(fun, argnums, has_aux, holomorphic, allow_int, "rev", "jacrev")


def jacobian(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False, mode="auto"):
    """The Jacobian: by forward mode where the input has no more elements than the output.

    `mode` is "auto", "fwd" or "rev". Result as for `jacfwd`.

    >>> jacobian(lambda x: (x**2).sum())(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    if mode not in ("auto", "fwd", "rev"):
        raise ValueError(f"jacobian: mode must be 'auto', 'fwd' or 'rev', it is {mode!r}")
    return _jacobian(fun, argnums, has_aux, holomorphic, allow_int, mode, "jacobian")


def _jacobian(fun, argnums, has_aux, holomorphic, allow_int, mode, name):
    title = title_of(name, fun)

    @wraps(fun, assigned=("__name__", "__doc__"), updated=())
    def jacobian_of(*args, **kwargs):
        chosen = select_arguments(fun, args, kwargs, argnums, None, title)
        operands, weak = differentiable(chosen, holomorphic, allow_int, title)
        recorded = Recorded(fun, operands, weak, chosen.call, title)
        main = _main_outputs(recorded, has_aux, title)
        for k in main:
            _require_differentiable(recorded.output_type(k), holomorphic, title)
        active = recorded.active(len(operands))
        forward = mode == "fwd" or (mode == "auto" and _is_wide(recorded, active, main))
        columns = _forward_columns if forward else _reverse_rows
        outputs, blocks = columns(recorded, active, main)
        if not recorded.is_nested:
            blocks = [owned(row) for row in blocks]
        out_tree = recorded.tree.children()[0] if has_aux else recorded.tree
        result = out_tree.unflatten([chosen.rebuild(row) for row in blocks])
        if not has_aux:
            return result
        leaves = recorded.outputs(outputs)
        return result, recorded.tree.children()[1].unflatten(leaves[len(main) :])

    return jacobian_of


def _main_outputs(recorded, has_aux, title):
    """The program outputs to differentiate."""
    count = len(recorded.leaves)
    if has_aux:
        children = recorded.tree.children()
        if len(children) != 2:
            raise TreeMismatchError(f"{title}: has_aux=True needs a function that returns a pair")
        count = children[0].num_leaves
    places = recorded.positions[:count]
    if any(k is None for k in places):
        raise TypeError(f"{title}: an output is not numeric; return it as aux")
    return places


def _require_differentiable(t, holomorphic, title):
    if not t.is_differentiable:
        raise IntegerOutputError(f"{title}: an output has dtype {t.dtype}, whose derivative is zero")
    if (t.dtype.kind == "c") != holomorphic:
        kind = "complex" if t.dtype.kind == "c" else "real"
        raise ComplexError(f"{title}: an output is {kind}; holomorphic={holomorphic}")


def _is_wide(recorded, active, main):
    inputs = sum(
        v.type.size for v, a in zip(recorded.program.inputs, active, strict=True) if a
    )
    return inputs <= sum(recorded.output_type(k).size for k in main)


def basis(types):
    """For each type its part of the standard basis of all of them, along a new first axis."""
    total = sum(t.size for t in types)
    parts, start = [], 0
    for t in types:
        part = np.zeros((total, t.size), t.dtype)
        part[np.arange(start, start + t.size), np.arange(t.size)] = 1
        parts.append(part.reshape((total, *t.shape)))
        start += t.size
    return parts, total


def _forward_columns(recorded, active, main):
    halves = linearize(recorded.program, active)
    outputs, residuals = recorded.split(halves)
    types = [v.type for v, a in zip(recorded.program.inputs, active, strict=True) if a]
    directions, total = basis(types)
    marks = (False,) * len(residuals) + (True,) * len(types)
    forced = (True,) * len(halves.linear.outputs)
    program, _ = batch(halves.linear, marks, BatchAxis(total), forced)
    pushed = iter(run(program, [*residuals, *directions]))
    pushed = [next(pushed) if has else None for has in halves.out_active]
    blocks = []
    for k in main:
        out, row, start = recorded.output_type(k), [], 0
        for i, v in enumerate(recorded.program.inputs[: recorded.recording.input_count]):
            if not active[i]:
                row.append(np.zeros((*out.shape, *v.type.shape), float0))
                continue
            stop = start + v.type.size
            row.append(_forward_block(pushed[k], start, stop, out, v.type))
            start = stop
        blocks.append(row)
    return outputs, blocks


def _forward_block(pushed, start, stop, out, type):
    if pushed is None:
        return np.zeros((*out.shape, *type.shape), out.dtype)
    from fungrad.numpy import moveaxis, reshape

    return reshape(moveaxis(pushed[start:stop], 0, -1), (*out.shape, *type.shape))


def _reverse_rows(recorded, active, main):
    wanted = tuple([k in main for k in range(len(recorded.program.outputs))])
    halves = reverse(recorded.program, active, wanted)
    outputs, residuals = recorded.split(halves)
    given = [k for k, g in enumerate(halves.given) if g]
    directions, total = basis([recorded.output_type(k) for k in given])
    marks = (False,) * len(residuals) + (True,) * len(given)
    blocks = []
    pulled = [None] * len(active)
    if given:
        forced = (True,) * len(halves.backward.outputs)
        program, _ = batch(halves.backward, marks, BatchAxis(total), forced)
        rows = iter(run(program, [*residuals, *directions]))
        pulled = [next(rows) if has else None for has in halves.has_cotangent]
    starts = np.cumsum([0, *[recorded.output_type(k).size for k in given]])
    for k in main:
        out, row = recorded.output_type(k), []
        for i, v in enumerate(recorded.program.inputs[: recorded.recording.input_count]):
            shape = (*out.shape, *v.type.shape)
            if not active[i]:
                row.append(np.zeros(shape, float0))
            elif pulled[i] is None or k not in given:
                row.append(np.zeros(shape, v.type.dtype))
            else:
                a, b = starts[given.index(k)], starts[given.index(k) + 1]
                row.append(_reshaped(pulled[i][a:b], shape))
        blocks.append(row)
    return outputs, blocks


def _reshaped(x, shape):
    from fungrad.numpy import reshape

    return reshape(x, shape)


def hessian(fun, argnums=0, has_aux=False, holomorphic=False):
    """The Hessian of a function with a scalar output: forward over reverse mode.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacfwd(
        jacrev(fun, argnums, has_aux=has_aux, holomorphic=holomorphic),
        argnums,
        has_aux=has_aux,
        holomorphic=holomorphic,
    )


def hvp(fun, primals, tangents):
    """The product of the Hessian of a scalar function with a vector: forward over reverse mode.

    Args:
        fun: a function with a real scalar output.
        primals: the arguments, a tuple.
        tangents: the vector, of the same structure.

    Returns:
        The product, a pytree like the argument (a tuple for several arguments).

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(fun, argnums), primals, tangents)[1]


def vhp(fun, primals, cotangents):
    """The product of a vector with the Hessian: reverse over reverse mode; equals `hvp`.

    >>> vhp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    _, pull_back = vjp(grad(fun, argnums), *primals)
    result = pull_back(cotangents[0] if len(primals) == 1 else tuple(cotangents))
    return result[0] if len(primals) == 1 else result


def elementwise_grad(fun, argnums=0):
    """The derivative of each output element in its own input element, for elementwise functions.

    The output must have the shape of the argument.

    >>> elementwise_grad(lambda x: x**3)(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """

    @wraps(fun, assigned=("__name__", "__doc__"), updated=())
    def derivative(*args, **kwargs):
        chosen = select_arguments(fun, args, kwargs, argnums, None, "elementwise_grad")

        def of_chosen(*leaves):
            return chosen.call(fun, list(leaves))

        leaves = [float(x) if type(x) is int else x for x in chosen.leaves]
        y, pull_back = vjp(of_chosen, *leaves)
        ones = flatten(y)[1].unflatten([np.ones(np.shape(v), v.dtype)[()] for v in flatten(y)[0]])
        return chosen.rebuild(list(pull_back(ones)))

    return derivative


__all__ = [
    "elementwise_grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "vhp",
]
