"""The fuel of an entry: how much work its loops may still do before they look at interrupts."""

from llvmlite import ir

from fungrad.compiler.execution.interrupts import PAUSE, QUANTUM

_I64 = ir.IntType(64)
_KEEPING = "pause_keeping_registers"
#: Not `preserve_allcc`, under which vectors are to be kept too: LLVM clears the upper halves of
#: vector registers before such a call (vzeroupper), although values are in them.
_CONVENTION = "preserve_mostcc"


class Fuel:
    """What an entry has left of the quantum, in the function that `builder` writes."""

    def __init__(self, builder):
        with builder.goto_entry_block():
            self.left, self.due = builder.alloca(_I64), builder.alloca(_I64)
            builder.store(_I64(QUANTUM), self.left)
            builder.store(_I64(0), self.due)

    def use(self, builder, work):
        """Count some work; where the quantum is used up, pause, and return if interrupted."""
        left = builder.sub(builder.load(self.left, typ=_I64), work)
        builder.store(left, self.left)
        empty, interrupted, on = map(
            builder.append_basic_block, ("empty", "interrupted", "goes_on")
        )
        branch = builder.cbranch(builder.icmp_signed("<", left, _I64(0)), empty, on)
        branch.set_weights([1, 2000])
        builder.position_at_end(empty)
        builder.store(_I64(QUANTUM), self.left)
        status = self._pause(builder, left)
        builder.cbranch(builder.icmp_signed("==", status, _I64(0)), on, interrupted)
        builder.position_at_end(interrupted)
        builder.ret(status)
        builder.position_at_end(on)

    def _pause(self, builder, left):
        function = builder.module.globals.get(_KEEPING) or _keeping(builder.module)
        due = builder.ptrtoint(self.due, _I64)
        return builder.call(function, [due, left], cconv=_CONVENTION)


def _keeping(module):
    """A function that pauses and keeps registers of integers, so that loops need not leave theirs."""
    pause = ir.Function(module, ir.FunctionType(_I64, [_I64] * 3), PAUSE)
    function = ir.Function(module, ir.FunctionType(_I64, [_I64] * 2), _KEEPING)
    function.calling_convention = _CONVENTION
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(builder.call(pause, [*function.args, _I64(0)]))
    return function
