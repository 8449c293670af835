"""Compiled programs: functions of NumPy values, and what a call of one costs."""

import numpy as np

from fungrad.compiler.arguments import LLVM_TYPES, Result
from fungrad.compiler.assemble import assemble
from fungrad.compiler.calling import caller, plain
from fungrad.compiler.index import site_and_value
from fungrad.compiler.plan import Made
from fungrad.compiler.stacks import is_stack
from fungrad.core.errors import DtypeError, FungradError
from fungrad.core.program import derived
from fungrad.core.types import ArrayType, type_of
from fungrad.optimize import optimize
from fungrad.optimize.half_precision import uses_half, widened, without_half
from fungrad.primitives.indexing import OutOfBounds


@derived
def compile_program(program, donated=()):
    """The executable of a program; `donated` are the inputs whose memory it may overwrite."""
    require_known_dtypes(program)
    program = optimize(program)
    if not uses_half(program):
        return Executable(assemble(program, donated))
    return OnBits(program, Executable(assemble(optimize(without_half(program)), donated)))


def require_known_dtypes(program):
    """DtypeError where an input or output is of a dtype that machine code does not have."""
    for what, types in (("input", program.input_types), ("output", program.output_types)):
        for number, type in enumerate(types):
            if isinstance(type, ArrayType) and type.dtype.name not in _DTYPES:
                raise DtypeError(
                    f"{what} {number} of {program.name} has the dtype {type.dtype}, which compiled "
                    "code does not have: convert it with astype(float) or astype(complex) before, "
                    "or call the function without jit"
                )


_DTYPES = {*LLVM_TYPES, "float16"}


def clear():
    """Forget compiled code that is not in use, and memory; what is on disk stays."""
    from fungrad.compiler import build, heap

    build.clear()
    heap.release()


class Executable:
    """A compiled program: takes NumPy values of the program's input types, returns a list.

    `source` is the Numba source of the kernels and of the entry that calls them. `call` is the
    same function without ceremony: it returns NotImplemented for values that it cannot take as
    they are (of another type, or arrays with gaps), which `executable(...)` rearranges. Where it
    `is_checked`, that holds for every array of another shape or dtype.
    """

    def __init__(self, assembly):
        from fungrad.compiler import build

        self.program = assembly.program
        self.is_checked = not assembly.stacks
        self._assembly = assembly
        kernels = {
            k.name: build.kernel(k.source, k.function, k.arguments, in_parts=k.in_parts)
            for k in assembly.kernels
        }
        releases = bool(assembly.meters) or not assembly.is_tiny
        what = {"kernels": kernels, "on_error": self._fail, "release_gil": releases}
        text = assembly.source, "entry", assembly.arguments
        if assembly.stacks:
            self.call = caller(assembly, build.entry(*text, **what))
        else:
            self.call = build.checked_entry(*text, assembly.origins, _returned(assembly), **what)
        if assembly.meters:
            self.call = self._watched(self.call)

    def _watched(self, call):
        """The call, while another thread shows how far its loops are."""
        meters, counters = self._assembly.meters, self._assembly.counters
        watching = meters[0][0].watching

        def watched(*values):
            with watching(meters, counters):
                return call(*values)

        return watched

    @property
    def source(self):
        """The generated source, one function after another, with the equations as remarks."""
        return self._assembly.text

    def __call__(self, *values):
        results = self.call(*values)
        if results is not NotImplemented:
            return results
        types = self.program.input_types
        gifts = {what for kind, what in self._assembly.outputs if kind == "gift"}
        rearranged = [plain(x, types[i], i in gifts) for i, x in enumerate(values)]
        results = self.call(*rearranged)
        if results is NotImplemented:
            given = ", ".join(str(type_of(x)) for x in values)
            raise TypeError(f"compiled for {types}, called with {given}")
        return results

    def _fail(self, status):
        if status < 0:
            raise MemoryError("compiled code could not get the memory that it needs")
        site, value = site_and_value(status)
        culprit, source = self._assembly.errors[site - 1]
        raise failure(culprit, source, value)


class OnBits:
    """A compiled program with float16 arguments or results, which passes them by their bits."""

    is_checked = False

    def __init__(self, program, executable):
        self.program, self._executable = program, executable
        self.source = executable.source

    def __call__(self, *values):
        types = self.program.input_types
        given = [_as_bits(x, t) for x, t in zip(values, types, strict=True)]
        results = self._executable(*given)
        types = self.program.output_types
        return [_from_bits(y, t) for y, t in zip(results, types, strict=True)]

    call = __call__


def _as_bits(x, type):
    if is_stack(type):
        return _converted(x, widened(type))
    return np.asarray(x).view(np.uint16)[()] if type.dtype == np.float16 else x


def _from_bits(y, type):
    if is_stack(type):
        return _converted(y, type)
    return y.view(np.float16) if type.dtype == np.float16 else y


def _converted(stack, type):
    """A stack with its elements in the dtype that another type of stack says."""
    if stack.type is type:
        return stack
    if is_stack(type.element):
        return type.value([_converted(row, type.element) for row in stack.elements])
    return type.value([row.astype(type.element.dtype) for row in stack.elements])


def _returned(assembly):
    """What a call returns, as `build.checked_entry` is told."""
    results = [i for i, a in enumerate(assembly.arguments) if isinstance(a, Result)]
    arrays = [i for i, origin in enumerate(assembly.origins) if isinstance(origin, Made)]
    made, returned = iter(arrays), []
    for kind, what in assembly.outputs:
        if kind == "array":
            returned.append(("argument", next(made)))
        elif kind == "result":
            returned.append(("argument", results[what]))
        elif kind == "gift":
            returned.append(("argument", what))
        elif kind == "input":
            returned.append(("copy", what))
        elif kind == "copy":
            returned.append(("copy", returned[what][1]))
        else:
            returned.append(("object", what))
    return returned


def failure(culprit, source, value):
    """The exception for what has failed at run time; `value` is the integer at fault, if any."""
    where = f" (made at {source})" if source else ""
    if isinstance(culprit, OutOfBounds):
        error, message = culprit.failure(value)
    elif hasattr(culprit, "failure"):
        error, message = culprit.failure()
    else:
        return FungradError(f"{culprit} failed in compiled code{where}")
    return error(f"{message}{where}")
