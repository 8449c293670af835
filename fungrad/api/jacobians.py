"""Jacobians, Hessians and products with them, in forward and reverse mode."""

from functools import wraps
from itertools import accumulate

import numpy as np

from fungrad.api.arguments import select_arguments
from fungrad.api.gradient import differentiable, grad, split_aux
from fungrad.api.ownership import settled
from fungrad.api.products import jvp, vjp
from fungrad.api.recorded import Recorded, run_linear
from fungrad.api.titles import title_of
from fungrad.api.zeros import float0, zeros_like
from fungrad.control.scan import Scan
from fungrad.control.while_loop import While
from fungrad.core.errors import ComplexError, IntegerOutputError, ShapeError, TreeMismatchError
from fungrad.core.program import derived, subprograms
from fungrad.core.running import run
from fungrad.primitives.basis import Basis
from fungrad.primitives.movement import Fill, Reshape, Transpose
from fungrad.transforms.batch import BatchAxis, batch
from fungrad.transforms.interpret import finish, transform_recording
from fungrad.transforms.jvp import jvp as forward
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
        recorded = Recorded.of(fun, operands, weak, chosen.call, title)
        main = _main_outputs(recorded, has_aux, title)
        for k in main:
            _require_differentiable(recorded.output_type(k), holomorphic, title)
        active = recorded.active(len(operands))
        if _goes_forward(mode, recorded, active, main, chosen, holomorphic, title):
            outputs, blocks = _forward_columns(recorded, active, main)
        else:
            outputs, blocks = _reverse_rows(recorded, active, main)
        n = len(operands)
        if not all(active[:n]):
            blocks = _with_float0(blocks, recorded, active[:n], main)
        rows = [chosen.rebuild(blocks[k * n : (k + 1) * n]) for k in range(len(main))]
        if not has_aux:
            return recorded.tree.unflatten(rows)
        main_tree, aux_tree = recorded.tree.children()
        leaves = recorded.outputs(settled(outputs, recorded.operands))
        return main_tree.unflatten(rows), aux_tree.unflatten(leaves[len(main) :])

    return jacobian_of


def _main_outputs(recorded, has_aux, title):
    """The program outputs to differentiate."""
    count = split_aux(recorded, title)[1] if has_aux else len(recorded.leaves)
    places = recorded.positions[:count]
    if any(k is None for k in places):
        raise TypeError(f"{title}: an output is not numeric; return it as aux")
    return places


def _require_differentiable(t, holomorphic, title):
    if not t.is_differentiable:
        raise IntegerOutputError(
            f"{title}: an output has dtype {t.dtype}, whose derivative is zero"
        )
    if holomorphic and t.dtype.kind != "c":
        raise ComplexError(f"{title}: holomorphic=True needs complex outputs, not {t.dtype}")
    if t.dtype.kind == "c" and not holomorphic:
        raise ComplexError(
            f"{title}: an output has dtype {t.dtype}; return real numbers, or pass holomorphic=True"
        )


def _goes_forward(mode, recorded, active, main, chosen, holomorphic, title):
    """Whether to use forward mode: where the input has no more elements than the output.

    A real function of complex inputs has one cotangent per output, but two tangents per input.
    """
    inputs = [v.type for v, a in zip(recorded.program.inputs, active, strict=True) if a]
    is_complex = any(t.dtype.kind == "c" for t in inputs) and not holomorphic
    if mode == "fwd" and is_complex:
        number = next(i for i, t in enumerate(inputs) if t.dtype.kind == "c")
        raise ComplexError(
            f"{title}: {chosen.label(number)} has dtype {inputs[number].dtype}; use jacrev for a "
            "real function of complex inputs, or pass holomorphic=True"
        )
    if mode != "auto":
        return mode == "fwd"
    sizes = sum(t.size for t in inputs), sum(recorded.output_type(k).size for k in main)
    return not is_complex and prefers_forward(*sizes)


def prefers_forward(input_size, output_size):
    """Which mode "auto" takes for a real Jacobian: one pass per input, or one per output."""
    return input_size <= output_size


def basis(types):
    """For each type its part of the standard basis of all of them, along a new first axis."""
    total = sum(t.size for t in types)
    starts = accumulate([0, *[t.size for t in types]])
    return [Basis(total, a, t.shape, t.dtype)() for t, a in zip(types, starts, strict=False)], total


