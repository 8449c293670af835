"""Loops and products that threads share: the same results, forks, other threads, errors."""

import ast
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, threads
from fungrad.compiler.execution import parallel
from fungrad.compiler.language import parts
from fungrad.compiler.language.parts import WORTH_WAKING
from fungrad.compiler.llvm import build

LARGE = np.sin(np.arange(40_000.0)).reshape(200, 200)
LONGER = np.sin(np.arange(420_000.0)).reshape(700, 600)


def normalised(x):
    """Reductions along rows, and what depends on them."""
    e = fnp.exp(x - fnp.max(x, axis=1, keepdims=True))
    return e / fnp.sum(e, axis=1, keepdims=True)


FUNCTIONS = {
    "elementwise": lambda x: fnp.tanh(x) * x,
    "in place": lambda x: fnp.exp(fnp.sin(x) + 1) * 2,
    "rows": normalised,
    "columns": lambda x: fnp.sum(x * x, axis=0),
    "everything": lambda x: fnp.sum(fnp.cos(x)),
    "transposed": lambda x: x.T * 2 + x.T[::-1],
    "padded": lambda x: fnp.pad(fnp.tanh(x), 3),
    "product": lambda x: x @ x.T,
    "product of transposes": lambda x: x.T @ fnp.tanh(x),
    "gradient": grad(lambda x: fnp.sum(normalised(x @ x.T[:, :50]) ** 2)),
}


@pytest.mark.parametrize(
    "x", [LARGE, LONGER, LONGER.astype(np.float32)], ids=lambda x: str(x.dtype)
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_do_not_depend_on_the_number_of_threads(name, x):
    f = jit(FUNCTIONS[name])
    found = []
    for n in (1, 2, 5):
        with threads(n):
            found.append(f(x))
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
    tolerance = 1e-12 if x.dtype == np.float64 else 1e-4
    np.testing.assert_allclose(found[0], FUNCTIONS[name](x), rtol=tolerance, atol=tolerance)


def test_products_of_every_form_in_parts():
    generator = np.random.default_rng(0)
    for m, n, k in ((300, 90, 100), (70, 310, 130), (1, 2000, 1100), (2000, 3, 500)):
        for dtype in (np.float32, np.complex128):
            a, b = generator.normal(size=(m, k)), generator.normal(size=(k, n))
            a, b = a.astype(dtype), (b + (0.5j * b if dtype == np.complex128 else 0)).astype(dtype)
            expected = a @ b
            for x, y, f in (
                (a, b, lambda x, y: x @ y),
                (a.T.copy(), b, lambda x, y: x.T @ y),
                (a, b.T.copy(), lambda x, y: x @ y.T),
                (a.T.copy(), b.T.copy(), lambda x, y: 2 * (x.T @ y.T) / 2),
            ):
                np.testing.assert_allclose(jit(f)(x, y), expected, rtol=1e-3, atol=1e-3)


def test_every_turn_runs_once():
    source = """
def count(x, y, n):
    for i in range(n):
        y[i] = y[i] + exp(x[i]) * 0.0 + 1.0
    return 0
"""
    arguments = (build.Pointer("float64"), build.Pointer("float64"), build.Scalar("int64"))
    count = build.kernel(source, "count", arguments, in_parts=True)
    call = build.entry(
        "def run(x, y, n):\n    return count(x, y, n)\n",
        "run",
        (build.Array("float64"), build.Array("float64"), build.Scalar("int64")),
        {"count": count},
    )
    for n in (0, 1, 7, WORTH_WAKING // 9, WORTH_WAKING // 9 + 3, WORTH_WAKING):
        x, y = np.zeros(n), np.zeros(n)
        for turns in range(1, 4):
            with threads(turns):
                call(x, y, n)
            assert (y == turns).all()


def test_words_of_one_instruction_count_as_the_signs_of_arithmetic():
    """A thread was woken for a search in windows that takes 6 us: it counted as 650."""
    source = """
def largest(x, y, n):
    for i in range(n):
        for k in range(4):
            wins = logical_and(less(y[i], x[i]), logical_not(isnan(y[i])))
            y[i] = maximum(select(wins, x[i], y[i]), float64({}))
    return 0
"""
    arguments = (build.Pointer("float64"), build.Pointer("float64"), build.Scalar("int64"))
    works = []
    for word in ("0.0", "exp(x[i])"):
        (tree,) = ast.parse(source.format(word)).body
        text = parts.dispatcher(tree, arguments, "largest")
        works.append(re.findall(r"mul i64 %work\d, (\S+)", text))
    assert works == [["%n", "4", "1"], ["%n", "4", "9"]]


def test_threads_of_python_call_at_the_same_time():
    f = jit(FUNCTIONS["elementwise"])
    expected, wrong = f(LARGE), []

    def calls():
        for _ in range(50):
            if not np.array_equal(f(LARGE), expected):
                wrong.append(1)

    workers = [threading.Thread(target=calls) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not wrong and not any(worker.is_alive() for worker in workers)


def test_a_forked_child_has_threads_of_its_own():
    program = """
import ast
import os
import re
import numpy as np
from fungrad import jit, threads
threads(3)
f = jit(lambda x: np.tanh(x) * x)
x = np.sin(np.arange(40_000.0))
expected = f(x)
child = os.fork()
if child == 0:
    os._exit(0 if all(np.array_equal(f(x), expected) for _ in range(5)) else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(f(x), expected)
"""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=environment)


def test_the_number_of_threads():
    before = parallel.threads()
    with threads(3):
        assert parallel.threads() == 3
        with threads():
            assert parallel.threads() == len(os.sched_getaffinity(0))
        assert parallel.threads() == 3
    assert parallel.threads() == before
    with pytest.raises(ValueError, match="n is 0; at least one"):
        threads(0)
    with pytest.raises(TypeError, match="n is 1.5; give an int"):
        threads(1.5)
    assert parallel.threads() == before


def test_small_kernels_wake_threads_that_sleep_only_where_it_pays():
    program = """
import time
import numpy as np
from fungrad import jit, threads
from fungrad.compiler.execution import parallel
threads(2)
_, words = parallel._run()
started, asleep = (words[parallel._PLACES[name]] for name in ("STARTED", "ASLEEP"))
assert started == asleep == 0
small, large = jit(lambda x: x * 2 + 1), jit(lambda x: np.tanh(x) * x)
x = np.ones(100_000)
small(x)
assert words[parallel._PLACES["STARTED"]] == 0  # it has been too little so far
for _ in range(100):
    small(x)
assert words[parallel._PLACES["STARTED"]] == 1
end = time.monotonic() + 40  # on a busy machine the thread sleeps late
while words[parallel._PLACES["ASLEEP"]] == 0 and time.monotonic() < end:
    time.sleep(0.05)
assert words[parallel._PLACES["ASLEEP"]] == 1
large(np.ones(1_000_000))
assert words[parallel._PLACES["MISSED"]] == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
