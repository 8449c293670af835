"""checkpoint: the same results with fewer residuals, under every policy and transform."""

from functools import partial

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    checkpoint,
    checkpoint_policies,
    grad,
    hessian,
    jacfwd,
    jit,
    jvp,
    lax,
    linearize,
    make_program,
    remat,
    value_and_grad,
    vjp,
    vmap,
)
from fungrad.api.checkpointing import checkpoint_name
from fungrad.errors import UnknownValueError
from fungrad.transforms.linearize import linearize as linearized

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
W = np.linspace(-1.0, 1.0, 9).reshape(3, 3)
X = np.array([0.5, 1.0, 2.0])

POLICIES = {
    "none": None,
    "everything": checkpoint_policies.everything_saveable,
    "nothing": checkpoint_policies.nothing_saveable,
    "dots": checkpoint_policies.dots_saveable,
    "dots_no_batch": checkpoint_policies.dots_with_no_batch_dims_saveable,
    "these_names": checkpoint_policies.save_only_these_names("hidden"),
    "other_names": checkpoint_policies.save_any_names_but_these("hidden"),
    "except_names": checkpoint_policies.save_anything_except_these_names("hidden"),
    "both": checkpoint_policies.save_from_both_policies(
        checkpoint_policies.dots_saveable, checkpoint_policies.save_only_these_names("hidden")
    ),
}
EVERY = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def layers(w, x):
    """Two layers with one named value and one matrix product each."""
    hidden = checkpoint_name(fnp.sin(fnp.exp(w @ x / 3)), "hidden")
    return fnp.cos(fnp.exp(w @ hidden / 3))


def loss(w, x):
    return (layers(w, x) ** 2).sum()


def residual_types(f, *args):
    """The types of what the forward half of a function saves, apart from its arguments."""
    program = make_program(f)(*args)
    halves = linearized(program, (True,) * len(program.inputs))
    made = halves.forward.outputs[len(program.outputs) :]
    return [v.type for v in made if v not in halves.forward.inputs]


# ---- results


@RUN
@EVERY
def test_results_are_those_of_the_plain_function(run, policy):
    f = checkpoint(loss, policy=policy)
    assert f(W, X) == loss(W, X)
    value, (gw, gx) = run(value_and_grad(f, (0, 1)))(W, X)
    expected, (ew, ex) = value_and_grad(loss, (0, 1))(W, X)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(gw, ew)
    np.testing.assert_allclose(gx, ex)


@EVERY
def test_other_transforms(policy):
    f = partial(checkpoint(loss, policy=policy), W)
    plain = partial(loss, W)
    np.testing.assert_allclose(jvp(f, (X,), (X,))[1], jvp(plain, (X,), (X,))[1])
    np.testing.assert_allclose(linearize(f, X)[1](X), jvp(plain, (X,), (X,))[1])
    np.testing.assert_allclose(jacfwd(grad(f))(X), hessian(plain)(X))
    np.testing.assert_allclose(hessian(f)(X), hessian(plain)(X))
    second = lambda f: grad(lambda x: (grad(f)(x) ** 2).sum())
    np.testing.assert_allclose(second(f)(X), second(plain)(X))
    batch = np.stack([X, -X])
    np.testing.assert_allclose(vmap(grad(f))(batch), vmap(grad(plain))(batch))
    np.testing.assert_allclose(grad(lambda b: vmap(f)(b).sum())(batch), vmap(grad(plain))(batch))
    _, pull_back = vjp(f, X)
    np.testing.assert_allclose(pull_back(2.0)[0], 2 * grad(plain)(X))


@RUN
def test_under_jit_and_second_order(run):
    f = checkpoint(jit(partial(loss, W)))
    np.testing.assert_allclose(run(hessian(f))(X), hessian(partial(loss, W))(X))
    np.testing.assert_allclose(run(vmap(grad(f)))(W), vmap(grad(partial(loss, W)))(W))


@RUN
def test_inside_loops_and_branches(run):
    step = checkpoint(lambda c, x: (fnp.sin(W @ c) + x, c.sum()))
    plain = lambda c, x: (fnp.sin(W @ c) + x, c.sum())
    total = lambda body: lambda x: lax.scan(body, x, W)[0].sum() + lax.scan(body, x, W)[1].sum()
    np.testing.assert_allclose(run(grad(total(step)))(X), grad(total(plain))(X))
    np.testing.assert_allclose(run(hessian(total(step)))(X), hessian(total(plain))(X), atol=1e-12)
    whole = checkpoint(total(plain))
    np.testing.assert_allclose(run(grad(whole))(X), grad(total(plain))(X))
    branch = lambda x: lax.cond(x.sum() > 0, checkpoint(loss), lambda w, x: x.sum(), W, x)
    np.testing.assert_allclose(run(grad(branch))(X), grad(loss, 1)(W, X))
    loop = lambda x: lax.while_loop(
        lambda s: s[0] < 3, checkpoint(lambda s: (s[0] + 1, fnp.sin(W @ s[1]))), (0, x)
    )[1].sum()
    unrolled = lambda x: fnp.sin(W @ fnp.sin(W @ fnp.sin(W @ x))).sum()
    np.testing.assert_allclose(run(grad(loop))(X), grad(unrolled)(X))


@RUN
def test_nested(run):
    inner = checkpoint(lambda x: fnp.sin(fnp.exp(x)))
    f = checkpoint(lambda x: inner(inner(x)).sum())
    plain = lambda x: fnp.sin(fnp.exp(fnp.sin(fnp.exp(x)))).sum()
    np.testing.assert_allclose(run(grad(f))(X), grad(plain)(X))
    np.testing.assert_allclose(run(hessian(f))(X), hessian(plain)(X), atol=1e-14)


