"""What a routine's `emit` method writes its statements with."""

from contextlib import ExitStack, contextmanager

from fungrad.compiler import branches, loops
from fungrad.compiler import copy as copies
from fungrad.compiler.callbacks import callback
from fungrad.compiler.contraction import contract
from fungrad.compiler.convolution import convolve
from fungrad.compiler.cumulative import arg_extremum, cumulative
from fungrad.compiler.exponential import expm
from fungrad.compiler.factors import inverse, lu, permutation, solve, tridiagonal_solve
from fungrad.compiler.fourier import fourier
from fungrad.compiler.kernel_writer import KernelWriter
from fungrad.compiler.lapack import cholesky, triangular_solve
from fungrad.compiler.orthogonal import qr, qr_pivots
from fungrad.compiler.sampling import sample
from fungrad.compiler.scalar import INDEX, constant
from fungrad.compiler.schur import hessenberg, schur, sqrtm, sylvester
from fungrad.compiler.sorting import argsort, sort, sort_by, top_k
from fungrad.compiler.spectral import eig, eigh, svd
from fungrad.compiler.stacks import add_stacks, empty_stack, map_stack
from fungrad.compiler.statements import Call
from fungrad.compiler.updates import dynamic_update, scatter
from fungrad.compiler.views import whole
from fungrad.compiler.windows import find_in_windows, reduce_windows


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
                position = position * extent + loops.enter_context(self.entry.loop(extent))
            yield [self._member(view, position, len(shape)) for view in views]

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

    # ---- the library's own routines

    callback = callback
    contract = contract
    convolve = convolve
    reduce_windows = reduce_windows
    find_in_windows = find_in_windows
    scatter = scatter
    dynamic_update = dynamic_update
    cumulative = cumulative
    arg_extremum = arg_extremum
    fourier = fourier
    sort = sort
    argsort = argsort
    sort_by = sort_by
    top_k = top_k
    cholesky = cholesky
    triangular_solve = triangular_solve
    lu = lu
    permutation = permutation
    solve = solve
    inverse = inverse
    qr = qr
    qr_pivots = qr_pivots
    tridiagonal_solve = tridiagonal_solve
    sample = sample
    expm = expm
    eigh = eigh
    svd = svd
    eig = eig
    schur = schur
    hessenberg = hessenberg
    sqrtm = sqrtm
    sylvester = sylvester
    empty_stack = empty_stack
    add_stacks = add_stacks
    map_stack = map_stack

    # ---- programs inside the program

    def scan(self, primitive, inputs, outputs):
        """Write a loop of known length, or over stacks."""
        loops.scan(self, primitive, inputs, outputs)

    def while_loop(self, primitive, inputs, outputs):
        """Write a loop that ends when its condition says so."""
        loops.while_loop(self, primitive, inputs, outputs)

    def cond(self, primitive, inputs, outputs):
        """Write a choice between programs."""
        branches.cond(self, primitive, inputs, outputs)

    def inline(self, program, inputs, outputs):
        """Write the statements of a program where it is called."""
        branches.inline(self, program, inputs, outputs)

    def checkpoint(self, primitive, inputs, outputs):
        """Write the statements of a program that is computed again in the backward pass."""
        branches.inline(self, primitive.program, inputs, outputs)
