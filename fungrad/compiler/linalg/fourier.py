"""Fourier transforms: NumPy's compiled loops (pocketfft), called by symbol without Python.

`fourier_forward_complex128(lines, n, x, x_line, x_step, y, y_line, y_step)` transforms so many
lines; steps from element to element and from line to line are counted in elements. For
`fourier_half_*` the first is real, for `fourier_real_*` the second, and n the size of the real one.
"""

import ctypes
from functools import cache

import numpy as np

from fungrad.compiler.language.arguments import Pointer, Scalar
from fungrad.compiler.linalg import lapack

#: By kind: NumPy's loops for even and odd n, whether input and output are complex.
_KINDS = {
    "forward": (("fft", "fft"), True, True),
    "inverse": (("ifft", "ifft"), True, True),
    "half": (("rfft_n_even", "rfft_n_odd"), False, True),
    "real": (("irfft", "irfft"), True, False),
}
NAMES = rf"\bfourier_(?:{'|'.join(_KINDS)})_(?:complex64|complex128)\b"

_SOURCE = """
def {name}(x, y, n, before, x_size, y_size, after):
    if after == 1:
        ROUTINE(before, n, x, x_size, 1, y, y_size, 1)
        return 0
    for b in range(before):
        ROUTINE(after, n, offset(x, b * x_size * after), 1, after,
            offset(y, b * y_size * after), 1, after)
    return 0
"""


def fourier(build, primitive, inputs, outputs):
    """Write the transform of every line along the axis of the primitive."""
    x, y = build.contiguous(inputs[0]), build.output(outputs[0])
    axis = primitive.axis
    kind = _kind(primitive)
    n = max(x.shape[axis], y.shape[axis])
    dtype = max(x.buffer.dtype, y.buffer.dtype, key=lambda d: d.kind == "c")
    sizes = (
        n,
        lapack.count(x.shape[:axis]),
        x.shape[axis],
        y.shape[axis],
        lapack.count(x.shape[axis + 1 :]),
    )
    source = _SOURCE.replace("ROUTINE", f"fourier_{kind}_{dtype.name}")
    views = [lapack.read(x), lapack.written(y)]
    lapack.write(build, f"{primitive.name}_kernel", source, views, sizes)


def _kind(primitive):
    if primitive.name == "fourier":
        return "inverse" if primitive.inverse else "forward"
    return {"real_fourier": "half", "hermitian_fourier": "real"}[primitive.name]


@cache
def routine(name):
    """The kernel of a routine, such as `fourier_forward_complex128`."""
    from fungrad.compiler.llvm.build import kernel

    _, kind, dtype = name.split("_")
    real = "float32" if dtype == "complex64" else "float64"
    _, is_complex, gives_complex = _KINDS[kind]
    integers = [Scalar("int64")] * 2
    arguments = [
        *integers,
        Pointer(dtype if is_complex else real, aliased=True),
        *integers,
        Pointer(dtype if gives_complex else real, aliased=True),
        *integers,
    ]
    return kernel(_text(name, kind, dtype), name, arguments, None, "llvm", 0)


def _text(name, kind, dtype):
    """The LLVM text: the arrays of pointers, sizes and steps that a loop of NumPy takes."""
    (even, odd), is_complex, gives_complex = _KINDS[kind]
    width = 4 if dtype == "complex64" else 8
    real = "float" if width == 4 else "double"
    letter = "F" if width == 4 else "D"
    x_width, y_width = width * (1 + is_complex), width * (1 + gives_complex)
    symbols = [f"{which}.{letter}" for which in dict.fromkeys((even, odd))]
    declared = "\n".join(
        f"declare void @fungrad.fourier.{s}(ptr, ptr, ptr, ptr)\n"
        f"@fungrad.fourier.{s}.data = external global i8"
        for s in symbols
    )
    call = "call void @fungrad.fourier.{0}(ptr %a, ptr %d, ptr %s, ptr @fungrad.fourier.{0}.data)"
    first, last = call.format(f"{even}.{letter}"), call.format(f"{odd}.{letter}")
    n_in = "%n" if kind != "real" else "%half"
    n_out = "%n" if kind != "half" else "%half"
    stores = [
        *_stored("a", "ptr", ["%x", "%factor", "%y"]),
        *_stored("d", "i64", ["%lines", n_in, n_out]),
        *_stored("s", "i64", ["%xl", "0", "%yl", "%xs", "%ys"]),
    ]
    return f"""
{declared}
define i64 @{name}(i64 %lines, i64 %n, ptr %x, i64 %x_line, i64 %x_step,
    ptr %y, i64 %y_line, i64 %y_step) {{
  %factor = alloca {real}
  store {real} 1.0, ptr %factor
  %a = alloca [3 x ptr]
  %d = alloca [3 x i64]
  %s = alloca [5 x i64]
  %xl = mul i64 %x_line, {x_width}
  %xs = mul i64 %x_step, {x_width}
  %yl = mul i64 %y_line, {y_width}
  %ys = mul i64 %y_step, {y_width}
  %halved = lshr i64 %n, 1
  %half = add i64 %halved, 1
{chr(10).join(stores)}
  %bit = and i64 %n, 1
  %is_odd = icmp eq i64 %bit, 1
  br i1 %is_odd, label %odd, label %even
even:
  {first}
  ret i64 0
odd:
  {last}
  ret i64 0
}}
"""


def _stored(array, kind, values):
    lines = []
    for i, value in enumerate(values):
        lines.append(f"  %{array}.{i} = getelementptr {kind}, ptr %{array}, i64 {i}")
        lines.append(f"  store {kind} {value}, ptr %{array}.{i}")
    return lines


class _Ufunc(ctypes.Structure):
    """The head of NumPy's public struct PyUFuncObject."""

    _fields_ = [  # noqa: RUF012
        ("head", ctypes.c_char * object.__basicsize__),
        *[(name, ctypes.c_int) for name in ("nin", "nout", "nargs", "identity")],
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.c_void_p),
    ]


def address(name):
    """The address of a loop of NumPy's, `fft.D`, or of what is passed to it, `fft.D.data`."""
    from numpy.fft import _pocketfft_umath

    called, letter, *data = name.split(".")
    ufunc = getattr(_pocketfft_umath, called, None)
    if not isinstance(ufunc, np.ufunc):
        raise LookupError(f"NumPy {np.__version__} has no compiled loop {called}")
    number = [t[0].upper() for t in ufunc.types].index(letter)
    struct = _Ufunc.from_address(id(ufunc))
    if struct.name.decode() != called or struct.ntypes != len(ufunc.types):
        raise LookupError(f"NumPy {np.__version__} has ufuncs of an unknown layout")
    if data and struct.data:
        return struct.data[number]
    return struct.functions[number]  # also for the data of a loop that reads none
