"""Compiled programs: functions of NumPy values, and what a call of one costs."""

from fungrad.compiler.assemble import assemble
from fungrad.compiler.calling import caller
from fungrad.core.errors import FungradError
from fungrad.core.program import derived
from fungrad.optimize import optimize


@derived
def compile_program(program, donated=()):
    """The executable of a program; `donated` are the inputs whose memory it may overwrite."""
    return Executable(assemble(optimize(program)))


def clear():
    """Forget compiled code that is not in use; what is on disk stays."""
    from fungrad.compiler import build

    build.clear()


class Executable:
    """A compiled program: takes NumPy values of the program's input types, returns a list.

    `source` is the Numba source of the kernels and of the entry that calls them.
    """

    def __init__(self, assembly):
        from fungrad.compiler import build

        self.program = assembly.program
        self._assembly = assembly
        kernels = {
            k.name: build.kernel(k.source, k.function, k.arguments) for k in assembly.kernels
        }
        self._entry = build.entry(
            assembly.source,
            "entry",
            assembly.arguments,
            kernels,
            self._fail,
            release_gil=not assembly.is_tiny,
        )
        self._call = caller(assembly, self._entry)

    @property
    def source(self):
        """The generated source, one function after another, with the equations as remarks."""
        return "\n\n".join([*(k.shown for k in self._assembly.kernels), self._assembly.shown])

    def __call__(self, *values):
        return self._call(*values)

    def _fail(self, status):
        if status < 0:
            raise MemoryError("compiled code could not get the memory that it needs")
        primitive, source = self._assembly.errors[status - 1]
        raise failure(primitive, source)


def failure(primitive, source):
    """The exception for a primitive whose statements have failed at run time."""
    where = f" (made at {source})" if source else ""
    if hasattr(primitive, "failure"):
        error, message = primitive.failure()
        return error(f"{message}{where}")
    return FungradError(f"{primitive} failed in compiled code{where}")
