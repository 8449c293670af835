"""progress=: bars reach the end in every kind of loop, and change nothing else."""

import io
import sys
import threading
import time

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import disable_jit, grad, jit, jvp, lax, make_program, vmap
from fungrad.compiler.runtime import compile_program
from fungrad.control.progress import PlainBar, Progress

XS = np.linspace(0.5, 1.5, 12)


class Recorder:
    """A bar that notes what it is told."""

    def __init__(self, title, total):
        self.title, self.total, self.shown, self.is_closed = title, total, [], False

    def show(self, done):
        self.shown.append(done)

    def close(self):
        self.is_closed = True


@pytest.fixture
def bars(monkeypatch):
    made = []

    def bar(self, total, start=None):
        made.append(Recorder(self.title, total))
        return made[-1]

    monkeypatch.setattr(Progress, "bar", bar)
    return made


LOOPS = {
    "scan": lambda x, p: lax.scan(lambda c, v: (fnp.sin(c) + v, c), x, XS, progress=p)[0],
    "fori_loop": lambda x, p: lax.fori_loop(0, 12, lambda i, c: fnp.sin(c) + i, x, progress=p),
    "while_loop": lambda x, p: lax.while_loop(
        lambda c: c[1] < 12, lambda c: (fnp.sin(c[0]), c[1] + 1), (x, 0), progress=p
    )[0],
}
TOTALS = {"scan": 12, "fori_loop": 12, "while_loop": None}
EACH = pytest.mark.parametrize("name", LOOPS)


def ends(bars):
    """(title, total, last count) of every bar, all of which must be closed."""
    assert all(b.is_closed for b in bars)
    return [(b.title, b.total, b.shown[-1]) for b in bars]


@EACH
def test_the_bar_reaches_the_end(bars, name):
    loop, plain = LOOPS[name], LOOPS[name](0.3, False)
    assert not bars
    assert loop(0.3, "training") == plain
    assert ends(bars) == [("training", TOTALS[name], 12)]
    bars.clear()
    np.testing.assert_allclose(jit(lambda x: loop(x, "training"))(0.3), plain)
    assert ends(bars) == [("training", TOTALS[name], 12)]
    bars.clear()
    with disable_jit():
        assert loop(0.3, "training") == plain
    assert ends(bars) == [("training", TOTALS[name], 12)]


@EACH
@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "compiled"])
def test_derivatives_and_batches_report_too(bars, name, run):
    shown, plain = (lambda x: LOOPS[name](x, "loop")), (lambda x: LOOPS[name](x, False))
    np.testing.assert_allclose(run(grad(shown))(0.3), grad(plain)(0.3))
    titles = [title for title, _, done in ends(bars) if done == 12]
    assert titles == ["loop", "loop, backward"]
    bars.clear()
    np.testing.assert_allclose(
        run(lambda x: jvp(shown, (x,), (1.0,)))(0.3), jvp(plain, (0.3,), (1.0,))
    )
    assert ends(bars)[0][2] == 12
    bars.clear()
    x = np.array([0.1, 0.2])
    np.testing.assert_allclose(run(vmap(shown))(x), vmap(plain)(x))
    assert ends(bars)[0][2] == 12


def test_segments_report_as_one_loop(bars):
    f = lambda x: lax.scan(
        lambda c, v: (fnp.sin(c * v), None), x, XS, progress="deep", checkpoint=3
    )[0]
    jit(grad(f))(0.3)
    assert [title for title, *_ in ends(bars)] == ["deep", "deep, backward"]
    assert all(total == 4 for _, total, _ in ends(bars))


def test_two_loops_have_two_bars(bars):
    def f(x):
        x = lax.fori_loop(0, 5, lambda i, c: c * 2, x, progress="first")
        return lax.fori_loop(0, 7, lambda i, c: c * 2, x, progress="second")

    assert jit(f)(1.0) == 2.0**12
    assert sorted(ends(bars)) == [("first", 5, 5), ("second", 7, 7)]


def test_a_running_loop_is_seen_from_outside(bars):
    """The counter moves while the loop runs: nothing optimises its stores away."""
    f = jit(lambda x: lax.fori_loop(0, 10**7, lambda i, c: fnp.sin(c), x, progress=True))
    seen = []

    def look():
        while not (bars and bars[0].is_closed):
            if bars and bars[0].shown:
                seen.append(bars[0].shown[-1])
            time.sleep(0.02)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    f(1.0)
    thread.join(10)
    assert any(0 < done < 10**7 for done in seen)


def test_code_without_progress_knows_nothing_of_it():
    programs = [make_program(lambda x, p=p: LOOPS["scan"](x, p))(1.0) for p in (False, "a", "b")]
    plain, first, second = (compile_program(p).source for p in programs)
    assert "report" not in plain and "report(counters, 0, " in first
    assert first == second, "titles are not in the code"


def test_an_error_closes_the_bar(bars):
    def step(c, x):
        return c + np.linalg.cholesky(x)[0, 0], None

    matrices = np.stack([np.eye(2), -np.eye(2)])
    for run in (lambda f: f, jit):
        with pytest.raises(np.linalg.LinAlgError):
            run(lambda m: lax.scan(step, 0.0, m, progress=True)[0])(matrices)
        ends(bars)


# ---- what a bar looks like


def test_the_plain_bar():
    stream = io.StringIO()
    bar = PlainBar("training", 40, stream)
    for done in (0, 10, 40):
        bar.show(done)
    bar.close()
    lines = stream.getvalue().split("\r")
    assert lines[2].startswith("training:  25% |######                  | 10/40 ")
    assert lines[3].startswith("training: 100% |########################| 40/40 ")
    assert stream.getvalue().endswith("\n")
    stream = io.StringIO()
    PlainBar("search", None, stream).show(3)
    assert "search: 3 turns" in stream.getvalue()


def test_without_tqdm_the_plain_one_is_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert isinstance(Progress("t").bar(3), PlainBar)


def test_bad_input():
    with pytest.raises(
        TypeError, match="scan of <lambda>: progress must be True, False or a title"
    ):
        lax.scan(lambda c, x: (c, x), 0.0, XS, progress=3)
    assert lax.fori_loop(0, 0, lambda i, c: c, 1.0, progress=True) == 1.0
