"""Where memory ends: an error that says what took it and what to do, and all goes on."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, lax
from fungrad.compiler.execution import room
from fungrad.compiler.runtime import compile_program


def powers(n, x):
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, fnp.sin(c[1])), (0, x))[1]


SLOPE = jit(grad(powers, argnums=1))
MEGABYTES = 2**20

PROGRAM = """
import resource
from fungrad import grad, jit, lax
import fungrad.numpy as fnp

def inner(x):
    return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, fnp.cos(c[1])), (0, x))[1]

def powers(step, n, x):
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, step(c[1])), (0, x))[1]

slopes = [jit(grad(lambda x, n, step=step: powers(step, n, x))) for step in (fnp.sin, inner)]
before = [f(0.3, 9) for f in slopes]
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 100 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for f, expected in zip(slopes, before):
    for _ in range(2):
        try:
            f(0.3, 10**9)
        except MemoryError as error:
            print(error)
        assert f(0.3, 9) == expected
"""


def test_a_limit_of_the_operating_system():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all("reverse mode keeps" in line and "fungrad.checkpoint" in line for line in lines)
    assert re.search(r"values \(f64\[\]\) of every turn of a while loop .* \(0\.\d+ GB\)", lines[0])


@pytest.fixture
def left(monkeypatch):
    """Sets the bytes that are said to be left in the machine."""
    return lambda nbytes: monkeypatch.setattr(room, "available", lambda: nbytes)


def test_the_machine_is_asked_before_it_has_to_kill(left):
    expected = SLOPE(20, 0.3)
    left(20 * MEGABYTES)
    with pytest.raises(MemoryError, match=r"no room for \d{7,} of them"):
        SLOPE(10**8, 0.3)
    assert SLOPE(20, 0.3) == expected
    left(None)
    assert SLOPE(20, 0.3) == expected


def test_a_stack_that_cannot_be_doubled_grows_by_less(left):
    """15 million turns take 120 MB: the stack is doubled to 64 MB, and there are 70 MB more."""
    n = 15 * 10**6
    expected = SLOPE(n, 0.3)
    jit(powers)  # other code is as it was
    left(70 * MEGABYTES)
    again = jit(grad(powers, argnums=1))
    assert again(n, 0.3) == expected


def test_values_on_the_way_that_do_not_fit_are_named():
    n = 2**27

    def f(x):
        y = fnp.sin(fnp.broadcast_to(x, (n, n)))
        return fnp.max(y @ y.T)

    executable = compile_program(jit(f).trace(1.0).program)
    with pytest.raises(MemoryError, match=r"out of memory: f needs [\d.e+]+ GB for what it"):
        executable(np.float64(1.0))


def test_what_is_left_is_known(monkeypatch, tmp_path):
    assert room.available() is None or 0 < room.available() < 2**50
    monkeypatch.setattr(room, "_GROUPS", tmp_path)
    whole = room.available()
    for name, content in {
        "memory.max": "1000000",
        "memory.current": "400000",
        "memory.stat": "anon 5\ninactive_file 1000\n",
    }.items():
        (tmp_path / name).write_text(content + "\n")
    assert room.available() == 601000
    (tmp_path / "memory.max").write_text("max\n")
    assert whole is None or abs(room.available() - whole) < 2**32
    assert os.path.exists("/proc/meminfo") == (whole is not None)
