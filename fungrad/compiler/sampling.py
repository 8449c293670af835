"""Draws by trial: a loop over the elements, and in it a loop that ends when a trial is accepted."""

import numpy as np

from fungrad.compiler.scalar import Builder, constant
from fungrad.core.program import Literal

_build = Builder()


def sample(build, primitive, inputs, outputs):
    """Write the draws of a sampler (see `fungrad.primitives.samplers`), element by element."""
    writer = build.kernel(f"{primitive.name}_kernel")
    operands = [_operand(build, writer, v) for v in inputs]
    target = _line(build.output(outputs[0]))
    size, drawn = writer.integer(target.shape[0]), writer.array(target, is_written=True)
    _first_trials(writer, primitive, operands, size, drawn)
    with writer.loop(size) as i, writer.branch(_build("isnan", drawn.load(i))):
        key, *parameters = _at(operands, i)
        usable = primitive.usable(_build, *parameters)
        value = writer.variable(constant(0.0, drawn.dtype), "drawn")
        _by_some_method(writer, primitive, key, usable, value)
        drawn.store((i,), primitive.finish(_build, value.value, key, *parameters))
    build.call(writer)


def _first_trials(writer, primitive, operands, size, drawn):
    """A loop without branches, which is vectorised: first trials, of which most are accepted.

    nan stands for what is not drawn yet.
    """
    *other, method = primitive.methods
    with writer.loop(size) as i:
        key, *parameters = _at(operands, i)
        usable = primitive.usable(_build, *parameters)
        constants = method.prepare(_build, *usable)
        states = method.start(_build, key, constants)
        (is_accepted, *_), value, _ = method.step(_build, key, constants, states)
        if other:
            is_other = primitive.is_first(_build, *usable)
            is_accepted = is_accepted & _build("logical_not", is_other)
        value = primitive.finish(_build, value, key, *parameters)
        drawn.store((i,), _build.select(is_accepted, value, np.nan))


def _by_some_method(writer, primitive, key, usable, value):
    """Write the trials of the method that is chosen for an element."""
    if len(primitive.methods) == 1:
        _try(writer, *primitive.methods, key, usable, value)
        return
    first, second = primitive.methods
    with writer.branch(primitive.is_first(_build, *usable)) as choice:
        _try(writer, first, key, usable, value)
    with writer.block(choice.otherwise):
        _try(writer, second, key, usable, value)


def _at(operands, i):
    """The elements of operands."""
    return [x.load(i) if hasattr(x, "load") else x for x in operands]


def _operand(build, writer, v):
    """The elements of an operand, or its value where it has rank 0."""
    if type(v) is Literal or not v.type.shape:
        return writer.scalar(build.scalar(v))
    return writer.array(_line(build.contiguous(v)))


def _line(view):
    """A row-major view as one axis."""
    size = 1
    for n in view.shape:
        size *= n
    return type(view)(view.buffer, view.offset, (size,), (1,))


def _try(writer, method, key, parameters, value):
    """Write trials until one is accepted, whose value is then that of a variable."""
    constants = [_named(writer, x) for x in method.prepare(_build, *parameters)]
    initial = method.start(_build, key, constants)
    states = [writer.variable(x, "state") for x in initial]
    with writer.repeat():
        now = [s.value for s in states]
        accepted, found, following = method.step(_build, key, constants, now)
        value.set(found)
        for condition in accepted:
            writer.leave(condition)
        for state, x in zip(states, following, strict=True):
            state.set(x)


def _named(writer, x):
    return x if x.is_constant else writer.let(x)
