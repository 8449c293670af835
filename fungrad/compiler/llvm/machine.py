"""From LLVM text to machine code: optimise, emit. Needs llvmlite only."""

import ctypes
import os
from contextlib import contextmanager
from functools import cache

import llvmlite

from fungrad.compiler.llvm.library import library, taken, text
from fungrad.core.forks import awaited_lock

_INTERNAL = 8  # LLVM's number of the linkage of names that nobody else sees

#: As many threads compile at once as there are places.
PLACES = min(4, os.cpu_count() or 1)


class _Place:
    """Where one thread at a time compiles: target machines are not shared."""

    def __init__(self):
        self.lock, self.machines = awaited_lock(), {}  # a child would inherit what LLVM was in


_places = [_Place() for _ in range(PLACES)]
_beginning = awaited_lock()  # what LLVM does once


@contextmanager
def _place():
    """A place where nobody is; the first one becomes free if there is none."""
    free = (place for place in _places if place.lock.acquire(blocking=False))
    place = next(free, None)
    if place is None:
        place = _places[0]
        place.lock.acquire()
    try:
        yield place
    finally:
        place.lock.release()


def prepare():
    """Load LLVM, which takes 5 ms without the interpreter's lock."""
    with _place() as place:
        _target_machine(place, 0)


def description():
    """What the machine code depends on besides its text: LLVM, the processor, its features."""
    triple, *_ = _target()
    return llvmlite.__version__, library().GetVersionInfo(), triple, *processor()


@cache
def _target():
    """The triple of this process and LLVM's target for it, which is made ready."""
    with _beginning:
        library().InitializeNativeTarget()
        library().InitializeNativeAsmPrinter()
        triple, error = text(library().GetProcessTriple), ctypes.c_char_p()
        target = library().GetTargetFromTriple(triple.encode(), ctypes.byref(error))
    if not target:
        raise RuntimeError(taken(error))
    return triple, target


@cache
def processor():
    """The name of the processor, and its features as LLVM takes them."""
    with _beginning:
        features = text(library().GetHostCPUFeatures).split(",")
        features = sorted(features, key=lambda feature: feature[1:])
        return text(library().GetHostCPUName), ",".join(features)


@cache
def vectors():
    """The bytes of a vector register, and how many registers there are."""
    features = processor()[1].split(",")
    if "+avx512f" in features and "+avx512vl" in features:
        return 64, 32
    if "+avx2" in features and "+fma" in features:
        return 32, 16
    return 16, 16 if is_x86(_target()[0]) else 32


def is_x86(triple):
    """Whether code for a triple is code for processors of this kind."""
    return triple.startswith(("x86", "i386", "i686"))


def _target_machine(place, effort):
    """The target machine whose code generator makes that effort, from 0 to 3."""
    level = 3 if effort else 0
    if level not in place.machines:
        (triple, target), (name, features) = _target(), processor()
        # What is loaded by copying it (see `image`) has no tables of addresses.
        relocations = b"static" if is_x86(triple) else b"default"
        what = triple.encode(), name.encode(), features.encode(), level, relocations, b"jitdefault"
        place.machines[level] = library().CreateTargetMachine(target, *what, 0, 1, b"")
        if not place.machines[level]:
            raise RuntimeError("LLVM has no target machine for this processor")
    return place.machines[level]


@contextmanager
def _module(texts, exports, effort, machine):
    """The module of these LLVM texts, optimised, in which only `exports` are visible."""
    context = library().ContextCreate()
    modules = []
    try:
        for each in texts:
            error = ctypes.c_char_p()
            module = library().ParseAssembly(context, each.encode(), ctypes.byref(error))
            if not module:
                raise RuntimeError(f"LLVM cannot parse: {taken(error)}")
            modules.append(module)
        module = modules[0]
        while len(modules) > 1:
            error = ctypes.c_char_p()
            if library().LinkModules(module, modules.pop(1), ctypes.byref(error)):
                raise RuntimeError(f"LLVM cannot link: {taken(error)}")
        _verify(module, exports, machine)
        _optimise(module, machine, effort)
        yield module
    finally:
        for module in modules:
            library().DisposeModule(module)
        library().ContextDispose(context)


