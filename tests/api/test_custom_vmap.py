"""custom_vmap and sequential_vmap under every transform, and wrong rules."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, hessian, jit, jvp, lax, vjp, vmap
from fungrad.custom_batching import custom_vmap, sequential_vmap
from fungrad.errors import CustomRuleError

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
V = np.array([0.5, 1.0, 2.0])


def marked(factor=10.0):
    """sin(x) * y, whose rule multiplies by a factor, so that one sees that it was applied."""

    @custom_vmap
    def f(x, y):
        return {"z": fnp.sin(x) * y}

    @f.def_vmap
    def rule(axis_size, in_batched, x, y):
        assert axis_size == 3 and len(in_batched) == 2
        return {"z": factor * fnp.sin(x) * y}, {"z": any(in_batched)}

    return lambda x, y: f(x, y)["z"]


@RUN
def test_the_rule_is_applied(run):
    f = marked()
    assert run(f)(0.5, 2.0) == np.sin(0.5) * 2.0
    np.testing.assert_allclose(run(vmap(f))(V, V), 10 * np.sin(V) * V)
    np.testing.assert_allclose(run(vmap(f, (0, None)))(V, 2.0), 20 * np.sin(V))
    np.testing.assert_allclose(vmap(run(f), (None, 0))(0.5, V), 10 * np.sin(0.5) * V)
    scanned = lambda x: lax.scan(lambda c, y: (c, f(c, y)), x, V)[1]
    np.testing.assert_allclose(run(vmap(scanned))(V), 10 * np.sin(V)[:, None] * V)
    inner = np.full((2, 3), 0.5)
    np.testing.assert_allclose(run(vmap(vmap(lambda x: f(x, 1.0))))(inner), 10 * np.sin(inner))


@RUN
def test_derivatives(run):
    f = marked()
    assert run(grad(f))(0.5, 2.0) == np.cos(0.5) * 2.0
    np.testing.assert_allclose(run(vmap(grad(f)))(V, V), np.cos(V) * V)
    np.testing.assert_allclose(run(grad(lambda v: vmap(f)(v, V).sum()))(V), 10 * np.cos(V) * V)
    assert run(lambda x: jvp(f, (x, 1.0), (1.0, 0.0)))(0.5) == (np.sin(0.5), np.cos(0.5))
    np.testing.assert_allclose(run(hessian(f))(0.5, 2.0), -np.sin(0.5) * 2)
    np.testing.assert_allclose(run(lambda x: vjp(f, x, 3.0)[1](2.0)[0])(0.5), 6 * np.cos(0.5))


@RUN
def test_one_element_after_the_other(run):
    shapes = []

    @sequential_vmap
    def f(x, y):
        shapes.append((x.shape, y.shape))
        return x.sum() * y, x

    rows = np.arange(6.0).reshape(3, 2)
    product, copy = run(vmap(f, (0, None)))(rows, 2.0)
    np.testing.assert_array_equal(product, 2 * rows.sum(1))
    np.testing.assert_array_equal(copy, rows)
    assert set(shapes) == {((2,), ())}
    expected = np.ones((3, 2)) * 2.0
    found = run(grad(lambda r: vmap(f, (0, None))(r, 2.0)[0].sum()))(rows)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "rule, words",
    [
        (lambda n, b, x: x, r"must return \(output, out_batched\)"),
        (lambda n, b, x: ((x, x), True), "returned the structure"),
        (lambda n, b, x: (x, False), r"returned f64\[3\] where f64\[\] is needed"),
        (lambda n, b, x: (x.sum(), True), r"returned f64\[\] where f64\[3\] is needed"),
    ],
)
def test_wrong_rules(rule, words):
    f = custom_vmap(lambda x: x * 2.0)
    f.def_vmap(rule)
    with pytest.raises(CustomRuleError, match=words):
        vmap(f)(V)


def test_missing_rules_and_closures():
    f = custom_vmap(lambda x: x * 2.0)
    with pytest.raises(CustomRuleError, match="no rule was given; call <lambda>.def_vmap"):
        vmap(f)(V)

    def outer(x):
        g = custom_vmap(lambda y: x * y)
        g.def_vmap(lambda n, b, y: (y, True))
        return g(x)

    assert grad(outer)(3.0) == 6.0
    with pytest.raises(CustomRuleError, match="pass the value as an argument"):
        vmap(outer)(V)
