"""Compiled programs: functions of NumPy values, and what a call of one costs."""

from functools import cached_property

import numpy as np

from fungrad.compiler.execution import cache as disk
from fungrad.compiler.execution import templates
from fungrad.compiler.execution.calling import caller, plain
from fungrad.compiler.execution.interface import Interface
from fungrad.compiler.execution.plan import OUT_OF_MEMORY, TOO_LARGE, Plan, plain_plan
from fungrad.compiler.execution.program_key import outline
from fungrad.compiler.language.arguments import LLVM_TYPES
from fungrad.compiler.language.stack_layout import Growth, is_stack
from fungrad.compiler.llvm import build
from fungrad.core.errors import DtypeError, FungradError
from fungrad.core.program import derived
from fungrad.core.types import ArrayType, type_of
from fungrad.primitives.caution import warn
from fungrad.primitives.indexing import OutOfBounds


@derived
def compile_program(program, donated=()):
    """The executable of a program; `donated` are the inputs whose memory it may overwrite.

    What a process before this one has made of an equal program is taken from disk.
    """
    require_known_dtypes(program)
    shape = outline(program, donated)
    found = None if shape is None else stored(shape)
    if found is not None:
        return Executable(program, donated, *found)
    return compiled(program, donated, shape)


def compiled(program, donated, shape):
    """The executable of a program; where it has an outline, it is kept for others of the same."""
    from fungrad.compiler.llvm.compilation import Compilation

    with Compilation() as compilation:  # around the passes: LLVM is imported meanwhile
        from fungrad.optimize import optimize
        from fungrad.optimize.half_precision import uses_half, without_half

        assembly, recipe = None, None
        if shape is not None and not uses_half(program):
            assembly, recipe = with_open_sizes(program, donated, shape)
        if assembly is None:
            better = optimize(program)
            if uses_half(better):
                return OnBits(program, compiled(without_half(better), donated, None))
            assembly = assembled(program, donated, False)
        kernels = {}
        for k in assembly.kernels:
            what = "kernel", k.source, k.function, k.arguments, None
            kernels[k.name] = build.Request(*what, in_parts=k.in_parts)
            compilation.add(kernels[k.name])
        what = assembly.source, "entry", assembly.arguments, kernels
        compilation.add(build.entry_request(*what))
        code = compilation.finish()[-1]
    if recipe is not None:
        template = templates.Template(recipe, code.key)
        templates.add(shape, template)
        return Executable(program, donated, template.interface(shape), code)
    interface = assembly.interface
    if shape is not None and interface.is_plain:
        disk.save(shape.exact, b"", {"form": assembly.form, "entry": code.key})
    return Executable(program, donated, interface, code, assembly.callbacks)


def assembled(program, donated, has_remarks=True):
    """The assembly of a program."""
    from fungrad.compiler.assemble import assemble  # imports all of code generation: 20 ms
    from fungrad.optimize import optimize

    return assemble(optimize(program), donated, has_remarks)


def with_open_sizes(program, donated, shape):
    """The assembly of a program of an outline whose sizes are left open, and the recipe of its form.

    Twice None where something takes no open numbers: then each size is compiled for itself.
    """
    from fungrad.compiler.execution.opening import opened
    from fungrad.compiler.execution.recipe import Recipe

    if shape.key in _closed:
        return None, None
    numbers, program = opened(program, shape)
    try:
        assembly = assembled(program, donated, False)
        count = len(shape.integers) + len(shape.scalars)
        recipe = Recipe.of(numbers, count, assembly.form)
    except Exception:  # whatever is wrong with the program itself is said when it is compiled anew
        _closed.add(shape.key)
        return None, None
    finally:
        numbers.close()
    return (None, None) if assembly.meters or assembly.callbacks else (assembly, recipe)


#: The keys of outlines whose programs are compiled one by one.
_closed = set()


def stored(shape):
    """The interface and the machine code of a program that were kept for its outline, or None."""
    found = templates.find(shape)
    if found is None:
        entry = disk.load(shape.exact)
        if entry is None:
            return None
        found = Interface.from_form(entry[1]["form"]), entry[1]["entry"]
    code = build.stored(found[1])
    return None if code is None else (found[0], code)


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
    from fungrad.compiler.execution import heap

    build.clear()
    templates.clear()
    _closed.clear()
    heap.release()


