"""Scalar expressions as LLVM instructions, appended to a basic block through llvmlite.

Words with an expansion (`fungrad.compiler.math.expand`) are emitted as their expansion; the others
are machine words (`words`): instructions, LLVM intrinsics, or functions of a library.
Booleans are i1, complex numbers are structs of two floats, as in Numba.
"""

from functools import lru_cache

import numpy as np
from llvmlite import ir

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import Scalar, topological_order
from fungrad.compiler.llvm.conversion import bitcast, convert, make_complex
from fungrad.compiler.llvm.functions import call_by_lane, llvm_type
from fungrad.compiler.llvm.words import emit_machine_word
from fungrad.compiler.math import OUTLINED, branch, constant_table, expand

_build = Builder()


def emit(builder, roots, values):
    """The LLVM values of scalar expressions; `values` maps symbols to theirs and is extended."""
    for node in topological_order(roots):
        if node not in values:
            values[node] = _emit_node(builder, node, values)
    return [values[root] for root in roots]


def emit_word(builder, word, dtype, attribute, dtypes, operands):
    """The LLVM value of one word applied to LLVM values of the given dtypes."""
    if word not in _STRUCTURAL:  # the others say more in a node than by their operands
        return _emit_operation(builder, word, attribute, tuple(dtypes), operands)
    symbols = [_build.symbol(f"operand{i}", d) for i, d in enumerate(dtypes)]
    node = Scalar(word, dtype, tuple(symbols), attribute)
    return _emit_node(builder, node, dict(zip(symbols, operands, strict=True)))


def _emit_node(builder, node, values):
    operands = [values[x] for x in node.operands]
    if node.op == "constant":
        return _constant(node.dtype, node.attribute)
    if node.op == "loop":
        return _loop(builder, node, operands, values)
    dtypes = tuple([x.dtype for x in node.operands])
    if node.op in _STRUCTURAL and expand(node.op, dtypes[0]) is None:
        return _STRUCTURAL[node.op](builder, node, *operands)
    return _emit_operation(builder, node.op, node.attribute, dtypes, operands)


def _emit_operation(builder, word, attribute, dtypes, operands):
    """The LLVM value of a word that its operands and their dtypes are enough for."""
    if word in OUTLINED:
        function = _function(builder.module, word, expand(word, dtypes[0]), dtypes)
        return builder.call(function, operands)
    expansion = _expansion(word, attribute, dtypes)
    if expansion is not None:
        symbols, root = expansion
        return emit(builder, [root], dict(zip(symbols, operands, strict=True)))[0]
    return emit_machine_word(builder, word, dtypes[0].kind, operands)


@lru_cache(maxsize=500)
def _expansion(word, attribute, dtypes):
    """The symbols of the operands of a word and the expression of them that it expands to."""
    expansion = expand(word, dtypes[0])
    if expansion is None:
        return None
    symbols = [_build.symbol(f"operand{i}", dtype) for i, dtype in enumerate(dtypes)]
    return symbols, expansion(_build, *symbols, *(() if attribute is None else (attribute,)))


def _constant(dtype, value):
    if dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        parts = [_constant(part, value.real), _constant(part, value.imag)]
        return ir.Constant.literal_struct(parts)
    return ir.Constant(llvm_type(dtype), int(value) if dtype.kind in "biu" else value)


def _lookup(builder, node, index):
    """Loads an entry of a constant table, which is emitted once per module."""
    values = constant_table(node.attribute)
    name = f"fungrad_table_{node.attribute}"
    entry = llvm_type(node.dtype)
    constants = builder.module.globals.get(name)
    if constants is None:
        array = ir.ArrayType(entry, len(values))
        constants = ir.GlobalVariable(builder.module, array, name)
        constants.initializer = ir.Constant(array, [entry(v.item()) for v in values])
        constants.global_constant = True
        constants.linkage = "internal"
    address = builder.gep(constants, [index.type(0), index], inbounds=True)
    return builder.load(address)


def _call_where(builder, node, condition, x):
    """Branches to a function. The loop around it is vectorised, with one branch per lane."""
    before = builder.block
    rare = builder.append_basic_block("rare")
    after = builder.append_basic_block("after")
    builder.cbranch(condition, rare, after)
    builder.position_at_end(rare)
    name = node.attribute
    function = _function(builder.module, name, branch(name), (node.dtype,))
    value = builder.call(function, [x])
    builder.branch(after)
    builder.position_at_end(after)
    result = builder.phi(x.type)
    result.add_incoming(x, before)
    result.add_incoming(value, rare)
    return result


def _function(module, name, expansion, dtypes):
    """The LLVM function of an expansion, which is defined once per module."""
    symbol = f"fungrad_{name}_{dtypes[0].name}"
    function = module.globals.get(symbol)
    if function is None:
        symbols = [_build.symbol(f"operand{i}", dtype) for i, dtype in enumerate(dtypes)]
        root = expansion(_build, *symbols)
        kinds = [llvm_type(dtype) for dtype in dtypes]
        function = ir.Function(module, ir.FunctionType(llvm_type(root.dtype), kinds), symbol)
        function.linkage = "internal"
        function.attributes.add("noinline")
        call_by_lane(function)
        builder = ir.IRBuilder(function.append_basic_block())
        builder.ret(emit(builder, [root], dict(zip(symbols, function.args, strict=True)))[0])
    return function


def _emit_invariants(builder, body, values):
    """Emit what the body of a loop computes from outside of it alone, before the loop."""
    order = topological_order(body.following)
    varying = _depending(order, {body.index, *body.states})
    needed = {x for node in order if node in varying for x in node.operands} - varying
    emit(builder, [node for node in order if node in needed and node.operands], values)


def _depending(order, symbols):
    """The symbols and the nodes that depend on them, through the bodies of inner loops too."""
    found = set(symbols)
    for node in order:
        is_inner = node.op == "loop" and not found.isdisjoint(
            topological_order(node.attribute.following)
        )
        if is_inner or not found.isdisjoint(node.operands):
            found.add(node)
    return found


def _loop(builder, node, operands, values):
    """Blocks for a loop; what its step computes stays inside."""
    count, *initial = operands
    body = node.attribute
    _emit_invariants(builder, body, values)
    before = builder.block
    loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    index, *states = [builder.phi(x.type) for x in (count, *initial)]
    inside = {**values, body.index: index, **dict(zip(body.states, states, strict=True))}
    following = emit(builder, body.following, inside)
    next_index = builder.add(index, index.type(1))
    latch = builder.block
    builder.cbranch(builder.icmp_signed("<", next_index, count), loop, after)
    phis = zip((index, *states), (index.type(0), *initial), (next_index, *following), strict=True)
    for phi, first, later in phis:
        phi.add_incoming(first, before)
        phi.add_incoming(later, latch)
    builder.position_at_end(after)
    return following[0]


_STRUCTURAL = {
    "convert": convert,
    "bitcast": bitcast,
    "select": lambda builder, node, condition, x, y: builder.select(condition, x, y),
    "make_complex": make_complex,
    "real": lambda builder, node, x: builder.extract_value(x, 0),
    "imag": lambda builder, node, x: builder.extract_value(x, 1),
    "table": _lookup,
    "call_where": _call_where,
}
