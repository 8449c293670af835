"""Scalar expressions as LLVM instructions, appended to a basic block through llvmlite.

Machine words become instructions or LLVM intrinsics here; words with an expansion
(`fungrad.compiler.math.expand`) are emitted as their expansion; lgamma calls libm,
and some words call SciPy's functions (`words.LIBRARY`).
Booleans are i1, complex numbers are structs of two floats, as in Numba.
"""

from functools import lru_cache

import numpy as np
from llvmlite import ir

from fungrad.compiler.llvm_functions import (
    call_by_lane,
    declare,
    lgamma,
    library_call,
    llvm_type,
    power_of_integers,
)
from fungrad.compiler.math import FUNCTIONS, OUTLINED, TABLES, expand
from fungrad.compiler.scalar import Builder, Scalar, real_dtype, topological_order
from fungrad.compiler.words import LIBRARY

_build = Builder()


def emit(builder, roots, values):
    """The LLVM values of scalar expressions; `values` maps symbols to theirs and is extended."""
    for node in topological_order(roots):
        if node not in values:
            values[node] = _emit_node(builder, node, values)
    return [values[root] for root in roots]


def emit_word(builder, word, dtype, attribute, dtypes, operands):
    """The LLVM value of one word applied to LLVM values of the given dtypes."""
    symbols = [_build.symbol(f"operand{i}", d) for i, d in enumerate(dtypes)]
    root = Scalar(word, dtype, tuple(symbols), attribute)
    return emit(builder, [root], dict(zip(symbols, operands, strict=True)))[0]


def _emit_node(builder, node, values):
    operands = [values[x] for x in node.operands]
    if node.op == "constant":
        return _constant(node.dtype, node.attribute)
    if node.op == "loop":
        return _loop(builder, node, operands, values)
    dtypes = tuple(x.dtype for x in node.operands)
    if node.op in OUTLINED:
        function = _function(builder.module, node.op, expand(node.op, dtypes[0]), dtypes)
        return builder.call(function, operands)
    expansion = _expansion(node.op, node.attribute, dtypes)
    if expansion is None:
        return _emit_machine_word(builder, node, operands)
    symbols, root = expansion
    return emit(builder, [root], dict(zip(symbols, operands, strict=True)))[0]


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


def _emit_machine_word(builder, node, operands):
    word, kind = node.op, node.operands[0].dtype.kind
    if word in _STRUCTURAL:
        return _STRUCTURAL[word](builder, node, *operands)
    table = _FLOAT if kind == "f" else _INTEGER
    if word in table:
        return table[word](builder, *operands)
    if word in LIBRARY:
        return library_call(builder, word, operands)
    if word in _COMPARISONS:
        return _compare(builder, _COMPARISONS[word], kind, *operands)
    return _SIGNED_OR_NOT[word](builder, kind == "i", *operands)


_COMPARISONS = {
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
}


def _compare(builder, symbol, kind, x, y):
    if kind == "f":
        unordered = symbol == "!="
        compare = builder.fcmp_unordered if unordered else builder.fcmp_ordered
        return compare(symbol, x, y)
    return (builder.icmp_signed if kind == "i" else builder.icmp_unsigned)(symbol, x, y)


def _convert(builder, node, x):
    return _convert_between(builder, x, node.operands[0].dtype, node.dtype)


def _convert_between(builder, x, source, target):
    if source.kind == "c":
        return _convert_complex(builder, x, source, target)
    if target.kind == "c":
        part = _convert_between(builder, x, source, real_dtype(target))
        return _complex_value(builder, target, part, part.type(0))
    if source.kind == "f":
        return _convert_float(builder, x, source, target)
    to = llvm_type(target)
    if target.kind == "b":
        return builder.icmp_unsigned("!=", x, x.type(0))
    if target.kind == "f":
        return builder.sitofp(x, to) if source.kind == "i" else builder.uitofp(x, to)
    if to.width <= x.type.width:
        return builder.trunc(x, to) if to.width < x.type.width else x
    return builder.sext(x, to) if source.kind == "i" else builder.zext(x, to)


