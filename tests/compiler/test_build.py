"""Generated source becomes machine code: kernels, entries, what they take, return and refuse."""

import os
import platform
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

from fungrad.compiler.llvm import build
from fungrad.compiler.llvm.build import Array, Pointer, Result, Scalar, entry, kernel
from fungrad.core.errors import CompilationError

DTYPES = """bool int8 int16 int32 int64 uint8 uint16 uint32 uint64
    float32 float64 complex64 complex128""".split()

SCALE = """
def scale(n, factor, x, y):
    for i in range(n):
        y[i] = x[i] * factor
    return 0
"""
SCALE_ARGUMENTS = (Scalar("int64"), Scalar("float64"), Pointer("float64"), Pointer("float64"))


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path / "cache"))
    build.clear()


def test_an_entry_calls_kernels():
    source = """
def twice(sizes, workspace, x, y):
    t = view(workspace, 64, np.float64)
    status = scale(sizes[0], 2.0, x, t)
    if status != 0:
        return status
    return scale(sizes[0], 3.0, t, y)
"""
    arguments = (Array("int64"), Array("uint8"), Array("float64"), Array("float64"))
    twice = entry(source, "twice", arguments, {"scale": kernel(SCALE, "scale", SCALE_ARGUMENTS)})
    for n in (0, 1, 7, 1000):
        x, y = np.linspace(-1, 1, n), np.empty(n)
        assert twice(np.array([n]), np.empty(64 + 8 * n, np.uint8), x, y) is None
        np.testing.assert_array_equal(y, 6 * x)


