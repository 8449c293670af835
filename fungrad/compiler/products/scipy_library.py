"""SciPy's compiled functions, which machine code calls by name."""

import ctypes
import importlib.util
import sys
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from fungrad.compiler.language.words import LIBRARY
from fungrad.primitives.formulas import name_in_scipy


@cache
def functions(package, module):
    """The functions that an extension module of SciPy exports: {name: (signature, address)}."""
    return _Exports(_extension(package, module).__pyx_capi__)


class _Exports:
    """The capsules of an extension module, read when they are asked for."""

    def __init__(self, capsules):
        self.capsules = capsules

    def get(self, name):
        """The (signature, address) of a function, or None."""
        capsule = self.capsules.get(name)
        if capsule is None:
            return None
        get_name = ctypes.pythonapi.PyCapsule_GetName
        get_name.restype, get_name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
        signature = get_name(capsule)
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        return signature.decode(), get(capsule, signature)


def special_function(name):
    """The address of the function of doubles of that name in `scipy.special`.

    Its last argument is an int, 0. Where SciPy has versions for several types, they are numbered.
    """
    known = functions("special", "cython_special")
    wanted = f"double ({'double, ' * LIBRARY[name]}int __pyx_skip_dispatch)"
    for prefix in ("", "__pyx_fuse_0", "__pyx_fuse_1", "__pyx_fuse_2"):
        found = known.get(prefix + name_in_scipy(name))
        if found is not None and found[0] == wanted:
            return found[1]
    raise LookupError(f"SciPy has no function {wanted.replace('(', name + '(')}")


@cache
def openblas():
    """The OpenBLAS that SciPy's wheels bring along, as a ctypes library, or None.

    It is opened without SciPy, which would take 15 ms.
    """
    found = importlib.util.find_spec("scipy")
    folder = Path(found.origin).parent.parent / "scipy.libs"
    for path in sorted(folder.glob("*openblas*")):
        library = ctypes.CDLL(str(path))
        if hasattr(library, "scipy_openblas_set_num_threads"):
            return library
    return None


def fortran(name):
    """The address of a Fortran routine of BLAS or LAPACK, whose integers are C's int."""
    function = getattr(openblas(), f"scipy_{name}_", None)
    if function is not None:
        return ctypes.cast(function, ctypes.c_void_p).value
    for module in ("cython_blas", "cython_lapack"):
        found = functions("linalg", module).get(name)
        if found is not None and "int *" in found[0]:
            return found[1]
    raise LookupError(f"SciPy has no routine {name} that takes integers of the type int")


@cache
def _extension(package, name):
    """One of SciPy's extension modules, without the rest of its package (170 ms for linalg)."""
    full_name = f"scipy.{package}.{name}"
    if full_name not in sys.modules and f"scipy.{package}" not in sys.modules:
        import scipy  # finds the libraries that its extension modules need

        for suffix in EXTENSION_SUFFIXES:
            path = Path(scipy.__file__).parent / package / (name + suffix)
            if path.exists():
                return _loaded(full_name, path)
    return importlib.import_module(full_name)


def _loaded(full_name, path):
    spec = importlib.util.spec_from_file_location(full_name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop(full_name, None)  # so that `import scipy.linalg` finds it for itself
    return module
