"""The C functions of llvmlite's shared library that compilation calls, with their types.

`import llvmlite.binding` takes 25 ms of Python, most of it for what is not called here. So the
functions of the versions that are known are described here, and those of others are taken from
there. What takes long is called without the interpreter's lock; what is short keeps it, since to
get it back from a thread that runs Python takes 5 ms.
"""

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import llvmlite

#: Beginnings of the versions whose functions are these.
_KNOWN_VERSIONS = ("0.45.", "0.46.", "0.50.")

#: The name of each function without its prefix, and the kinds of its result and its operands:
#: v nothing, p an object of LLVM's, s a string, t where the address of a text is put, i an int,
#: b a bool, n a size. Versions may have fewer operands: those at the end are then passed in vain.
LONG_FUNCTIONS = """
    ParseAssembly p pst
    LinkModules i ppt
    VerifyModule b pt
    CreateTargetMachine p psssissiis
    InitializeNativeTarget v
    InitializeNativeAsmPrinter v
    GetHostCPUFeatures i t
    buildPerModuleDefaultPipeline p pii
    RunNewModulePassManager v ppp
    TargetMachineEmitToMemory p ppit
    DisposeModule v p
    ContextDispose v p
"""
SHORT_FUNCTIONS = """
    ContextCreate p
    CopyStringRepOfTargetData v pt
    CreateNewModulePassManager p
    CreatePassBuilder p pp
    CreatePipelineTuningOptions p
    CreateTargetMachineData p p
    DisposeFunctionsIter v p
    DisposeGlobalsIter v p
    DisposeMemoryBuffer v p
    DisposeNewModulePassManger v p
    DisposePassBuilder v p
    DisposePipelineTuningOptions v p
    DisposeString v s
    DisposeTargetData v p
    FunctionsIterNext p p
    GetBufferSize n p
    GetBufferStart p p
    GetHostCPUName v t
    GetProcessTriple v t
    GetTargetFromTriple p st
    GetValueName s p
    GetVersionInfo i
    GlobalsIterNext p p
    IsDeclaration i p
    ModuleFunctionsIter p p
    ModuleGlobalsIter p p
    PrintModuleToString v pt
    PTOSetLoopVectorization v pb
    PTOSetSLPVectorization v pb
    SearchAddressOfSymbol p s
    SetDataLayout v ps
    SetLinkage v pi
    module_AddAlwaysInlinerPass v p
    module_AddGlobalDCEPass v p
    module_AddInstCombinePass v p
    module_AddSROAPass v p
    module_AddSimplifyCFGPass v p
"""
KINDS = {
    "v": None,
    "p": ctypes.c_void_p,
    "s": ctypes.c_char_p,
    "t": ctypes.POINTER(ctypes.c_char_p),
    "i": ctypes.c_int,
    "b": ctypes.c_bool,
    "n": ctypes.c_size_t,
}


@cache
def library():
    """The functions, by their names without "LLVMPY_"; loads the library."""
    path = _path()
    if not (llvmlite.__version__.startswith(_KNOWN_VERSIONS) and path.exists()):
        return _of_llvmlite()
    _load_without_lock(path)
    long, short = ctypes.CDLL(str(path)), ctypes.PyDLL(str(path))
    functions = [*_typed(long, LONG_FUNCTIONS), *_typed(short, SHORT_FUNCTIONS)]
    return SimpleNamespace(**dict(functions))


def text(function, *operands):
    """The text that a function puts where its last operand says."""
    out = ctypes.c_char_p()
    function(*operands, ctypes.byref(out))
    return taken(out)


def taken(out):
    """A text of LLVM's, which is freed; "" where there is none."""
    if not out:
        return ""
    value = out.value.decode()
    library().DisposeString(out)
    return value


def _path():
    names = {"darwin": "libllvmlite.dylib", "win32": "llvmlite.dll"}
    return Path(llvmlite.__file__).parent / "binding" / names.get(sys.platform, "libllvmlite.so")


def _load_without_lock(path):
    """Load a shared library while other threads run Python, which ctypes does not let them."""
    process = ctypes.CDLL(None) if os.name == "posix" else None
    if hasattr(process, "dlopen"):
        load = process.dlopen
        load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
        load(os.fsencode(path), os.RTLD_NOW)


def signatures(table):
    """(name, result, operands) of each function of a table, as ctypes has them."""
    for line in filter(str.strip, table.split("\n")):
        name, result, *operands = line.split()
        yield name, KINDS[result], [KINDS[kind] for kind in "".join(operands)]


def _typed(loaded, table):
    for name, result, operands in signatures(table):
        function = getattr(loaded, f"LLVMPY_{name}")
        function.restype, function.argtypes = result, operands
        yield name, function


def _of_llvmlite():
    from llvmlite.binding import ffi

    names = [line[0] for line in signatures(LONG_FUNCTIONS + SHORT_FUNCTIONS)]
    return SimpleNamespace(**{name: getattr(ffi.lib, f"LLVMPY_{name}") for name in names})