def _convert_float(builder, x, source, target):
    to = llvm_type(target)
    if target.kind == "b":
        return builder.fcmp_unordered("!=", x, x.type(0))
    if target.kind == "f":
        if source.itemsize == target.itemsize:
            return x
        return builder.fptrunc(x, to) if source.itemsize > target.itemsize else builder.fpext(x, to)
    if target.itemsize < 4:  # C's conversion goes through int, and wraps around
        return builder.trunc(builder.fptosi(x, ir.IntType(32)), to)
    if target == np.uint32:
        return builder.trunc(builder.fptosi(x, ir.IntType(64)), to)
    if target == np.uint64:
        return _convert_float_to_uint64(builder, x, to)
    return builder.fptosi(x, to)


def _convert_complex(builder, x, source, target):
    parts = [builder.extract_value(x, 0), builder.extract_value(x, 1)]
    to = target if target.kind == "b" else real_dtype(target)
    real, imag = (_convert_between(builder, part, real_dtype(source), to) for part in parts)
    if target.kind == "b":
        return builder.or_(real, imag)
    return _complex_value(builder, target, real, imag) if target.kind == "c" else real


def _convert_float_to_uint64(builder, x, to):
    """Wraps negative numbers around, as C on x86 does; LLVM's fptoui leaves them undefined."""
    half = x.type(2.0**63)
    is_small = builder.fcmp_unordered("<", x, half)
    low = builder.fptosi(builder.select(is_small, x, builder.fsub(x, half)), to)
    return builder.select(is_small, low, builder.xor(low, to(1 << 63)))


def _bitcast(builder, node, x):
    if node.operands[0].dtype.kind == "b" or node.dtype.kind == "b":
        return _convert(builder, node, x)
    return builder.bitcast(x, llvm_type(node.dtype))


def _make_complex(builder, node, real, imag):
    return _complex_value(builder, node.dtype, real, imag)


def _complex_value(builder, dtype, real, imag):
    empty = ir.Constant(llvm_type(dtype), ir.Undefined)
    return builder.insert_value(builder.insert_value(empty, real, 0), imag, 1)


def _lookup(builder, node, index):
    """Loads an entry of a constant table, which is emitted once per module."""
    table = TABLES[node.attribute]
    name = f"fungrad_table_{node.attribute}"
    entry = llvm_type(node.dtype)
    constants = builder.module.globals.get(name)
    if constants is None:
        array = ir.ArrayType(entry, len(table))
        constants = ir.GlobalVariable(builder.module, array, name)
        constants.initializer = ir.Constant(array, [entry(v.item()) for v in table])
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
    function = _function(builder.module, name, FUNCTIONS[name], (node.dtype,))
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
    "convert": _convert,
    "bitcast": _bitcast,
    "select": lambda builder, node, condition, x, y: builder.select(condition, x, y),
    "make_complex": _make_complex,
    "real": lambda builder, node, x: builder.extract_value(x, 0),
    "imag": lambda builder, node, x: builder.extract_value(x, 1),
    "table": _lookup,
    "call_where": _call_where,
}


def _intrinsic(name):
    """Emits a call of LLVM's intrinsic of that name, for one floating-point type."""

    def call(builder, *operands):
        return builder.call(_intrinsic_function(builder, name, operands), operands)

    return call


def _intrinsic_function(builder, name, operands):
    kind = operands[0].type
    suffix = f"i{kind.width}" if isinstance(kind, ir.IntType) else _float_suffix(kind)
    function_type = ir.FunctionType(kind, [kind] * len(operands))
    return declare(builder.module, f"llvm.{name}.{suffix}", function_type)


def _float_suffix(kind):
    return "f32" if isinstance(kind, ir.FloatType) else "f64"


def _extremum(name):
    """NumPy's maximum or minimum: NaN wins, the sign of zero is either."""

    def call(builder, x, y):
        function = _intrinsic_function(builder, name, [x, y])
        return builder.call(function, [x, y], fastmath=("nsz",))

    return call


_FLOAT = {
    "add": lambda builder, x, y: builder.fadd(x, y),
    "subtract": lambda builder, x, y: builder.fsub(x, y),
    "multiply": lambda builder, x, y: builder.fmul(x, y),
    "divide": lambda builder, x, y: builder.fdiv(x, y),
    "fmod": lambda builder, x, y: builder.frem(x, y),
    "fast_add": lambda builder, x, y: builder.fadd(x, y, flags=("reassoc", "contract", "nsz")),
    "negative": lambda builder, x: builder.fneg(x),
    "maximum": _extremum("maximum"),
    "minimum": _extremum("minimum"),
    # a flag that means nothing here, because Numba adds `contract` where there is none
    "rounded_multiply": lambda builder, x, y: builder.fmul(x, y, flags=("arcp",)),
    "lgamma": lgamma,
    "fma": _intrinsic("fma"),
    "absolute": _intrinsic("fabs"),
    "copysign": _intrinsic("copysign"),
    "sqrt": _intrinsic("sqrt"),
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "rint": _intrinsic("rint"),
    "trunc": _intrinsic("trunc"),
}


