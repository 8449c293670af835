"""check: errors from inside traced and compiled functions."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import debug, grad, jit, lax, vmap
from fungrad.errors import CheckError
from fungrad.experimental import checkify


def log_of_rate(x):
    debug.check(x > 0, "the rate must be positive, it is {}", x)
    return fnp.log(x)


@pytest.mark.filterwarnings("ignore:invalid value encountered in log")
@pytest.mark.parametrize("transform", [lambda f: f, jit, grad, lambda f: jit(grad(f))])
def test_a_condition_on_a_value(transform):
    assert np.isfinite(transform(log_of_rate)(2.0))
    with pytest.raises(CheckError, match="the rate must be positive, it is -3.0"):
        transform(log_of_rate)(-3.0)


def test_the_element_of_a_batch_that_fails():
    rows = jit(vmap(grad(log_of_rate)))
    np.testing.assert_allclose(rows(np.array([1.0, 2.0])), [1.0, 0.5])
    with pytest.raises(CheckError, match="it is -4.0"):
        rows(np.array([1.0, -4.0]))


def test_in_a_loop():
    def step(i, x):
        debug.check(x < 20, "turn {turn}: {value} is too much", turn=i, value=x)
        return 2 * x

    run = jit(lambda x, n: lax.fori_loop(0, n, step, x))
    assert run(1.0, 4) == 16
    with pytest.raises(CheckError, match="turn 5: 32.0 is too much"):
        run(1.0, 9)


def test_all_elements_of_a_condition():
    checked = jit(lambda x: checkify.check(x > 0, "some are not positive") or x)
    checked(np.ones(3))
    with pytest.raises(checkify.JaxRuntimeError, match="some are not positive"):
        checked(np.array([1.0, 0.0]))


def test_bad_conditions():
    with pytest.raises(TypeError, match="must be boolean, it is f64"):
        debug.check(1.0, "text")
    with pytest.raises(TypeError, match="the message is a format string"):
        debug.check(True, 3)
