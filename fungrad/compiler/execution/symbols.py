"""Names from elsewhere: the functions that machine code calls, the routines that sources call.

The files of the compiler that know them are imported when one of their names occurs.
"""

import re
from functools import lru_cache
from importlib import import_module

from fungrad.compiler.execution import image

#: Where the symbols `fungrad.PREFIX.NAME` of machine code are looked up: a function of a file.
_PLACES = {
    "fourier": ("linalg.fourier", "address"),
    "interrupts": ("execution.interrupts", "address"),
    "numpy": ("execution.python_call", "numpy_address"),
    "order": ("order.numpy_sorting", "address"),
    "parallel": ("execution.parallel", "address"),
    "room": ("execution.room", "address"),
    "scipy": ("products.blas", "address"),
    "special": ("products.scipy_library", "special_function"),
}

#: Those of which the machine code is compiled in each process, or loaded.
_COMPILED = ("interrupts", "parallel")

#: The files whose kernels, `routine(name)`, a source may call by name.
_LIBRARIES = (
    "products.blas",
    "products.packed",
    "linalg.fourier",
    "order.numpy_sorting",
    "products.tiles",
    "language.transposing",
    "language.streaming",
    "order.running_blocks",
)


def _file(name):
    return import_module(f"fungrad.compiler.{name}")


def address(name):
    """The address of a name that machine code takes from elsewhere."""
    owner, _, rest = name.partition(".")
    prefix, _, symbol = rest.partition(".")
    if owner == "fungrad" and prefix in _PLACES:
        file, function = _PLACES[prefix]
        return getattr(_file(file), function)(symbol)
    found = image.address_in_process(name)
    if found is None:
        from fungrad.compiler.llvm import machine

        found = machine.registered_address(name)
    if found is None:
        raise LookupError(f"no symbol named {name}")
    return found


def requests(texts):
    """The requests of what LLVM texts take from this library and this process does not have yet."""
    prefixes = {prefix for text in texts for prefix in re.findall(_OWN, text)}
    files = [_file(_PLACES[prefix][0]) for prefix in _COMPILED if prefix in prefixes]
    return [request for file in files for request in file.requests()]


_OWN = r"@fungrad\.(\w+)\."


def routines(source):
    """The kernels of BLAS, LAPACK, NumPy's sorts and Fourier transforms that a source names."""
    called = dict.fromkeys(re.findall(_CALLED, source))
    found = {name: _library_of(name) for name in called}
    return {name: _file(file).routine(name) for name, file in found.items() if file}


#: Names of routines have a dtype in them; a look into the libraries for others would import these.
_CALLED = r"\w+_(?:float|complex|u?int|bool)\w*(?=\()"


@lru_cache(4096)
def _library_of(name):
    """The file that has a routine of that name, or None."""
    for file in _LIBRARIES:
        if re.fullmatch(_file(file).NAMES, name):
            return file
    return None


def forget_routines():
    """Forget the kernels of all routines."""
    for library in map(_file, _LIBRARIES):
        library.routine.cache_clear()
