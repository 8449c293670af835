"""From LLVM text to machine code that can be called: optimise, emit, load. Needs llvmlite only."""

import os
from contextlib import nullcontext
from functools import cache
from itertools import count

import llvmlite
import llvmlite.binding as llvm

_library_numbers = count()

# A process that forks while another of its threads is inside of LLVM would leave the child a lock
# that nobody opens: it waits for the end of that call.
_lock = getattr(llvm.ffi.lib, "_lock", nullcontext())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.__enter__,
        after_in_parent=lambda: _lock.__exit__(None, None, None),
        after_in_child=lambda: _lock.__exit__(None, None, None),
    )


def description():
    """What the machine code depends on besides its text: LLVM, the processor, its features."""
    return llvmlite.__version__, llvm.llvm_version_info, llvm.get_process_triple(), *_processor()


@cache
def _processor():
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def vectors():
    """The bytes of a vector register, and how many registers there are."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and features.get("avx512vl"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    is_x86 = llvm.get_process_triple().startswith(("x86", "i386", "i686"))
    return 16, 16 if is_x86 else 32


@cache
def _target_machine(effort):
    """The target machine whose code generator makes that effort, from 0 to 3."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = _processor()
    is_x86 = llvm.get_process_triple().startswith(("x86", "i386", "i686"))
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=name,
        features=features,
        opt=3 if effort else 0,
        reloc="static" if is_x86 else "default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def _linker():
    return llvm.create_lljit_compiler(_target_machine(3))


def _optimise(module, machine, effort):
    """Run LLVM's passes over a module, in place."""
    options = llvm.create_pipeline_tuning_options(speed_level=3 if effort > 1 else effort)
    options.loop_vectorization = True
    options.slp_vectorization = effort != 2
    builder = llvm.create_pass_builder(machine, options)
    if effort > 1:
        builder.getModulePassManager().run(module, builder)
        return
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)


def optimised(texts, exports, effort=3):
    """The module of these LLVM texts, optimised, in which only `exports` are visible."""
    machine = _target_machine(effort)
    module, *others = map(llvm.parse_assembly, texts)
    for other in others:
        module.link_in(other)
    module.data_layout = str(machine.target_data)
    module.verify()
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name not in exports:
            value.linkage = "internal"
    _optimise(module, machine, effort)
    return module


def object_code(texts, exports, effort=3):
    """The object code of LLVM texts, and the names that it takes from elsewhere.

    Effort 3 is for loops; 2 the same, but scalar statements are not packed into vectors (see
    `effort`). Effort 1 is for loops that are written in vectors already, of which only the last
    steps are left to do. Effort 0 takes a seventh of the time, for code that runs once per call.
    """
    module = optimised(texts, exports, effort)
    imports = [
        value.name
        for value in (*module.functions, *module.global_variables)
        if value.is_declaration and not value.name.startswith("llvm.")
    ]
    return _target_machine(effort).emit_object(module), imports


def assembly(texts, exports, effort=3):
    """The assembly of LLVM texts, to look at."""
    return _target_machine(effort).emit_assembly(optimised(texts, exports, effort))


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


def registered_address(name):
    """The address of a symbol that LLVM or Numba bring along, or None."""
    return llvm.address_of_symbol(name)
