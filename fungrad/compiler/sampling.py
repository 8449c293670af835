"""Draws by trial: a loop over the elements, and in it a loop that ends when a trial is accepted."""

from fungrad.compiler.scalar import Builder, constant
from fungrad.core.program import Literal

_build = Builder()


def sample(build, primitive, inputs, outputs):
    """Write the draws of a sampler (see `fungrad.primitives.samplers`), element by element."""
    writer = build.kernel(f"{primitive.name}_kernel")
    operands = [_operand(build, writer, v) for v in inputs]
    target = _line(build.output(outputs[0]))
    (size,) = target.shape
    drawn = writer.array(target, is_written=True)
    with writer.loop(writer.integer(size)) as i:
        key, *parameters = (x.load(i) if hasattr(x, "load") else x for x in operands)
        usable = primitive.usable(_build, *parameters)
        value = writer.variable(constant(0.0, target.buffer.dtype), "drawn")
        first, *others = primitive.methods
        if not others:
            _try(writer, first, key, usable, value)
        for other in others:
            with writer.branch(primitive.is_first(_build, *usable)) as choice:
                _try(writer, first, key, usable, value)
            with writer.block(choice.otherwise):
                _try(writer, other, key, usable, value)
        drawn.store((i,), primitive.finish(_build, value.value, key, *parameters))
    build.call(writer)


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
