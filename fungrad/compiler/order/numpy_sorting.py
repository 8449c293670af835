"""NumPy's own sort of contiguous elements as a kernel for generated source.

`sort_float64(x, n)` and so on, one name per dtype (`NAMES` matches them), sorts n elements in
place, nan last, with the vector instructions that NumPy finds on the machine. The machine code
refers to NumPy's function by symbol, so that it can be kept on disk.
"""

import ctypes
from functools import cache

import numpy as np

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar

NAMES = rf"\bsort_(?:{'|'.join(LLVM_TYPES)})\b"

#: Places in NumPy's C interface: of the function that finds what a dtype can do, and, in the
#: struct that it returns (PyArray_ArrFuncs), of the function that sorts.
_FUNCTIONS_OF_DTYPE, _SORT = 365, 33


@cache
def routine(name):
    """The kernel of a sort, such as `sort_float64`."""
    from fungrad.compiler.llvm.build import kernel

    dtype = name.removeprefix("sort_")
    text = f"""
declare i32 @fungrad.order.{dtype}(ptr, i64, ptr)
define i64 @{name}(ptr %x, i64 %n) {{
  %status = call i32 @fungrad.order.{dtype}(ptr %x, i64 %n, ptr null)
  %wide = sext i32 %status to i64
  ret i64 %wide
}}
"""
    arguments = [Pointer(dtype, aliased=True), Scalar("int64")]
    return kernel(text, name, arguments, None, "llvm", 0)


@cache
def address(dtype):
    """The address of `int sort(void *elements, intptr n, void *unused)` for a dtype."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    interface = get(np._core._multiarray_umath._ARRAY_API, None)
    table = ctypes.cast(interface, ctypes.POINTER(ctypes.c_void_p))
    functions_of = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(table[_FUNCTIONS_OF_DTYPE])
    functions = ctypes.cast(functions_of(np.dtype(dtype)), ctypes.POINTER(ctypes.c_void_p))
    return functions[_SORT]