def _left_shift(builder, x, count):
    width = x.type.width
    shifted = builder.shl(x, builder.and_(count, x.type(width - 1)))
    return builder.select(builder.icmp_unsigned("<", count, x.type(width)), shifted, x.type(0))


def _right_shift(builder, is_signed, x, count):
    last = x.type(x.type.width - 1)
    is_inside = builder.icmp_unsigned("<=", count, last)
    if is_signed:
        return builder.ashr(x, builder.select(is_inside, count, last))
    shifted = builder.lshr(x, builder.and_(count, last))
    return builder.select(is_inside, shifted, x.type(0))


def _quotient_and_rest(builder, is_signed, x, y):
    """Truncated quotient and rest where a divisor 0 or -1, which may trap, is replaced by 1."""
    one = y.type(1)
    is_unsafe = builder.icmp_unsigned("==", y, y.type(0))
    if not is_signed:
        safe = builder.select(is_unsafe, one, y)
        return builder.udiv(x, safe), builder.urem(x, safe)
    is_unsafe = builder.or_(is_unsafe, builder.icmp_signed("==", y, y.type(-1)))
    safe = builder.select(is_unsafe, one, y)
    return builder.sdiv(x, safe), builder.srem(x, safe)


def _signs_differ(builder, rest, y):
    """Whether a rest that is not zero has another sign than the divisor."""
    differ = builder.icmp_signed("<", builder.xor(rest, y), y.type(0))
    return builder.and_(differ, builder.icmp_signed("!=", rest, rest.type(0)))


def _floor_divide(builder, is_signed, x, y):
    quotient, rest = _quotient_and_rest(builder, is_signed, x, y)
    if is_signed:
        less_one = builder.sub(quotient, quotient.type(1))
        quotient = builder.select(_signs_differ(builder, rest, y), less_one, quotient)
        is_minus_one = builder.icmp_signed("==", y, y.type(-1))
        quotient = builder.select(is_minus_one, builder.neg(x), quotient)
    is_zero = builder.icmp_unsigned("==", y, y.type(0))
    return builder.select(is_zero, x.type(0), quotient)


def _remainder(builder, is_signed, x, y):
    rest = _fmod(builder, is_signed, x, y)
    if not is_signed:
        return rest
    return builder.select(_signs_differ(builder, rest, y), builder.add(rest, y), rest)


def _fmod(builder, is_signed, x, y):
    rest = _quotient_and_rest(builder, is_signed, x, y)[1]
    is_zero = builder.icmp_unsigned("==", y, y.type(0))
    return builder.select(is_zero, x.type(0), rest)


def _extremum_of_integers(symbol):
    def extremum(builder, is_signed, x, y):
        compare = builder.icmp_signed if is_signed else builder.icmp_unsigned
        return builder.select(compare(symbol, x, y), x, y)

    return extremum


_INTEGER = {
    "add": lambda builder, x, y: builder.add(x, y),
    "fast_add": lambda builder, x, y: builder.add(x, y),
    "subtract": lambda builder, x, y: builder.sub(x, y),
    "multiply": lambda builder, x, y: builder.mul(x, y),
    "negative": lambda builder, x: builder.neg(x),
    "index_divide": lambda builder, x, y: builder.udiv(x, y),
    "index_remainder": lambda builder, x, y: builder.urem(x, y),
    "bitwise_and": lambda builder, x, y: builder.and_(x, y),
    "bitwise_or": lambda builder, x, y: builder.or_(x, y),
    "bitwise_xor": lambda builder, x, y: builder.xor(x, y),
    "bitwise_not": lambda builder, x: builder.not_(x),
    "population_count": _intrinsic("ctpop"),
    "left_shift": _left_shift,
}

#: Words on integers that depend on whether they are signed, given as the second argument.
_SIGNED_OR_NOT = {
    "maximum": _extremum_of_integers(">"),
    "minimum": _extremum_of_integers("<"),
    "right_shift": _right_shift,
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "fmod": _fmod,
    "power": power_of_integers,
}
