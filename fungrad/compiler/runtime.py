"""Compiled programs: functions of NumPy values, and what a call of one costs.

A program that is found on disk needs no more than this file and what it imports; `compiling`, which
imports the passes, code generation and LLVM, is for those that are not.
"""

from functools import cached_property

import numpy as np

from fungrad.compiler.execution import cache as disk
from fungrad.compiler.execution import loading, templates
from fungrad.compiler.execution.interface import Interface
from fungrad.compiler.execution.plan import Plan, plain_plan
from fungrad.compiler.execution.program_key import outline
from fungrad.compiler.execution.python_call import builtin
from fungrad.compiler.language.arguments import LLVM_TYPES
from fungrad.core.errors import DtypeError
from fungrad.core.program import derived
from fungrad.core.types import ArrayType, type_of
from fungrad.primitives.caution import warn


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
    from fungrad.compiler.compiling import compiled

    return compiled(program, donated, shape)


def stored(shape):
    """The interface and the machine code of a program that were kept for its outline, or None."""
    found = templates.find(shape)
    if found is None:
        entry = disk.load(shape.exact)
        if entry is None:
            return None
        found = Interface.from_form(entry[1]["form"]), entry[1]["entry"]
    code = loading.stored(found[1])
    return None if code is None else (found[0], code)


def require_known_dtypes(program):
    """DtypeError where an input or output is of a dtype that machine code does not have."""
    for what, types in (("input", program.input_types), ("output", program.output_types)):
        for number, type in enumerate(types):
            if isinstance(type, ArrayType) and type.dtype.str[1:] not in _DTYPES:
                raise DtypeError(
                    f"{what} {number} of {program.name} has the dtype {type.dtype}, which compiled "
                    "code does not have: convert it with astype(float) or astype(complex) before, "
                    "or call the function without jit"
                )


_DTYPES = {np.dtype(name).str[1:] for name in (*LLVM_TYPES, "float16")}


def clear():
    """Forget compiled code that is not in use, and memory; what is on disk stays."""
    from fungrad.compiler.execution import heap

    loading.clear()
    templates.clear()
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
            from fungrad.compiler.execution.calling import caller

            self.call = caller(program, interface, builtin(code, plan, self._fail))
        else:
            how = interface.origins, interface.returned, list, releases
            self.call = builtin(code, Plan(interface.arguments, *how), self._fail)
        if interface.note_slot is not None:
            self.call = self._heeding(self.call)
        if interface.meters:
            self.call = self._watched(self.call)

    @cached_property
    def assembly(self):
        """What the code was made from; made anew, because nobody but readers and errors ask."""
        from fungrad.compiler.compiling import assembled

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
        from fungrad.compiler.execution.calling import plain

        types = self.program.input_types
        gifts = {what for kind, what in self.interface.outputs if kind == "gift"}
        rearranged = [plain(x, types[i], i in gifts) for i, x in enumerate(values)]
        results = self.call(*rearranged)
        if results is NotImplemented:
            given = ", ".join(str(type_of(x)) for x in values)
            raise TypeError(f"compiled for {types}, called with {given}")
        return results

    def _fail(self, status):
        from fungrad.compiler.failing import failure

        raise failure(self, status)
