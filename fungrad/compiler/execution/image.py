"""Machine code as it lies in memory: what an object file needs to be loaded without LLVM.

LLVM's code for this purpose refers to everything by 64-bit addresses, so an object file is linked
once, when it is compiled: its sections are laid out one behind the other, and what is left to do in
each process is to copy them and to write down the addresses of a few names. To import LLVM and to
let it link takes 50 ms and 1 ms per kernel; to load an image 0.1 ms.

    object file -> llvm.layout -> Image (on disk) -> Loaded
"""

import ctypes
import struct
from contextlib import suppress

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

    `exports` are the places of its names; a patch (place, name, number) is a word: the address of
    `name`, or of the image itself where that is "", plus the number. From `writable` on lies what
    is not code, and `size` bytes are needed in all.
    """

    code: bytes
    exports: dict
    patches: list
    writable: int
    size: int

    @property
    def imports(self):
        """The names whose addresses are needed, each once."""
        return list(dict.fromkeys([name for _, name, _ in self.patches if name]))

    @property
    def details(self):
        """All but the code: `Image(code, *details)` is the same."""
        return self.exports, self.patches, self.writable, self.size


class Loaded:
    """An image in memory, for as long as this object lives. `addresses`: of its exports."""

    def __init__(self, image, imports):
        """Load it; `imports` are the addresses of the names it takes from elsewhere."""
        self._size = max(image.size, 1)
        self._start = start = _map(self._size)
        memory = (ctypes.c_char * self._size).from_address(start)
        memory[: len(image.code)] = image.code
        for place, name, number in image.patches:
            word = (imports[name] if name else start) + number
            struct.pack_into("<Q", memory, place, word % 2**64)
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
