"""odeint against closed solutions and SciPy; its derivatives in everything, in both modes."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import fungrad.numpy as fnp
from fungrad import grad, hessian, jacfwd, jacrev, jit, vmap
from fungrad.errors import CheckError, ShapeError, TreeMismatchError
from fungrad.experimental.ode import odeint
from fungrad.testing import check_grads

TIMES = np.array([0.0, 0.4, 1.0, 1.5])


def decay(y, t, rate):
    return -rate * y


def pendulum(state, t, friction, gravity):
    angle, speed = state["angle"], state["speed"]
    return {"angle": speed, "speed": -friction * speed - gravity * np.sin(angle)}


START = {"angle": np.pi - 0.1, "speed": 0.0}


@pytest.mark.parametrize("transform", [lambda f: f, jit])
def test_exponential_decay(transform):
    found = transform(lambda y, t, rate: odeint(decay, y, t, rate))(2.0, TIMES, 0.5)
    np.testing.assert_allclose(found, 2 * np.exp(-0.5 * TIMES), rtol=1e-8)
    back = transform(lambda y, t, rate: odeint(decay, y, t, rate))(2.0, -TIMES, 0.5)
    np.testing.assert_allclose(back, 2 * np.exp(0.5 * TIMES), rtol=1e-8)


def test_a_pendulum_beside_scipy():
    times = np.linspace(0, 10, 41)
    found = jit(lambda start: odeint(pendulum, start, times, 0.25, 9.8))(START)
    flat = lambda t, y: [y[1], -0.25 * y[1] - 9.8 * np.sin(y[0])]
    wanted = solve_ivp(flat, (0, 10), [np.pi - 0.1, 0], "DOP853", times, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found["angle"], wanted.y[0], atol=3e-6)
    np.testing.assert_allclose(found["speed"], wanted.y[1], atol=1e-5)


def test_derivatives_of_the_decay_are_those_of_its_formula():
    at_the_end = lambda y, t, rate: odeint(decay, y, t, rate)[-1]
    by_y, by_t, by_rate = jit(grad(at_the_end, (0, 1, 2)))(2.0, TIMES, 0.5)
    end = 2 * np.exp(-0.75)
    np.testing.assert_allclose([by_y, by_rate], [end / 2, -1.5 * end], rtol=1e-7)
    np.testing.assert_allclose(by_t, [0.5 * end, 0, 0, -0.5 * end], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(
        jit(jacfwd(at_the_end, (0, 1, 2)))(2.0, TIMES, 0.5)[1], by_t, rtol=1e-10, atol=1e-12
    )
    second = jit(hessian(lambda rate: at_the_end(2.0, TIMES, rate)))(0.5)
    assert second == pytest.approx(2.25 * end, rel=1e-6)


def test_derivatives_of_a_system_that_depends_on_time():
    def last(params):
        f = lambda y, t: params["a"] * fnp.sin(params["w"] * t) - y**2
        return odeint(f, params["y"], TIMES, rtol=1e-10, atol=1e-10)[-1]

    params = {"a": 1.2, "w": 2.0, "y": np.array([0.3, 1.0])}
    check_grads(last, (params,), order=1, rtol=1e-5)
    compiled = jit(jacrev(last))(params)
    for name, value in jacfwd(last)(params).items():
        np.testing.assert_allclose(compiled[name], value, rtol=1e-10)


def test_each_of_a_batch_has_steps_of_its_own():
    rates = np.array([0.1, 1.0, 30.0])
    found = jit(vmap(lambda rate: odeint(decay, 1.0, TIMES, rate)))(rates)
    np.testing.assert_allclose(found, np.exp(-rates[:, None] * TIMES), atol=1e-7)


def test_complex_and_single_precision():
    turning = odeint(lambda z, t: 1j * z, np.array([1.0 + 0j]), TIMES)
    np.testing.assert_allclose(turning[:, 0], np.exp(1j * TIMES), rtol=1e-7)
    single = odeint(decay, np.float32(1), TIMES, np.float32(0.5), rtol=1e-5, atol=1e-5)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, np.exp(-0.5 * TIMES), rtol=1e-4)


@pytest.mark.parametrize("transform", [lambda f: f, jit])
def test_a_solution_that_ceases_to_exist(transform):
    blow_up = transform(lambda y: odeint(lambda y, t: y**2, y, np.array([0.0, 2.0])))
    with pytest.raises(CheckError, match="no step is short enough after the time 1.0"):
        blow_up(1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: odeint(decay, 1.0, [0.0, 2.0, 1.0], 0.5), CheckError, "rising nor falling"),
        (lambda: odeint(decay, 1.0, TIMES, 0.5, mxstep=2), CheckError, "more than mxstep=2"),
        (lambda: odeint(decay, 1.0, 0.0, 0.5), ShapeError, "rank 1"),
        (lambda: odeint(lambda y, t: (y, y), 1.0, TIMES), TreeMismatchError, "func returned"),
        (lambda: odeint(lambda y, t: np.ones(3), 1.0, TIMES), ShapeError, r"\[\(3,\)\]"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
