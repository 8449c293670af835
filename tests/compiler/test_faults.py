"""Compiled code where programs are not alone: processes, threads, calls inside calls, full disks."""

import multiprocessing
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, io_callback, jit, lax, pure_callback, threads, vmap
from fungrad.core import forks

LARGE = np.sin(np.arange(600_000.0))


def powers(n, x):
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, fnp.sin(c[1])), (0, x))[1]


def spread(x):
    """More memory than the heap leaves to the C library, on several threads."""
    return fnp.sum(fnp.tanh(x) * fnp.cumsum(x))


SLOPE, SPREAD = jit(grad(powers, argnums=1)), jit(grad(spread))


def figures(n):
    """What a process computes: stacks, workspaces, the pool, and something new to compile."""
    new = jit(lambda x: fnp.sum(fnp.cos(x) ** (n % 3 + 2)))
    return SLOPE(n, 0.3), float(SPREAD(LARGE)[n]), float(new(LARGE[:9]))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes(method):
    """The parent has used everything, and its threads wait or run while it forks."""
    with threads(3):
        expected = [figures(n) for n in (5, 8)]
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(figures, [5, 8], chunksize=1) == expected
        assert [figures(n) for n in (5, 8)] == expected


FORKING = """
import os, threading
import numpy as np
from fungrad import jit, threads
import fungrad.numpy as fnp

threads(3)
x = np.sin(np.arange(900_000.0))
f = jit(lambda x: fnp.tanh(x) * fnp.sum(x))
expected, goes_on = f(x), True

def work():
    while goes_on:
        f(x)

workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
for turn in range(8):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(f(x), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
goes_on = False
for worker in workers:
    worker.join()
assert np.array_equal(f(x), expected)
"""


def test_forks_while_threads_compute():
    """Locks of the pool and of the heap may be held when the child begins."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", FORKING], check=True, timeout=100, env=environment)


FORKING_WHILE_COMPILING = """
import os, threading
import numpy as np
import fungrad.numpy as fnp
from fungrad import jit

def value(number):
    def f(x):
        for bit in f"{number:08b}":
            x = x / fnp.sum(x) + (fnp.tanh(x) if bit == "1" else fnp.sin(x))
        return x

    return jit(f)(np.linspace(0.0, 1.0, 9))

value(0)
goes_on = True

def work(number):
    while goes_on:
        number += 1
        value(number)

workers = [threading.Thread(target=work, args=(64 * k,)) for k in range(2)]
for worker in workers:
    worker.start()
for turn in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.isfinite(value(200 + turn)).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
goes_on = False
for worker in workers:
    worker.join()
"""


def test_forks_while_threads_compile(tmp_path):
    """The lock of LLVM's functions may be held when the child begins, which compiles too."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "FUNGRAD_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", FORKING_WHILE_COMPILING]
    subprocess.run(command, check=True, timeout=100, env=environment)


FORKING_IN_FIRST_CALLS = """
import os, signal, threading, time
import numpy as np
import fungrad.numpy as fnp
from fungrad import grad, jit

def value(n):
    def f(x):
        return fnp.sum(fnp.sin(x) ** n * fnp.sort(x)) + fnp.linalg.det(x[:9].reshape(3, 3))

    return jit(grad(f))(np.linspace(0.0, 1.0, 12) + n)

workers = [threading.Thread(target=value, args=(k,)) for k in range(3)]
for worker in workers:
    worker.start()
children = []
for turn in range(4):
    time.sleep(0.05)
    children.append(os.fork())
    if children[-1] == 0:
        signal.alarm(90)
        os._exit(0 if np.isfinite(value(2.0 + turn)).all() else 1)
for worker in workers:
    worker.join()
found = [os.waitpid(child, 0)[1] for child in children]
assert found == [0] * 4, found
"""

FORKING_DURING_AN_IMPORT = """
import os, signal, sys, threading, time
import fungrad.tree
fungrad.__path__.append(sys.argv[1])

def work():
    import fungrad.slow

worker = threading.Thread(target=work)
worker.start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    signal.alarm(20)
    work()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
worker.join()
"""

