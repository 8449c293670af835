"""Translates the language of generated functions to LLVM text, without Numba's front end.

Generated source is Python that Numba could compile: numbers and pointers, `for` over `range`,
`while`, `if`, tuples only in assignments, and calls of words, conversions, pointer functions and
kernels; in loops of entries also `turns` (see `interrupts`) and `guessed` (see `late_choices`). A
name has one type wherever it is assigned, and stands before it is used, so one walk over the
syntax tree suffices. Numba needs ten times as long for the same kernel, and 400 ms to be imported;
what is outside the language (`OutsideError`) is left to it.
"""

import ast
from collections import Counter
from contextlib import contextmanager

import numpy as np
from llvmlite import ir

from fungrad.compiler.execution.fuel import Fuel
from fungrad.compiler.language import parts
from fungrad.compiler.language.arguments import Scalar
from fungrad.compiler.language.loop_hints import (
    is_short_row_of_windows,
    is_worth_unrolling,
    keep_rolled,
    write_out,
)
from fungrad.compiler.llvm import syntax
from fungrad.compiler.llvm.kernel_expressions import (
    I64,
    INT,
    NUMBERS,
    Builder,
    Expressions,
    OutsideError,
    Value,
)
from fungrad.compiler.llvm.pointer_code import memory_type
from fungrad.compiler.llvm.scalar import llvm_type

__all__ = ["OutsideError", "translate"]

_SURE = (1000, 1)  # weights with which LLVM makes no selection of a branch


def translate(source, name, arguments, symbol, functions, in_parts=False):
    """The LLVM text of the function `name` of `source` as `i64 symbol(arguments)`.

    `functions` are what it calls: {name in the source: (symbol, arguments)}. With `in_parts`,
    several threads may share the turns of its outermost loop. Raises OutsideError.
    """
    (tree,) = [f for f in syntax.functions(source) if getattr(f, "name", None) == name]
    if not in_parts or parts.extent_of(tree) is None:
        return _Function(tree, arguments, symbol, functions).text()
    dispatcher = parts.dispatcher(tree, arguments, symbol)
    parts.over_a_range(tree)
    body = _Function(tree, (*arguments, *parts.BOUNDS), f"{symbol}.body", functions)
    body.function.attributes.add("noinline")
    return body.text() + dispatcher


