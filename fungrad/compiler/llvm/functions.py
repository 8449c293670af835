"""Functions that scalar expressions call: of libm, of SciPy, and loops of our own."""

from llvmlite import ir


def llvm_type(dtype):
    """The LLVM type of a value of the dtype."""
    if dtype.kind == "b":
        return ir.IntType(1)
    if dtype.kind == "f":
        return ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()
    if dtype.kind == "c":
        part = ir.FloatType() if dtype.itemsize == 8 else ir.DoubleType()
        return ir.LiteralStructType([part, part])
    return ir.IntType(8 * dtype.itemsize)


def call_by_lane(function):
    """Lets loops that call the function be vectorised: lane by lane, only where a mask is set.

    LLVM's vectoriser does so for functions without side effects that have a masked vector variant
    of any width; the variant named here is one of 1024 lanes, which no loop asks for. `nobuiltin`
    keeps LLVM from taking libm's functions for intrinsics, which it would call for every lane.
    """
    operands = "v" * len(function.args)
    name = f"_ZGV_LLVM_M1024{operands}_{function.name}({function.name})"
    variant = f'"vector-function-abi-variant"="{name}"'
    for attribute in ("readnone", "nounwind", "willreturn", "nobuiltin", variant):
        set.add(function.attributes, attribute)  # AttributeSet.add knows only some attributes


def lgamma(builder, x):
    name = "lgamma" if isinstance(x.type, ir.DoubleType) else "lgammaf"
    function = declare(builder.module, name, ir.FunctionType(x.type, [x.type]))
    call_by_lane(function)
    return builder.call(function, [x])


def library_call(builder, word, operands):
    """Calls SciPy's function of that name, which computes in double precision."""
    double, kind = ir.DoubleType(), operands[0].type
    function_type = ir.FunctionType(double, [double] * len(operands) + [ir.IntType(32)])
    function = declare(builder.module, f"fungrad.special.{word}", function_type)
    call_by_lane(function)
    if kind != double:
        operands = [builder.fpext(x, double) for x in operands]
    value = builder.call(function, [*operands, ir.IntType(32)(0)])
    return builder.fptrunc(value, kind) if kind != double else value


def declare(module, name, function_type):
    """The function of that name and type in a module."""
    found = module.globals.get(name)
    return ir.Function(module, function_type, name) if found is None else found


def power_of_integers(builder, is_signed, x, y):
    """Calls a loop of squarings that wraps around; a negative exponent counts as 0."""
    name = f"fungrad_power_{'i' if is_signed else 'u'}{x.type.width}"
    function = builder.module.globals.get(name)
    if function is None:
        function = _power_function(builder.module, name, x.type, is_signed)
    return builder.call(function, [x, y])


def _power_function(module, name, kind, is_signed):
    function = ir.Function(module, ir.FunctionType(kind, [kind, kind]), name)
    function.linkage = "internal"
    entry, loop, done = map(function.append_basic_block, ("entry", "loop", "done"))
    builder = ir.IRBuilder(entry)
    x, y = function.args
    compare = builder.icmp_signed if is_signed else builder.icmp_unsigned
    builder.cbranch(compare(">", y, kind(0)), loop, done)
    builder.position_at_end(loop)
    product, square, exponent = builder.phi(kind), builder.phi(kind), builder.phi(kind)
    is_odd = builder.trunc(exponent, ir.IntType(1))
    new_product = builder.select(is_odd, builder.mul(product, square), product)
    new_square = builder.mul(square, square)
    new_exponent = builder.lshr(exponent, kind(1))
    builder.cbranch(builder.icmp_unsigned("!=", new_exponent, kind(0)), loop, done)
    for phi, first, after in (
        (product, kind(1), new_product),
        (square, x, new_square),
        (exponent, y, new_exponent),
    ):
        phi.add_incoming(first, entry)
        phi.add_incoming(after, loop)
    builder.position_at_end(done)
    result = builder.phi(kind)
    result.add_incoming(kind(1), entry)
    result.add_incoming(new_product, loop)
    builder.ret(result)
    return function
