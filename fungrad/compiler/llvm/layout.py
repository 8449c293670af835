"""Object files laid out as images, which are loaded without LLVM (see `execution.image`).

Known are object files as LLVM writes them for Linux on x86-64; others stay what they are, and
LLVM's own linker loads them.
"""

import struct
from typing import NamedTuple

import numpy as np

from fungrad.compiler.execution.image import Image

_PAGE = 4096

# The parts of ELF, by the names of its standard.
_EM_X86_64, _SHF_WRITE, _SHF_ALLOC = 62, 1, 2
_SHT_SYMTAB, _SHT_RELA, _SHT_NOBITS, _SHT_UNWIND = 2, 4, 8, 0x70000001
_R_ABSOLUTE_64 = 1
_R_RELATIVE = {2: "<i", 4: "<i", 24: "<q"}


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
        patches = []  # (place, name or "" for the image itself, number)
        for s in self.sections:
            if s.kind == _SHT_RELA and s.info in self.places:
                for at in range(s.offset, s.offset + s.size, 24):
                    patches += self._patch(self.places[s.info], at, symbols)
        imports = list(dict.fromkeys([name for _, name, _ in patches if name]))
        which = {"": -1, **{name: i for i, name in enumerate(imports)}}
        words = np.array([(place, which[name], n) for place, name, n in patches], np.int64)
        code = bytes(self.image_bytes)
        return Image(code, exports, imports, words.tobytes(), self.writable, self.size)

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
