"""The optimisers against their formulas in NumPy, on trees, compiled, and with schedules."""

import numpy as np
import pytest

import fungrad
from fungrad import jit
from fungrad.core.errors import ShapeError, TreeMismatchError
from fungrad.example_libraries import optimizers

STEPS, RATE = 4, 0.1


def by_formula(name, x, gradients):
    """The parameter after some steps, written out for one array."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for i, g in enumerate(gradients):
        if name == "sgd":
            x = x - RATE * g
        elif name == "momentum":
            v = 0.9 * v + g
            x = x - RATE * v
        elif name == "nesterov":
            v = 0.9 * v + g
            x = x - RATE * (g + 0.9 * v)
        elif name in ("adagrad", "sm3"):  # the same on a line
            v = v + g**2
            m = 0.9 * m + 0.1 * g / np.sqrt(v)
            x = x - RATE * m
        elif name == "rmsprop":
            v = 0.9 * v + 0.1 * g**2
            x = x - RATE * g / np.sqrt(v + 1e-8)
        elif name == "rmsprop_momentum":
            v = 0.9 * v + 0.1 * g**2
            m = 0.9 * m + RATE * g / np.sqrt(v + 1e-8)
            x = x - m
        elif name == "adam":
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            scale = np.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8
            x = x - RATE * m / (1 - 0.9 ** (i + 1)) / scale
        else:
            m, v = 0.9 * m + 0.1 * g, np.maximum(0.999 * v, abs(g))
            x = x - RATE * m / (1 - 0.9 ** (i + 1)) / (v + 1e-8)
    return x


MAKERS = {
    "sgd": (),
    "momentum": (0.9,),
    "nesterov": (0.9,),
    "adagrad": (),
    "rmsprop": (),
    "rmsprop_momentum": (),
    "adam": (),
    "adamax": (),
    "sm3": (),
}


def params_and_gradients():
    draw = np.random.default_rng(0)
    params = {"w": draw.normal(size=5), "b": (draw.normal(size=3).astype(np.float32), 0.5)}
    shaped = [
        fungrad.tree.map(
            lambda x: draw.normal(size=np.shape(x)).astype(np.result_type(x))[()], params
        )
        for _ in range(STEPS)
    ]
    return params, shaped


@pytest.mark.parametrize("is_compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", MAKERS)
def test_steps_follow_the_formula(name, is_compiled):
    params, gradients = params_and_gradients()
    init, update, get_params = getattr(optimizers, name)(RATE, *MAKERS[name])
    update = jit(update) if is_compiled else update
    state = init(params)
    for i, g in enumerate(gradients):
        state = update(i, g, state)
    found = fungrad.tree.leaves(get_params(state))
    leaves = [fungrad.tree.leaves(g) for g in gradients]
    for k, x in enumerate(fungrad.tree.leaves(params)):
        expected = by_formula(name, np.asarray(x), [g[k] for g in leaves])
        rtol = 1e-5 if np.result_type(x) == np.float32 else 1e-12
        np.testing.assert_allclose(found[k], expected, rtol=rtol)
        assert found[k].dtype == np.result_type(x)


def test_a_line_per_axis_bounds_the_squares():
    init, update, get_params = optimizers.sm3(1.0, momentum=0.0)
    first, second = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])
    state = update(1, second, update(0, first, init(np.zeros((2, 2)))))
    rows, columns = np.array([1.0, 4.0]), np.array([1.0, 4.0])  # the largest squares so far
    expected = -np.sign(first) - 1 / np.sqrt(np.minimum.outer(rows, columns) + 1)
    np.testing.assert_allclose(get_params(state), expected)


def test_schedules_and_states():
    half = optimizers.inverse_time_decay(1.0, 2, 1.0, staircase=True)
    init, update, get_params = optimizers.sgd(half)
    state = init([np.zeros(1, np.float32)])
    for i in range(4):
        state = jit(update)(i, [np.ones(1, np.float32)], state)
    (x,) = get_params(state)
    assert x.dtype == np.float32 and x == -(1 + 1 + 0.5 + 0.5)
    marked = optimizers.unpack_optimizer_state(state)
    again = optimizers.pack_optimizer_state(marked)
    assert fungrad.tree.structure(again) == fungrad.tree.structure(state)
    assert get_params(again)[0] == x


def test_gradients_are_clipped_to_a_norm():
    gradients = {"a": np.array([3.0]), "b": np.array([[0.0, 4.0]])}
    assert optimizers.l2_norm(gradients) == 5
    clipped = optimizers.clip_grads(gradients, 2.0)
    np.testing.assert_allclose(clipped["a"], [1.2])
    kept = optimizers.clip_grads(gradients, 6.0)
    np.testing.assert_array_equal(kept["b"], gradients["b"])


def test_gradients_that_do_not_fit():
    init, update, _ = optimizers.adam(0.1)
    state = init({"w": np.zeros(3)})
    with pytest.raises(TreeMismatchError, match="adam: the gradients are .*the parameters"):
        update(0, [np.zeros(3)], state)
    with pytest.raises(ShapeError, match=r"adam: the gradient at \['w'\] has shape \(3, 1\)"):
        update(0, {"w": np.zeros((3, 1))}, state)
    with pytest.raises(TypeError, match="a step size is a number or a function"):
        optimizers.sgd([0.1, 0.2])
    with pytest.raises(ShapeError, match="one value more than boundaries"):
        optimizers.piecewise_constant([1], [0.1])
