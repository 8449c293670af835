"""What a routine's `emit` method writes its statements with."""

from fungrad.compiler.kernels import KernelWriter
from fungrad.compiler.views import whole


class RoutineBuilder:
    """The builder that `Routine.emit(build, inputs, outputs)` gets.

    `inputs` are the operands as variables and literals: `view(v)` is the memory of one, `scalar(v)`
    its value if it has rank 0. `outputs` are variables: `output(v)` is the memory to write.
    """

    def __init__(self, lowering, equation):
        self.lowering = lowering
        self.entry = lowering.entry
        self.equation = equation

    def run(self):
        """Let the equation's primitive write its statements."""
        self.equation.primitive.emit(self, self.equation.inputs, self.equation.outputs)

    # ---- operands

    def view(self, v):
        """The memory of an operand, which may have gaps between its elements."""
        return self.lowering.operand_view(v)

    def contiguous(self, v):
        """The memory of an operand in row-major order."""
        view = self.view(v)
        return view if view.is_contiguous else self.lowering.contiguous(view)

    def scalar(self, v):
        """The value of an operand of rank 0."""
        return self.lowering.representation(v)[0]

    def output(self, v):
        """The memory that an output is to be written to, in row-major order."""
        return self.lowering.output_view(v)

    def temporary(self, dtype, shape):
        """Scratch memory."""
        size = 1
        for n in shape:
            size *= n
        return whole(self.entry.workspace(dtype, size, "scratch"), shape)

    # ---- statements

    def kernel(self, hint):
        """A kernel to write statements into; `call` calls it."""
        return KernelWriter(hint)

    def call(self, writer):
        """Call a kernel that has been written."""
        self.entry.call(writer, source=self.equation.source)
