"""Compiled programs: functions of NumPy values, and what a call of one costs."""

import ctypes

import numpy as np

from fungrad.compiler.assemble import assemble
from fungrad.compiler.entry import STACK_WORDS
from fungrad.core.errors import FungradError
from fungrad.core.program import derived
from fungrad.optimize import optimize


@derived
def compile_program(program, donated=()):
    """The executable of a program; `donated` are the inputs whose memory it may overwrite."""
    return Executable(assemble(optimize(program)))


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
        self._call = _caller(assembly, self._entry)

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


def _caller(assembly, entry):
    """A Python function that passes its arguments, outputs, sizes and a workspace to the entry."""
    namespace = {"entry": entry, "empty": np.empty, "array": np.array, "plain": plain}
    namespace["sizes"] = assembly.sizes
    inputs = [f"a{i}" for i in range(len(assembly.program.inputs))]
    lines = []
    for name, v in zip(inputs, assembly.program.inputs, strict=True):
        if v.type.shape:
            lines.append(f"if not {name}.flags.carray: {name} = plain({name})")
    passed, returned = list(inputs), []
    results = sum(kind == "result" for kind, _ in assembly.outputs)
    for number, (kind, what) in enumerate(assembly.outputs):
        if kind == "array":
            namespace[f"shape{number}"], namespace[f"dtype{number}"] = what.shape, what.dtype
            lines.append(f"out{number} = empty(shape{number}, dtype{number})")
            passed.append(f"out{number}")
            returned.append(f"out{number}")
        elif kind == "result":
            returned.append(f"result[{what}]" if results > 1 else "result")
        elif kind == "literal":
            namespace[f"value{number}"] = what
            returned.append(f"value{number}")
        else:
            source = inputs[what] if kind == "input" else returned[what]
            type = assembly.program.outputs[number].type
            returned.append(f"array({source})" if type.shape else source)
    lines += _call_lines(assembly, passed, results, namespace)
    lines.append(f"return [{', '.join(returned)}]")
    source = f"def call({', '.join(inputs)}):\n    " + "\n    ".join(lines)
    exec(source, namespace)
    return namespace["call"]


def _call_lines(assembly, passed, results, namespace):
    target = "result = " if results else ""
    passed = [*passed, "sizes", "scratch.workspace"]
    if assembly.stacks:
        passed.append("scratch.stacks")
    namespace["scratch"] = Scratch(0, 0)
    call = f"{target}entry({', '.join(passed)})"
    if not (assembly.workspace or assembly.stacks):
        return [call]
    pool = namespace["pool"] = []
    namespace["take"], namespace["new"] = pool.pop, Scratch
    return [
        "try: scratch = take()",
        f"except IndexError: scratch = new({assembly.workspace}, {assembly.stacks})",
        call,
        "pool.append(scratch)",
    ]


_ALIGNMENT = 64

free = ctypes.CDLL(None).free  # the C library's, which `reserve` of compiled code belongs to
free.argtypes, free.restype = (ctypes.c_void_p,), None


class Scratch:
    """The memory that one running call works in; kept for later calls.

    `workspace` is that of the buffer plan, aligned to 64 bytes; `stacks` are the words of stacks,
    whose memory is given back when this object goes.
    """

    __slots__ = ("stacks", "workspace")

    def __init__(self, nbytes, words):
        memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % _ALIGNMENT
        self.workspace = memory[start : start + nbytes]
        self.stacks = np.zeros(words, np.int64)

    def __del__(self):
        for address in self.stacks[::STACK_WORDS]:
            if address:
                free(int(address))


def plain(x):
    """An array as compiled code reads it: without gaps, aligned, in native byte order."""
    x = np.asarray(x)
    return np.require(x, x.dtype.newbyteorder("="), ["C", "A"])
