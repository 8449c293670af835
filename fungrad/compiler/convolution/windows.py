"""Reductions over windows by direct loops."""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.convolution.computed import operand
from fungrad.compiler.convolution.sliding import Sliding, joined
from fungrad.compiler.convolution.walks import Walk
from fungrad.compiler.language.scalar import BOOL, call, constant
from fungrad.compiler.moves.copy import fill

_MOST_AT_ONCE = 16  # elements of a window; of more, sums along one axis after another are fewer


def reduce_windows(build, primitive, inputs, outputs):
    """Write the reduction of every window."""
    x, target = operand(build, inputs[0]), build.output(outputs[0])
    dtype = target.buffer.dtype
    identity = constant(primitive.identity(dtype), dtype)
    if not prod(target.shape) or not prod(x.shape):
        if prod(target.shape):
            fill(build.entry, identity, target)
        return
    given = joined(x, target, primitive.windows, primitive.widths)
    for step in _passes(build, *given):
        if primitive.combine == "add" and any(w is not None and w.left > 1 for w in step[2]):
            _scatter_windows(build, primitive.name, *step)
        else:
            _gather_windows(build, primitive, identity, *step)


def _passes(build, x, target, windows, widths):
    """The reduction along all axes at once or, of large windows, along one after another."""
    axes = [a for a, w in enumerate(windows) if w is not None]
    if len(axes) < 2 or prod(widths) <= _MOST_AT_ONCE:
        yield x, target, windows, widths
        return
    axes.sort(key=lambda a: windows[a].size / x.shape[a])
    for a in axes:
        shape = (*x.shape[:a], windows[a].size, *x.shape[a + 1 :])
        made = target if a == axes[-1] else build.temporary(target.buffer.dtype, shape)
        alone = [w if b == a else None for b, w in enumerate(windows)]
        yield joined(x, made, alone, [n if b == a else 1 for b, n in enumerate(widths)])
        x = made


def _gather_windows(build, primitive, identity, x, target, windows, widths):
    """One element of the output after another, from all elements of its window."""
    writer = build.kernel(f"{primitive.name}_kernel")
    sliding, size = Sliding(x.shape, windows, widths), prod(target.shape) * prod(widths)
    walk = Walk(build, writer, sliding, [(x, identity)], size)
    y = writer.array(target, is_written=True)
    with walk.places(target.shape) as place:
        total = writer.variable(identity, "total")
        with walk.window() as steps:
            element = walk.elements[0].load(*walk.index(place, steps))
            total.set(_combined(primitive.combine, total.symbol, element))
        y.store(place, total.symbol)
    build.call(writer)


def _scatter_windows(build, name, x, target, windows, widths):
    """One element of the input after another, added to all that it is a part of.

    So an input with holes is read as it is, as in the derivative of a sum over windows with
    strides. Seen from the output the windows are those of the other operation.
    """
    inverse = [w and w.from_output(n) for w, n in zip(windows, x.shape, strict=True)]
    sliding = Sliding(target.shape, inverse, widths)
    outside, memory = sliding.reaches_outside, target
    zero = constant(0, target.buffer.dtype)
    if outside:
        memory = build.temporary(target.buffer.dtype, sliding.covered_shape)
        fill(build.entry, zero, target)  # not all of it need be covered
    fill(build.entry, zero, memory)
    writer = build.kernel(f"{name}_kernel")
    elements = writer.array(x)
    sums = writer.array(sliding.view(memory, outside), is_written=True)
    with ExitStack() as stack:
        place, steps = [], []
        last_is_apart = inverse[-1] is not None
        for a, (n, w, width) in enumerate(zip(x.shape, inverse, widths, strict=True)):
            if a == len(x.shape) - 1 and not last_is_apart:
                continue
            place.append(stack.enter_context(writer.loop(writer.integer(n))))
            steps.append(
                None if w is None else stack.enter_context(writer.loop(writer.integer(width)))
            )
        if not last_is_apart:
            place.append(stack.enter_context(writer.loop(writer.integer(x.shape[-1]))))
            steps.append(None)
        at = [i for pair in zip(place, steps, strict=True) for i in pair if i is not None]
        sums.store(at, sums.load(*at) + elements.load(*place))
    build.call(writer)
    if outside:
        sliding.take_back(build, memory, target)


def _combined(word, x, y):
    if x.dtype.kind == "b":
        return call("logical_or" if word == "maximum" else "logical_and", BOOL, x, y)
    if word == "add" and x.dtype.kind == "f":
        word = "fast_add"
    return call(word, x.dtype, x, y)