class Executable:
    """A compiled program: takes NumPy values of the program's input types, returns a list.

    `source` is the Numba source of the kernels and of the entry that calls them. `call` is the
    same function without ceremony: it returns NotImplemented for values that it cannot take as
    they are (of another type, or arrays to be overwritten that have gaps), which `executable(...)`
    rearranges. Where it `is_checked`, that holds for every array of another shape or dtype.
    """

    def __init__(self, program, donated, interface, code, callbacks=()):
        self.program, self.interface = program, interface
        self.is_checked = not interface.stacks
        self._donated, self._callbacks = donated, callbacks
        releases = bool(interface.meters) or not interface.is_short
        if interface.stacks:
            plan = plain_plan(interface.arguments, releases)
            self.call = caller(program, interface, build.builtin(code, plan, self._fail))
        else:
            how = interface.origins, interface.returned, list, releases
            self.call = build.builtin(code, Plan(interface.arguments, *how), self._fail)
        if interface.note_slot is not None:
            self.call = self._heeding(self.call)
        if interface.meters:
            self.call = self._watched(self.call)

    @cached_property
    def assembly(self):
        """What the code was made from; made anew, because nobody but readers and errors ask."""
        return assembled(self.program, self._donated)

    def _heeding(self, call):
        """The call, and after it the warning that it has noted."""
        sizes, slot = self.interface.sizes, self.interface.note_slot

        def heeding(*values):
            results = call(*values)
            if results is not NotImplemented and sizes[slot]:
                remark, _ = self.assembly.errors[sizes[slot] - 1]
                warn(remark.message)
            return results

        return heeding

    def _watched(self, call):
        """The call, while another thread shows how far its loops are."""
        meters, counters = self.interface.meters, self.interface.counters
        watching = meters[0][0].watching

        def watched(*values):
            with watching(meters, counters):
                return call(*values)

        return watched

    @property
    def source(self):
        """The generated source, one function after another, with the equations as remarks."""
        return self.assembly.text

    def __call__(self, *values):
        results = self.call(*values)
        if results is not NotImplemented:
            return results
        types = self.program.input_types
        gifts = {what for kind, what in self.interface.outputs if kind == "gift"}
        rearranged = [plain(x, types[i], i in gifts) for i, x in enumerate(values)]
        results = self.call(*rearranged)
        if results is NotImplemented:
            given = ", ".join(str(type_of(x)) for x in values)
            raise TypeError(f"compiled for {types}, called with {given}")
        return results

    def _fail(self, status):
        if status == OUT_OF_MEMORY:
            raise MemoryError(
                f"out of memory: {self.program.name} needs {self.interface.workspace / 1e9:.2g} GB for "
                "what it computes on the way, beside arguments and results. Give it less at a time, "
                "or keep less for the backward pass: fungrad.checkpoint, checkpoint='sqrt' on a scan"
            )
        if status == TOO_LARGE:
            raise ValueError(
                f"{self.program.name} has a matrix with a side of 2**31 or more, which BLAS and "
                "LAPACK cannot take: split it"
            )
        from fungrad.compiler.language.index import site_and_value

        site, value = site_and_value(status)
        culprit, source = self.assembly.errors[site - 1]
        raise failure(culprit, source, value)


class OnBits:
    """A compiled program with float16 arguments or results, which passes them by their bits."""

    is_checked = False

    def __init__(self, program, executable):
        self.program, self._executable = program, executable
        self.source, self.interface = executable.source, executable.interface

    def __call__(self, *values):
        types = self.program.input_types
        given = [_as_bits(x, t) for x, t in zip(values, types, strict=True)]
        results = self._executable(*given)
        types = self.program.output_types
        return [_from_bits(y, t) for y, t in zip(results, types, strict=True)]

    call = __call__


def _as_bits(x, type):
    if is_stack(type):
        from fungrad.optimize.half_precision import widened

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


def failure(culprit, source, value):
    """The exception for what has failed at run time; `value` is the integer at fault, if any."""
    where = f" (made at {source})" if source else ""
    if isinstance(culprit, OutOfBounds | Growth):
        error, message = culprit.failure(value)
    elif hasattr(culprit, "failure"):
        error, message = culprit.failure()
    else:
        return FungradError(f"{culprit} failed in compiled code{where}")
    return error(f"{message}{where}")
