"""How draws run: small ones by NumPy, large ones compiled, traced ones recorded."""

import inspect
import math
from functools import update_wrapper

from fungrad.api.jitting import jit
from fungrad.numpy.dispatch import has_tracer

#: The size from which an eager draw runs compiled: NumPy needs a hundred passes over the words of
#: a draw, 10 ns per element, the compiled loop 2 ns. Below it the call would not pay.
LARGE = 1 << 15


def drawn(core):
    """The function of arrays and static keywords, among them `shape`; compiled where that pays.

    The keyword-only parameters of `core` are static, all others are arrays and scalars.
    """
    parameters = inspect.signature(core).parameters.values()
    static = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    compiled = jit(core, static_argnames=static)

    def draw(*operands, **options):
        is_large = math.prod(options["shape"]) >= LARGE
        return (compiled if is_large and not has_tracer(operands) else core)(*operands, **options)

    return update_wrapper(draw, core)
