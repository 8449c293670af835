"""Clipping, masks, groups, accumulation and guards of gradient transformations; bad input."""

import functools

import numpy as np
import pytest

from fungrad import grad, jit, optim, tree
from fungrad.core.errors import ShapeError, TreeMismatchError
from fungrad.testing import check_grads

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
GRADIENT = {"w": np.array([[3.0, 0.1], [-0.2, 4.0]]), "b": np.array([0.0, 12.0])}
NORM = np.sqrt(3.0**2 + 0.1**2 + 0.2**2 + 4.0**2 + 12.0**2)


def updated(run, transformation, updates, params=None):
    return run(transformation.update)(updates, transformation.init(updates), params)[0]


# ---- clipping


@EAGER_AND_COMPILED
def test_clipping(run):
    for bound in (0.5, 100.0):
        by_value = updated(run, optim.clip(bound), GRADIENT)
        in_all = updated(run, optim.clip_by_global_norm(bound), GRADIENT)
        by_leaf = updated(run, optim.clip_by_norm(bound), GRADIENT)
        by_rms = updated(run, optim.clip_by_block_rms(bound), GRADIENT)
        for name, g in GRADIENT.items():
            np.testing.assert_allclose(by_value[name], np.clip(g, -bound, bound))
            np.testing.assert_allclose(in_all[name], g * min(1, bound / NORM), rtol=1e-14)
            own = np.sqrt((g**2).sum())
            np.testing.assert_allclose(by_leaf[name], g * min(1, bound / own), rtol=1e-14)
            rms = np.sqrt((g**2).mean())
            np.testing.assert_allclose(by_rms[name], g * min(1, bound / rms), rtol=1e-14)


@EAGER_AND_COMPILED
def test_clipping_what_exploded(run):
    """The squares overflow in float32; the direction survives."""
    g = {"a": np.array([3e30, 4e30], np.float32), "b": np.float32(0)}
    clipped = updated(run, optim.clip_by_global_norm(1.0), g)
    np.testing.assert_allclose(clipped["a"], [0.6, 0.8], rtol=1e-6)
    assert clipped["a"].dtype == clipped["b"].dtype == np.float32
    assert run(optim.global_norm)(g) == np.float32(5e30)


def test_the_global_norm():
    assert optim.global_norm(GRADIENT) == pytest.approx(NORM, rel=1e-15)
    assert optim.global_norm({"z": np.array([3j, 4.0])}) == 5
    assert optim.global_norm(()) == 0
    assert grad(optim.global_norm)({"a": np.zeros(2)})["a"].tolist() == [0, 0]
    check_grads(optim.global_norm, (GRADIENT,), order=2)


# ---- part of the leaves


@EAGER_AND_COMPILED
@pytest.mark.parametrize(
    "mask",
    [{"w": True, "b": (False, False)}, {"w": True, "b": False}, lambda p: {"w": True, "b": False}],
    ids=["tree", "prefix", "function"],
)
def test_weight_decay_with_a_mask(run, mask):
    params = {"w": np.array([1.0, 2.0]), "b": (np.array([4.0]), 8.0)}
    updates = tree.map(np.zeros_like, params)
    found = updated(run, optim.add_decayed_weights(0.5, mask), updates, params)
    assert found["w"].tolist() == [0.5, 1.0]
    assert (found["b"][0].tolist(), float(found["b"][1])) == ([0.0], 0.0)


@EAGER_AND_COMPILED
def test_masked_groups_and_frozen_leaves(run):
    params = {"w": np.ones(2), "b": np.ones(3)}
    t = optim.partition(
        {"fast": optim.sgd(1.0, 0.9), "slow": optim.adam(0.01)}, {"w": "fast", "b": "slow"}
    )
    found = updated(run, t, params)
    np.testing.assert_allclose(found["w"], -1.0)
    np.testing.assert_allclose(found["b"], -0.01, rtol=1e-6)
    state = t.init(params)
    assert len(tree.leaves(state.inner_states["fast"])) == 1
    frozen = updated(
        run, optim.chain(optim.sgd(1.0), optim.freeze({"w": True, "b": False})), params
    )
    assert (frozen["w"].tolist(), frozen["b"].tolist()) == ([0, 0], [-1, -1, -1])


