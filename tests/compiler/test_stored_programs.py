"""Compiled programs on disk: found by what they compute, and never taken for another's."""

import subprocess
import sys

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import clear_caches, grad, jit
from fungrad.compiler import runtime
from fungrad.compiler.execution import cache
from fungrad.compiler.execution.program_key import program_key
from fungrad.core.program import Literal
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.lax import scan, while_loop
from fungrad.primitives.elementwise import rows
from fungrad.primitives.reductions import Sum
from fungrad.scipy import special
from fungrad.testing import check_grads


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path / "cache"))
    clear_caches()


def key(f, *shapes, dtype=np.float64, donated=()):
    """The key of a function of arrays of these shapes."""
    types = [ArrayType(s, dtype) for s in shapes]
    return program_key(trace(lambda *x: [f(*x)], types, "jit of f")[0], donated)


def test_equal_programs_have_equal_keys():
    first = key(lambda x: fnp.sin(x) * 2.5 + x, (3,))
    clear_caches()
    assert key(lambda y: 2.5 * fnp.sin(y) + y, (3,)) != first  # multiplied the other way round
    assert key(lambda y: fnp.sin(y) * 2.5 + y, (3,)) == first
    assert len(first) == 32


NEAR = {
    "another constant": (lambda x: x * 2.5, lambda x: x * np.nextafter(2.5, 3)),
    "a constant of another sign": (lambda x: x * 0.0, lambda x: x * -0.0),
    "a constant of another dtype": (
        lambda x: fnp.full((5,), np.float32(2.5)),
        lambda x: fnp.full((5,), np.float64(2.5)),
    ),
    "an integer for a truth value": (
        lambda x: fnp.full((5,), np.int8(1)),
        lambda x: fnp.full((5,), np.bool_(True)),
    ),
    "another axis": (lambda x: fnp.sum(x[:, None] * x, 0), lambda x: fnp.sum(x[:, None] * x, 1)),
    "another operand": (lambda x: fnp.sin(x) - x, lambda x: x - fnp.sin(x)),
    "another function": (fnp.sin, fnp.cos),
    "another output": (lambda x: (fnp.sin(x) + x * 0) * 0 + x, lambda x: fnp.sin(x) + x * 0),
    "another index": (lambda x: x[1:], lambda x: x[:-1]),
    "another part of a loop": (
        lambda x: scan(lambda c, _: (c * 2.0, None), x, None, 3)[0],
        lambda x: scan(lambda c, _: (c * 3.0, None), x, None, 3)[0],
    ),
    "another number of turns": (
        lambda x: scan(lambda c, _: (c * 2.0, None), x, None, 3)[0],
        lambda x: scan(lambda c, _: (c * 2.0, None), x, None, 4)[0],
    ),
}


@pytest.mark.parametrize("what", NEAR)
def test_programs_that_differ_little_have_keys_of_their_own(what):
    first, second = NEAR[what]
    assert key(first, (5,)) != key(second, (5,))


def test_types_and_settings_are_in_the_key():
    f = lambda x, y: x.sum() + y.sum()  # noqa: E731
    shapes = [((2, 3), (2, 3)), ((3, 2), (2, 3)), ((1, 3), (2, 3)), ((0, 3), (2, 3)), ((6,), (6,))]
    keys = [key(f, *s) for s in shapes]
    keys += [key(f, (6,), (6,), dtype=np.float32), key(f, (6,), (6,), donated=(0,))]
    assert len(set(keys)) == len(keys) and None not in keys


def test_nan_by_its_bits():
    quiet, other = (
        np.array([n], np.uint64).view(np.float64)[0] for n in (0x7FF8 << 48, 0x7FF9 << 48)
    )
    assert Literal(quiet) is not Literal(other)
    assert key(lambda x: x * quiet, (2,)) != key(lambda x: x * other, (2,))


def test_what_somebody_else_defines_has_no_key():
    mine = rows.unary("sin", np.cos)
    assert key(lambda x: mine(x), (3,)) is None
    assert key(lambda x: scan(lambda c, _: (mine(c), None), x, None, 3)[0], (3,)) is None

    class Mine(Sum):
        axes: tuple

    assert key(lambda x: Sum((0,))(x), (3,)) is not None
    assert key(lambda x: Mine((0,))(x), (3,)) is None