class _Function(Expressions):
    def __init__(self, tree, arguments, symbol, functions):
        self.functions = functions
        self.module = ir.Module()
        self.function = self._declare(symbol, arguments)
        self.builder = Builder(self.function.append_basic_block("entry"))
        self.assigned = _assignments(tree)
        self.known = {}  # names that are assigned once: their values, while these are in scope
        self.places = {}  # other names: a place on the stack, and the dtype
        self.ends = []  # where `break` goes, innermost last
        self.fuel = None
        given = iter(self.function.args)
        for parameter, argument in zip(tree.args.args, arguments, strict=True):
            self.assign(parameter.arg, self._received(argument, given))
        self.block(tree.body)
        if not self.builder.block.is_terminated:
            self.builder.ret(I64(0))

    def text(self):
        """The LLVM text of the module."""
        return str(self.module)

    # ---- functions and their arguments

    def _declare(self, symbol, arguments):
        """The function of a symbol; a complex number is passed as two floats, a bool as a byte."""
        found = self.module.globals.get(symbol)
        if found is not None:
            return found
        kinds, alone = [], []
        for argument in arguments:
            if not isinstance(argument, Scalar):
                alone.append((len(kinds), argument))
                kinds.append(ir.PointerType())
            elif argument.dtype.kind == "c":
                kinds += llvm_type(argument.dtype).elements
            else:
                kinds.append(memory_type(argument.dtype))
        function = ir.Function(self.module, ir.FunctionType(I64, kinds), symbol)
        for place, argument in alone:
            if getattr(argument, "aliased", True) is False:
                function.args[place].add_attribute("noalias")
        return function

    def _received(self, argument, parts):
        """The value of an argument of this function."""
        if not isinstance(argument, Scalar):
            return Value(next(parts), argument.dtype, True)
        if argument.dtype.kind == "c":
            half = np.dtype(f"f{argument.dtype.itemsize // 2}")
            pair = [Value(next(parts), half) for _ in range(2)]
            return self.word("make_complex", *pair)
        code = next(parts)
        if argument.dtype.kind == "b":
            code = self.builder.icmp_unsigned("!=", code, code.type(0))
        return Value(code, argument.dtype)

    def called(self, name, given):
        """The status of a kernel or routine."""
        symbol, arguments = self.functions[name]
        passed = []
        for value, argument in zip(given, arguments, strict=True):
            if isinstance(argument, Scalar):
                value = self.converted(value, argument.dtype)
            elif value.kind != (argument.dtype, True):
                raise OutsideError(f"{name} takes {argument}")
            if value.is_pointer or value.dtype.kind not in "bc":
                passed.append(value.code)
            elif value.dtype.kind == "b":
                passed.append(self.builder.zext(value.code, ir.IntType(8)))
            else:
                passed += [self.builder.extract_value(value.code, i) for i in (0, 1)]
        return Value(self.builder.call(self._declare(symbol, arguments), passed), INT)

    # ---- names

    def assign(self, name, value):
        """Let a name stand for a value from now on."""
        if self.assigned[name] == 1:
            self.known[name] = value
            return
        if name not in self.places:
            kind = ir.PointerType() if value.is_pointer else llvm_type(value.dtype)
            with self.builder.goto_entry_block():
                self.places[name] = self.builder.alloca(kind), kind, value.kind
        place, _, kind = self.places[name]
        if kind != value.kind:
            raise OutsideError(f"{name} has two types")
        self.builder.store(value.code, place)

    def Name(self, node):
        if node.id in self.known:
            return self.known[node.id]
        if node.id in self.places:
            place, code_type, (dtype, is_pointer) = self.places[node.id]
            return Value(self.builder.load(place, typ=code_type), dtype, is_pointer)
        if node.id in NUMBERS:
            return self.constant(NUMBERS[node.id])
        raise OutsideError(f"unknown name {node.id}")

    @contextmanager
    def scope(self):
        """What is assigned once in here is not known outside."""
        before = dict(self.known)
        yield
        self.known = before

    # ---- statements

    def block(self, statements):
        """Write statements up to the first one after which nothing can run."""
        for each in statements:
            if self.builder.block.is_terminated:
                return
            self.handler(each)(each)

    def Assign(self, statement):
        (target,) = statement.targets
        if isinstance(target, ast.Tuple):
            if not isinstance(statement.value, ast.Tuple):
                raise OutsideError("a tuple")
            values = [self.value(v) for v in statement.value.elts]
            for each, value in zip(target.elts, values, strict=True):
                self._put(each, value)
        else:
            self._put(target, self.value(statement.value))

    def _put(self, target, value):
        if isinstance(target, ast.Name):
            self.assign(target.id, value)
        else:
            self.store(*self.element(target), value)

    def AugAssign(self, statement):
        target = statement.target
        if isinstance(target, ast.Name):
            x = self.Name(target)
            self.assign(target.id, self.operation(statement.op, x, self.value(statement.value)))
        else:
            pointer, place = self.element(target)
            x = self.load(pointer, place)
            new = self.operation(statement.op, x, self.value(statement.value))
            self.store(pointer, place, new)

    def Expr(self, statement):
        if not isinstance(statement.value, ast.Constant):
            self.value(statement.value)

    def Return(self, statement):
        self.builder.ret(self.integer(statement.value))

    def Break(self, statement):
        self.builder.branch(self.ends[-1])

    def Pass(self, statement):
        pass

    def If(self, statement):
        is_guessed = _called(statement.test) == "guessed"
        test = statement.test.args[0] if is_guessed else statement.test
        condition = self.condition(test).code
        names = ("then", "otherwise", "done") if statement.orelse else ("then", "done")
        blocks = [self.function.append_basic_block(name) for name in names]
        branch = self.builder.cbranch(condition, blocks[0], blocks[1])
        if is_guessed:
            branch.set_weights(_SURE)
        bodies = (statement.body, statement.orelse)
        for start, body in zip(blocks[:-1], bodies, strict=False):
            self.builder.position_at_end(start)
            with self.scope():
                self.block(body)
            if not self.builder.block.is_terminated:
                self.builder.branch(blocks[-1])
        self.builder.position_at_end(blocks[-1])

    def While(self, statement):
        head, body, end = map(self.function.append_basic_block, ("head", "body", "end"))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        if _called(statement.test) == "goes_on":
            (work,) = statement.test.args
            self._fuel().use(self.builder, self.integer(work))
            self.builder.branch(body)
        else:
            self.builder.cbranch(self.condition(statement.test).code, body, end)
        self._loop_body(statement, body, head, end)

    def For(self, statement):
        if _called(statement.iter) == "turns":
            self._turns(statement)
            return
        bounds = [self.integer(x) for x in _range(statement.iter)]
        start, stop, step = {1: (I64(0), *bounds, I64(1)), 2: (*bounds, I64(1)), 3: bounds}[
            len(bounds)
        ]
        self._counted(statement, start, stop, step)

    def _turns(self, statement):
        """A loop over stretches of turns, with a look at interrupts after each of them."""
        count, stretch, work = map(self.integer, statement.iter.args)
        append, builder, before = self.function.append_basic_block, self.builder, self.builder.block
        fuel = self._fuel()
        head, body, end = map(append, ("head", "stretch", "end"))
        builder.branch(head)
        builder.position_at_end(head)
        first = builder.phi(I64)
        first.add_incoming(I64(0), before)
        builder.cbranch(builder.icmp_signed("<", first, count), body, end)
        builder.position_at_end(body)
        left = builder.sub(count, first)
        here = builder.select(builder.icmp_signed("<", left, stretch), left, stretch)
        last = builder.add(first, here, flags=("nsw",))
        self._counted(statement, first, last, I64(1))
        fuel.use(builder, builder.mul(here, work))
        first.add_incoming(last, builder.block)
        builder.branch(head)
        builder.position_at_end(end)

    def _fuel(self):
        if self.fuel is None:
            self.fuel = Fuel(self.builder)
        return self.fuel

    def _counted(self, statement, start, stop, step):
        """The loop over the numbers from start below stop."""
        before = self.builder.block
        head, body, turn, end = map(
            self.function.append_basic_block, ("head", "body", "turn", "end")
        )
        self.builder.branch(head)
        self.builder.position_at_end(head)
        counter = self.builder.phi(I64)
        counter.add_incoming(start, before)
        self.builder.cbranch(self._goes_on(counter, stop, step), body, end)
        self.builder.position_at_end(turn)
        counter.add_incoming(self.builder.add(counter, step, flags=("nsw",)), turn)
        back = self.builder.branch(head)
        if is_short_row_of_windows(statement):
            write_out(back)
        elif not is_worth_unrolling(statement):
            keep_rolled(back)
        self._loop_body(statement, body, turn, end, Value(counter, INT))

    def _goes_on(self, counter, stop, step):
        if isinstance(step, ir.Constant):
            return self.builder.icmp_signed("<" if step.constant > 0 else ">", counter, stop)
        is_up = self.builder.icmp_signed(">", step, I64(0))
        below = self.builder.icmp_signed("<", counter, stop)
        return self.builder.select(is_up, below, self.builder.icmp_signed(">", counter, stop))

    def _loop_body(self, statement, body, again, end, counter=None):
        self.builder.position_at_end(body)
        self.ends.append(end)
        with self.scope():
            if counter is not None:
                self.assign(statement.target.id, counter)
            self.block(statement.body)
        self.ends.pop()
        if not self.builder.block.is_terminated:
            self.builder.branch(again)
        self.builder.position_at_end(end)


def _assignments(tree):
    """How often each name is assigned; a name assigned once is a value, not a variable."""
    counts = Counter(parameter.arg for parameter in tree.args.args)
    blocks = [tree.body]
    while blocks:
        for statement in blocks.pop():
            counts.update(_names_given(statement))
            blocks += [getattr(statement, "body", ()), getattr(statement, "orelse", ())]
    return counts


def _names_given(statement):
    """The names to which a statement itself gives a value; twice one that it changes."""
    kind = type(statement)
    if kind is ast.AugAssign:
        targets = [statement.target] * 2
    elif kind is ast.For:
        targets = [statement.target]
    else:
        targets = statement.targets if kind is ast.Assign else []
    parts = [getattr(target, "elts", (target,)) for target in targets]
    return [each.id for part in parts for each in part if type(each) is ast.Name]


def _called(node):
    """The name of the function that an expression calls, or None."""
    return getattr(node.func, "id", None) if isinstance(node, ast.Call) else None


def _range(iterated):
    if _called(iterated) != "range":
        raise OutsideError("a loop over something else than a range")
    return iterated.args
