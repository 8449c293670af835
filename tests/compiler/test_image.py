"""Machine code as images: loaded without LLVM, and what is not known is left to LLVM's linker."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fungrad.compiler.execution import cache, image
from fungrad.compiler.llvm import build, layout
from fungrad.compiler.llvm.build import Array, Scalar, entry, kernel

# A table of constants, memory that changes, a function of the C library, one word that refers
# to another function of the text.
TEXT = """
@table = private constant [4 x i64] [i64 10, i64 20, i64 30, i64 40]
@count = internal global i64 0
@first = internal global i64 7
@which = internal global ptr @twice
declare i64 @llabs(i64)
define internal i64 @twice(i64 %x) {
  %y = mul i64 %x, 2
  ret i64 %y
}
define i64 @f(i64 %i, ptr %y) {
  %before = load i64, ptr @count
  %after = add i64 %before, 1
  store i64 %after, ptr @count
  %size = call i64 @llabs(i64 %i)
  %place = getelementptr i64, ptr @table, i64 %size
  %found = load i64, ptr %place
  %function = load volatile ptr, ptr @which
  %doubled = call i64 %function(i64 %found)
  %seven = load volatile i64, ptr @first
  %total = add i64 %doubled, %seven
  store i64 %total, ptr %y
  ret i64 %after
}
"""


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path / "cache"))
    build.clear()


def called(built, i):
    """The status and the result of the kernel of `TEXT`."""
    y = ctypes.c_int64()
    f = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(built.address)
    return f(i, ctypes.addressof(y)), y.value


def built_twice():
    """The kernel, compiled and then loaded from disk."""
    for _ in range(2):
        build.clear()
        yield kernel(TEXT, "f", (Scalar("int64"), build.Pointer("int64")), language="llvm")


@pytest.mark.parametrize("is_known", [True, False])
def test_constants_memory_and_functions_from_elsewhere(is_known, monkeypatch):
    if not is_known:
        monkeypatch.setattr(layout, "laid_out", lambda code, exports: None)
    for built in built_twice():
        assert [called(built, i) for i in (2, -3, 0)] == [(1, 67), (2, 87), (3, 27)]
        details = cache.load(built.symbol.split(".")[1])[1]
        assert ("image" in details) is is_known or sys.platform != "linux"


def test_foreign_object_files_are_left_alone():
    assert layout.laid_out(b"MZ" + bytes(100), ()) is None
    assert layout.laid_out(b"", ()) is None
    assert layout.laid_out(b"\x7fELF\x02\x01" + bytes(12) + b"\xb7\x00" + bytes(100), ()) is None


def test_code_cannot_be_written_to():
    found = image.Image(b"\xc3" * 8, {"f": 0}, [], b"", 4096, 4096)
    loaded = image.Loaded(found, {})
    program = Path("/proc/self/maps").read_text() if sys.platform == "linux" else ""
    (line,) = [x for x in program.split("\n") if x.startswith(f"{loaded.addresses['f']:x}-")] or [
        "- r-xs"
    ]
    assert line.split()[1].startswith("r-x")


def test_a_warm_process_imports_no_llvm(tmp_path):
    """Loops, constants in memory, products by BLAS: all of it comes from the disk."""
    program = """
import sys
import numpy as np
import fungrad
from fungrad.compiler.llvm import build
def f(x):
    return fungrad.numpy.sin(x @ x).sum()
x = np.eye(40)
assert np.allclose(fungrad.jit(fungrad.grad(f))(x)[0, 1], 2 * np.cos(0.0))
print(build.statistics()["compiled_kernels"] > 0, "llvmlite" in sys.modules)
"""
    outputs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert outputs[0] == ["True", "True"]
    if sys.platform == "linux":
        assert outputs[1] == ["False", "False"]


def test_an_entry_of_an_image_calls_python():
    double = entry(
        "def f(n, x):\n    for i in range(n):\n        x[i] *= 2.0\n    return 0",
        "f",
        (Scalar("int64"), Array("float64")),
    )
    x = np.ones(3)
    double(3, x)
    np.testing.assert_array_equal(x, 2.0)