def test_rows_of_every_table_have_keys():
    for f in (fnp.tanh, special.gammaln, special.i0, special.fresnel):
        assert key(lambda x, f=f: fnp.sum(fnp.stack(f(x))), (3,)) is not None


def twice(f, *x):
    """What a jitted function returns when it is compiled, and when it comes from disk."""
    results = []
    for _ in range(2):
        clear_caches()
        results.append(jit(f)(*x))
    return results


def outcomes(monkeypatch):
    """Whether each program that is asked for from now on was found on disk."""
    found, stored = [], runtime.stored

    def noted(key):
        found.append(stored(key))
        return found[-1]

    monkeypatch.setattr(runtime, "stored", noted)
    return found


def returned(x, n):
    """Every way in which an output can come about."""
    y = fnp.exp(x)
    return x, n, y, y, y.sum(), 2.5, fnp.zeros((2, 0)), x.T, n + 1


def test_every_kind_of_output_comes_back(monkeypatch):
    found = outcomes(monkeypatch)
    x = np.arange(6.0).reshape(2, 3)
    for first, second in zip(*twice(returned, x, 3), strict=True):
        assert type(first) is type(second) and first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
        assert first is second is x or not np.shares_memory(first, second)
    assert [f is not None for f in found] == [False, True]


def test_loops_of_unknown_length_come_back(monkeypatch):
    found = outcomes(monkeypatch)

    def f(x):
        return while_loop(lambda s: s[1] < 4, lambda s: (fnp.sin(s[0]), s[1] + 1), (x, 0))[0].sum()

    x = np.linspace(0.1, 1, 5)
    first, second = twice(grad(f), x)
    np.testing.assert_array_equal(first, second)
    assert found[-1] is not None
    check_grads(f, (x,), order=1)


def test_errors_are_those_of_the_program(monkeypatch):
    found = outcomes(monkeypatch)
    f = lambda x, i: fnp.take(x, i, mode="raise")  # noqa: E731
    for _ in range(2):
        clear_caches()
        g = jit(f)
        assert g(np.arange(3.0), np.int64(2)) == 2.0
        with pytest.raises(IndexError, match="7"):
            g(np.arange(3.0), np.int64(7))
        assert "def entry" in g.lower(np.arange(3.0), np.int64(2)).compile().as_text()
    assert [f is not None for f in found] == [False, True]


def test_donated_arguments_are_not_those_of_another_call():
    x = np.ones(300)
    f = lambda x: x * 2.0 + 1.0  # noqa: E731
    for donated in ((), 0, ()):
        clear_caches()
        given = x.copy()
        result = jit(f, donate_argnums=donated)(given)
        np.testing.assert_array_equal(result, 3.0)
        assert np.shares_memory(result, given) is (donated == 0)


def test_a_program_whose_code_is_gone_is_compiled_anew(tmp_path):
    x = np.ones(40)
    f = grad(lambda x: fnp.sin(x) @ fnp.cos(x))
    expected = f(x)
    for _ in range(2):  # the process keeps what it has once, such as the pool of threads
        clear_caches()
        for file in (tmp_path / "cache").glob("*.code"):
            file.unlink()
        jit(f)(x)
    files = sorted((tmp_path / "cache").glob("*.code"))
    assert len(files) >= 2
    for file in files:
        content = file.read_bytes()
        file.unlink()
        clear_caches()
        np.testing.assert_allclose(jit(f)(x), expected, rtol=1e-14)
        assert file.exists()
        file.write_bytes(content)


def test_another_process_finds_it():
    program = """
import sys
import numpy as np
import fungrad, fungrad.numpy as fnp
step = fungrad.jit(fungrad.grad(lambda w, x: fnp.tanh(x @ w).sum()))
print(float(step(np.full((3, 2), 0.1), np.ones((4, 3))).sum()))
print("fungrad.compiler.lower" in sys.modules, "fungrad.optimize" in sys.modules)
"""
    command = [sys.executable, "-W", "error", "-c", program]
    cold, warm = [subprocess.check_output(command, text=True).split() for _ in range(2)]
    assert cold[0] == warm[0]
    assert cold[1:] == ["True", "True"] and warm[1:] == ["False", "False"]


