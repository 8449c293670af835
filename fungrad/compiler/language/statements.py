"""Statements of generated functions, and the writer that collects them.

A generated function is a tree of statements over scalar expressions; no statement knows the
language in which it is printed (see `source`). Names are plain strings; a pointer is a name.
"""

from contextlib import contextmanager

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import INDEX, Scalar, constant, substitute
from fungrad.core.record import record

_build = Builder()


@record(slots=True)
class Let:
    """A name for a value, given once."""

    name: str
    value: Scalar
    remark: str = ""


@record(slots=True)
class Set:
    """A new value for a variable."""

    name: str
    value: Scalar


@record(slots=True)
class Store:
    """An element written through a pointer."""

    pointer: str
    index: Scalar
    value: Scalar
    remark: str = ""


@record(slots=True)
class Load:
    """A name for what a pointer's element is now."""

    name: str
    pointer: str
    index: Scalar


@record(slots=True)
class Loop:
    """The body for every index from 0 below the extent.

    `work` are, where the loop may run long, two scalars: after how many turns it looks whether it
    is interrupted, and the work of one turn (see `interrupts`).
    """

    index: str
    extent: Scalar
    work: tuple = ()
    body: list = list


@record(slots=True)
class Repeat:
    """The body again and again, until a `Leave` in it; `work` is that of one turn."""

    work: Scalar
    body: list = list


@record(slots=True)
class Leave:
    """The end of the innermost `Repeat` where a condition holds."""

    condition: Scalar


@record(slots=True)
class If:
    """One body where the condition holds, another one where not.

    Where it `is_guessed`, the processor is to guess and go on; else LLVM may make selections of it.
    """

    condition: Scalar
    body: list = list
    otherwise: list = list
    is_guessed: bool = False


@record(slots=True)
class Call:
    """A call of a kernel or routine; arguments are scalars and the texts of pointers."""

    function: str
    arguments: list
    status: str | None = None  # the name that takes the status, where it is looked at
    remark: str = ""


@record(slots=True)
class Point:
    """A name for a pointer, made by an expression in the source's own words."""

    name: str
    text: str
    arguments: tuple = ()


@record(slots=True)
class Return:
    """The end of the function with a status."""

    status: Scalar


@record(slots=True)
class Remark:
    """A line for the reader."""

    text: str


class Variable:
    """A local variable that changes; `value` is what it holds when it is asked."""

    def __init__(self, writer, name, dtype):
        self.writer, self.name, self.dtype = writer, name, dtype

    @property
    def symbol(self):
        """The variable itself, for use inside the very next `set` only."""
        return _build.symbol(self.name, self.dtype)

    @property
    def value(self):
        """A snapshot of the variable."""
        return self.writer.let(self.symbol, f"{self.name}_")

    def set(self, value):
        """Write the statement that gives it a new value."""
        self.writer.write(Set(self.name, value))


class Writer:
    """Collects the statements of one function."""

    def __init__(self):
        self.body = []
        self._blocks = [self.body]
        self._count = {}
        self._integers = {}  # (index builder, size symbol of it) -> the integer here

    # ---- names and statements

    def fresh(self, prefix):
        """A name that is not in use: prefix0, prefix1, ..."""
        number = self._count.get(prefix, 0)
        self._count[prefix] = number + 1
        return f"{prefix}{number}"

    def write(self, statement):
        """Append a statement to the innermost open block."""
        self._blocks[-1].append(statement)

    @property
    def is_in_loop(self):
        """Whether the innermost open block is inside a loop or branch."""
        return len(self._blocks) > 1

    @contextmanager
    def block(self, statements):
        """Collect what is written meanwhile in a list of statements."""
        self._blocks.append(statements)
        try:
            yield
        finally:
            self._blocks.pop()

    @contextmanager
    def loop(self, extent, prefix="i", work=()):
        """A loop; yields its index. A loop of one turn is no loop."""
        if extent.is_constant and extent.attribute == 1:
            yield constant(0, INDEX)
            return
        statement = Loop(self.fresh(prefix), extent, work)
        self.write(statement)
        with self.block(statement.body):
            yield _build.symbol(statement.index, INDEX)

    @contextmanager
    def repeat(self, work=None):
        """An endless loop, which `leave` ends."""
        statement = Repeat(work)
        self.write(statement)
        with self.block(statement.body):
            yield

    def leave(self, condition):
        """End the innermost `repeat` where the condition holds."""
        self.write(Leave(condition))

    @contextmanager
    def branch(self, condition):
        """A block for where the condition holds; yields the statement, for `otherwise`."""
        statement = If(condition)
        self.write(statement)
        with self.block(statement.body):
            yield statement

    # ---- values

    def let(self, value, prefix="t", remark=""):
        """A name for a value."""
        name = self.fresh(prefix)
        self.write(Let(name, value, remark))
        return _build.symbol(name, value.dtype)

    def variable(self, initial, prefix="v"):
        """A variable that starts with a value."""
        variable = Variable(self, self.fresh(prefix), initial.dtype)
        variable.set(initial)
        return variable

    def load(self, pointer, index, dtype):
        """What a pointer's element is now."""
        name = self.fresh("x")
        self.write(Load(name, pointer, index))
        return _build.symbol(name, dtype)

    def store(self, pointer, index, value, remark=""):
        """Write an element through a pointer."""
        self.write(Store(pointer, index, value, remark))

    def integer(self, value):
        """An integer known when a program is compiled, as a literal or through a parameter."""
        raise NotImplementedError

    def resolved(self, root, build):
        """The expression with integers in place of the size symbols of an index builder.

        A symbol is the same integer in all expressions, so that LLVM sees that places are neighbours.
        """

        def resolve(node, operands):
            if node in build.sizes:
                key = build, node
                if key not in self._integers:
                    self._integers[key] = self.integer(build.sizes[node])
                return self._integers[key]
            if not operands:
                return node
            return Scalar(node.op, node.dtype, operands, node.attribute)

        return substitute([root], resolve)[0]

    def fail_with(self, fault, code):
        """Return the status of a fault at an error site, where there is one."""
        fault = self.let(fault, "fault")
        with self.branch(_build.not_equal(fault, constant(0, INDEX))):
            self.write(Return(fault + constant(code, INDEX)))


def load(pointer, index, dtype):
    """An element read through a pointer, as an expression: the memory must not change."""
    return Scalar("load", dtype, (index,), pointer)


def expressions(statement):
    """The scalar expressions that stand directly in a statement."""
    if isinstance(statement, Let | Set):
        return (statement.value,)
    if isinstance(statement, Load):
        return (statement.index,)
    if isinstance(statement, Store):
        return (statement.index, statement.value)
    if isinstance(statement, Loop):
        return (statement.extent, *statement.work)
    if isinstance(statement, Repeat):
        return () if statement.work is None else (statement.work,)
    if isinstance(statement, If | Leave):
        return (statement.condition,)
    if isinstance(statement, Call | Point):
        return tuple([a for a in statement.arguments if isinstance(a, Scalar)])
    return (statement.status,) if isinstance(statement, Return) else ()


def bodies(statement):
    """The blocks inside a statement."""
    if isinstance(statement, Loop | Repeat):
        return (statement.body,)
    return (statement.body, statement.otherwise) if isinstance(statement, If) else ()


def walk(body):
    """Every statement of a block, outer ones before inner ones."""
    for statement in body:
        yield statement
        for inner in bodies(statement):
            yield from walk(inner)
