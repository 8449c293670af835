"""What the functions on pointers become: arithmetic, reinterpretation, stacks that grow.

A stack is two int64 words (address, capacity in bytes), both 0 at first, wherever the caller keeps
them; its memory comes from malloc and is given back by `release`. Each function takes the builder,
the pointer, the dtype of its elements, and the remaining operands.
"""

from llvmlite import ir

from fungrad.compiler.execution.plan import OUT_OF_MEMORY
from fungrad.compiler.execution.room import WORTH_ASKING
from fungrad.compiler.llvm.functions import declare
from fungrad.compiler.llvm.scalar import llvm_type

_BYTE, _WORD, _ADDRESS = ir.IntType(8), ir.IntType(64), ir.PointerType()
_SMALLEST_STACK = 4096


def memory_type(dtype):
    """The LLVM type of an element in memory: a bool is a byte there."""
    return _BYTE if dtype.kind == "b" else llvm_type(dtype)


def _offset(builder, pointer, dtype, n):
    return builder.gep(pointer, [n], source_etype=memory_type(dtype))


def _view(builder, pointer, dtype, n_bytes):
    return builder.gep(pointer, [n_bytes], source_etype=_BYTE)


def _is_null(builder, pointer, dtype):
    return builder.icmp_unsigned("==", builder.ptrtoint(pointer, _WORD), _WORD(0))


def _memory(builder, stack, dtype):
    return builder.inttoptr(builder.load(stack, typ=_WORD), _ADDRESS)


def _capacity_at(builder, stack):
    return builder.gep(stack, [_WORD(1)], source_etype=_WORD)


def _reserve(builder, stack, dtype, n_bytes):
    """0 when there is room for n bytes, else what `_grow` says."""
    before = builder.block
    capacity = builder.load(_capacity_at(builder, stack), typ=_WORD)
    grow, done = map(builder.append_basic_block, ("grow", "enough"))
    builder.cbranch(builder.icmp_signed(">", n_bytes, capacity), grow, done)
    builder.position_at_end(grow)
    status = builder.call(_grow(builder.module), [stack, n_bytes, capacity])
    builder.branch(done)
    builder.position_at_end(done)
    result = builder.phi(_WORD)
    result.add_incoming(_WORD(0), before)
    result.add_incoming(status, grow)
    return result


def _grow(module):
    """The function that enlarges a stack, keeping its contents: 0, or OUT_OF_MEMORY.

    It doubles the stack, or takes little more than is asked for where there is no room for that.
    """
    name = "fungrad_grow_stack"
    function = module.globals.get(name)
    if function is not None:
        return function
    function = ir.Function(module, ir.FunctionType(_WORD, [_ADDRESS, _WORD, _WORD]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    stack, n_bytes, capacity = function.args
    twice = _maximum(builder, builder.shl(capacity, _WORD(1)), _WORD(_SMALLEST_STACK))
    little = builder.add(n_bytes, builder.lshr(n_bytes, _WORD(4)))
    for wanted in (_maximum(builder, n_bytes, twice), little):
        with builder.if_then(_is_there(builder, wanted, builder.sub(wanted, capacity))):
            old = _memory(builder, stack, None)
            resize = _libc(module, "realloc", _ADDRESS, [_ADDRESS, _WORD])
            new = builder.call(resize, [old, wanted])
            with builder.if_then(builder.not_(_is_null(builder, new, None))):
                builder.store(builder.ptrtoint(new, _WORD), stack)
                builder.store(wanted, _capacity_at(builder, stack))
                builder.ret(_WORD(0))
    builder.ret(_WORD(OUT_OF_MEMORY))
    return function


def _is_there(builder, total, more):
    """Whether a stack of that total may use so many more bytes; a small one does not ask."""
    before = builder.block
    ask, done = map(builder.append_basic_block, ("ask", "told"))
    builder.cbranch(builder.icmp_signed("<", total, _WORD(WORTH_ASKING)), done, ask)
    builder.position_at_end(ask)
    question = _libc(builder.module, "fungrad.room.is_there", _WORD, [_WORD])
    answer = builder.icmp_signed("!=", builder.call(question, [more]), _WORD(0))
    builder.branch(done)
    builder.position_at_end(done)
    result = builder.phi(ir.IntType(1))
    result.add_incoming(ir.IntType(1)(1), before)
    result.add_incoming(answer, ask)
    return result


def _release(builder, stack, dtype):
    old = _memory(builder, stack, None)
    builder.call(_libc(builder.module, "free", ir.VoidType(), [_ADDRESS]), [old])
    builder.store(_WORD(0), stack)
    builder.store(_WORD(0), _capacity_at(builder, stack))
    return _WORD(0)


def _report(builder, counters, dtype, index, value):
    """Store a counter that another thread reads; as it is atomic, it stays in its loop."""
    place = _offset(builder, counters, dtype, index)
    # The builder's own method asks for a pointer that knows its type.
    store = ir.instructions.StoreAtomicInstr(builder.block, value, place, "monotonic", 8)
    builder._insert(store)
    return _WORD(0)


def _fetch(builder, pointer, dtype, index):
    """Let the line of an element come to the second cache; no harm where there is no memory."""
    place, number = _offset(builder, pointer, dtype, index), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [_ADDRESS, number, number, number])
    fetch = declare(builder.module, "llvm.prefetch.p0", kind)
    builder.call(fetch, [place, number(0), number(2), number(1)])
    return _WORD(0)


def _invoke(builder, callbacks, dtype, index, *pointers):
    """The status of callback `index` on a table of pointers, which lies on the machine's stack."""
    with builder.goto_entry_block():
        table = builder.alloca(_WORD, max(len(pointers), 1))
    for k, pointer in enumerate(pointers):
        place = builder.gep(table, [_WORD(k)], source_etype=_WORD)
        builder.store(builder.ptrtoint(pointer, _WORD), place)
    address = builder.load(_offset(builder, callbacks, dtype, index), typ=_WORD)
    kind = ir.FunctionType(_WORD, [_WORD]).as_pointer()
    return builder.call(builder.inttoptr(address, kind), [builder.ptrtoint(table, _WORD)])


def _maximum(builder, x, y):
    return builder.select(builder.icmp_signed(">", x, y), x, y)


def _libc(module, name, result, operands):
    found = module.globals.get(name)
    return found or ir.Function(module, ir.FunctionType(result, operands), name)


FUNCTIONS = {
    "offset": _offset,
    "view": _view,
    "is_null": _is_null,
    "memory": _memory,
    "reserve": _reserve,
    "release": _release,
    "report": _report,
    "fetch": _fetch,
    "invoke": _invoke,
}
#: Those that return an int64, and a truth value; the others return a pointer.
STATUS, TRUTH = {"fetch", "invoke", "release", "report", "reserve"}, {"is_null"}
