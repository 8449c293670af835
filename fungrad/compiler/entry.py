"""The entry: the one function of a program that Python calls.

It holds scalar statements, native loops, and calls of kernels and BLAS. All integers that depend
on shapes come through its argument `sizes`, one slot per use, so that its text is the same for
every shape; buffers are parts of its argument `workspace`.
"""

import keyword
from contextlib import contextmanager

import numpy as np

from fungrad.compiler.execution.interrupts import turns_between_looks
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.literals import LITERAL, bits_of, is_simple
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.source import Text
from fungrad.compiler.language.stack_layout import STACK_TOP, STACK_WORDS
from fungrad.compiler.language.statements import Call, If, Let, Load, Point, Return, Store, Writer
from fungrad.compiler.language.views import Buffer
from fungrad.compiler.language.words import VOCABULARY

_build = Builder()

_FLOAT64 = np.dtype(np.float64)
_RESERVED = set(
    """np math inf nan view offset sizes workspace stacks memory reserve counters report callbacks
    invoke guessed""".split()
)


class Entry(Writer):
    """Collects the statements of an entry, its kernels, buffers, sizes and error sites."""

    def __init__(self, has_remarks=True):
        super().__init__()
        self.has_remarks = has_remarks
        self.preamble = []
        self.sizes = []
        self.buffers = []
        self.kernels = {}  # (source, kinds of parameters) -> (name, text, writer)
        self.errors = []  # (culprit, source line), in the order of the status codes 1, 2, ...
        self.time = 0
        self._loops = []  # (first, last) times of the loops that have ended
        self._names = set(_RESERVED)
        self.depth = 0
        self.stack_count = 0
        self.has_long_loops = False
        self.callbacks = []  # C functions that call Python
        self.note_slot = None  # the element of `sizes` that says which warning is due
        self.meters = []  # (progress, number of turns or None) of loops that report

    # ---- names and times

    def unique(self, name):
        """A name made from that of a variable of the program, not in use in the entry."""
        if keyword.iskeyword(name) or name in VOCABULARY or name in _RESERVED:
            name += "_"
        candidate, number = name, 1
        while candidate in self._names:
            number += 1
            candidate = f"{name}_{number}"
        self._names.add(candidate)
        return candidate

    def write(self, statement):
        """Append a statement; time passes."""
        self.time += 1
        super().write(statement)

    @contextmanager
    def lasting(self):
        """A stretch that may run many times: what it reads from outside lives to its end.

        What stands in front of it and behind it has other times than what stands inside.
        """
        self.time += 1
        first = self.time
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
            self.time += 1
            self._loops.append((first, self.time))
            self.time += 1

    @contextmanager
    def loop(self, extent, prefix="i", work=None):
        """A loop; one that says how much work a turn is can be interrupted."""
        looks = () if work is None else self._looks(work)
        with self.lasting(), super().loop(extent, prefix, looks) as index:
            yield index

    def _looks(self, work):
        self.has_long_loops = True
        return self._slot_symbol(turns_between_looks(work)), self._slot_symbol(work)

    @contextmanager
    def repeat(self, work):
        _, work = self._looks(work)
        with self.lasting(), super().repeat(work):
            yield

    # ---- integers and constants

    def slot(self, value):
        """The text of an integer that depends on shapes."""
        self.sizes.append(value)
        return f"sizes[{len(self.sizes) - 1}]"

    def integer(self, value):
        """An integer known when a program is compiled: a literal if small, else a slot."""
        if abs(value) <= LITERAL:
            return constant(value, INDEX)
        return self._slot_symbol(value)

    def _slot_symbol(self, value):
        symbol = _build.symbol(self.slot(value), INDEX)
        if not self.depth:
            return symbol
        name = self.fresh("n")
        self.preamble.append(Let(name, symbol))
        return _build.symbol(name, INDEX)

    def constant(self, value):
        """A NumPy scalar: in the text where it is simple, else through `sizes`."""
        dtype = value.dtype
        if is_simple(value):
            return constant(value, dtype)
        parts = (value.real, value.imag) if dtype.kind == "c" else (value,)
        symbols = [_build.symbol(self.slot(bits_of(p)), INDEX) for p in parts]
        if dtype.kind in "fc":
            symbols = [_build.bitcast(s, _FLOAT64) for s in symbols]
        part = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype
        symbols = [_build.cast(s, part) for s in symbols]
        result = _build.call("make_complex", dtype, *symbols) if len(symbols) == 2 else symbols[0]
        name = self.fresh("c")
        self.preamble.append(Let(name, result))
        return _build.symbol(name, dtype)

    # ---- buffers

    def workspace(self, dtype, size, name="buffer"):
        """A new buffer in the workspace."""
        buffer = Buffer("workspace", self.unique(name), dtype, size)
        buffer.slot = len(self.sizes)
        self.sizes.append(None)
        self.buffers.append(buffer)
        return buffer

    def part(self, buffer, position, size, name="part"):
        """The part of a buffer that begins at a run-time position."""
        part = Buffer("part", self.unique(name), buffer.dtype, size, buffer)
        buffer.use(self.time)
        text = f"offset({buffer.name}, {{}})"
        self.write(Point(part.name, text, (position,)))
        return part

    def pointer(self, buffer, offset=0):
        """The text of a pointer to an element of a buffer, which is used now."""
        buffer.use(self.time)
        if not offset:
            return buffer.name
        position = self.integer(offset)
        text = position.attribute if position.op == "symbol" else repr(position.attribute)
        return f"offset({buffer.name}, {text})"

    def load_element(self, view, position):
        """An element of a view's buffer at a position, as it is now."""
        pointer = self.pointer(view.buffer)
        return self.load(pointer, position, view.buffer.dtype)

    def store_element(self, view, position, value, remark=""):
        """Write an element of a view's buffer."""
        self.store(self.pointer(view.buffer), position, value, remark)

    def close_lifetimes(self):
        """Let buffers that a loop shares with what is outside live through all of its turns."""
        for first, last in sorted(self._loops, key=lambda span: span[1] - span[0]):
            for buffer in self.buffers:
                if buffer.first is None or buffer.last < first or buffer.first > last:
                    continue
                if buffer.first < first or buffer.last > last:
                    buffer.first = min(buffer.first, first)
                    buffer.last = max(buffer.last, last)

    def new_stack(self):
        """The number of a new stack, which is empty when a call begins."""
        number = self.stack_count
        self.stack_count += 1
        top = constant(STACK_WORDS * number + STACK_TOP, INDEX)
        self.preamble.append(Store("stacks", top, constant(0, INDEX)))
        return number

    def new_callback(self, function):
        """The number of a C function in the argument `callbacks`."""
        self.callbacks.append(function)
        return len(self.callbacks) - 1

    def new_meter(self, progress, total):
        """A function that writes the statement "so many turns are done" of a loop that reports."""
        number = constant(len(self.meters), INDEX)
        self.meters.append((progress, total))
        status = self.fresh("status")
        return lambda done: self.write(Call("report", ["counters", number, done], status))

    def mark(self):
        """The place in the text where the next statement goes."""
        return self._blocks[-1], len(self._blocks[-1])

    def restore_stacks(self, first, start):
        """Inside a loop: let stacks made since `start` be as full as they were there."""
        block, position = start
        if not self.depth:
            return
        for number in range(first, self.stack_count):
            name, place = self.fresh("top"), constant(STACK_WORDS * number + STACK_TOP, INDEX)
            block.insert(position, Load(name, "stacks", place))
            self.store("stacks", place, _build.symbol(name, INDEX))

    # ---- calls

    def call(self, writer, remark="", source=None):
        """Call a kernel that has been written, with what its parameters stand for."""
        self.time += 1
        name = self._kernel(writer)
        arguments = [self.pointer(buffer, offset) for buffer, offset in writer.pointers]
        arguments += list(writer.scalars)
        arguments += [self.integer(value) for _, value in writer.integers]
        if not writer.errors:
            self.write(Call(name, arguments, remark=remark))
            return
        status = self.fresh("status")
        self.write(Call(name, arguments, status, remark))
        base = self.error_sites([(p, source) for p in writer.errors])
        self._return_failure(status, base)

    def _return_failure(self, status, base):
        symbol = _build.symbol(status, INDEX)
        failed = _build.not_equal(symbol, constant(0, INDEX))
        self.write(If(failed, [Return(symbol + constant(base - 1, INDEX))]))

    def error_sites(self, sites):
        """The status code of the first of some new error sites."""
        self.errors += sites
        return len(self.errors) - len(sites) + 1

    def call_checked(self, function, arguments, primitive, source):
        """Call a function of the namespace; return this site's code where its status is not 0."""
        status = self.fresh("status")
        self.write(Call(function, arguments, status))
        code = self.error_sites([(primitive, source)])
        failed = _build.not_equal(_build.symbol(status, INDEX), constant(0, INDEX))
        self.write(If(failed, [Return(constant(code, INDEX))]))

    def note(self, code, sites):
        """Let a warning follow the call where an integer k is not 0: that of the k-th site."""
        if self.note_slot is None:
            self.note_slot = len(self.sizes)
            self.sizes.append(0)
            self.preamble.append(self._noted(constant(0, INDEX)))
        base = self.error_sites(sites)
        has_doubt = _build.not_equal(code, constant(0, INDEX))
        self.write(If(has_doubt, [self._noted(code + constant(base - 1, INDEX))]))

    def _noted(self, value):
        return Store("sizes", constant(self.note_slot, INDEX), value)

    def _kernel(self, writer):
        parameters = [
            *writer.pointers.values(),
            *[s.attribute for s in writer.scalars.values()],
            *[name for name, _ in writer.integers],
        ]
        written = writer.text and writer.text.format(name=writer.hint)
        text = Text(writer.hint, parameters, writer.body, written)
        key = text.plain, parameter_dtypes(writer)
        if key not in self.kernels:
            self.kernels[key] = (f"{writer.hint}{len(self.kernels)}", text, writer)
        return self.kernels[key][0]


def parameter_dtypes(writer):
    """The kinds and dtypes of a kernel's parameters, in order."""
    return (
        *[(_kind(buffer, writer), buffer.dtype) for buffer, _ in writer.pointers],
        *[("scalar", s.dtype) for s in writer.scalars],
        *[("scalar", INDEX) for _ in writer.integers],
    )


def _kind(buffer, writer):
    """ "aliased" for a pointer to a buffer that is written and has other pointers to it."""
    count = sum(other is buffer for other, _ in writer.pointers)
    return "aliased" if count > 1 and buffer in writer.written else "pointer"
