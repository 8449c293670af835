"""LLVM text that exchanges rows and columns of matrices in registers.

Within lanes of 16 bytes elements move quickly. So a vector gets lanes from rows as far apart as a
lane is long, straight from memory, and what is left is done within lanes: half of the instructions
that exchanging whole vectors takes, and the quick ones.
"""

import numpy as np

from fungrad.compiler.language.arguments import LLVM_TYPES

_BYTES = 16


class Registers:
    """The lines of a function that holds columns of `size` rows in vectors."""

    def __init__(self, dtype, size):
        self.number, self.itemsize = LLVM_TYPES[dtype], np.dtype(dtype).itemsize
        self.size, self.lane = size, _BYTES // self.itemsize
        self.vector = f"<{size} x {self.number}>"
        self.lines = []

    def rows(self, name, row):
        """Name the addresses of all rows: those of a pointer and a distance between them."""
        found = []
        for i in range(self.size):
            found.append(f"%{name}.{i}")
            self.lines.append(f"  {found[-1]}.at = mul nsw i64 %{row}, {i}")
            self.lines.append(
                f"  {found[-1]} = getelementptr {self.number}, ptr %{name}, i64 {found[-1]}.at"
            )
        return found

    def columns(self, rows, first):
        """The vectors of as many columns as a lane holds, from the `first` one of the rows on."""
        vectors = [self._lanes(rows[k :: self.lane], first) for k in range(self.lane)]
        return self._exchanged(vectors, 1, self.lane)

    def turned(self, columns):
        """The vectors of the rows of a square whose columns are given."""
        found = [None] * self.size
        starts = range(0, self.size, self.lane)
        groups = [self._exchanged(columns[i : i + self.lane], 1, self.lane) for i in starts]
        for k in range(self.lane):
            vectors = self._exchanged([group[k] for group in groups], self.lane, self.size)
            found[k :: self.lane] = vectors
        return found

    def store(self, vector, place, ending=""):
        """Write the line that stores a vector; `ending` is what else it says."""
        ending = ending or f", align {self.itemsize}"
        self.lines.append(f"  store {self.vector} {vector}, ptr {place}{ending}")

    def _lanes(self, rows, first):
        """A vector of a lane of each of some rows."""
        parts, width = [], self.lane
        for row in rows:
            name = self._fresh("lane")
            self.lines.append(f"  {name}.at = getelementptr {self.number}, ptr {row}, i64 {first}")
            kind = f"<{self.lane} x {self.number}>"
            self.lines.append(f"  {name} = load {kind}, ptr {name}.at, align {self.itemsize}")
            parts.append(name)
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [self._shuffled(*pair, range(2 * width), width) for pair in pairs]
            width *= 2
        return parts[0]

    def _exchanged(self, vectors, unit, span):
        """Vectors with rows and columns exchanged, of squares of `unit` elements in each span.

        Vectors i and i + half are merged, again and again. Merging takes a unit of the one, then of
        the other; the bits of the place (row, column) of a unit turn by one, and after the
        logarithm of their number row and column are exchanged.
        """
        half = len(vectors) // 2
        for _ in range(len(vectors).bit_length() - 1):
            merged = []
            for i in range(half):
                for side in range(2):
                    firsts = [
                        start + side * span // 2 + place
                        for start in range(0, self.size, span)
                        for place in range(0, span // 2, unit)
                    ]
                    picked = [
                        place + k
                        for j in firsts
                        for place in (j, j + self.size)
                        for k in range(unit)
                    ]
                    merged.append(self._shuffled(vectors[i], vectors[i + half], picked, self.size))
            vectors = merged
        return vectors

    def _shuffled(self, x, y, picked, width):
        name, kind = self._fresh("mixed"), f"<{width} x {self.number}>"
        mask = ", ".join(f"i32 {k}" for k in picked)
        self.lines.append(
            f"  {name} = shufflevector {kind} {x}, {kind} {y}, <{len(picked)} x i32> <{mask}>"
        )
        return name

    def _fresh(self, word):
        return f"%{word}.{len(self.lines)}"
