"""Statements printed as Numba source: one statement per line, expressions nested while short."""

from fungrad.compiler.language import numba_scalar
from fungrad.compiler.language.scalar import Scalar, topological_order
from fungrad.compiler.language.statements import (
    Call,
    If,
    Leave,
    Let,
    Load,
    Loop,
    Point,
    Remark,
    Repeat,
    Return,
    Set,
    Store,
    expressions,
    walk,
)

_LONGEST = 72


class Text:
    """A function as source, made of statements or written as it is (`plain`).

    `plain` is what is compiled and what the cache is keyed by; `shown`, with remarks, is for
    readers, and printed when somebody asks.
    """

    def __init__(self, name, parameters=(), body=(), plain=None):
        self._given = name, parameters, body
        self._is_written = plain is not None
        self.plain = plain if self._is_written else _Printer(body, False).function(name, parameters)

    @property
    def shown(self):
        """The source with remarks."""
        name, parameters, body = self._given
        return self.plain if self._is_written else _Printer(body, True).function(name, parameters)


class _Printer:
    def __init__(self, body, shows_remarks):
        self.body = body
        self.shows_remarks = shows_remarks
        self.lines = []
        self.uses = _count_uses(body)
        self.names = {}

        self.count = 0

    def function(self, name, parameters):
        self.lines.append(f"def {name}({', '.join(parameters)}):")
        self.block(self.body, "    ")
        self.lines.append("    return 0")
        return "\n".join(self.lines) + "\n"

    def block(self, body, indent):
        before = dict(self.names)
        start = len(self.lines)
        for statement in body:
            _PRINT[type(statement)](self, statement, indent)
        if not any(not line.lstrip().startswith("#") for line in self.lines[start:]):
            self.lines.append(f"{indent}pass")
        self.names = before

    def line(self, indent, text, remark=""):
        if remark and self.shows_remarks:
            text = f"{text}  # {remark}"
        self.lines.append(indent + text)

    # ---- expressions

    def value(self, scalar, indent):
        """The text of an expression that stands alone or between commas."""
        for node in topological_order_until(scalar, self.names):
            if node is not scalar and node.operands and self._is_named(node, indent):
                name = f"u{self.count}"
                self.count += 1
                self.line(indent, f"{name} = {self._expression(node)}")
                self.names[node] = name
        return self.names.get(scalar) or self._expression(scalar)

    def _is_named(self, node, indent):
        if node in self.names:
            return False
        return self.uses.get(node, 0) > 1 or len(self._expression(node)) > _LONGEST

    def _expression(self, node):
        """The text of an expression whose shared parts have names already."""
        if node in self.names:
            return self.names[node]
        if not node.operands:
            return node.attribute if node.op == "symbol" else numba_scalar.literal(node)
        if node.op == "load":
            return f"{node.attribute}[{self._expression(node.operands[0])}]"
        operands = [self._operand(x, node) for x in node.operands]
        return numba_scalar.expression(node, operands)

    def _operand(self, x, parent):
        text = self._expression(x)
        is_atom = x in self.names or not x.operands or _is_call(text) or x.op == "load"
        if is_atom and not text.startswith("-"):
            return text
        return f"({text})"

    # ---- statements

    def let(self, statement, indent):
        value = statement.value
        text = self.value(value, indent)
        self.line(indent, f"{statement.name} = {text}", statement.remark)
        if value.operands:
            self.names[value] = statement.name

    def set(self, statement, indent):
        self.line(indent, f"{statement.name} = {self.value(statement.value, indent)}")

    def store(self, statement, indent):
        value = self.value(statement.value, indent)
        index = self.value(statement.index, indent)
        self.line(indent, f"{statement.pointer}[{index}] = {value}", statement.remark)

    def load(self, statement, indent):
        index = self.value(statement.index, indent)
        self.line(indent, f"{statement.name} = {statement.pointer}[{index}]")

    def loop(self, statement, indent):
        given = [self.value(x, indent) for x in (statement.extent, *statement.work)]
        numbers = "turns" if statement.work else "range"
        self.line(indent, f"for {statement.index} in {numbers}({', '.join(given)}):")
        self.block(statement.body, indent + "    ")

    def repeat(self, statement, indent):
        work = statement.work
        condition = "True" if work is None else f"goes_on({self.value(work, indent)})"
        self.line(indent, f"while {condition}:")
        self.block(statement.body, indent + "    ")

    def leave(self, statement, indent):
        self.line(indent, f"if {self.value(statement.condition, indent)}:")
        self.line(indent, "    break")

    def branch(self, statement, indent):
        condition = self.value(statement.condition, indent)
        if statement.is_guessed:
            condition = f"guessed({condition})"
        self.line(indent, f"if {condition}:")
        self.block(statement.body, indent + "    ")
        if statement.otherwise:
            self.line(indent, "else:")
            self.block(statement.otherwise, indent + "    ")

    def call(self, statement, indent):
        arguments = [
            self.value(a, indent) if isinstance(a, Scalar) else a for a in statement.arguments
        ]
        text = f"{statement.function}({', '.join(arguments)})"
        target = f"{statement.status} = " if statement.status else ""
        self.line(indent, target + text, statement.remark)

    def point(self, statement, indent):
        arguments = [self.value(a, indent) for a in statement.arguments]
        self.line(indent, f"{statement.name} = {statement.text.format(*arguments)}")

    def returned(self, statement, indent):
        self.line(indent, f"return {self.value(statement.status, indent)}")

    def remark(self, statement, indent):
        if self.shows_remarks:
            self.lines.append(f"{indent}# {statement.text}")


_PRINT = {
    Let: _Printer.let,
    Set: _Printer.set,
    Load: _Printer.load,
    Store: _Printer.store,
    Loop: _Printer.loop,
    Repeat: _Printer.repeat,
    Leave: _Printer.leave,
    If: _Printer.branch,
    Call: _Printer.call,
    Point: _Printer.point,
    Return: _Printer.returned,
    Remark: _Printer.remark,
}


def topological_order_until(root, known):
    """The nodes that `root` needs, operands first, not looking inside those that are known."""
    if root in known or not root.operands:
        return [root]
    order, done, stack = [], set(), [root]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        missing = () if node in known else [x for x in node.operands if x not in done]
        if missing:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        done.add(node)
        order.append(node)
    return order


def _count_uses(body):
    """How often each expression is an operand of another one or stands in a statement."""
    uses = {}
    roots = []
    for statement in walk(body):
        for root in expressions(statement):
            uses[root] = uses.get(root, 0) + 1
            roots.append(root)
    for node in topological_order(roots):
        for x in node.operands:
            uses[x] = uses.get(x, 0) + 1
    return uses


def _is_call(text):
    """Whether the text is a name, or a call whose parentheses enclose all that follows."""
    depth = 0
    for position, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0 and position < len(text) - 1:
                return False
        elif depth == 0 and not (character.isalnum() or character in "_.[]"):
            return False
    return True
