"""Signals reach Python from long native loops, and leave everything usable."""

import os
import re
import signal
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, lax, threads, vmap
from fungrad.compiler.execution import interrupts
from fungrad.compiler.runtime import compile_program

#: Far more turns than the machine does before the signal, yet an end if it were never seen.
LONG = 5 * 10**8
LARGE = np.sin(np.arange(200_000.0))
MATRIX = np.eye(60) * 0.5


def counted(n, x):
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, fnp.cos(c[1])), (0, x))[1]


def turned(n, x):
    return lax.fori_loop(0, n, lambda i, c: fnp.cos(c), x)


def nested(n, x):
    return lax.fori_loop(0, n, lambda i, c: turned(i % 5, c), x)


def multiplied(n, x):
    return lax.fori_loop(0, n, lambda i, c: fnp.cos(MATRIX @ c), fnp.full(60, x))[0]


def shared_by_threads(n, x):
    return fnp.sum(lax.fori_loop(0, n, lambda i, c: fnp.cos(c), x + LARGE))


def of_a_batch(n, x):
    return fnp.sum(vmap(lambda v: counted(n, v))(x + fnp.arange(3.0)))


LOOPS = [counted, turned, nested, multiplied, shared_by_threads, of_a_batch]


@contextmanager
def interrupted(error=KeyboardInterrupt, number=signal.SIGINT):
    """A signal comes while the body runs, which has to end with its error."""
    timer = threading.Timer(0.05, os.kill, (os.getpid(), number))
    timer.start()
    with pytest.raises(error):
        yield
    timer.join()


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    """Control-C is what it is in a fresh interpreter."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("loop", LOOPS, ids=lambda f: f.__name__)
def test_a_compiled_loop_ends_and_works_again(loop):
    f = jit(loop)
    expected = f(7, 0.3)
    with interrupted():
        f(LONG, 0.3)
    assert f(7, 0.3) == expected
    np.testing.assert_allclose(loop(7, 0.3), expected)


def test_an_eager_loop_ends_too():
    with interrupted():
        turned(LONG, 0.3)
    np.testing.assert_allclose(turned(3, 0.3), np.cos(np.cos(np.cos(0.3))))


def test_stacks_that_grow_are_given_back():
    f = jit(grad(counted, argnums=1))
    expected = f(7, 0.3)
    with interrupted():
        f(10**7, 0.3)
    assert f(7, 0.3) == expected


def test_a_donated_argument_may_be_donated_again():
    f = jit(lambda n, x: lax.fori_loop(0, n, lambda i, c: fnp.cos(c), x), donate_argnums=1)
    x = np.full(50, 0.3)
    with interrupted():
        f(LONG, x)
    x[:] = 0.3
    np.testing.assert_allclose(f(2, x), np.cos(np.cos(0.3)))


def test_handlers_of_other_signals_run():
    """Those that raise end the loop; those that do not let it go on."""
    seen = []

    class OutOfTime(Exception):
        pass

    def stop(*_):
        raise OutOfTime

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with interrupted(OutOfTime, signal.SIGUSR1):
            jit(turned)(LONG, 0.3)
        signal.signal(signal.SIGUSR1, lambda *_: seen.append(time.monotonic()))
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        result = jit(turned)(8 * 10**6, 0.3)
        assert seen and seen[0] < time.monotonic()
        timer.join()
        assert result == jit(turned)(8 * 10**6, 0.3)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_other_threads_go_on_and_are_not_held_up():
    """A loop without the lock of the interpreter: Python runs meanwhile, and gets the signal."""
    f, found = jit(turned), []
    expected = f(10**7, 0.3)
    thread = threading.Thread(target=lambda: found.append(f(10**7, 0.3)))
    thread.start()
    with interrupted():
        time.sleep(60)
    thread.join()
    assert found == [expected]


def test_after_an_interrupt_threads_share_loops_as_before():
    with threads(2):
        f = jit(shared_by_threads)
        expected = f(3, 0.1)
        for _ in range(3):
            with interrupted():
                f(LONG, 0.1)
            assert f(3, 0.1) == expected


def test_how_often_a_loop_looks():
    """Cheap turns share a look; the work of a turn is in no text, so a size changes nothing."""
    assert interrupts.turns_between_looks(1) > 10_000
    assert interrupts.turns_between_looks(10**9) == 1
    sources = [
        compile_program(jit(lambda x: turned(9, x)).trace(np.ones(n)).program).source
        for n in (1000, 2000)
    ]
    first, second = (re.sub("#.*", "", source) for source in sources)
    assert first == second
    assert re.search(r"for i0 in turns\(9, .*\):", first)
    assert "while goes_on(" in compile_program(jit(counted).trace(3, 0.5).program).source


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [3, 4, 8])
def test_what_a_loop_has_in_vectors_survives_its_pauses(n, dtype):
    """All values of a carry do the same, so they are vectors, which stay in registers."""

    def turn(_, carry):
        return tuple([x * dtype(1 - 1e-6) + dtype(1e-9) * x * x for x in carry])

    def turns(count):
        return jit(lambda *carry: lax.fori_loop(0, count, turn, carry))

    carry = tuple([dtype(k + 1) for k in range(n)])
    whole, few = turns(200_000)(*carry), turns(1000)
    for _ in range(200):
        carry = few(*carry)
    assert whole == carry
