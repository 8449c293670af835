"""Lines that slide beyond an end: what they would meet there takes no part.

The ways of computing a convolution multiply the zeros with which they surround the left operand.
Where all of the right one is finite that changes nothing. Else its sums are made anew, element by
element, of what is inside.
"""

from contextlib import ExitStack

from fungrad.compiler.language.scalar import BOOL, call, constant


def mend_ends(work):
    """Write what makes the sums anew, should the right operand have a nan or an infinity."""
    (window,) = work.windows
    writer = work.build.kernel("convolve_ends_kernel")
    x, y = writer.array(work.x.view), writer.array(work.y.view)
    target = writer.array(work.target.view, is_written=True)

    def over(stack, labels):
        return {i: stack.enter_context(writer.loop(writer.integer(work.sizes[i]))) for i in labels}

    doubt = writer.variable(work.zero, "doubt")  # stays 0 while all elements are finite
    with ExitStack() as stack:
        at = over(stack, work.y.labels)
        element = y.load(*[at[i] for i in work.y.labels])
        doubt.set(call(_sum_word(work), work.dtype, doubt.symbol, element - element))
    with ExitStack() as stack:
        stack.enter_context(
            writer.branch(call("not_equal", BOOL, doubt.symbol, constant(0, work.dtype)))
        )
        at = over(stack, work.primitive.out)
        total = writer.variable(work.zero, "total")
        with ExitStack() as inner:
            here = at | over(inner, work.groups.contracted)
            place = here[0] * writer.integer(window.out) + here[-1] * writer.integer(window.right)
            here[0] = writer.let(place + writer.integer(window.offset), "place")
            is_met = (here[0] >= 0) & (here[0] < writer.integer(work.x.sizes[0]))
            inner.enter_context(writer.branch(is_met))
            product = x.load(*[here[i] for i in work.x.labels])
            product = product * y.load(*[here[i] for i in work.y.labels])
            total.set(total.symbol + product)
        target.store([at[i] for i in work.primitive.out], total.symbol)
    work.build.call(writer)


def _sum_word(work):
    return "fast_add" if work.dtype.kind == "f" else "add"