# ---- accumulation


@EAGER_AND_COMPILED
@pytest.mark.parametrize("use_mean", [True, False])
def test_accumulated_gradients_make_the_step_of_their_mean(run, use_mean):
    gradients = np.random.default_rng(1).normal(size=(6, 4))
    multi = optim.MultiSteps(optim.adam(0.1), 3, use_grad_mean=use_mean)
    single = optim.adam(0.1)
    state, plain = multi.init(np.zeros(4)), single.init(np.zeros(4))
    update = run(multi.update)
    for i, g in enumerate(gradients):
        updates, state = update(g, state)
        assert bool(multi.has_updated(state)) == (i % 3 == 2)
        if i % 3 < 2:
            assert updates.tolist() == [0, 0, 0, 0]
            continue
        total = gradients[i - 2 : i + 1].sum(axis=0)
        expected, plain = single.update(total / 3 if use_mean else total, plain)
        np.testing.assert_allclose(updates, expected, rtol=1e-12)
    assert (int(state.mini_step), int(state.gradient_step)) == (0, 2)


@EAGER_AND_COMPILED
def test_a_schedule_of_accumulation_and_gradients_left_out(run):
    multi = optim.MultiSteps(
        optim.sgd(1.0), lambda step: 1 + step, should_skip_update_fn=optim.skip_not_finite
    )
    update, state, found = run(multi.update), multi.init(0.0), []
    for g in (1.0, 2.0, np.nan, 4.0, 1.0):
        updates, state = update(g, state)
        found.append((float(updates), bool(state.skip_state["should_skip"])))
    assert found == [(-1, False), (0, False), (0, True), (-3, False), (0, False)]
    large = functools.partial(optim.skip_large_updates, max_squared_norm=10.0)
    assert bool(run(large)(np.array([3.0, 3.0]), 0, None)[0])
    assert not bool(run(large)(np.array([1.0, 3.0 - 1e-9]), 0, None)[0])


# ---- updates that are not finite


@EAGER_AND_COMPILED
def test_updates_that_are_not_finite_do_nothing(run):
    t = optim.apply_if_finite(optim.adam(0.1), 2)
    update, state = run(t.update), t.init(np.zeros(2))
    good, bad = np.array([1.0, -1.0]), np.array([1.0, np.inf])
    first, state = update(good, state)
    inner = state.inner_state
    for count in (1, 2):
        updates, state = update(bad, state)
        assert updates.tolist() == [0, 0]
        assert (int(state.notfinite_count), int(state.total_notfinite)) == (count, count)
        assert not state.last_finite
        for x, y in zip(tree.leaves(state.inner_state), tree.leaves(inner), strict=True):
            np.testing.assert_array_equal(x, y)
    again, state = update(good, state)
    assert (int(state.notfinite_count), int(state.total_notfinite)) == (0, 2)
    np.testing.assert_allclose(again, first, rtol=1e-6)
    for _ in range(2):
        _, state = update(bad, state)
    with np.errstate(invalid="ignore"):
        updates, state = update(bad, state)  # the third in a row is let through
    assert not np.isfinite(updates).all()


@EAGER_AND_COMPILED
def test_nan_becomes_zero(run):
    t = optim.zero_nans()
    updates, state = run(t.update)(
        {"a": np.array([1.0, np.nan]), "b": 2.0}, t.init({"a": 0, "b": 0})
    )
    assert updates["a"].tolist() == [1, 0]
    assert (bool(state.found_nan["a"]), bool(state.found_nan["b"])) == (True, False)


# ---- bad input


