"""The Python side of a call: a function that passes arguments, outputs and scratch memory."""

import ctypes

import numpy as np

from fungrad.compiler.language.arguments import Result
from fungrad.compiler.language.stack_layout import (
    STACK_WORDS,
    TRIPLE,
    is_stack,
    row_dtype,
    row_size,
    stack_depth,
)

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


def plain(x, type, is_written=False):
    """A value as compiled code reads it: no gaps, aligned, native byte order, scalars unpacked;
    writeable if it `is_written`."""
    if is_stack(type):
        return x
    x = np.asarray(x)
    if not type.shape:
        return x[()]
    wanted = ["C", "A", "W"] if is_written else ["C", "A"]
    x = np.require(x, np.dtype(x.dtype.type), wanted)
    is_alias = x.dtype == type.dtype and x.dtype is not type.dtype  # as long long and long are
    return x.view(type.dtype) if is_alias else x


def caller(program, interface, entry):
    """The function from the values of a program's inputs to the list of its outputs."""
    return _Caller(program, interface, entry).function()


class _Caller:
    """Writes the function as Python source: one line per argument that needs attention."""

    def __init__(self, program, interface, entry):
        self.program, self.interface = program, interface
        self.namespace = {
            "entry": entry,
            "sizes": interface.sizes,
            "counters": interface.counters,
            "callbacks": interface.addresses,
            "scratch": Scratch(0, 0),
            "empty": np.empty,
            "array": np.array,
            "plain": plain,
            "push": push,
            "read": read,
        }
        self.inputs = [f"a{i}" for i in range(len(program.inputs))]
        self.passed = []
        self.before = []  # lines before scratch memory is taken
        self.pushed = []  # lines that put stacks into it
        self.after = []
        self.returned = []
        self.results = sum(isinstance(a, Result) for a in interface.arguments)

    def function(self):
        for number, type in enumerate(self.program.input_types):
            self._input(number, self.inputs[number], type)
        for number, (kind, what) in enumerate(self.interface.outputs):
            self._output(number, kind, what)
        lines = [*self.before, *self._call()]
        lines.append(f"return [{', '.join(self.returned)}]")
        source = f"def call({', '.join(self.inputs)}):\n    " + "\n    ".join(lines)
        exec(source, self.namespace)
        return self.namespace["call"]

    def _input(self, number, name, type):
        if is_stack(type):
            first = self.interface.stack_inputs[number]
            self.pushed.append(f"{name}n, {name}c, {name}k = push(scratch, {name}, {first})")
            self.passed += [f"{name}n", f"{name}c"]
            words = slice(first * STACK_WORDS, (first + stack_depth(type)) * STACK_WORDS)
            self.after.append(f"scratch.stacks[{words.start}:{words.stop}] = 0")
            return
        if type.shape:
            self.namespace[f"type_{name}"] = type
            line = f"if not {name}.flags.carray: {name} = plain({name}, type_{name}, True)"
            self.before.append(line)
        self.passed.append(name)

    def _output(self, number, kind, what):
        name = f"out{number}"
        if kind == "array":
            self.namespace[f"shape{number}"], self.namespace[f"dtype{number}"] = (
                what.shape,
                what.dtype,
            )
            self.before.append(f"{name} = empty(shape{number}, dtype{number})")
            self.passed.append(name)
        elif kind == "literal":
            self.namespace[name] = what
        elif kind == "gift":
            name = self.inputs[what]
        elif kind == "result":
            name = self._result(what)
        elif kind == "stack":
            self.namespace[f"type{number}"] = self.program.outputs[number].type
            triple = ", ".join([self._result(what + i) for i in range(TRIPLE)])
            self.after.append(f"{name} = read(scratch, type{number}, {triple})")
        else:
            source = self.inputs[what] if kind == "input" else self.returned[what]
            type = self.program.outputs[number].type
            name = source if is_stack(type) or not type.shape else f"array({source})"
        self.returned.append(name)

    def _result(self, number):
        return f"result[{number}]" if self.results > 1 else "result"

    def _call(self):
        interface = self.interface
        passed = [*self.passed, "sizes", "scratch.workspace"]
        if interface.meters:
            passed.append("counters")
        if interface.addresses is not None:
            passed.append("callbacks")
        if interface.stacks:
            passed.append("scratch.stacks")
        target = "result = " if self.results else ""
        call = f"{target}entry({', '.join(passed)})"
        if not (interface.workspace or interface.stacks):
            return [call]
        pool = self.namespace["pool"] = []
        self.namespace["take"], self.namespace["new"] = pool.pop, Scratch
        return [
            "try: scratch = take()",
            f"except IndexError: scratch = new({interface.workspace}, {interface.stacks})",
            *self.pushed,
            call,
            *self.after,
            "pool.append(scratch)",
        ]


# ---- stacks from and to Python


def push(scratch, stack, first):
    """Put a stack into scratch memory: its number, its count, and what keeps its memory alive."""
    if not stack.elements:
        return -1, 0, None
    arrays = [[] for _ in range(stack_depth(stack.type))]
    _collect(stack, 0, first, arrays)
    kept = [_joined(parts) for parts in arrays]
    for level, array in enumerate(kept):
        scratch.stacks[(first + level) * STACK_WORDS] = array.ctypes.data
    return first, len(stack.elements), kept


def _collect(stack, level, first, arrays):
    """Append the elements of a stack to the memory of its level; return its triple."""
    if not stack.elements:
        return -1, 0, 0
    size = row_size(stack.type)
    base = sum(part.size for part in arrays[level]) // max(size, 1)
    if is_stack(stack.type.element):
        triples = [_collect(inner, level + 1, first, arrays) for inner in stack.elements]
        arrays[level].append(np.array(triples, np.int64).reshape(-1))
    else:
        dtype = row_dtype(stack.type)
        arrays[level] += [np.asarray(x, dtype).reshape(-1) for x in stack.elements]
    return first + level, base, len(stack.elements)


def _joined(parts):
    return np.concatenate(parts) if parts else np.empty(1, np.int64)


def read(scratch, type, number, base, count):
    """The value of a stack that compiled code has left in scratch memory."""
    if number < 0 or not count:
        return type.value(())
    size, dtype = row_size(type), row_dtype(type)
    address = int(scratch.stacks[int(number) * STACK_WORDS]) + int(base) * size * dtype.itemsize
    nbytes = int(count) * size * dtype.itemsize
    memory = (ctypes.c_char * nbytes).from_address(address) if nbytes else b""
    rows = np.frombuffer(memory, dtype, int(count) * size).copy()
    if is_stack(type.element):
        return type.value([read(scratch, type.element, *row) for row in rows.reshape(-1, TRIPLE)])
    return type.value(rows.reshape(int(count), *type.element.shape))
