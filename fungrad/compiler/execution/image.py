"""Machine code as it lies in memory: what an object file needs to be loaded without LLVM.

LLVM's code for this purpose refers to everything by 64-bit addresses, so an object file is linked
once, when it is compiled: its sections are laid out one behind the other, and what is left to do in
each process is to copy them and to write down the addresses of a few names. To import LLVM and to
let it link takes 50 ms and 1 ms per kernel; to load an image 0.1 ms.

    object file -> llvm.layout -> Image (on disk) -> Loaded
"""

import ctypes
from contextlib import suppress

import numpy as np

from fungrad.core.record import record

# Linux's numbers: mmap's protection and flags, and what it returns where it fails. Python's own
# module `mmap` takes 0.2 ms to import.
_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE, _ANONYMOUS = 0x02, 0x20
_FAILED = 2 ** (8 * ctypes.sizeof(ctypes.c_void_p)) - 1

_process = ctypes.CDLL(None)


@record(frozen=True)
class Image:
    """Machine code, as plain data.

    `exports` are the places of its names, `imports` the names that it takes from elsewhere. A patch
    is three int64 (place, which, number): the word at that place is the address of the import of
    that number, or where it is -1 of the image itself, plus the number. From `writable` on lies
    what is not code, and `size` bytes are needed in all.
    """

    code: bytes
    exports: dict
    imports: list
    patches: bytes
    writable: int
    size: int

    @property
    def details(self):
        """All but the code: `Image(code, *details)` is the same."""
        return self.exports, self.imports, self.patches, self.writable, self.size


class Loaded:
    """An image in memory, for as long as this object lives. `addresses`: of its exports."""

    def __init__(self, image, imports):
        """Load it; `imports` are the addresses of the names it takes from elsewhere."""
        self._size = max(image.size, 1)
        self._start = start = _map(self._size)
        memory = np.frombuffer((ctypes.c_uint8 * self._size).from_address(start), np.uint8)
        memory[: len(image.code)] = np.frombuffer(image.code, np.uint8)
        places, which, numbers = np.frombuffer(image.patches, np.int64).reshape(-1, 3).T
        addresses = np.array([*[imports[name] for name in image.imports], start], np.int64)
        words = addresses[which] + numbers
        memory[places[:, None] + np.arange(8)] = words.view(np.uint8).reshape(-1, 8)
        protection = _READ | _EXECUTE
        if _process.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(image.writable), protection):
            raise RuntimeError("this process may not run code that it has loaded")
        self.addresses = {name: start + place for name, place in image.exports.items()}

    def __del__(self, unmap=_process.munmap, address=ctypes.c_void_p, number=ctypes.c_size_t):
        if hasattr(self, "_start"):
            unmap(address(self._start), number(self._size))


def _map(size):
    """The address of memory of this process alone, which forked children get copies of."""
    protection, flags = _READ | _WRITE, _PRIVATE | _ANONYMOUS
    function = _process.mmap
    function.restype = ctypes.c_void_p
    start = function(None, ctypes.c_size_t(size), protection, flags, -1, ctypes.c_long(0))
    if start == _FAILED:
        raise MemoryError("there is no memory for machine code")
    return start


def keep_for_ever(loaded):
    """Let machine code stay where it is, also while the interpreter ends: threads may run it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(loaded))


def address_in_process(name):
    """The address of a function of this process, the C library and Python among it, or None."""
    libraries = (ctypes.pythonapi, _process) if name.startswith(("Py", "_Py")) else (_process,)
    for library in libraries:
        with suppress(ValueError):
            return ctypes.addressof(ctypes.c_char.in_dll(library, name))
    return None