FORKING_IN_AN_IMPORT = """
import signal, sys
import fungrad.tree
fungrad.__path__.append(sys.argv[1])
signal.alarm(50)  # who forks would wait for 60 s
import fungrad.forking
"""
FORKING_MODULE = """
import os, threading, time

def work():
    import fungrad.waiting

worker = threading.Thread(target=work)
worker.start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.parametrize(
    "program", [FORKING_IN_FIRST_CALLS, FORKING_DURING_AN_IMPORT, FORKING_IN_AN_IMPORT]
)
def test_forks_while_threads_import(program, tmp_path):
    """A module that another thread imports when the child begins could never be imported there."""
    (tmp_path / "slow.py").write_text("import time; time.sleep(1)")
    (tmp_path / "forking.py").write_text(FORKING_MODULE)
    (tmp_path / "waiting.py").write_text("import fungrad.forking")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "FUNGRAD_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, check=True, timeout=200, env=environment)


def test_locks_across_a_fork():
    """A child finds locks free, but for one that the forking thread itself has."""
    renewed, kept, awaited = forks.renewed_lock(), forks.renewed_lock(), forks.awaited_lock()
    is_held, goes_on = threading.Event(), threading.Event()

    def hold():
        with renewed:
            with awaited:
                is_held.set()
                goes_on.wait(0.2)
            goes_on.wait()

    worker = threading.Thread(target=hold, daemon=True)
    worker.start()
    is_held.wait()
    with warnings.catch_warnings(), kept:
        warnings.simplefilter("ignore")
        child = os.fork()
        if child == 0:
            are_free = [lock.acquire(timeout=1) for lock in (renewed, kept, awaited)]
            kept.release()
            os._exit(0 if all(are_free) and kept._is_owned() else 1)
        assert os.waitpid(child, 0)[1] == 0
    goes_on.set()
    worker.join()


def test_threads_that_call_one_function():
    """Stacks and workspaces are kept between calls, and belong to one call at a time."""
    ns = [3, 50, 700, 9000]
    slopes = [SLOPE(n, 0.3) for n in ns]
    rows = jit(vmap(grad(lambda x: fnp.sum(fnp.tanh(x[:, None] * x) ** 2))))
    batches = [np.linspace(0, k, 12 * 30).reshape(12, 30) for k in range(4)]
    expected, wrong = [rows(b) for b in batches], []

    def work(k):
        for _ in range(60):
            if SLOPE(ns[k], 0.3) != slopes[k] or not np.array_equal(rows(batches[k]), expected[k]):
                wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not wrong and not any(worker.is_alive() for worker in workers)


def test_threads_that_compile_one_function():
    """The first calls of several threads meet while it is traced and compiled."""
    f, found = jit(lambda x: fnp.sum(fnp.sin(x) * fnp.exp(-x) + fnp.sqrt(x))), []
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        found.append(f(np.arange(50.0)))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(found) == 4 and len(set(found)) == 1


@pytest.mark.parametrize("size", [3, 50_000])
def test_a_function_that_calls_itself(size):
    """A callback in the middle of compiled code calls the same compiled code."""

    def inside(depth, x):
        return f(depth - 1, x) if depth > 0 else np.asarray(x)

    @jit
    def f(depth, x):
        y = fnp.tanh(fnp.sin(x) + 1) * fnp.sum(x * x)
        z = pure_callback(inside, np.empty(size), depth, y / size)
        return y + z * fnp.sum(fnp.cos(y))

    def by_numpy(depth, x):
        y = np.tanh(np.sin(x) + 1) * np.sum(x * x)
        z = by_numpy(depth - 1, y / size) if depth > 0 else y / size
        return y + z * np.sum(np.cos(y))

    x = np.linspace(-1, 1, size)
    np.testing.assert_allclose(f(3, x), by_numpy(3, x), rtol=1e-9)


def test_a_loop_whose_callback_differentiates_it():
    """Stacks of the outer call lie beside those of the inner ones."""
    seen = []

    def look(n, x):
        seen.append(SLOPE_with_look(n - 1, x) if n > 1 else 0.0)

    def looking(n, x):
        y = powers(n, x)
        io_callback(look, None, n, x)
        return y * powers(n, y)

    SLOPE_with_look = jit(grad(looking, argnums=1))
    plain = grad(lambda n, x: powers(n, x) * powers(n, powers(n, x)), argnums=1)
    assert abs(SLOPE_with_look(4, 0.3) - plain(4, 0.3)) < 1e-12
    np.testing.assert_allclose(sorted(seen), sorted([0.0, *[plain(n, 0.3) for n in (1, 2, 3)]]))


FULL = """
import resource, signal, sys, warnings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # every write ends early, as on a full disk
import numpy as np
import fungrad.numpy as fnp
from fungrad import grad, jit
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for k in (1.0, 2.0):
        f = jit(grad(lambda x: fnp.sum(fnp.sin(x) ** k)))
        f(np.ones(3))
texts = [str(w.message) for w in caught if "cache" in str(w.message)]
assert len(texts) == 1 and "cannot write" in texts[0], texts
"""


def test_a_full_disk_is_said_once_and_leaves_nothing(tmp_path):
    environment = {**os.environ, "FUNGRAD_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FULL], check=True, timeout=100, env=environment)
    assert [p.name for p in tmp_path.iterdir()] == []