def _has_loops(program):
    """Whether there is a loop in a program, at any depth."""
    return any(
        isinstance(e.primitive, Scan | While)
        or any(_has_loops(inner) for _, inner in subprograms(e.primitive))
        for e in program.equations
    )


def _with_float0(blocks, recorded, active, main):
    """The blocks, with those of inputs that have no derivative in their places."""
    blocks, result = iter(blocks), []
    for k in main:
        for v, is_active in zip(recorded.program.inputs, active, strict=False):
            shape = (*recorded.output_type(k).shape, *v.type.shape)
            result.append(next(blocks) if is_active else np.zeros(shape, float0))
    return result


def _along(linear, count, directions, total):
    """What a linear program makes of directions, all at once; its first inputs are residuals."""
    marks = (False,) * count + (True,) * len(directions)
    forced = (True,) * len(linear.outputs)
    return batch(linear, marks, BatchAxis(total), forced)[0]


# ---- one tangent per element of the input


def _forward_columns(recorded, active, main):
    """The outputs, and the blocks of the Jacobian row by row."""
    program, main = recorded.program, tuple(main)
    types = [v.type for v, a in zip(program.inputs, active, strict=True) if a]
    if any([t.size for t in types]) and _has_loops(program):
        outputs, pushed = _pushed_along(recorded, active, *basis(types))
        blocks = _forward_blocks(pushed, types, [program.outputs[k].type for k in main], main)
        return outputs, settled(blocks, recorded.operands)
    halves, blocks = _forward_program(program, active, main)
    outputs, residuals = recorded.split(halves)
    return outputs, run_linear(blocks, residuals)


@derived
def _forward_program(program, active, main):
    """The halves of the derivative, and from its residuals the blocks of the Jacobian."""
    halves = linearize(program, active)
    types = [v.type for v, a in zip(program.inputs, active, strict=True) if a]
    count = halves.residual_count
    recording = transform_recording("jacobian", program)
    with recording:
        residuals = [recording.add_input(v.type) for v in halves.linear.inputs[:count]]
        directions, total = basis(types)
        rows = iter(run(_along(halves.linear, count, directions, total), [*residuals, *directions]))
        pushed = [next(rows) if has else None for has in halves.out_active]
        blocks = _forward_blocks(pushed, types, [program.outputs[k].type for k in main], main)
        return halves, finish(recording, blocks, program)


def _pushed_along(recorded, active, directions, total):
    """The outputs, and all tangents pushed in step with the values: loops keep no residuals."""
    both, out_active = forward(recorded.program, active)
    count = len(out_active)
    marks = (False,) * len(active) + (True,) * len(directions)
    forced = (False,) * count + (True,) * (len(both.outputs) - count)
    program, batched = batch(both, marks, BatchAxis(total), forced)
    results = run(program, [*recorded.operands, *directions])
    outputs = [y[0] if b else y for y, b in zip(results[:count], batched[:count], strict=True)]
    pushed = iter(results[count:])
    return outputs, [next(pushed) if has else None for has in out_active]


def _forward_blocks(pushed, types, outs, main):
    """The part of each output's tangents that belongs to each input."""
    blocks = []
    for k, out in zip(main, outs, strict=True):
        start = 0
        for t in types:
            block, start = pushed[k], start + t.size
            if block is None:
                blocks.append(Fill((*out.shape, *t.shape))(out.dtype.type(0)))
                continue
            block = block[start - t.size : start]
            if out.shape:
                block = Transpose((*range(1, 1 + out.ndim), 0))(block)
            blocks.append(Reshape((*out.shape, *t.shape))(block))
    return blocks


# ---- one cotangent per element of the output


def _reverse_rows(recorded, active, main):
    """The outputs, and the blocks of the Jacobian row by row."""
    halves, blocks = _reverse_program(recorded.program, active, tuple(main))
    outputs, residuals = recorded.split(halves)
    return outputs, run_linear(blocks, residuals)


