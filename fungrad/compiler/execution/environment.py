"""What machine code depends on besides its source: this library, its tools, the processor.

All of it is found out without importing LLVM or Numba: a process that compiles nothing needs
neither, and they take longer than everything else that it does.
"""

import os
import platform
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fungrad.core.digest import blake2b
from fungrad.lazy import IMPORTED

#: The files of Numba and llvmlite that change with every version of them.
_VERSION_FILES = (("llvmlite", "_version.py"), ("numba", "_version.py"), ("scipy", "version.py"))

#: The folders that the compiler is in, or imports.
_LAYERS = ("core", "primitives", "numpy", "transforms", "optimize", "compiler", "control")

_PROCESSOR_FIELDS = ("vendor_id", "cpu family", "model", "stepping", "flags")
_MOST_OF_A_PROCESSOR = 8192  # bytes of /proc/cpuinfo, which describes the first one first


@cache
def description():
    """What generated source becomes what machine code by, as text.

    Of the library's own files, which number hundreds, size and time stand for the content.
    """
    tools = [_content(package, name) for package, name in _VERSION_FILES]
    layout = object.__basicsize__, sys.byteorder, sys.version_info[:2], np.__version__
    return repr((_library(), tools, layout, processor()))


def _content(package, name):
    """The content of a file of an installed package, or None; does not import the package."""
    for folder in sys.path:
        try:
            with open(f"{folder or '.'}/{package}/{name}", "rb") as file:
                return file.read()
        except OSError:
            continue
    found = find_spec(package)  # where it is not in one of the folders: ten times as slow
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / name
    return path.read_bytes() if path.exists() else found.origin


def _library():
    """A digest of where the library is, and of the names, sizes and times of its files.

    What stands above the compiler is left out: it makes programs, and how each of them is compiled
    does not depend on who made it.
    """
    import fungrad

    top = str(Path(__file__).parents[2])
    files, newest = [fungrad.__version__, top], 0
    waiting = _folders(top, _LAYERS) if os.path.isdir(top) else []  # an archive does not change
    while waiting:
        folder = waiting.pop()
        names = sorted(os.listdir(folder))
        files.append(folder)
        for name in names:
            if name.endswith(".py"):
                status = os.stat(f"{folder}/{name}")
                files += name, status.st_size, status.st_mtime_ns
                newest = max(newest, status.st_mtime_ns)
        waiting += _folders(folder, [n for n in names if "." not in n and n != "__pycache__"])
    if newest > IMPORTED * 1e9:
        files.append(os.urandom(16))  # what this process runs is not what the files say now
    return blake2b(repr(files).encode(), digest_size=16).hexdigest()


def _folders(folder, names):
    """Those of the names in a folder that are folders."""
    return [path for name in names if os.path.isdir(path := f"{folder}/{name}")]


@cache
def processor():
    """The processor and its features, as far as code generation depends on them."""
    known = _first_processor()
    if known:
        return known
    from fungrad.compiler.llvm import machine

    return machine.description()


def _first_processor():
    """What Linux says of a processor of the kind x86-64, or None."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read(_MOST_OF_A_PROCESSOR).partition("\n\n")[0].split("\n")
    except OSError:
        return None
    fields = dict(line.partition(":")[::2] for line in lines)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    if not all(name in fields for name in _PROCESSOR_FIELDS):
        return None
    return tuple([fields[name] for name in _PROCESSOR_FIELDS])