def test_updates_that_do_not_fit_the_state_are_named_by_leaf():
    optimiser = optim.adam(0.1)
    params = {"layer": [np.ones(3), np.ones(2)], "scale": np.ones(())}
    state = optimiser.init(params)
    with pytest.raises(TreeMismatchError, match=r"the updates do not fit the state that init made"):
        optimiser.update({"layer": [np.ones(3)], "scale": np.ones(())}, state)
    wrong = {"layer": [np.ones(3), np.ones((2, 1))], "scale": np.ones(())}
    text = r"scale_by_adam: .* at \['layer'\]\[1\]: expected shape \(2,\), got \(2, 1\)"
    with pytest.raises(ShapeError, match=text):
        optimiser.update(wrong, state)
    with pytest.raises(ShapeError, match=text):
        jit(optimiser.update)(wrong, state)
    with pytest.raises(ShapeError, match=r"apply_updates: .*at \['layer'\]\[1\]"):
        optim.apply_updates(params, wrong)
    with pytest.raises(TreeMismatchError, match=r"apply_updates: .*at \['layer'\]"):
        optim.apply_updates(params, {"layer": (np.ones(3), np.ones(2)), "scale": np.ones(())})
    with pytest.raises(TreeMismatchError, match="masked: the parameters do not fit the mask"):
        optim.masked(optim.sgd(0.1), {"layer": True}).init(params)
    for t in (optim.sgd(0.1, 0.9), optim.rmsprop(0.1), optim.adagrad(0.1), optim.lion(0.1)):
        with pytest.raises(ShapeError, match=r"\['layer'\]\[1\]"):
            t.update(wrong, t.init(params), params)


OUT_OF_RANGE = [
    (lambda: optim.sgd(-0.1), r"sgd: the learning rate is a finite number .* at least 0, got -0.1"),
    (lambda: optim.adam(np.nan), "adam: the learning rate is a finite number"),
    (lambda: optim.adam(np.inf), "adam: the learning rate is a finite number"),
    (lambda: optim.adam("fast"), "adam: the learning rate is a number, got 'fast'"),
    (lambda: optim.adam(0.1, b1=1.0), "b1 is from 0 to below 1, got 1.0"),
    (lambda: optim.adam(0.1, b2=-0.5), "b2 is from 0 to below 1, got -0.5"),
    (lambda: optim.adam(0.1, eps=-1.0), "eps is a finite number that is at least 0"),
    (lambda: optim.sgd(0.1, momentum=1.5), r"the decay \(momentum\) is from 0 to 1, got 1.5"),
    (lambda: optim.rmsprop(0.1, decay=2), "decay is from 0 to below 1, got 2"),
    (lambda: optim.adamw(0.1, weight_decay=-1.0), "weight_decay is a finite number"),
    (lambda: optim.clip_by_global_norm(-1.0), "max_norm is a finite number"),
    (lambda: optim.apply_if_finite(optim.sgd(0.1), -1), "max_consecutive_errors is a whole number"),
    (lambda: optim.MultiSteps(optim.sgd(0.1), 0), "every_k_schedule is a whole number .* got 0"),
    (lambda: optim.cosine_decay_schedule(1.0, 0), "decay_steps is a whole number .* got 0"),
    (lambda: optim.linear_schedule(0, 1, -3), "transition_steps is a whole number"),
    (lambda: optim.exponential_decay(1.0, 10, -0.5), "decay_rate is a finite number"),
    (lambda: optim.join_schedules([abs, abs], [3, 5]), "2 schedules have 1 boundaries .* got 2"),
    (lambda: optim.join_schedules([abs, abs, abs], [5, 3]), "the boundaries ascend"),
    (
        lambda: optim.warmup_cosine_decay_schedule(0, 1, 9, 9),
        "larger than warmup_steps, got 9 and 9",
    ),
]


@pytest.mark.parametrize(("make", "text"), OUT_OF_RANGE)
def test_numbers_out_of_range(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_other_mistakes():
    with pytest.raises(TypeError, match="chain: a transformation has init and update"):
        optim.chain(optim.sgd(0.1), 0.5)
    with pytest.raises(ValueError, match=r"call update\(updates, state, params\)"):
        optim.adamw(0.1).update(1.0, optim.adamw(0.1).init(1.0))
    with pytest.raises(ValueError, match="chain: the state is a tuple of 2 states, got tuple of 1"):
        optim.adam(0.1).update(1.0, (optim.EmptyState(),))
    with pytest.raises(ValueError, match=r"labels \['other'\] have no transformation"):
        optim.partition({"a": optim.sgd(0.1)}, {"w": "other"}).init({"w": 1.0})
