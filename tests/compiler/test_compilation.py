"""Several functions compiled together, on a thread of their own."""

import threading

import numpy as np
import pytest

from fungrad import jit
from fungrad.compiler.llvm import build
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


def test_a_source_that_cannot_be_translated():
    with pytest.raises(CompilationError, match="unknown"):
        with Compilation() as compilation:
            compilation.add(
                Request("kernel", "def f(x):\n    return unknown(x)", "f", ARGUMENTS[:1], None)
            )
            compilation.finish()


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
