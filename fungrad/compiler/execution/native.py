"""Sources of the library's own native functions, in low-level Python."""

from typing import NamedTuple


class Native(NamedTuple):
    """A source in low-level Python; it becomes LLVM text, `str(native)`, when it is compiled.

    `memory` is LLVM text of what the functions share. Its representation says all there is to it.
    """

    source: str
    constants: dict
    functions: dict
    memory: str = ""

    def __str__(self):
        from fungrad.compiler.llvm import low_level

        return self.memory + low_level.translate(self.source, self.constants, self.functions)
