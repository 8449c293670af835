"""Eager derivatives do not depend on the calls before, from which they take programs and plans."""

import threading

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, jvp, value_and_grad, vjp
from fungrad.core.program import Program
from fungrad.core.tracing import Recording
from fungrad.numpy.ufuncs import subtract

R = np.random.default_rng(0)
AGAIN = 4  # a rule is learned by the second call, and found by the third
SHAPES = [(), (3,), (1,), (3, 1), (1, 3), (3, 3)]
OPERATIONS = {
    "product": lambda x, y: x * y,
    "quotient": lambda x, y: x / y,
    "difference": lambda x, y: x - y,
    "power": lambda x, y: x**y,
    "larger": lambda x, y: fnp.maximum(x, y),
}


def differences(f, x):
    """The central differences of a function of one array."""
    x = np.asarray(x)
    result = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = 1e-6
        result[i] = (f(x + step) - f(x - step)) / 2e-6
    return result


@pytest.mark.parametrize("name", OPERATIONS)
def test_operands_of_all_shapes_in_turns(name):
    f = OPERATIONS[name]
    for _ in range(AGAIN):
        for shape in SHAPES:
            for other in SHAPES:
                x, y = R.uniform(1, 3, shape), R.uniform(1, 3, other)
                dx, dy = grad(lambda x, y: fnp.sum(f(x, y)), (0, 1))(x, y)
                assert (np.shape(dx), np.shape(dy)) == (shape, other)
                np.testing.assert_allclose(dx, differences(lambda x: np.sum(f(x, y)), x), 1e-4)
                np.testing.assert_allclose(dy, differences(lambda y: np.sum(f(x, y)), y), 1e-4)


def test_operands_of_different_shapes_take_the_short_way():
    for _ in range(AGAIN):
        with Recording("f") as recording:
            x, y = recording.add_operands([np.ones((2, 3)), np.ones((2, 1))], [False, False])
            x - y
    with recording:
        z = subtract.short(recording, x, y)
    assert [type(what) for what, _ in recording.entries] == [Program, Program]
    np.testing.assert_array_equal(z.value, np.zeros((2, 3)))


def test_dtypes_in_turns():
    for _ in range(AGAIN):
        for x, dtype in ((2.0, "f8"), (np.float32(2), "f4"), (np.array(2, "f4"), "f4"), (2, "f8")):
            seen = []

            def f(x, seen=seen):
                y = x * np.ones(3, "f4")
                seen.append(y.dtype)
                return fnp.sum(y)

            slope = grad(f)(x)
            assert (slope, slope.dtype) == (3, np.dtype(dtype))
            assert seen == [np.dtype("f4")]
        a, b = np.ones((2, 1), "f4"), np.ones(3)
        assert grad(lambda a: fnp.sum(a * b))(a).dtype == np.float32
        assert grad(lambda b: fnp.sum(a * b))(b).dtype == np.float64


def test_values_that_decide_in_turns():
    def f(x):
        return fnp.sum(x * x) if x[0] > 0 else fnp.sum(fnp.sin(x))

    for _ in range(AGAIN):
        np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0])), [2, 4])
        np.testing.assert_array_equal(grad(f)(np.array([-1.0, 2.0])), np.cos([-1, 2]))


def test_settings_that_are_equal_as_numbers_in_turns():
    x = np.ones((1, 2))
    for _ in range(AGAIN):
        for keepdims, shape in ((True, (1, 1)), (False, (1,))):
            seen = []

            def f(x, keepdims=keepdims, seen=seen):
                y = fnp.sum(x, axis=1, keepdims=keepdims)
                seen.append(y.shape)
                return y.sum()

            np.testing.assert_array_equal(grad(f)(x), [[1, 1]])
            assert seen == [shape]
        assert not np.signbit(grad(lambda x: x * 0.0)(1.0))
        assert np.signbit(grad(lambda x: x * -0.0)(1.0))


def test_numbers_and_arrays_from_outside_in_turns():
    c = np.ones(3)
    for k in range(6):
        c[:] = k
        np.testing.assert_array_equal(grad(lambda x: fnp.sum(c * x))(np.ones(3)), c)
        assert grad(lambda x, k=k: x * (0.1 * k))(1.0) == 0.1 * k
        assert grad(lambda x, k=k: fnp.sum(x * np.full(3, float(k))))(1.0) == 3 * k


def test_how_numpy_treats_faults_in_turns():
    for _ in range(AGAIN):
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            grad(lambda x: fnp.sum(np.log(x)))(np.zeros(2))
        with np.errstate(all="ignore"):
            assert np.isinf(grad(lambda x: fnp.sum(np.log(x)))(np.zeros(2))).all()


def test_results_are_the_callers_own():
    for _ in range(AGAIN):
        x, w = np.ones(3), np.full(3, 2.0)
        grad(lambda x: fnp.sum(x * w))(x)[:] = 9
        value_and_grad(lambda x: fnp.sum(x))(x)[1][:] = 9
        y, dy = jvp(lambda x: (x, x), (x,), (w,))
        y[0][:], dy[0][:] = 9, 9
        assert (y[1] == 1).all() and (dy[1] == 2).all()
        y, pull_back = vjp(lambda x: x * w, x)
        pull_back(np.ones(3))[0][:] = 9
        y, pull_back = vjp(lambda x: x[::-1] * x[1], x)
        x[:] = 5
        np.testing.assert_array_equal(pull_back(np.ones(3))[0], [1, 4, 1])
        np.testing.assert_array_equal(w, [2, 2, 2])


def test_derivatives_in_derivatives_in_turns():
    x = np.array([1.0, 2.0, 3.0])

    def f(x):
        return grad(lambda y: fnp.sum(x) * y**2 * x[0])(2.0)

    def g(x):
        return fnp.sum(grad(lambda y: fnp.sum(x * y * y))(x))

    for _ in range(AGAIN):
        np.testing.assert_allclose(grad(f)(x), differences(f, x), 1e-6)
        np.testing.assert_allclose(grad(g)(x), 4 * x)
        np.testing.assert_allclose(jvp(grad(lambda x: fnp.sum(x**3)), (x,), (x,))[1], 6 * x * x)


def test_what_eager_code_has_learned_under_jit():
    x, zeros = np.ones((1, 3)), np.zeros((2, 3))
    for _ in range(AGAIN):
        grad(lambda y: fnp.sum(y * x) + fnp.sum(fnp.where(y > 1, y, x)))(zeros)
    np.testing.assert_array_equal(jit(lambda: fnp.zeros((2, 3)) * x)(), zeros)
    chosen = jit(lambda: fnp.where(fnp.zeros((2, 3)) > 1, fnp.zeros((2, 3)), x))()
    np.testing.assert_array_equal(chosen, np.ones((2, 3)))


def test_threads_at_once():
    failures = []

    def work(size):
        x = np.arange(1.0, size)
        try:
            for k in range(50):
                slope = grad(lambda x, k=k: k * fnp.sum((x[1:] - x[:-1]) ** 2 * x[0]))(x)
                assert slope[-1] == 2 * k, slope
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(size,)) for size in (4, 5, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