# ---- what is saved


def test_what_each_policy_saves():
    plain = residual_types(loss, W, X)
    counts = {
        name: len(residual_types(checkpoint(loss, policy=p), W, X)) for name, p in POLICIES.items()
    }
    assert counts["none"] == counts["nothing"] == 0
    assert counts["dots"] == counts["dots_no_batch"] == 2
    assert counts["these_names"] == 1
    assert counts["other_names"] == 0
    assert counts["both"] == 3
    assert counts["everything"] >= len(plain) > 3
    assert counts["except_names"] <= counts["everything"]  # its operand is saved in its place


def test_products_over_a_batch_are_told_apart():
    batched = lambda a: (fnp.sin(fnp.matmul(a, a)) ** 2).sum()
    a = np.ones((2, 3, 3)) / 3
    dots = checkpoint(batched, policy=checkpoint_policies.dots_saveable)
    without = checkpoint(batched, policy=checkpoint_policies.dots_with_no_batch_dims_saveable)
    assert len(residual_types(dots, a)) == 1 and len(residual_types(without, a)) == 0


def test_a_checkpointed_body_stacks_its_carry_only():
    def total(body):
        return lambda x: lax.scan(body, x, W)[0].sum()

    plain = lambda c, x: (fnp.sin(fnp.exp(fnp.cos(W @ c))) + x, None)
    stacked = [t for t in residual_types(total(plain), X) if t.shape == (3, 3)]
    kept = [t for t in residual_types(total(checkpoint(plain)), X) if t.shape == (3, 3)]
    assert len(stacked) > 1 and len(kept) == 1


def test_a_nested_checkpoint_saves_nothing():
    inner = checkpoint(layers, policy=checkpoint_policies.everything_saveable)
    assert residual_types(checkpoint(lambda w, x: inner(w, x).sum()), W, X) == []


def test_policies_are_values():
    p = checkpoint_policies
    assert p.save_only_these_names("a", "b") == p.save_only_these_names("b", "a")
    assert p.save_only_these_names("a") != p.save_any_names_but_these("a")
    assert hash(p.save_only_these_names("a")) == hash(p.save_only_these_names("a"))
    assert repr(p.dots_saveable) == "dots_saveable"
    assert p.checkpoint_dots is p.dots_saveable
    both = p.save_from_both_policies(p.dots_saveable, p.save_only_these_names("hidden"))
    assert both == POLICIES["both"]


# ---- calls


def test_as_decorator_and_factory():
    @checkpoint
    def f(x):
        """A cube."""
        return (x * x) * x

    @partial(checkpoint, policy=checkpoint_policies.dots_saveable)
    def g(x):
        return x * x

    @checkpoint(policy=checkpoint_policies.everything_saveable, prevent_cse=False)
    def h(x):
        return x * x

    assert grad(f)(2.0) == 12.0 and grad(g)(3.0) == 6.0 and grad(h)(3.0) == 6.0
    assert f.__name__ == "f" and f.__doc__ == "A cube." and remat is checkpoint
    with pytest.raises(TypeError, match="checkpoint: expected a function, got 3"):
        checkpoint(3)


def power(x, n, *, scale=1.0, mode="plain"):
    y = x**n
    return y * scale if mode == "plain" else -y


@RUN
@pytest.mark.parametrize(
    "options",
    [
        {"static_argnums": 1, "static_argnames": "mode"},
        {"static_argnums": (-1,), "static_argnames": ["mode"]},
        {"static_argnames": ("n", "mode")},
    ],
)
def test_static_arguments_and_keywords(run, options):
    f = checkpoint(power, **options)
    assert run(grad(lambda x: f(x, 3)))(2.0) == 12.0
    assert run(grad(lambda x: f(x, 3, scale=x)))(2.0) == 32.0
    assert run(grad(lambda x: f(x, 3, mode="other")))(2.0) == -12.0
    assert f(2.0, 3, mode="other") == -8.0


@RUN
def test_pytrees_integers_and_closures(run):
    weights = X.copy()

    def outer(a, x):
        f = checkpoint(lambda p, i: {"y": p["x"][i] * a * weights.sum(), "i": i + 1, "none": None})
        out = f({"x": x}, 1)
        assert out["none"] is None
        return out["y"] * out["i"]

    ga, gx = run(grad(outer, (0, 1)))(3.0, X)
    np.testing.assert_allclose(ga, 2 * X[1] * X.sum())
    np.testing.assert_allclose(gx, [0.0, 6 * X.sum(), 0.0])


def test_functions_run_once_and_see_known_values():
    calls = []

    @checkpoint
    def f(x):
        calls.append(x)
        return x * x if x > 0 else -x

    assert grad(f)(3.0) == 6.0 and grad(f)(-3.0) == -1.0 and len(calls) == 2
    value, slope = value_and_grad(lambda x: f(x) if f(x) > 1 else x)(2.0)
    assert value == 4.0 and slope == 4.0
    with pytest.raises(UnknownValueError, match="checkpoint of f"):
        jit(f)(3.0)


@RUN
def test_names_change_nothing(run):
    f = lambda x: checkpoint_name({"a": fnp.sin(x)}, "kept")["a"]
    assert run(f)(0.5) == np.sin(0.5) and run(grad(f))(0.5) == np.cos(0.5)
    assert checkpoint_name((1.0, None), "kept") == (1.0, None)
    np.testing.assert_allclose(run(vmap(f))(X), np.sin(X))
    assert jvp(f, (0.5,), (1.0,))[1] == np.cos(0.5)
