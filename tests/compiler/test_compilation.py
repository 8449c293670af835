"""Several functions compiled together, on a thread of their own."""

import ast
import gc
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fungrad import jit
from fungrad.compiler.llvm import build, machine, python_caller, syntax
from fungrad.compiler.llvm.build import Pointer, Request, Scalar
from fungrad.compiler.llvm.compilation import Compilation
from fungrad.core.errors import CompilationError

ARGUMENTS = (Scalar("int64"), Pointer("float64"))
SCALE = "def scale(n, x):\n    for i in range(n):\n        x[i] *= {}\n    return 0"
BOTH = "def both(n, x):\n    status = first(n, x)\n    return status + second(n, x)"


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path / "cache"))
    build.clear()


def requests():
    """Two kernels and a third that calls them, as requests."""
    scales = [Request("kernel", SCALE.format(k), "scale", ARGUMENTS, None) for k in (2.0, 3.0)]
    both = Request("kernel", BOTH, "both", ARGUMENTS, dict(zip(("first", "second"), scales)))
    return [*scales, both]


def compiled():
    """The kernels, and how many were compiled and loaded for them."""
    before = build.statistics()
    with Compilation() as compilation:
        for request in requests():
            compilation.add(request)
        kernels = compilation.finish()
    after = build.statistics()
    return kernels, *[
        after[f"{how}_kernels"] - before[f"{how}_kernels"] for how in ("compiled", "loaded")
    ]


def run(kernel):
    """What the kernel makes of ones."""
    x = np.ones(5)
    f = build.entry(
        "def f(n, x):\n    return g(n, x)",
        "f",
        (Scalar("int64"), build.Array("float64")),
        {"g": kernel},
    )
    f(5, x)
    return set(x)


def test_kernels_that_call_kernels():
    kernels, *counts = compiled()
    assert [run(k) for k in kernels] == [{2.0}, {3.0}, {6.0}] and counts == [3, 0]
    again, *counts = compiled()
    assert again == kernels and counts == [0, 0]
    build.clear()
    kernels, *counts = compiled()
    assert run(kernels[2]) == {6.0} and counts == [0, 3]


def test_what_is_asked_for_twice_is_compiled_once():
    with Compilation() as compilation:
        for _ in range(3):
            for request in requests():
                compilation.add(request)
        kernels = compilation.finish()
    assert len(set(kernels)) == 3 and kernels[:3] == kernels[3:6] == kernels[6:]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_failure_names_the_function_and_ends_the_thread(place):
    wrong = Request("kernel", "define i64 @f() {", "f", (), None, "llvm")
    before = threading.active_count()
    with pytest.raises(CompilationError, match=r"(?s)cannot compile f\(\).*define i64 @f\(\) \{"):
        with Compilation() as compilation:
            for number, request in enumerate(requests()):
                if number == place:
                    compilation.add(wrong)
                compilation.add(request)
            compilation.finish()
    for thread in threading.enumerate():
        if thread.name == "fungrad LLVM":
            thread.join(10)
    assert threading.active_count() <= before
    assert run(compiled()[0][2]) == {6.0}


def test_what_takes_long_is_compiled_first(monkeypatch):
    """The thread that makes texts has the rest of the work when it has made the last one."""
    order, begins, compiled = [], threading.Event(), machine.object_code
    monkeypatch.setattr(machine, "prepare", lambda: begins.wait(30))
    lines = "".join(f"    x[{i}] = {i}.0\n" for i in range(30))
    texts = ["    x[0] = 2.0\n", "    for i in range(n):\n        x[i] = 1.0\n", lines]
    sources = [f"def f(n, x):\n{text}    return 0" for text in texts]

    def object_code(texts, exports, effort):
        order.append(exports[0])
        return compiled(texts, exports, effort)

    monkeypatch.setattr(machine, "object_code", object_code)
    efforts = zip(sources, (0, 3, 0), strict=True)
    asked = [Request("kernel", s, "f", ARGUMENTS, None, effort=e) for s, e in efforts]
    with Compilation() as compilation:
        for request in asked:
            compilation.add(request)
        kernels = compilation.finish()
        begins.set()
    assert [k.symbol for k in kernels] == [r.symbol for r in asked]
    short, loop, long = [order.index(request.symbol) for request in asked]
    assert loop < short and long < short


def test_what_machine_code_calls_is_asked_for_with_it():
    program = """
from fungrad.compiler.execution import interrupts, symbols
texts = ["call i64 @fungrad.interrupts.pause(i64 0)", "@fungrad.scipy.ddot @fungrad.parallel.run"]
asked = symbols.requests(texts)
print(*[request.name for request in asked], len(symbols.requests(["@fungrad.scipy.ddot"])))
interrupts.address("pause")
print(*[request.name for request in symbols.requests(texts)])
"""
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found.split("\n")[:2] == ["pause run 0", "run"]


def test_a_source_that_cannot_be_translated():
    with pytest.raises(CompilationError, match="unknown"):
        with Compilation() as compilation:
            compilation.add(
                Request("kernel", "def f(x):\n    return unknown(x)", "f", ARGUMENTS[:1], None)
            )
            compilation.finish()


def test_threads_that_make_syntax_trees_at_once():
    """Where the collection of garbage gives another thread its turn in the middle of one."""
    source, threshold = python_caller.SOURCE, gc.get_threshold()
    expected = [ast.dump(tree) for tree in syntax.functions(source)]
    pause = lambda *_: time.sleep(1e-6)  # noqa: E731
    gc.callbacks.append(pause)
    gc.set_threshold(50)
    try:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(syntax.functions, [source] * 12))
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(pause)
    assert all([ast.dump(tree) for tree in trees] == expected for trees in found)


def test_threads_that_compile_at_once():
    results = {}

    def work(number):
        f = jit(lambda x: (np.sin(x) * (2.0 + number % 2) + number // 2).sum())
        results[number] = f(np.arange(50.0))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, found in results.items():
        expected = (np.sin(np.arange(50.0)) * (2.0 + number % 2) + number // 2).sum()
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert len(results) == 6
