"""Programs compiled once for many sizes: what a template makes is what the compiler would make."""

import marshal
import threading

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import clear_caches, grad, jit, value_and_grad
from fungrad.compiler import compiling
from fungrad.compiler.execution import templates
from fungrad.compiler.execution.program_key import outline
from fungrad.compiler.execution.recipe import Recipe
from fungrad.compiler.llvm.build import statistics
from fungrad.core.open_numbers import OpenNumbers
from fungrad.core.tracing import trace
from fungrad.core.types import type_of
from fungrad.lax import scan
from fungrad.transforms.vjp import vjp


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path / "cache"))
    clear_caches()


# ---- what a template makes equals what the compiler makes for the sizes themselves


def softmax_loss(x, w):
    s = x @ w
    s = s - s.max(axis=1, keepdims=True)
    return -(s - fnp.log(fnp.exp(s).sum(axis=1, keepdims=True))).sum() / len(x)


PROGRAMS = {
    "chain": lambda x, w: fnp.sin(x) * fnp.cos(x) + 2.5,
    "mean": lambda x, w: fnp.mean(x) + fnp.var(x, axis=0).sum(),
    "columns": lambda x, w: fnp.sum(x * 1.5, axis=0) / len(x),
    "flat": lambda x, w: fnp.tanh(x.reshape(-1)) * x.size,
    "joined": lambda x, w: fnp.concatenate([x, fnp.pad(x, 1)[1:-1, 1:-1] * x]).sum(axis=1),
    "halves": lambda x, w: x[: len(x) // 2] * fnp.flip(x)[: len(x) // 2],
    "across": lambda x, w: x @ x.T + (x @ x.T).T,
    "product": lambda x, w: fnp.tanh(x @ w) @ w.T,
    "loss": softmax_loss,
    "batches": lambda x, w: fnp.einsum("ij,ik,kj->ij", x, x @ w, w.T[:, : x.shape[1]]),
    "scan": lambda x, w: scan(lambda c, row: (fnp.tanh(c @ w[:, :1] + row), c.sum()), x[0], x)[1],
    "sorted": lambda x, w: fnp.sort(x, axis=0) + fnp.cumsum(x, axis=1),
    "near": lambda x, w: fnp.where(fnp.sqrt(x * x) <= 0.3337, x, 2.5 * x) * 1.7,
    "gathered": lambda x, w: x[fnp.argmax(x, axis=0)] * fnp.ones(x.shape[1]),
}
SIZES = (1, 2, 3, 16, 17, 18, 23, 31, 40, 52, 53, 63, 64, 65, 127, 128, 129, 257, 512, 1000, 5000)


def program_of(name, rows, columns, is_reverse):
    """A program over a matrix of so many rows and columns, or its pullback."""
    types = [type_of(np.zeros(shape)) for shape in ((rows, columns), (columns, 3))]
    program, _ = trace(lambda *x: [PROGRAMS[name](*x)], types, "f")
    if not is_reverse:
        return program
    return vjp(program, (True,) * len(program.inputs), (True,)).backward


def made(assembly):
    """All that code is made from."""
    kernels = [(k.source, k.function, k.arguments, k.in_parts) for k in assembly.kernels]
    return assembly.source, kernels


def check_template(programs):
    """Templates from the first programs on serve later ones exactly; how many are served so."""
    known, served = {}, 0
    for program in programs:
        shape = outline(program)
        direct = compiling.assembled(program, (), False)
        numbers = [*shape.integers, *shape.scalars]
        found = [(r.filled(numbers), text) for r, text in known.get(shape.key, ())]
        found = [pair for pair in found if pair[0] is not None]
        served += bool(found)
        if not found:
            assembly, recipe = compiling.with_open_sizes(program, (), shape)
            assert recipe is not None, "open numbers were not taken"
            recipe = Recipe(*marshal.loads(marshal.dumps(recipe.as_data())))  # as from disk
            known.setdefault(shape.key, []).append((recipe, made(assembly)))
            found = [(recipe.filled(numbers), made(assembly))]
        for form, text in found:
            assert form == direct.form and text == made(direct)
    return served


@pytest.mark.parametrize("is_reverse", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_template_makes_what_the_compiler_makes(name, is_reverse):
    rows = np.random.default_rng(sorted(PROGRAMS).index(name)).choice(SIZES, 6)
    check_template([program_of(name, int(n), 20 + int(n) % 2, is_reverse) for n in rows])


def test_nearby_sizes_are_served_by_one_template():
    for name in PROGRAMS:
        sizes = (70, 71, 74, 78)
        assert check_template([program_of(name, n, 20, False) for n in sizes]) == 3, name


# ---- through jit


def compiled():
    counts = statistics()
    return counts["compiled_kernels"] + counts["compiled_entries"]


def step(w, x):
    value, gradient = value_and_grad(lambda w: softmax_loss(x, w))(w)
    return value, w - 0.01 * gradient


def test_a_new_size_runs_no_pass_and_compiles_nothing(monkeypatch):
    w, f = np.full((30, 5), 0.1), jit(step)
    f(w, np.ones((90, 30)))
    before = compiled()
    for name in ("assembled", "with_open_sizes"):
        monkeypatch.setattr(compiling, name, lambda *_: pytest.fail("a pass runs"))
    for n in (70, 80, 101, 117):
        x = np.random.default_rng(n).normal(size=(n, 30))
        for got, expected in zip(f(w, x), step(w, x), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert compiled() == before


def test_another_process_would_find_the_template_of_another_size(monkeypatch):
    w = np.full((30, 5), 0.1)
    jit(step)(w, np.ones((90, 30)))
    clear_caches()
    monkeypatch.setattr(compiling, "assembled", lambda *_: pytest.fail("a pass runs"))
    x = np.random.default_rng(0).normal(size=(77, 30))
    for got, expected in zip(jit(step)(w, x), step(w, x), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2, 17, 1009, 100_003])
def test_sizes_beyond_every_decision_are_right(n):
    f = lambda x: fnp.sum(fnp.exp(-x) * x) / 3.7 + fnp.sum(fnp.concatenate([x, x[::2]]))  # noqa: E731
    g = jit(grad(f))
    for size in (40, n, 41):
        x = np.linspace(0, 1, size)
        np.testing.assert_allclose(g(x), grad(f)(x), rtol=1e-12)


def test_a_decision_that_comes_out_differently_is_a_template_of_its_own():
    f = jit(lambda x: fnp.sum(x * x, axis=0))
    f(np.ones((40, 30)))
    key = outline(program_of("columns", 40, 30, False)).key
    first = len(templates._known)
    f(np.ones((40_000, 30)))  # large enough for two threads
    f(np.ones((50, 31)))
    assert len(templates._known) == first == 1 and key not in templates._known
    ((found),) = templates._known.values()
    assert len(found) == 2


def test_constants_that_follow_from_sizes_are_those_of_the_size():
    f = jit(lambda x: x / len(x) + fnp.full(x.shape, 1.0 / x.size).sum())
    for n in (20, 33, 47):
        x = np.arange(float(n))
        np.testing.assert_allclose(f(x), x / n + 1.0, rtol=1e-14)


def test_templates_are_bounded_and_cleared(monkeypatch):
    monkeypatch.setattr(templates, "_MOST_OUTLINES", 3)
    for number in range(5):
        jit(lambda x: fnp.sin(x) ** number)(np.ones(40))  # noqa: B023
    assert 0 < len(templates._known) <= 3
    clear_caches()
    assert not templates._known


def test_threads_share_templates():
    f, failures = jit(lambda x: fnp.sum(fnp.sin(x) * 0.3)), []

    def work(seed):
        for n in np.random.default_rng(seed).integers(17, 400, 12):
            x = np.linspace(0, 1, n)
            if abs(f(x) - np.sum(np.sin(x) * 0.3)) > 1e-10:
                failures.append(n)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_errors_name_the_line_also_from_a_template():
    f = jit(lambda x, i: fnp.take(x, i, mode="raise") * 2.5)
    for n in (40, 50):
        x = np.arange(float(n))
        assert f(x, np.int64(7)) == 17.5
        with pytest.raises(IndexError, match=f"{n + 3}.*test_templates.py") as error:
            f(x, np.int64(n + 3))
        assert str(n) in str(error.value)


def test_open_numbers_end_with_the_making_that_they_belong_to():
    numbers = OpenNumbers(16)
    n = numbers.integer(40)
    assert numbers.decisions == {} and n * 2 > 50 and len(numbers.decisions) == 1
    assert (n + 2) // 3 in {1: "one", 14: "small ones are known where they are looked for"}
    assert n - n == 0 and n // n == 1 and type(n * 3 // n) is int and n * 1 is n
    assert max(n, 17) is n and n > -np.inf
    numbers.close()
    with pytest.raises(RuntimeError, match="outlived"):
        bool(n > 17)
