"""Machine code as it lies in memory: what an object file needs to be loaded without LLVM.

LLVM's code for this purpose refers to everything by 64-bit addresses, so an object file is linked
once, when it is compiled: its sections are laid out one behind the other, and what is left to do in
each process is to copy them and to write down the addresses of a few names. To import LLVM and to
let it link takes 50 ms and 1 ms per kernel; to load an image 0.1 ms.

    object file -> laid_out -> Image (on disk) -> Loaded

Known are object files as LLVM writes them for Linux on x86-64; others stay what they are, and
LLVM's own linker loads them.
"""

import ctypes
import mmap
import struct
from typing import NamedTuple

_PAGE = 4096

# The parts of ELF, by the names of its standard.
_EM_X86_64, _SHF_WRITE, _SHF_ALLOC = 62, 1, 2
_SHT_SYMTAB, _SHT_RELA, _SHT_NOBITS, _SHT_UNWIND = 2, 4, 8, 0x70000001
_R_ABSOLUTE_64 = 1
_R_RELATIVE = {2: "<i", 4: "<i", 24: "<q"}

_PROTECTION = 1 | 4  # PROT_READ | PROT_EXEC
# Python's own choice would share what is written with forked children.
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_process = ctypes.CDLL(None)


class Image(NamedTuple):
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
        return list(dict.fromkeys(name for _, name, _ in self.patches if name))


class Loaded:
    """An image in memory, for as long as this object lives. `addresses`: of its exports."""

    def __init__(self, image, imports):
        """Load it; `imports` are the addresses of the names it takes from elsewhere."""
        self._memory = mmap.mmap(-1, max(image.size, 1), flags=_PRIVATE)
        self._memory[: len(image.code)] = image.code
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for place, name, number in image.patches:
            word = (imports[name] if name else start) + number
            struct.pack_into("<Q", self._memory, place, word % 2**64)
        if _process.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(image.writable), _PROTECTION):
            raise RuntimeError("this process may not run code that it has loaded")
        self.addresses = {name: start + place for name, place in image.exports.items()}


def keep_for_ever(loaded):
    """Let machine code stay where it is, also while the interpreter ends: threads may run it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(loaded))


def address_in_process(name):
    """The address of a function of this process, the C library and Python among it, or None."""
    libraries = (ctypes.pythonapi, _process) if name.startswith(("Py", "_Py")) else (_process,)
    for library in libraries:
        if hasattr(library, name):
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    return None


def laid_out(code, exports):
    """The image of an object file, or None where it is of an unknown kind."""
    is_known = code[:6] == b"\x7fELF\x02\x01" and _number(code, 18, "<H") == _EM_X86_64
    if not is_known:
        return None
    try:
        return _Layout(code, exports).image()
    except _UnknownError:
        return None


class _UnknownError(Exception):
    """The object file has something that this module does not know."""


class _Section(NamedTuple):
    """A header of a section, without what nobody needs here."""

    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


class _Layout:
    """The sections of an object file in their places."""

    def __init__(self, code, exports):
        self.code, self.exports = code, exports
        start, count = _number(code, 40, "<Q"), _number(code, 60, "<H")
        headers = [struct.unpack_from("<IIQQQQIIQQ", code, start + 64 * i) for i in range(count)]
        self.sections = [_Section(h[1], h[2], *h[4:9]) for h in headers]
        self.places = {}
        kept = [
            (number, s)
            for number, s in enumerate(self.sections)
            if s.flags & _SHF_ALLOC and s.kind != _SHT_UNWIND
        ]
        fixed = [pair for pair in kept if not pair[1].flags & _SHF_WRITE]
        changing = [pair for pair in kept if pair[1].flags & _SHF_WRITE]
        end = self._place(fixed, 0)
        self.writable = -(-end // _PAGE) * _PAGE
        self.size = self._place(changing, self.writable)
        self.image_bytes = bytearray(end if not changing else self.size)
        for number, s in kept:
            if s.kind != _SHT_NOBITS:
                place = self.places[number]
                self.image_bytes[place : place + s.size] = code[s.offset : s.offset + s.size]

    def _place(self, sections, end):
        for number, s in sections:
            end += -end % max(s.alignment, 1)
            self.places[number] = end
            end += s.size
        return end

    def image(self):
        """The image."""
        (table,) = [s for s in self.sections if s.kind == _SHT_SYMTAB]
        names = self.sections[table.link].offset
        symbols = []
        for at in range(table.offset, table.offset + table.size, 24):
            name, _, section, value = struct.unpack_from("<IHHQ", self.code, at)
            text = self.code[names + name : self.code.index(b"\0", names + name)].decode()
            symbols.append((text, section, value))
        exports = {
            text: self._place_of(section, value)
            for text, section, value in symbols
            if text in self.exports and section
        }
        patches = []
        for s in self.sections:
            if s.kind == _SHT_RELA and s.info in self.places:
                for at in range(s.offset, s.offset + s.size, 24):
                    patches += self._patch(self.places[s.info], at, symbols)
        return Image(bytes(self.image_bytes), exports, patches, self.writable, self.size)

    def _place_of(self, section, value):
        if section not in self.places:
            raise _UnknownError
        return self.places[section] + value

    def _patch(self, start, at, symbols):
        """The patches of a relocation; what does not depend on addresses is done now."""
        offset, kind, number, addend = struct.unpack_from("<QIIq", self.code, at)
        text, section, value = symbols[number]
        place = start + offset
        if kind == _R_ABSOLUTE_64:
            if not section:
                return [(place, text, addend)]
            return [(place, "", self._place_of(section, value) + addend)]
        if kind not in _R_RELATIVE or not section:
            raise _UnknownError
        distance = self._place_of(section, value) + addend - place
        struct.pack_into(_R_RELATIVE[kind], self.image_bytes, place, distance)
        return []


def _number(code, offset, form):
    return struct.unpack_from(form, code, offset)[0]
