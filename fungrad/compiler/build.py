"""From generated source to callable machine code: kernels, and entries that call them by symbol.

A kernel is a loop nest over raw pointers. An entry is a program's outermost function, callable from
Python. Both are functions of an int64 status, 0 if all went well. A kernel's symbol is the digest
of everything its machine code depends on: equal symbols are equal code, in memory, on disk, in
every process. An entry refers to kernels by symbol, so that it compiles without them.

    source -> translate (Numba's front end) -> LLVM text -> machine (optimise, emit, load)
                            cache (disk) <-> object code
"""

import os
import re
import threading
from collections import Counter, OrderedDict
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from fungrad.compiler import blas, python_call
from fungrad.compiler import cache as disk
from fungrad.compiler.arguments import Argument, Array, Pointer, Result, Scalar
from fungrad.core.errors import CompilationError

__all__ = [
    "Argument",
    "Array",
    "Kernel",
    "Pointer",
    "Result",
    "Scalar",
    "assembly",
    "clear",
    "entry",
    "kernel",
    "statistics",
]

_MAXIMUM_IN_MEMORY = 4096

# Files of this folder that determine what a given source compiles to.
_CODE_FILES = """arguments.py build.py machine.py pointers.py python_call.py translate.py
    intrinsics.py llvm_scalar.py scalar.py math/*.py"""

_lock = threading.RLock()
_built = OrderedDict()
_statistics = Counter()


class Kernel:
    """A function in machine code, called by its symbol from entries and other kernels.

    `address` is that of `int64_t symbol(arguments)`; the code stays while this object lives.
    """

    def __init__(self, symbol, arguments, loaded, needs):
        self.symbol = symbol
        self.arguments = arguments
        self.address = loaded.addresses[symbol]
        self._python_address = loaded.addresses.get(python_call.wrapper_symbol(symbol))
        self._kept = loaded, needs

    def __repr__(self):
        return f"{self.symbol}({', '.join(map(repr, self.arguments))})"


def kernel(source, name, arguments, kernels=None, language="python"):
    """The kernel `name` of a source, which may call other kernels: {name in source: kernel}.

    The language is "python" (for Numba) or "llvm". Equal sources give the same kernel.

    >>> scale = kernel('''
    ... def scale(n, factor, x):
    ...     for i in range(n):
    ...         x[i] = x[i] * factor
    ...     return 0
    ... ''', "scale", (Scalar("int64"), Scalar("float64"), Pointer("float64")))
    >>> scale.arguments
    (Scalar(int64), Scalar(float64), Pointer(float64))
    """
    return _build("kernel", source, name, tuple(arguments), kernels or {}, language)


def entry(
    source, name, arguments, kernels=None, on_error=None, release_gil=True, language="python"
):
    """The function `name` of a source as a builtin that Python can call.

    It takes the arguments that are not results, in order, and returns None, a NumPy scalar or a
    tuple of NumPy scalars, after the number of results. If the status is not 0 it returns what
    `on_error(status)` returns, which should raise; by default that is a RuntimeError.

    >>> total = entry('''
    ... def total(sizes, x, y):
    ...     y[0] = 0.0
    ...     for i in range(sizes[0]):
    ...         y[0] += x[i]
    ...     return 0
    ... ''', "total", (Array("int64"), Array("float64"), Result("float64")))
    >>> import numpy as np
    >>> total(np.array([3]), np.ones(3))
    np.float64(3.0)
    """
    kind = "entry" if release_gil else "entry that holds the lock"
    built = _build(kind, source, name, tuple(arguments), kernels or {}, language)
    return python_call.builtin(name, built._python_address, on_error or _raise_status, built)


def assembly(source, name, arguments, kernels=None, language="python"):
    """The assembly of a kernel, to look at; compiled anew for it."""
    from fungrad.compiler import machine

    arguments, kernels = tuple(arguments), {**_routines(source, language), **(kernels or {})}
    return machine.assembly(_texts(source, name, arguments, name, kernels, language), (name,))


def statistics():
    """How many kernels and entries were compiled, and how many loaded from disk, in this process.

    >>> sorted(statistics())
    ['compiled_entries', 'compiled_kernels', 'loaded_entries', 'loaded_kernels']
    """
    names = ("compiled_entries", "compiled_kernels", "loaded_entries", "loaded_kernels")
    return {name: _statistics[name] for name in names}