def test_what_is_found_needs_no_compiler():
    program = """
import sys
import numpy as np
import fungrad
assert fungrad.jit(fungrad.grad(lambda x: np.sum(np.tanh(x) * x)))(np.zeros(5)).sum() == 0
print(*[name for name in sys.modules if name.startswith("fungrad.compiler.")])
"""
    command = [sys.executable, "-W", "error", "-c", program]
    cold, warm = [set(subprocess.check_output(command, text=True).split()) for _ in range(2)]
    assert "fungrad.compiler.llvm.build" in cold
    folders = {name.split(".")[2] for name in warm}
    assert folders == {"execution", "language", "runtime"} and len(warm) <= 20, warm


def test_a_damaged_file_is_mended(tmp_path):
    f, x = (lambda x: fnp.sqrt(x) + 1.0), np.ones(50)
    jit(f)(x)
    for file in (tmp_path / "cache").glob("*.code"):
        file.write_bytes(file.read_bytes()[:-3])
    clear_caches()
    cache._warned = False
    with pytest.warns(RuntimeWarning, match="damaged"):
        np.testing.assert_array_equal(jit(f)(x), 2.0)
    cache._warned = False
    clear_caches()
    np.testing.assert_array_equal(jit(f)(x), 2.0)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def _emptied(path):
    path.write_bytes(b"")


def _changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(bytes(content))


def _foreign(path):
    path.write_bytes(b"another program's file " * 9)


def _of_another(path):
    """The whole and undamaged content of another file."""
    other = max(path.parent.glob("*.code"), key=lambda p: (p != path, p.name))
    path.write_bytes(other.read_bytes())


def _gone(path):
    path.unlink()


DAMAGES = (_cut, _emptied, _changed, _foreign, _of_another, _gone)
TWO_PROGRAMS = """
import warnings
import numpy as np
import fungrad, fungrad.numpy as fnp
from fungrad.compiler.execution.loading import statistics

x = np.linspace(0.1, 1, 300_000)
step = fungrad.jit(fungrad.grad(lambda w, x: fnp.tanh(x @ w).sum() * fnp.sort(w)[3]))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = step(x[:40], x[:1200].reshape(30, 40)), fungrad.jit(lambda x: fnp.exp(x) - x)(x)
compiled = sum([n for what, n in statistics().items() if what.startswith("compiled")])
print(*[repr(float(y.sum())) for y in found], compiled, len(caught))
"""


@pytest.mark.parametrize("first", range(len(DAMAGES)))
def test_two_processes_at_once_mend_what_is_damaged(tmp_path, first):
    """Every file of the cache is damaged, each in another way."""

    def started():
        command = [sys.executable, "-c", TWO_PROGRAMS]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def outcome(process):
        *values, compiled, warned = process.communicate(timeout=100)[0].split()
        assert process.returncode == 0
        return values, int(compiled), int(warned)

    expected, compiled, warned = outcome(started())
    files = sorted((tmp_path / "cache").glob("*.code"))
    assert compiled > 3 and warned == 0 and len(files) > 5
    for number, path in enumerate(files):
        DAMAGES[(number + first) % len(DAMAGES)](path)
    for values, _, warned in map(outcome, [started(), started()]):
        assert values == expected and warned <= 1
    assert outcome(started()) == (expected, 0, 0)


def test_a_folder_in_the_place_of_a_file(tmp_path):
    f, x = (lambda x: fnp.cbrt(x) + 1.0), np.ones(50)
    jit(f)(x)
    for path in (tmp_path / "cache").glob("*.code"):
        path.unlink()
        path.mkdir()
    clear_caches()
    cache._warned = False
    with pytest.warns(RuntimeWarning, match="cannot read"):
        np.testing.assert_array_equal(jit(f)(x), 2.0)
