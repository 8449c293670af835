"""Compiled programs: functions of NumPy values, and what a call of one costs."""

from fungrad.compiler.arguments import Result
from fungrad.compiler.assemble import assemble
from fungrad.compiler.calling import caller, plain
from fungrad.compiler.plan import Made
from fungrad.core.errors import FungradError
from fungrad.core.program import derived
from fungrad.core.types import type_of
from fungrad.optimize import optimize


@derived
def compile_program(program, donated=()):
    """The executable of a program; `donated` are the inputs whose memory it may overwrite."""
    return Executable(assemble(optimize(program), donated))


def clear():
    """Forget compiled code that is not in use; what is on disk stays."""
    from fungrad.compiler import build

    build.clear()


class Executable:
    """A compiled program: takes NumPy values of the program's input types, returns a list.

    `source` is the Numba source of the kernels and of the entry that calls them. `call` is the
    same function without ceremony: it returns NotImplemented for values that it cannot take as
    they are (of another type, or arrays with gaps), which `executable(...)` rearranges.
    """

    def __init__(self, assembly):
        from fungrad.compiler import build

        self.program = assembly.program
        self._assembly = assembly
        kernels = {
            k.name: build.kernel(k.source, k.function, k.arguments) for k in assembly.kernels
        }
        what = {"kernels": kernels, "on_error": self._fail, "release_gil": not assembly.is_tiny}
        text = assembly.source, "entry", assembly.arguments
        if assembly.stacks:
            self.call = caller(assembly, build.entry(*text, **what))
        else:
            self.call = build.checked_entry(*text, assembly.origins, _returned(assembly), **what)

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
        primitive, source = self._assembly.errors[status - 1]
        raise failure(primitive, source)


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


def failure(primitive, source):
    """The exception for a primitive whose statements have failed at run time."""
    where = f" (made at {source})" if source else ""
    if hasattr(primitive, "failure"):
        error, message = primitive.failure()
        return error(f"{message}{where}")
    return FungradError(f"{primitive} failed in compiled code{where}")
