"""Translates low-level Python, the language of the call path, to LLVM text.

It is Python in which every value is an int64, and an address is one too: assignments, `if`, `for`
over `range`, `break`, `return`, arithmetic, single comparisons, and calls; a condition is what is
not 0. What C functions return may also be a double, to be passed straight on. Names in capitals
are constants. These functions reach memory:

`word(a)`, `int32(a)`: the value at an address; `set_word(a, x)`, `set_double(a, x)`,
`set_float(a, x)` store one; `stack(n)`: n bytes that last until the function returns;
`call_address(f, x, ...)`: the int64 that the function at the address f returns for x, ...

Numba would need 200 ms for the source that this translates in 6 ms.
"""

import ast
from itertools import count

from fungrad.compiler.llvm import syntax

_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or"}
_COMPARISONS = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt"}
_STORES = {
    "set_word": "store i64 {1}, ptr {0}",
    "set_double": "store double {1}, ptr {0}",
    "set_float": "{2} = fptrunc double {1} to float\n  store float {2}, ptr {0}",
}


def translate(source, constants, functions):
    """The LLVM text of every function of a source.

    `functions` are the C functions that it calls: {name: (symbol, result, operands)}, with the
    types "i64", "i32", "double", "ptr" or "void".
    """
    defined = [_Function(each, constants, functions) for each in syntax.functions(source)]
    used = set().union(*[each.called for each in defined])
    declared = [
        f"declare {result} @{symbol}({', '.join(operands)})"
        for name, (symbol, result, operands) in sorted(functions.items())
        if name in used
    ]
    return "\n".join([*declared, *[each.text for each in defined]])


class _Function:
    """One function, as it is written: local variables lie on the stack until LLVM moves them."""

    def __init__(self, tree, constants, functions):
        self.constants, self.functions = constants, functions
        self.lines, self.numbers, self.ends = [], count(), []
        parameters = [each.arg for each in tree.args.args]
        self.variables, self.called = set(parameters), set()
        for name in parameters:
            self.lines.append(f"  store i64 %{name}.given, ptr %{name}")
        self.statements(tree.body)
        taken = ", ".join(f"i64 %{name}.given" for name in parameters)
        places = [f"  %{name} = alloca i64" for name in sorted(self.variables)]
        lines = "\n".join([*places, *self.lines, "  unreachable"])
        self.text = f"define i64 @{tree.name}({taken}) {{\n{lines}\n}}"

    def new(self, text):
        """Append an instruction; the name of its result."""
        name = f"%t{next(self.numbers)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def label(self, name):
        """Go on at a new label, also from the line before."""
        self.lines += [f"  br label %{name}", f"{name}:"]

    def statements(self, statements):
        for each in statements:
            getattr(self, type(each).__name__)(each)

    def Assign(self, statement):
        (target,) = statement.targets
        self.variables.add(target.id)
        self.lines.append(f"  store i64 {self.value(statement.value)}, ptr %{target.id}")

    def Expr(self, statement):
        self.value(statement.value)

    def Return(self, statement):
        self.leave(f"ret i64 {self.value(statement.value)}")

    def Break(self, statement):
        self.leave(f"br label %{self.ends[-1]}")

    def leave(self, instruction):
        """End the block; what follows in the source, if anything, is in one of its own."""
        self.lines += [f"  {instruction}", f"after{next(self.numbers)}:"]

    def If(self, statement):
        number = next(self.numbers)
        self.branch(statement.test, f"then{number}", f"else{number}")
        self.statements(statement.body)
        self.lines += [f"  br label %done{number}", f"else{number}:"]
        self.statements(statement.orelse)
        self.label(f"done{number}")

    def For(self, statement):
        number, variable = next(self.numbers), statement.target.id
        self.variables.add(variable)
        stop = self.value(statement.iter.args[0])
        self.lines.append(f"  store i64 0, ptr %{variable}")
        self.label(f"head{number}")
        i = self.new(f"load i64, ptr %{variable}")
        more = self.new(f"icmp slt i64 {i}, {stop}")
        self.lines += [f"  br i1 {more}, label %body{number}, label %end{number}", f"body{number}:"]
        self.ends.append(f"end{number}")
        self.statements(statement.body)
        self.ends.pop()
        i = self.new(f"load i64, ptr %{variable}")
        self.lines.append(f"  store i64 {self.new(f'add i64 {i}, 1')}, ptr %{variable}")
        self.lines += [f"  br label %head{number}", f"end{number}:"]

    def branch(self, test, then, otherwise):
        condition = self.new(f"icmp ne i64 {self.value(test)}, 0")
        self.lines += [f"  br i1 {condition}, label %{then}, label %{otherwise}", f"{then}:"]

    def value(self, expression):
        """What an expression is, after the instructions that compute it: a name or a number."""
        return getattr(self, type(expression).__name__)(expression)

    def Constant(self, expression):
        return expression.value

    def Name(self, expression):
        if expression.id in self.constants:
            return self.constants[expression.id]
        return self.new(f"load i64, ptr %{expression.id}")

    def UnaryOp(self, expression):
        return self.new(f"sub i64 0, {self.value(expression.operand)}")

    def BinOp(self, expression):
        left, right = self.value(expression.left), self.value(expression.right)
        return self.new(f"{_ARITHMETIC[type(expression.op)]} i64 {left}, {right}")

    def Compare(self, expression):
        left, right = self.value(expression.left), self.value(expression.comparators[0])
        relation = _COMPARISONS[type(expression.ops[0])]
        return self.new(f"zext i1 {self.new(f'icmp {relation} i64 {left}, {right}')} to i64")

    def Call(self, expression):
        name, operands = expression.func.id, [self.value(each) for each in expression.args]
        self.called.add(name)
        if name in _STORES:
            place = self.new(f"inttoptr i64 {operands[0]} to ptr")
            spare = f"%t{next(self.numbers)}"
            return self.lines.append("  " + _STORES[name].format(place, operands[1], spare))
        if name in ("word", "int32"):
            place = self.new(f"inttoptr i64 {operands[0]} to ptr")
            if name == "word":
                return self.new(f"load i64, ptr {place}")
            return self.new(f"sext i32 {self.new(f'load i32, ptr {place}')} to i64")
        if name == "stack":
            return self.new(
                f"ptrtoint ptr {self.new(f'alloca i8, i64 {operands[0]}, align 16')} to i64"
            )
        if name == "call_address":
            function = self.new(f"inttoptr i64 {operands[0]} to ptr")
            passed = ", ".join(f"i64 {x}" for x in operands[1:])
            return self.new(f"call i64 {function}({passed})")
        return self.c_call(name, operands)

    def c_call(self, name, operands):
        """A call of a C function, or of another function of the source."""
        symbol, result, kinds = self.functions.get(name, (name, "i64", ("i64",) * len(operands)))
        for i, kind in enumerate(kinds):
            if kind == "i32":
                operands[i] = self.new(f"trunc i64 {operands[i]} to i32")
            elif kind == "ptr":
                operands[i] = self.new(f"inttoptr i64 {operands[i]} to ptr")
        passed = ", ".join(f"{kind} {x}" for kind, x in zip(kinds, operands, strict=True))
        call = f"call {result} @{symbol}({passed})"
        if result == "void":
            return self.lines.append(f"  {call}")
        value = self.new(call)
        if result == "i32":
            return self.new(f"sext i32 {value} to i64")
        return self.new(f"ptrtoint ptr {value} to i64") if result == "ptr" else value
