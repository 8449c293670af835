"""Large reductions in parts that threads share, where the outermost loop is one that is combined.

Such a loop nest gets a loop over a few parts around it, whose turns are independent. Where many
rows become few, each part combines some of them to partial results of its own, and a second kernel
combines these; where the rows are long and few, each part computes some of the results. How many
parts there are, and where they end, depends on sizes only.
"""

import math

from fungrad.compiler.fusion.accumulators import combined
from fungrad.compiler.language.kernel_writer import KernelWriter
from fungrad.compiler.language.numba_scalar import is_operator
from fungrad.compiler.language.parts import CALL_WEIGHT, LIGHT, PARTS, WORTH_WAKING
from fungrad.compiler.language.scalar import INDEX, Builder, constant
from fungrad.compiler.language.statements import Let, Loop
from fungrad.compiler.language.views import View, row_major

_build = Builder()

#: So many operations: the text of a kernel that is cut is another one, which has to be compiled.
_WORTH_CUTTING = 4 * WORTH_WAKING
_SHORTEST = 1024  # elements of a row in a part: what is read in shorter pieces comes slowly
_ROWS = 64  # at least, for partial results: the parts' are then an eighth of what is read
PART = _build.symbol("part", INDEX)


def axis_to_cut(nest, order):
    """The number of the axis that is to be cut, or None: where that does not pay or is not needed.

    `order` are the expressions of the kernel.
    """
    roots, axes = nest.roots, nest.axes
    if nest.checks or not axes or not is_worth_sharing(axes, order):
        return None
    reductions = [r for r in roots if r.reduction is not None]
    if not any(r.reduces(axes[0].members[0]) for r in reductions):
        return None
    is_over_rows = nest.group.last_phase > 0  # all phases are in one loop over the rows
    if is_over_rows and axes[0].members[0] not in nest.group.row:
        return None  # later phases read what is combined along it, of all parts
    is_combined = all(r.reduces(axes[0].members[0]) for r in reductions)
    if (is_combined or is_over_rows) and axes[0].value >= _ROWS:
        return 0
    if is_over_rows:
        return None
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
        bool(x.operands) and x.op not in LIGHT and not is_operator(x) for x in order
    )
    for axis in axes:
        work *= axis.value
    return work > _WORTH_CUTTING


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
    """The memory of the partial results of a root: one array per part.

    Its shape is that of what the nest makes of the result: a nest over some of the domain makes
    some of it.
    """

    def __init__(self, nest, root, dtype):
        self.root, self.dtype = root, dtype
        self.shape = tuple([n for a, n in enumerate(nest.shape) if not root.reduces(a)])
        self.strides = row_major(self.shape)
        self.size = math.prod(self.shape)
        self.buffer = nest.lowering.entry.workspace(dtype, PARTS * self.size, "partial")

    def place(self, nest):
        """Where an element of a part's result stands, inside the nest."""
        form = nest.build.position(self.root.at, self.strides)
        return PART * nest.writer.integer(self.size) + nest.place(form)


def combining(nest, partials):
    """The writer of a kernel that combines the partial results."""
    writer = KernelWriter("combining_kernel")
    for partial in partials:
        _combine(writer, nest, partial)
    return writer


def _combine(writer, nest, partial):
    root = partial.root
    start = root.view.offset + root.form.offset
    made = View(root.view.buffer, start, partial.shape, root.view.strides)
    source, target = writer.pointer(partial.buffer), writer.array(made, is_written=True)
    remark = nest.lowering.remark(root.equation.outputs[0])
    strides = [writer.integer(s) for s in partial.strides]
    size = writer.integer(partial.size)

    def along(index):
        if len(index) < len(partial.shape):
            with writer.loop(writer.integer(partial.shape[len(index)])) as i:
                along((*index, i))
            return
        place = constant(0, INDEX)
        for i, stride in zip(index, strides, strict=True):
            place = place + i * stride
        total = None
        if root.goes_on:
            before = writer.load(target.pointer, target.position(index), root.value.dtype)
            total = _build.cast(before, partial.dtype)
        for part in range(PARTS):
            here = constant(part, INDEX) * size + place
            value = writer.load(source, here, partial.dtype)
            total = value if total is None else combined(root.reduction, total, value)
        value = _build.cast(total, root.value.dtype)
        writer.store(target.pointer, target.position(index), value, remark)

    along(())