@derived
def _reverse_program(program, active, main):
    """The halves of the derivative, and from its residuals the blocks of the Jacobian."""
    halves = reverse(program, active, tuple([k in main for k in range(len(program.outputs))]))
    given = [k for k, g in enumerate(halves.given) if g]
    count = halves.residual_count
    recording = transform_recording("jacobian", program)
    with recording:
        residuals = [recording.add_input(v.type) for v in halves.backward.inputs[:count]]
        directions, total = basis([program.outputs[k].type for k in given])
        pulled = [None] * len(active)
        if given:
            rows = run(_along(halves.backward, count, directions, total), [*residuals, *directions])
            rows = iter(rows)
            pulled = [next(rows) if has else None for has in halves.has_cotangent]
        blocks = _reverse_blocks(pulled, program, active, main, given)
        return halves, finish(recording, blocks, program)


def _reverse_blocks(pulled, program, active, main, given):
    """The part of each input's cotangents that belongs to each output."""
    ends = [*accumulate([program.outputs[k].type.size for k in given])]
    stops, blocks = dict(zip(given, ends, strict=True)), []
    for k in main:
        out = program.outputs[k].type
        for v, c, is_active in zip(program.inputs, pulled, active, strict=True):
            shape = (*out.shape, *v.type.shape)
            if is_active and (c is None or k not in stops):
                blocks.append(Fill(shape)(v.type.dtype.type(0)))
            elif is_active:
                blocks.append(Reshape(shape)(c[stops[k] - out.size : stops[k]]))
    return blocks


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
    argnums = _all_of(primals, tangents, title_of("hvp", fun))
    return jvp(grad(fun, argnums), primals, tangents)[1]


def vhp(fun, primals, cotangents):
    """The product of a vector with the Hessian: reverse over reverse mode; equals `hvp`.

    >>> vhp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    argnums = _all_of(primals, cotangents, title_of("vhp", fun))
    _, pull_back = vjp(grad(fun, argnums), *primals)
    result = pull_back(cotangents[0] if argnums == 0 else tuple(cotangents))
    return result[0] if argnums == 0 else result


def _all_of(primals, vector, title):
    """The argnums of all arguments: 0 where there is one."""
    if not isinstance(primals, tuple | list) or not isinstance(vector, tuple | list):
        raise TypeError(
            f"{title}: the arguments and the vector must be tuples or lists, got "
            f"{type(primals).__name__} and {type(vector).__name__}"
        )
    if len(primals) != len(vector):
        raise TreeMismatchError(
            f"{title}: there are {len(primals)} arguments, and {len(vector)} parts of the vector"
        )
    return 0 if len(primals) == 1 else tuple(range(len(primals)))


def elementwise_grad(fun, argnums=0):
    """The derivative of each output element in its own input element, for elementwise functions.

    The output is one array of the shape of the argument, or ShapeError is raised.

    >>> elementwise_grad(lambda x: x**3)(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    title = title_of("elementwise_grad", fun)

    @wraps(fun, assigned=("__name__", "__doc__"), updated=())
    def derivative(*args, **kwargs):
        chosen = select_arguments(fun, args, kwargs, argnums, None, title)
        operands, weak = differentiable(chosen, False, False, title)
        recorded = Recorded.of(fun, operands, weak, chosen.call, title)
        _require_elementwise(recorded, chosen, operands, title)
        out = recorded.output_type(0)
        halves = reverse(recorded.program, recorded.active(len(operands)), (True,))
        residuals = recorded.split(halves)[1]
        pulled = halves.pull_back(residuals, [np.ones(out.shape, out.dtype)[()]])
        result = [
            zeros_like(v.type) if c is None else c
            for c, v in zip(pulled[: len(operands)], recorded.program.inputs, strict=False)
        ]
        return chosen.rebuild(settled(result, recorded.operands))

    return derivative


def _require_elementwise(recorded, chosen, operands, title):
    if _main_outputs(recorded, False, title) != [0]:
        raise ShapeError(
            f"{title}: the function must return one array, it returned {recorded.tree}"
        )
    out = recorded.output_type(0)
    _require_differentiable(out, False, title)
    for number, x in enumerate(operands):
        if x.shape != out.shape:
            raise ShapeError(
                f"{title}: the output has shape {out.shape}, {chosen.label(number)} has shape "
                f"{x.shape}; an elementwise function keeps the shape; use jacrev for others"
            )


__all__ = [
    "elementwise_grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "vhp",
]
