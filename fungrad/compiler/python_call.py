"""The Python side of an entry: an LLVM function that unpacks Python's arguments and calls it.

It has CPython's fast calling convention and becomes a builtin function: a call with three arrays
costs no more than one of Python's own builtins. Layouts and functions used are those of
CPython's and NumPy's public, stable C interfaces.
"""

import ctypes
from functools import cache

import numpy as np

from fungrad.compiler.arguments import LLVM_TYPES, Array, Result, Scalar, parameters

_METH_FASTCALL = 0x80
_ARRAY_SCALAR = 60  # the number of PyArray_Scalar in NumPy's table of C functions

# PyObject begins with its head, whose last word is the type; PyArrayObject goes on with the data.
_HEAD = object.__basicsize__
_TYPE_OFFSET = _HEAD - ctypes.sizeof(ctypes.c_void_p)
_DATA_OFFSET = _HEAD

_DECLARATIONS = """
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_SetString(ptr, ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyObject_CallOneArg(ptr, ptr)
declare void @Py_DecRef(ptr)
declare void @Py_IncRef(ptr)
declare double @PyFloat_AsDouble(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsUnsignedLongLongMask(ptr)
declare i32 @PyObject_IsTrue(ptr)
declare double @PyComplex_RealAsDouble(ptr)
declare double @PyComplex_ImagAsDouble(ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @fungrad.numpy.scalar(ptr, ptr, ptr)
@PyExc_TypeError = external global ptr
@PyComplex_Type = external global i8
@_Py_NoneStruct = external global i8
@fungrad.numpy.ndarray = external global i8
"""


def wrapper_symbol(symbol):
    """The name of the Python side of an entry."""
    return f"{symbol}.python"


def wrapper(symbol, arguments, release_gil):
    """The LLVM text of `PyObject *symbol.python(self, args, n)`, calling `i64 symbol(...)`.

    `self` is called with the status if that is not 0.
    """
    passed = [a for a in arguments if not isinstance(a, Result)]
    results = [a for a in arguments if isinstance(a, Result)]
    message = f"expected {len(passed)} arguments of the types {', '.join(map(repr, passed))}\0"
    values = [each for i, a in enumerate(arguments) for each in parameters(a, f"v{i}")]
    lines, position = [], 0
    for i, argument in enumerate(arguments):
        if isinstance(argument, Result):
            lines.append(f"  %v{i} = alloca {LLVM_TYPES[argument.dtype.name]}")
        else:
            lines.append(f"  %at{i} = getelementptr ptr, ptr %args, i64 {position}")
            lines.append(f"  %o{i} = load ptr, ptr %at{i}")
            lines += (
                _unpack_array(i) if isinstance(argument, Array) else _unpack_scalar(i, argument)
            )
            position += 1
    if any(isinstance(a, Scalar) for a in arguments):
        lines.append("  %raised = call ptr @PyErr_Occurred()")
        lines.append("  %is_raised = icmp ne ptr %raised, null")
        lines.append("  br i1 %is_raised, label %failed, label %run")
    else:
        lines.append("  br label %run")
    save, restore = "", ""
    if release_gil:
        save = "  %thread = call ptr @PyEval_SaveThread()"
        restore = "  call void @PyEval_RestoreThread(ptr %thread)"
    dtypes = {f"@{_dtype_symbol(a.dtype)} = external global i8" for a in results}
    signature = ", ".join(kind for kind, _ in values)
    given = ", ".join(f"{kind} {name}" for kind, name in values)
    return f"""{_DECLARATIONS}
{chr(10).join(sorted(dtypes))}
declare i64 @{symbol}({signature})
@message = private constant [{len(message)} x i8] c"{message.replace(chr(0), chr(92) + "00")}"

define ptr @{wrapper_symbol(symbol)}(ptr %self, ptr %args, i64 %n) {{
entry:
  %n_fits = icmp eq i64 %n, {len(passed)}
  br i1 %n_fits, label %unpack, label %misfit
unpack:
{chr(10).join(lines)}
run:
{save}
  %status = call i64 @{symbol}({given})
{restore}
  %fine = icmp eq i64 %status, 0
  br i1 %fine, label %done, label %error
done:
{_pack_results(arguments)}
error:
  %code = call ptr @PyLong_FromLongLong(i64 %status)
  %answer = call ptr @PyObject_CallOneArg(ptr %self, ptr %code)
  call void @Py_DecRef(ptr %code)
  ret ptr %answer
misfit:
  %type_error = load ptr, ptr @PyExc_TypeError
  call void @PyErr_SetString(ptr %type_error, ptr @message)
  br label %failed
failed:
  ret ptr null
}}
"""