def clear(on_disk=False):
    """Forget every kernel and entry that is not in use; with `on_disk`, empty the cache folder."""
    with _lock:
        _built.clear()
        blas.routine.cache_clear()
    if on_disk:
        disk.clear()


def _build(kind, source, name, arguments, kernels, language):
    """The function under its key: from memory, else from disk, else compiled."""
    kernels = {**_routines(source, language), **kernels}
    needs = {k.symbol: k for k in kernels.values()}
    calls = sorted((called, k.symbol) for called, k in kernels.items())
    text = repr((_environment(), kind, name, arguments, language, calls, source))
    key = blake2b(text.encode(), digest_size=16).hexdigest()
    with _lock:
        if key in _built:
            _built.move_to_end(key)
            return _built[key]
        symbol = f"{name}.{key}"
        built = _from_disk(key, kind, symbol, arguments, needs)
        if built is None:
            built = _compile(key, kind, symbol, source, name, arguments, kernels, needs, language)
        _built[key] = built
        if len(_built) > _MAXIMUM_IN_MEMORY:
            _built.popitem(last=False)
        return built


def _from_disk(key, kind, symbol, arguments, needs):
    found = disk.load(key)
    if found is None:
        return None
    code, details = found
    try:
        built = _load(symbol, kind, arguments, code, details["imports"], needs)
    except (KeyError, LookupError, RuntimeError):
        return None  # it was linked with something that this process does not have
    _statistics["loaded_kernels" if kind == "kernel" else "loaded_entries"] += 1
    return built


def _compile(key, kind, symbol, source, name, arguments, kernels, needs, language):
    from fungrad.compiler import machine

    try:
        texts = _texts(source, name, arguments, symbol, kernels, language)
        if kind != "kernel":
            texts.append(python_call.wrapper(symbol, arguments, kind == "entry"))
        code, imports = machine.object_code(texts, _exports(symbol, kind))
        built = _load(symbol, kind, arguments, code, imports, needs)
    except Exception as error:
        raise CompilationError(f"cannot compile {name}{arguments}: {error}\n{source}") from error
    disk.save(key, code, {"imports": imports})
    _statistics["compiled_kernels" if kind == "kernel" else "compiled_entries"] += 1
    return built


def _texts(source, name, arguments, symbol, kernels, language):
    """The LLVM texts of the function `name`, called `symbol` in them."""
    if language == "llvm":
        return [source.replace(f"@{name}(", f"@{symbol}(")]
    from fungrad.compiler.translate import translate  # imports Numba: 300 ms

    functions = {called: (k.symbol, k.arguments) for called, k in kernels.items()}
    return translate(source, name, arguments, symbol, functions)


def _load(symbol, kind, arguments, code, imports, needs):
    from fungrad.compiler import machine  # imports LLVM: 40 to 80 ms

    addresses = {name: _address(name, needs) for name in imports}
    loaded = machine.Loaded(code, _exports(symbol, kind), addresses)
    return Kernel(symbol, arguments, loaded, needs)


def _exports(symbol, kind):
    return (symbol,) if kind == "kernel" else (symbol, python_call.wrapper_symbol(symbol))


def _address(name, needs):
    """The address of a name that machine code takes from elsewhere."""
    if name in needs:
        return needs[name].address
    if name.startswith("fungrad.numpy."):
        return python_call.numpy_address(name.removeprefix("fungrad.numpy."))
    if name.startswith("fungrad.scipy."):
        return blas.address(name.removeprefix("fungrad.scipy."))
    from fungrad.compiler import machine

    address = machine.address_in_process(name)
    if address is None:
        raise LookupError(f"no symbol named {name}")
    return address


def _routines(source, language):
    """The BLAS and LAPACK kernels that a source names."""
    if language == "llvm":
        return {}
    return {name: blas.routine(name) for name in set(re.findall(blas.NAMES, source))}


@cache
def _environment():
    """All that machine code depends on besides its source."""
    from fungrad.compiler import machine

    here = Path(__file__).parent
    digest = blake2b(digest_size=16)
    for pattern in _CODE_FILES.split():
        for path in sorted(here.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest(), version("numba"), object.__basicsize__, machine.description()


def _raise_status(status):
    raise RuntimeError(f"compiled code ended with status {status}")


def _after_fork():
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