def _verify(module, exports, machine):
    """RuntimeError where a module is wrong; else only its `exports` are visible from now on."""
    layout = library().CreateTargetMachineData(machine)
    library().SetDataLayout(module, text(library().CopyStringRepOfTargetData, layout).encode())
    library().DisposeTargetData(layout)
    error = ctypes.c_char_p()
    if library().VerifyModule(module, ctypes.byref(error)):
        raise RuntimeError(taken(error))
    taken(error)
    for value in _values(module):
        if not library().IsDeclaration(value) and _name(value) not in exports:
            library().SetLinkage(value, _INTERNAL)


def _values(module):
    """The functions and the variables of a module."""
    functions = library().ModuleFunctionsIter(module)
    while value := library().FunctionsIterNext(functions):
        yield value
    library().DisposeFunctionsIter(functions)
    variables = library().ModuleGlobalsIter(module)
    while value := library().GlobalsIterNext(variables):
        yield value
    library().DisposeGlobalsIter(variables)


def _name(value):
    return library().GetValueName(value).decode()


def _optimise(module, machine, effort):
    """Run LLVM's passes over a module, in place."""
    options = library().CreatePipelineTuningOptions()
    library().PTOSetLoopVectorization(options, True)
    library().PTOSetSLPVectorization(options, effort != 2)
    builder = library().CreatePassBuilder(machine, options)
    if effort > 1:
        for_speed, for_size = 3, 0
        passes = library().buildPerModuleDefaultPipeline(builder, for_speed, for_size)
    else:
        passes = library().CreateNewModulePassManager()
        library().module_AddAlwaysInlinerPass(passes)
        library().module_AddSROAPass(passes)
        library().module_AddInstCombinePass(passes)
        library().module_AddSimplifyCFGPass(passes)
        library().module_AddGlobalDCEPass(passes)
    library().RunNewModulePassManager(passes, module, builder)
    library().DisposeNewModulePassManger(passes)
    library().DisposePassBuilder(builder)
    library().DisposePipelineTuningOptions(options)


def object_code(texts, exports, effort=3):
    """The object code of LLVM texts, and the names that it takes from elsewhere.

    Effort 3 is for loops; 2 the same, but scalar statements are not packed into vectors (see
    `effort`). Effort 1 is for loops that are written in vectors already, of which only the last
    steps are left to do. Effort 0 takes a seventh of the time, for code that runs once per call.
    """
    with _place() as place:
        machine = _target_machine(place, effort)
        with _module(texts, exports, effort, machine) as module:
            declared = [_name(v) for v in _values(module) if library().IsDeclaration(v)]
            imports = [name for name in declared if not name.startswith("llvm.")]
            return _emitted(module, machine, True), imports


def optimised(texts, exports, effort=3):
    """LLVM texts as one, after the passes, to look at."""
    with _place() as place:
        machine = _target_machine(place, effort)
        with _module(texts, exports, effort, machine) as module:
            return text(library().PrintModuleToString, module)


def assembly(texts, exports, effort=3):
    """The assembly of LLVM texts, to look at."""
    with _place() as place:
        machine = _target_machine(place, effort)
        with _module(texts, exports, effort, machine) as module:
            return _emitted(module, machine, False).decode()


def _emitted(module, machine, is_object):
    error = ctypes.c_char_p()
    buffer = library().TargetMachineEmitToMemory(machine, module, is_object, ctypes.byref(error))
    if not buffer:
        raise RuntimeError(taken(error))
    start, size = library().GetBufferStart(buffer), library().GetBufferSize(buffer)
    code = ctypes.string_at(start, size)
    library().DisposeMemoryBuffer(buffer)
    return code


def registered_address(name):
    """The address of a symbol that LLVM or Numba bring along, or None."""
    return library().SearchAddressOfSymbol(name.encode())