def _unpack_array(i):
    """Argument i is an ndarray: its data pointer."""
    return [
        f"  %type_at{i} = getelementptr i8, ptr %o{i}, i64 {_TYPE_OFFSET}",
        f"  %type{i} = load ptr, ptr %type_at{i}",
        f"  %is_array{i} = icmp eq ptr %type{i}, @fungrad.numpy.ndarray",
        f"  br i1 %is_array{i}, label %array{i}, label %misfit",
        f"array{i}:",
        f"  %data_at{i} = getelementptr i8, ptr %o{i}, i64 {_DATA_OFFSET}",
        f"  %v{i} = load ptr, ptr %data_at{i}",
    ]


def _unpack_scalar(i, argument):
    """Argument i is a number: its value. Errors are looked for once, after the last argument."""
    kind, size = argument.dtype.kind, argument.dtype.itemsize
    if kind == "f":
        name = f"%v{i}" if size == 8 else f"%w{i}"
        lines = [f"  {name} = call double @PyFloat_AsDouble(ptr %o{i})"]
        return lines if size == 8 else [*lines, f"  %v{i} = fptrunc double %w{i} to float"]
    if kind == "c":
        return _unpack_complex(i, "double" if size == 16 else "float")
    if kind == "b":
        return [
            f"  %w{i} = call i32 @PyObject_IsTrue(ptr %o{i})",
            f"  %t{i} = icmp sgt i32 %w{i}, 0",
            f"  %v{i} = zext i1 %t{i} to i8",
        ]
    convert = "PyLong_AsLongLong" if kind == "i" else "PyLong_AsUnsignedLongLongMask"
    name = f"%v{i}" if size == 8 else f"%w{i}"
    lines = [f"  {name} = call i64 @{convert}(ptr %o{i})"]
    return lines if size == 8 else [*lines, f"  %v{i} = trunc i64 %w{i} to i{8 * size}"]


def _unpack_complex(i, part):
    """Through Python's `complex`, because complex64 is no subclass of it."""
    lines = [
        f"  %c{i} = call ptr @PyObject_CallOneArg(ptr @PyComplex_Type, ptr %o{i})",
        f"  %is_not{i} = icmp eq ptr %c{i}, null",
        f"  br i1 %is_not{i}, label %failed, label %complex{i}",
        f"complex{i}:",
    ]
    for name in ("real", "imag"):
        function = f"PyComplex_{name.capitalize()}AsDouble"
        wide = f"%v{i}.{name}" if part == "double" else f"%w{i}.{name}"
        lines.append(f"  {wide} = call double @{function}(ptr %c{i})")
        if part == "float":
            lines.append(f"  %v{i}.{name} = fptrunc double {wide} to float")
    return [*lines, f"  call void @Py_DecRef(ptr %c{i})"]


def _pack_results(arguments):
    """None, one NumPy scalar, or a tuple of them."""
    results = [(i, a) for i, a in enumerate(arguments) if isinstance(a, Result)]
    lines = []
    if not results:
        lines.append("  call void @Py_IncRef(ptr @_Py_NoneStruct)")
        lines.append("  ret ptr @_Py_NoneStruct")
    elif len(results) == 1:
        lines += [_pack(*results[0]), f"  ret ptr %r{results[0][0]}"]
    else:
        lines.append(f"  %tuple = call ptr @PyTuple_New(i64 {len(results)})")
        for position, (i, argument) in enumerate(results):
            lines.append(_pack(i, argument))
            lines.append(
                f"  %s{i} = call i32 @PyTuple_SetItem(ptr %tuple, i64 {position}, ptr %r{i})"
            )
        lines.append("  ret ptr %tuple")
    return "\n".join(lines)


def _pack(i, argument):
    dtype = _dtype_symbol(argument.dtype)
    return f"  %r{i} = call ptr @fungrad.numpy.scalar(ptr %v{i}, ptr @{dtype}, ptr null)"


def _dtype_symbol(dtype):
    return f"fungrad.numpy.{dtype.name}"


@cache
def numpy_address(name):
    """The address of what the Python side calls `fungrad.numpy.<name>`."""
    if name == "ndarray":
        return id(np.ndarray)
    if name == "scalar":
        capsule = np._core._multiarray_umath._ARRAY_API
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        table = ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))
        return table[_ARRAY_SCALAR]
    return id(np.dtype(name))  # NumPy keeps one object per number type for ever


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.restype = ctypes.py_object
_new_function.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)


class Failure:
    """What an entry's builtin calls with a status that is not 0; it keeps the code alive."""

    __slots__ = ("_kept", "_raise")

    def __init__(self, on_error, *kept):
        self._raise, self._kept = on_error, kept

    def __call__(self, status):
        return self._raise(status)


def builtin(name, address, on_error, owner):
    """The builtin function at an address; it keeps `owner`, whose machine code it runs, alive."""
    method = _Method(name.encode(), address, _METH_FASTCALL, None)
    return _new_function(ctypes.addressof(method), Failure(on_error, owner, method), None)
