"""Machine code in this process: kernels and entries by their keys, from memory or from disk.

What is found here needs no compiler, whose folder `llvm` is imported where something is not found.
"""

from collections import Counter, OrderedDict

from fungrad.compiler.execution import cache as disk
from fungrad.compiler.execution import image, symbols
from fungrad.compiler.execution.interface import argument_from_data
from fungrad.core.forks import renewed_lock

KEY_SIZE = 16  # bytes

_MAXIMUM_IN_MEMORY = 4096

lock = renewed_lock()
_built = OrderedDict()
_kept = {}  # what the process never forgets, by its key
_statistics = Counter()


class Kernel:
    """A function in machine code, called by its symbol from entries and other kernels.

    `address` is that of `int64_t symbol(arguments)`; the code stays while this object lives. An
    entry has `call`, the machine code by which Python calls it.
    """

    def __init__(self, symbol, arguments, loaded, needs, call=None):
        self.symbol = symbol
        self.arguments = arguments
        self.address = loaded.addresses[symbol]
        self.slots_address = loaded.addresses.get(slots_symbol(symbol))
        self.call = call
        self._kept = loaded, needs

    @property
    def key(self):
        """What it is stored under."""
        return self.symbol.rpartition(".")[2]

    def __repr__(self):
        return f"{self.symbol}({', '.join(map(repr, self.arguments))})"


def slots_symbol(symbol):
    """The name of an entry's function that takes its arguments from slots."""
    return f"{symbol}.slots"


def stored(key, needs=None):
    """The kernel or entry that was compiled under a key, from memory or disk, or None.

    `needs` are the kernels that it calls, as far as they are known, or their requests, by symbol.
    """
    with lock:
        found = _built.get(key) or _kept.get(key)
        if found is None:
            entry = disk.load(key)
            return None if entry is None else _from_disk(key, *entry, needs)
        if key in _built:
            _built.move_to_end(key)
        return found


def _from_disk(key, code, details, needs):
    """What was compiled; None if it is linked with what this process does not have."""
    try:
        found = remembered(key, loaded(code, details, needs))
    except (KeyError, LookupError, RuntimeError):
        return None
    count("loaded", details["kind"])
    return found


def remembered(key, kernel):
    """The kernel, which is found under the key from now on."""
    with lock:
        _built[key] = kernel
        if len(_built) > _MAXIMUM_IN_MEMORY:
            _built.popitem(last=False)
    return kernel


def kept(kernel):
    """The kernel, which the process never forgets."""
    return _kept.setdefault(kernel.key, kernel)


def loaded(code, details, needs=None):
    """The kernel of machine code: of an image, or else of an object file, which LLVM links.

    `needs` are the kernels that it calls, or their requests, by symbol; what is not there is
    looked for.
    """
    laid_out = image.Image(code, *details["image"]) if "image" in details else None
    imports = details["imports"] if laid_out is None else laid_out.imports
    needs = {name: k for name, k in (needs or {}).items() if isinstance(k, Kernel)}
    needs |= {name: _needed(name) for name in imports if name not in needs and _is_kernel(name)}
    addresses = {n: needs[n].address if n in needs else symbols.address(n) for n in imports}
    if laid_out is None:
        from fungrad.compiler.llvm import linking

        in_memory = linking.Loaded(code, details["exports"], addresses)
    else:
        in_memory = image.Loaded(laid_out, addresses)
    arguments = tuple(map(argument_from_data, details["arguments"]))
    call = _needed(details["call"]) if "call" in details else None
    return Kernel(details["symbol"], arguments, in_memory, needs, call)


def _is_kernel(name):
    """Whether a name is the symbol of a kernel, which ends in a key."""
    own, _, key = name.rpartition(".")
    return len(key) == 2 * KEY_SIZE and own.isidentifier()


def _needed(symbol):
    """The kernel of a symbol."""
    found = stored(symbol.rpartition(".")[2])
    if found is None:
        raise LookupError(f"no kernel {symbol}")
    return found


def count(what, kind):
    """Add one to the statistics of what was compiled and what was loaded."""
    _statistics[what, kind] += 1


def statistics():
    """How many kernels and entries were compiled, and how many loaded from disk, in this process.

    >>> sorted(statistics())
    ['compiled_entries', 'compiled_kernels', 'loaded_entries', 'loaded_kernels']
    """
    return {
        "compiled_kernels": _statistics["compiled", "kernel"],
        "compiled_entries": _statistics["compiled", "entry"],
        "loaded_kernels": _statistics["loaded", "kernel"],
        "loaded_entries": _statistics["loaded", "entry"],
    }


def clear(on_disk=False):
    """Forget every kernel and entry that is not in use; with `on_disk`, empty the cache folder."""
    with lock:
        _built.clear()
        symbols.forget_routines()
    if on_disk:
        disk.clear()
