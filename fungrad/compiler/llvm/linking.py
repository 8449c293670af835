"""Object files of kinds that `image` does not know, loaded by LLVM's own linker."""

from functools import cache
from itertools import count

import llvmlite.binding as llvm

from fungrad.compiler.llvm import machine

_library_numbers = count()


@cache
def _linker():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple, (name, features) = llvm.get_process_triple(), machine.processor()
    how = {"reloc": "static"} if machine.is_x86(triple) else {}
    target = llvm.Target.from_triple(triple)
    return llvm.create_lljit_compiler(
        target.create_target_machine(cpu=name, features=features, jit=True, **how)
    )


class Loaded:
    """Machine code in memory, for as long as this object lives. `addresses`: of its exports."""

    def __init__(self, code, exports, imports):
        """Load object code; `imports` are the addresses of the names it takes from elsewhere."""
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in exports:
            builder.export_symbol(name)
        for name, address in imports.items():
            builder.import_symbol(name, address)
        self._linker = _linker()
        self._tracker = builder.link(self._linker, f"fungrad{next(_library_numbers)}")
        self.addresses = {name: self._tracker[name] for name in exports}
