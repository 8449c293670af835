"""Large reductions in parts that threads share, where the outermost loop is one that is combined.

Such a loop nest gets a loop over a few parts around it, whose turns are independent. Either an axis
that stays is cut, and each part computes some of the results; or, where only scalars are left, each
part computes a partial result, and a second kernel combines them. How many parts there are, and
where they end, depends on sizes only.
"""

from fungrad.compiler.kernel_writer import KernelWriter
from fungrad.compiler.numba_scalar import is_operator
from fungrad.compiler.parts import CALL_WEIGHT, PARTS, WORTH_WAKING
from fungrad.compiler.scalar import INDEX, Builder, constant
from fungrad.compiler.statements import Let, Loop

_build = Builder()

_SHORTEST = 32  # elements in a row of a part
_CHEAP = ("load", "convert", "select", "fast_add", "index_divide", "index_remainder")
PART = _build.symbol("part", INDEX)


def axis_to_cut(nest, order):
    """The number of the axis that is to be cut, or None: where that does not pay or is not needed.

    `order` are the expressions of the kernel.
    """
    roots, axes = nest.roots, nest.axes
    if nest.checks or nest.group.last_phase or not axes or not is_worth_sharing(axes, order):
        return None
    reductions = [r for r in roots if r.reduction is not None]
    if not any(r.reduces(axes[0].members[0]) for r in reductions):
        return None
    if all(r.reduces(axis.members[0]) for r in reductions for axis in axes):
        return 0
    staying = [
        (axis.value, number)
        for number, axis in enumerate(axes)
        if not any(r.reduces(axis.members[0]) for r in reductions)
    ]
    longest, number = max(staying, default=(0, 0))
    return number if longest >= PARTS * _SHORTEST else None


def is_worth_sharing(axes, order):
    """Whether a nest over these axes takes long enough for two threads."""
    work = 1 + CALL_WEIGHT * sum(
        bool(x.operands) and x.op not in _CHEAP and not is_operator(x) for x in order
    )
    for axis in axes:
        work *= axis.value
    return work > WORTH_WAKING


class Cut:
    """An axis of a nest that is cut: the statements around and inside its loops."""

    def __init__(self, writer, axis):
        self.writer, self.axis = writer, axis

    def loop_over_parts(self):
        """Write the loop over the parts; what it holds."""
        loop = Loop(PART.attribute, constant(PARTS, INDEX))
        self.writer.write(loop)
        with self.writer.block(loop.body):
            self.first = self.writer.let(self._end(PART), "first")
            last = self._end(PART + constant(1, INDEX))
            self.length = self.writer.let(last - self.first, "length")
        return loop.body

    def _end(self, number):
        product = self.axis.extent * number
        return _build.call("index_divide", INDEX, product, constant(PARTS, INDEX))

    def loop(self):
        """The loop over the axis in a part; its body begins with the index."""
        step = _build.symbol("step", INDEX)
        index = Let(self.axis.symbol.attribute, self.first + step)
        return Loop(step.attribute, self.length, body=[index])


class Partial:
    """The memory of the partial results of a reduction, one per part."""

    def __init__(self, lowering, dtype):
        self.buffer = lowering.entry.workspace(dtype, PARTS, "partial")
        self.dtype = dtype

    def store(self, writer, value):
        """Write the result of a part."""
        writer.store(writer.pointer(self.buffer, is_written=True), PART, value)


def combining(nest, partials, combined):
    """The writer of a kernel that combines the partial results of roots: {number: Partial}."""
    writer = KernelWriter("combining_kernel")
    for number, partial in partials.items():
        root = nest.roots[number]
        identity = root.reduction.identity(root.value.dtype)
        total = writer.variable(constant(identity, partial.dtype), "total")
        pointer = writer.pointer(partial.buffer)
        with writer.loop(constant(PARTS, INDEX)) as i:
            part = writer.load(pointer, i, partial.dtype)
            total.set(combined(root.reduction, total.symbol, part))
        place = root.view.offset + root.form.offset
        pointer = writer.pointer(root.view.buffer, place, is_written=True)
        remark = nest.lowering.remark(root.equation.outputs[0])
        value = _build.cast(total.symbol, root.value.dtype)
        writer.store(pointer, constant(0, INDEX), value, remark)
    return writer
