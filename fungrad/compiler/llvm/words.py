"""Machine words: those that LLVM has an instruction or an intrinsic for, or a library a function."""

from llvmlite import ir

from fungrad.compiler.language.words import LIBRARY
from fungrad.compiler.llvm.functions import declare, lgamma, library_call, power_of_integers


def emit_machine_word(builder, word, kind, operands):
    """The LLVM value of a machine word whose first operand is of the kind of dtypes."""
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

    least = float("-inf") if name == "maximum" else float("inf")

    def call(builder, x, y):
        x, y = _of_unknown_arms(builder, x, least), _of_unknown_arms(builder, y, least)
        function = _intrinsic_function(builder, name, [x, y])
        return builder.call(function, [x, y], fastmath=("nsz",))

    return call


def _of_unknown_arms(builder, x, value):
    """A choice between something and a constant, with a constant that LLVM does not know.

    The maximum of m and (x where a mask holds, else -inf) would become a choice between the maximum
    of m and x, and m: a loop of which LLVM does not see that it looks for the largest element, and
    computes one after another, 20 times as slowly.
    """
    if not isinstance(x, ir.SelectInstr):
        return x
    arms = [
        _unknown(builder, value, arm.type) if _constant_of(arm) == value else arm
        for arm in (x.lhs, x.rhs)
    ]
    return x if arms == [x.lhs, x.rhs] else builder.select(x.cond, *arms)


def _constant_of(x):
    """The number that a constant is, also one that is negated or converted; else None."""
    if isinstance(x, ir.Instruction) and x.opname in ("fneg", "fptrunc", "fpext"):
        inner = _constant_of(x.operands[0])
        return -inner if x.opname == "fneg" and inner is not None else inner
    return getattr(x, "constant", None)


def _unknown(builder, value, kind):
    """A constant, read from memory at the begin of the function."""
    with builder.goto_entry_block():
        place = builder.alloca(kind)
        builder.store(ir.Constant(kind, value), place)
        load = _VolatileLoad(builder.block, place, typ=kind)
        builder._insert(load)
    return load


class _VolatileLoad(ir.LoadInstr):
    """A load that no optimisation replaces by what was stored before."""

    def descr(self, buffer):
        lines = []
        super().descr(lines)
        buffer.append("".join(lines).replace("load ", "load volatile ", 1))


_FLOAT = {
    "add": lambda builder, x, y: builder.fadd(x, y),
    "subtract": lambda builder, x, y: builder.fsub(x, y),
    "multiply": lambda builder, x, y: builder.fmul(x, y),
    "divide": lambda builder, x, y: builder.fdiv(x, y),
    "fmod": lambda builder, x, y: builder.frem(x, y),
    "fast_add": lambda builder, x, y: builder.fadd(x, y, flags=("reassoc", "contract")),
    "negative": lambda builder, x: builder.fneg(x),
    "maximum": _extremum("maximum"),
    "minimum": _extremum("minimum"),
    # a flag that means nothing there, because Numba adds `contract` where there is none
    "rounded_add": lambda builder, x, y: builder.fadd(x, y, flags=("arcp",)),
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