def test_a_kernel_calls_kernels():
    source = """
def fourfold(n, x, y):
    return scale(n, 2.0, x, y) + scale(n, 2.0, y, y)
"""
    scale = kernel(SCALE, "scale", (*SCALE_ARGUMENTS[:2], *[Pointer("float64", aliased=True)] * 2))
    arguments = (Scalar("int64"), *[Pointer("float64", aliased=True)] * 2)
    fourfold = kernel(source, "fourfold", arguments, {"scale": scale})
    run = entry(
        "def run(n, x, y):\n    return fourfold(n, x, y)",
        "run",
        (Scalar("int64"), Array("float64"), Array("float64")),
        {"fourfold": fourfold},
    )
    y = np.empty(5)
    run(5, np.arange(5.0), y)
    np.testing.assert_array_equal(y, 4 * np.arange(5.0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_scalars_arrays_and_results_of_every_dtype(dtype):
    source = """
def pick(which, value, x, from_array, from_scalar):
    from_array[0] = x[which]
    from_scalar[0] = value
    return 0
"""
    arguments = (Scalar("int64"), Scalar(dtype), Array(dtype), Result(dtype), Result(dtype))
    pick = entry(source, "pick", arguments)
    x = np.array([0, 1, 100]).astype(dtype)
    x = x + x * x.dtype.type(0.5j) if x.dtype.kind == "c" else x
    for given in (x[2], x[1].item()):
        results = pick(2, given, x)
        assert [type(r) for r in results] == [x.dtype.type] * 2
        assert results == (x[2], given)
    assert pick(1, 1, x)[1] == 1


def test_scalars_pass_through_kernels_in_every_dtype():
    parameters = ", ".join(f"a{i}" for i in range(len(DTYPES)))
    source = f"def inner({parameters}, r):\n    r[0] = a{DTYPES.index('complex64')}\n    return 0"
    scalars = [Scalar(d) for d in DTYPES]
    inner = kernel(source, "inner", (*scalars, Pointer("complex64")))
    source = f"def outer({parameters}, r):\n    return inner({parameters}, r)"
    outer = entry(source, "outer", (*scalars, Result("complex64")), {"inner": inner})
    assert outer(*[1] * (len(DTYPES) - 2), 1 + 2j, 3) == np.complex64(1 + 2j)


def test_the_numbers_of_results():
    def with_results(n):
        names = [f"r{i}" for i in range(n)]
        lines = [f"    {name}[0] = {i}" for i, name in enumerate(names)]
        source = "\n".join([f"def f({', '.join(names)}):", *lines, "    return 0"])
        return entry(source, "f", (Result("int64"),) * n)

    assert with_results(0)() is None
    assert with_results(1)() == 0
    assert with_results(2)() == (0, 1)


def test_what_is_not_an_array_or_a_number_is_refused():
    take = entry("def take(n, x):\n    return 0", "take", (Scalar("int64"), Array("float64")))
    with pytest.raises(TypeError, match=r"expected 2 arguments: \(Scalar\(int64\), Array\(f"):
        take(1)
    with pytest.raises(TypeError, match=r"expected 2 arguments"):
        take(1, [1.0])
    with pytest.raises(TypeError):
        take("1", np.ones(1))
    with pytest.raises(OverflowError):
        take(2**80, np.ones(1))


def test_a_status_reaches_python():
    source = """
def check(i, n, x, r):
    if i < 0 or i >= n:
        return 7
    r[0] = x[i]
    return 0
"""
    arguments = (Scalar("int64"), Scalar("int64"), Array("float64"), Result("float64"))
    statuses = []

    def on_error(status):
        statuses.append(status)
        raise IndexError(status)

    check = entry(source, "check", arguments, on_error=on_error)
    assert check(1, 3, np.arange(3.0)) == 1.0
    with pytest.raises(IndexError):
        check(3, 3, np.arange(3.0))
    assert statuses == [7]
    with pytest.raises(RuntimeError, match="ended with status 7"):
        entry(source, "check", arguments)(3, 3, np.arange(3.0))
    assert entry(source, "check", arguments, on_error=lambda s: -s)(3, 3, np.arange(3.0)) == -7


def test_source_that_does_not_compile_raises_with_its_text():
    with pytest.raises(CompilationError, match=r"(?s)cannot compile wrong.*x.undefined_attribute"):
        kernel("def wrong(x):\n    return x.undefined_attribute", "wrong", (Scalar("int64"),))
    with pytest.raises(CompilationError, match="unknown_function"):
        kernel("def wrong(x):\n    return unknown_function(x)", "wrong", (Scalar("int64"),))
    with pytest.raises(CompilationError, match="no_such_symbol"):
        text = "declare i64 @no_such_symbol()\ndefine i64 @f() {\n  %x = call i64 @no_such_symbol()"
        kernel(text + "\n  ret i64 %x\n}", "f", (), language="llvm")


def test_a_failed_kernel_ends_the_function():
    source = """
def steps(x, n):
    for i in range(3):
        n[0] = i
        status = positive(x[i])
        if status != 0:
            return status
    return 0
"""
    text = "def positive(x):\n    return 0 if x > 0.0 else 5"
    positive = kernel(text, "positive", (Scalar("float64"),))
    arguments = (Array("float64"), Array("int64"))
    steps = entry(source, "steps", arguments, {"positive": positive}, lambda status: status)
    n = np.zeros(1, np.int64)
    assert steps(np.array([1.0, 2, 3]), n) is None and n[0] == 2
    assert steps(np.array([1.0, -2, 3]), n) == 5 and n[0] == 1


def test_equal_source_is_the_same_kernel():
    before = build.statistics()["compiled_kernels"]
    first = kernel(SCALE, "scale", SCALE_ARGUMENTS)
    assert kernel(SCALE, "scale", SCALE_ARGUMENTS) is first
    assert build.statistics()["compiled_kernels"] == before + 1
    other = kernel(SCALE, "scale", (*SCALE_ARGUMENTS[:2], *[Pointer("float32")] * 2))
    assert other.symbol != first.symbol


def test_a_kernel_in_llvm_text():
    text = """
define i64 @add(double %x.real, double %x.imag, ptr %y) {
  %sum = fadd double %x.real, %x.imag
  store double %sum, ptr %y
  ret i64 0
}"""
    add = kernel(text, "add", (Scalar("complex128"), Pointer("float64")), language="llvm")
    run = entry(
        "def run(x, y):\n    return add(x, y)",
        "run",
        (Scalar("complex128"), Result("float64")),
        {"add": add},
    )
    assert run(3 + 4j) == 7.0


def test_stacks_grow_and_run_out_of_memory():
    source = """
def count(n, stack, total):
    stack[0] = 0
    stack[1] = 0
    for i in range(n):
        status = reserve(stack, 8 * (i + 1))
        if status != 0:
            release(stack)
            return status
        memory(stack, np.int64)[i] = i
    total[0] = 0
    for i in range(n):
        total[0] += memory(stack, np.int64)[i]
    if is_null(memory(stack, np.uint8)) and n > 0:
        return 1
    status = reserve(stack, 1 << 60)
    release(stack)
    return 2 if status != OUT_OF_MEMORY or not is_null(memory(stack, np.uint8)) else 0
"""
    count = entry(source, "count", (Scalar("int64"), Array("int64"), Result("int64")))
    for n in (0, 1, 10_000):
        stack = np.ones(2, np.int64)
        assert count(n, stack) == n * (n - 1) // 2
        assert not stack.any()


def test_offsets_and_views():
    source = """
def move(x, y):
    y[0] = offset(x, 2)[1]
    y[1] = view(x, 8, np.float32)[0]
    y[2] = view(offset(x, 1), -4, np.float32)[1]
    return 0
"""
    x, y = np.arange(6, dtype=np.float32), np.empty(3, np.float32)
    entry(source, "move", (Array("float32"), Array("float32")))(x, y)
    np.testing.assert_array_equal(y, [3, 2, 1])


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_loops_over_pointers_vectorise():
    source = """
def f(n, x, y, z):
    for i in range(n):
        z[i] = x[i] * y[i] + x[i]
    return 0
"""
    disjoint = [Pointer("float32")] * 3
    assembly = build.assembly(source, "f", (Scalar("int64"), *disjoint))
    assert re.search(r"(vfmadd\w+|mul)ps", assembly)
    aliased = [Pointer("float32", aliased=True)] * 3
    with_checks = build.assembly(source, "f", (Scalar("int64"), *aliased))
    assert len(with_checks) > len(assembly)  # whether they overlap is found out at run time


def test_threads_call_the_same_code():
    source = """
def total(n, x, y):
    y[0] = 0.0
    for i in range(n):
        y[0] += x[i]
    return 0
"""
    total = entry(source, "total", (Scalar("int64"), Array("float64"), Result("float64")))
    wrong = []

    def work(value):
        x = np.full(1000, value)
        wrong.extend(r for r in (total(1000, x) for _ in range(200)) if r != 1000 * value)

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_compile_at_once():
    kernels = [None] * 4

    def work(i):
        kernels[i] = kernel(
            SCALE.replace("* factor", f"* factor + {i % 2}"), "scale", SCALE_ARGUMENTS
        )

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kernels[0] is kernels[2] and kernels[1] is kernels[3]
    assert kernels[0] is not kernels[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_calls_and_compiles():
    double = entry("def f(x, y):\n    y[0] = 2.0 * x\n    return 0", "f", _one_to_one())
    child = os.fork()
    if child == 0:
        triple = entry("def f(x, y):\n    y[0] = 3.0 * x\n    return 0", "f", _one_to_one())
        os._exit(0 if (double(1.0), triple(1.0)) == (2.0, 3.0) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_code_lives_as_long_as_its_builtin():
    double = entry("def f(x, y):\n    y[0] = 2.0 * x\n    return 0", "f", _one_to_one())
    build.clear()
    assert double(4.0) == 8.0


def test_importing_the_compiler_imports_neither_numba_nor_llvm():
    program = (
        "import sys, fungrad.compiler.llvm.build\n"
        "assert 'numba' not in sys.modules and 'llvmlite' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def _one_to_one():
    return Scalar("float64"), Result("float64")


def test_the_c_library_is_found_without_numba():
    """A loop of unknown length reserves memory, also in a process that has not imported Numba."""
    program = (
        "import sys; from fungrad.compiler.execution import image; "
        "assert image.address_in_process('realloc'); "
        "assert image.address_in_process('no_such_function') is None; "
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
