"""What a routine's `emit` method writes its statements with."""

import math
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import MethodType

from fungrad.compiler.fusion.groups import Single
from fungrad.compiler.fusion.uses import Uses
from fungrad.compiler.language.kernel_writer import KernelWriter
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.language.views import whole
from fungrad.compiler.moves import copy as copies
from fungrad.core.program import Literal
from fungrad.primitives.caution import Remark


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

    def is_computed_where_read(self, v):
        """Whether an operand has no memory: its elements are computed by who reads them."""
        return not (type(v) is Literal or v in self.lowering.schedule.stored)

    def only_reader(self, v):
        """The routine of the next step, if it alone reads `v`, each element where it makes one of
        the same type, in memory where nothing has lived; else None.
        """
        schedule, homes = self.lowering.schedule, self.lowering.homes
        number = homes.made_in[v] + 1
        if homes.last_use.get(v) != number or number == len(schedule.steps):
            return None
        step = schedule.steps[number]
        if not isinstance(step, Single) or [u.type for u in step.outputs] != [v.type]:
            return None
        if step.outputs[0] in self.lowering.destinations.keys() - self.lowering.fresh:
            return None
        uses = Uses(v.type.shape)
        for operand in step.equation.inputs:
            uses.follow(operand, uses.own, schedule.maker, schedule.stored)
        return step.equation if v in uses.stored and v not in uses.elsewhere else None

    def contiguous(self, v):
        """The memory of an operand in row-major order."""
        return copies.contiguous(self.entry, self.view(v))

    def scalar(self, v):
        """The value of an operand of rank 0."""
        return self.lowering.representation(v)[0]

    def output(self, v):
        """The memory that an output is to be written to, in row-major order."""
        return self.lowering.output_view(v)

    def begin(self, output, v):
        """The memory of an output that holds a copy of an operand already."""
        target = self.lowering.output_view(output)
        source = self.view(v)
        if source != target:
            copies.copy(self.entry, source, target)
        return target

    def temporary(self, dtype, shape):
        """Scratch memory."""
        size = 1
        for n in shape:
            size *= n
        return whole(self.entry.workspace(dtype, size, "scratch"), shape)

    # ---- statements

    @contextmanager
    def batch(self, shape, views):
        """Loops over a batch in front of row-major views; yields the pointers to its members."""
        with ExitStack() as loops:
            position = constant(0, INDEX)
            for n in shape:
                extent = self.entry.integer(n)
                loop = self.entry.loop(extent, work=self._work() // max(math.prod(shape), 1) + 1)
                position = position * extent + loops.enter_context(loop)
            yield [self._member(view, position, len(shape)) for view in views]

    def _work(self):
        """Roughly the nanoseconds that the equation takes."""
        inputs, outputs = [
            [v.type for v in side] for side in (self.equation.inputs, self.equation.outputs)
        ]
        return self.equation.primitive.flops(inputs, outputs) // 2

    def _member(self, view, position, rank):
        size = 1
        for n in view.shape[rank:]:
            size *= n
        if position.is_constant:
            return self.entry.pointer(view.buffer, view.offset)
        place = position * self.entry.integer(size) + self.entry.integer(view.offset)
        return self.entry.part(view.buffer, place, size, "member").name

    def kernel(self, hint):
        """A kernel to write statements into; `call` calls it."""
        return KernelWriter(hint)

    def call(self, writer):
        """Call a kernel that has been written."""
        self.entry.call(writer, source=self.equation.source)

    def call_routine(self, function, arguments):
        """Call a function of the namespace whose status is always 0."""
        self.entry.write(Call(function, arguments))

    def call_checked(self, function, arguments):
        """Call a function of the namespace; where its status is not 0, the primitive has failed."""
        equation = self.equation
        self.entry.call_checked(function, arguments, equation.primitive, equation.source)

    def caution(self, primitive, inputs, outputs):
        """Pass the first operand on; note what the second says, for a warning after the call."""
        sites = [(Remark(message), self.equation.source) for message in primitive.messages]
        self.entry.note(self.scalar(inputs[1]), sites)
        if outputs[0].type.shape:
            self.begin(outputs[0], inputs[0])
        else:
            self.lowering.represent(outputs[0], self.lowering.representation(inputs[0]))

    # ---- the library's own routines, and programs inside the program: see `_FILES`

    def __getattr__(self, name):
        file = _FILE_OF.get(name)
        if file is None:
            raise AttributeError(f"a builder of routines has no {name!r}")
        return MethodType(getattr(import_module(f"fungrad.compiler.{file}"), name), self)

    def checkpoint(self, primitive, inputs, outputs):
        """Write the statements of a program that is computed again in the backward pass."""
        self.inline(primitive.program, inputs, outputs)


#: The functions `name(build, primitive, inputs, outputs)` that write the statements of a routine,
#: by the files of the compiler that have them. A program uses few, and each takes 1 ms to import.
_FILES = {
    "convolution.ways": "convolve",
    "convolution.window_elements": "find_in_windows take_from_windows",
    "convolution.window_puts": "put_into_windows",
    "convolution.windows": "reduce_windows",
    "linalg.exponential": "expm",
    "linalg.factors": "inverse lu permutation solve tridiagonal_solve",
    "linalg.fourier": "fourier",
    "linalg.lapack": "cholesky triangular_solve",
    "linalg.orthogonal": "qr qr_pivots",
    "linalg.schur": "hessenberg schur sorted_schur sqrtm sylvester",
    "linalg.spectral": "eig eigh svd",
    "loops.branches": "cond inline",
    "loops.callbacks": "callback",
    "loops.loops": "scan while_loop",
    "loops.stacks": "add_stacks empty_stack map_stack",
    "moves.row_updates": "scatter_rows",
    "moves.updates": "dynamic_update scatter",
    "order.cumulative": "cumulative",
    "order.extrema": "arg_extremum",
    "order.largest": "top_k",
    "order.order_statistics": "order_statistic",
    "order.sampling": "sample",
    "order.sorting": "argsort sort sort_by",
    "products.contraction": "add_product contract",
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}
