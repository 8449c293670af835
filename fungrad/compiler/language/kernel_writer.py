"""Kernels in the making: their statements, their parameters, and what the entry passes for each."""

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.literals import LITERAL
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.statements import Point, Writer

_build = Builder()


class KernelWriter(Writer):
    """The statements and parameters of one kernel, with what the entry passes for each."""

    def __init__(self, hint):
        super().__init__()
        self.hint = hint
        self.pointers = {}  # (buffer, offset) -> name
        self.written = set()
        self.scalars = {}  # scalar of the entry -> symbol
        self.integers = []  # (name, value)
        self.errors = []  # culprits, in the order of the status codes 1, 2, ...
        self.in_parts = False  # whether threads may share the turns of the outermost loop
        self.text = None  # the source itself, where it is not made of statements

    def pointer(self, buffer, offset=0, is_written=False):
        """The name of a pointer to an element of a buffer."""
        key = buffer, offset
        if key not in self.pointers:
            self.pointers[key] = self.fresh("y" if is_written else "x")
        if is_written:
            self.written.add(buffer)
        return self.pointers[key]

    def forget_pointer(self, name):
        """Take back a pointer that is not used after all."""
        self.pointers = {key: n for key, n in self.pointers.items() if n != name}
        self.written = {b for b in self.written if any(b is key[0] for key in self.pointers)}

    def scalar(self, value):
        """The symbol of a scalar of the entry; a constant is itself."""
        if value.is_constant:
            return value
        if value not in self.scalars:
            self.scalars[value] = _build.symbol(self.fresh("s"), value.dtype)
        return self.scalars[value]

    def integer(self, value):
        """An integer known when a program is compiled: a literal if small, else a parameter."""
        if abs(value) <= LITERAL:
            return constant(value, INDEX)
        name = self.fresh("n")
        self.integers.append((name, value))
        return _build.symbol(name, INDEX)

    def parameter(self, value):
        """The symbol of an integer that is a parameter however small it is."""
        name = self.fresh("n")
        self.integers.append((name, value))
        return _build.symbol(name, INDEX)

    def array(self, view, is_written=False):
        """Access to the elements of a view by their index."""
        return KernelArray(self, self.pointer(view.buffer, view.offset, is_written), view)


class KernelArray:
    """The elements of a view inside a kernel: index them by as many scalars as it has axes."""

    def __init__(self, writer, pointer, view):
        self.writer, self.pointer = writer, pointer
        self.dtype = view.buffer.dtype
        self.strides = [
            constant(0, INDEX) if n == 1 else writer.integer(s)
            for n, s in zip(view.shape, view.strides, strict=True)
        ]

    def position(self, index):
        """The place of an element."""
        total = constant(0, INDEX)
        for i, stride in zip(index, self.strides, strict=True):
            total = total + i * stride
        return total

    def at(self, *index):
        """The name of a pointer to an element."""
        name = self.writer.fresh("at")
        self.writer.write(Point(name, f"offset({self.pointer}, {{}})", (self.position(index),)))
        return name

    def load(self, *index):
        """The element as it is now."""
        return self.writer.load(self.pointer, self.position(index), self.dtype)

    def store(self, index, value):
        """Write an element."""
        self.writer.store(self.pointer, self.position(index), value)
