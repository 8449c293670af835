"""Rules that ask what is perturbed: each is recorded for the arguments that have a tangent."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import custom_jvp, custom_vjp, float0, grad, hessian, jit, jvp, lax, vmap
from fungrad.custom_derivatives import (
    CustomVJPPrimal,
    SymbolicZero,
    custom_vjp_primal_tree_values,
    zero_from_primal,
)
from fungrad.errors import CustomRuleError

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


@custom_jvp
def area(x, y):
    """x y, which has no derivative in y."""
    return x * y


def area_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    if type(dy) is not SymbolicZero:
        raise ValueError("area has no derivative in y")
    return x * y, y * dx


area.defjvp(area_jvp, symbolic_zeros=True)


@RUN
def test_a_forward_rule_is_asked_for_what_is_perturbed_only(run):
    assert run(grad(area))(3.0, 2.0) == 2.0
    assert run(lambda x: jvp(lambda v: area(v, 2.0), (x,), (5.0,))[1])(3.0) == 10.0
    np.testing.assert_array_equal(run(vmap(grad(area), (0, None)))(np.ones(3), 2.0), [2, 2, 2])
    with pytest.raises(ValueError, match="no derivative in y"):
        run(grad(area, 1))(3.0, 2.0)


@RUN
def test_in_a_loop_the_rule_sees_what_the_loop_differentiates(run):
    def power(x, y):
        return lax.scan(lambda c, _: (area(c, y), None), x, None, length=4)[0]

    assert run(grad(power))(3.0, 2.0) == 16.0
    with pytest.raises(ValueError, match="no derivative in y"):
        run(grad(power, 1))(3.0, 2.0)


@RUN
def test_a_forward_rule_may_return_symbolic_zeros(run):
    @custom_jvp
    def pair(x, n):
        return fnp.sin(x), x * n

    @pair.defjvp
    def pair_jvp(primals, tangents):
        (x, n), (dx, dn) = primals, tangents
        assert dn.dtype == float0
        return pair(x, n), (fnp.cos(x) * dx, zero_from_primal(x, symbolic_zeros=True))

    found = run(lambda x: jvp(lambda v: pair(v, 3), (x,), (2.0,))[1])(0.5)
    np.testing.assert_allclose(found, [2 * np.cos(0.5), 0])


def test_integers_have_symbolic_zeros_too():
    seen = []

    @custom_jvp
    def f(x, n):
        return x * n

    def rule(primals, tangents):
        seen.append(tangents[1])
        return f(*primals), primals[1] * tangents[0]

    f.defjvp(rule, symbolic_zeros=True)
    assert grad(f)(2.0, 3) == 3
    assert type(seen[0]) is SymbolicZero and seen[0].dtype == float0
    assert seen[0].shape == () and seen[0].ndim == 0


@custom_vjp
def weighted(x, y, n):
    """A pytree of outputs of x, y and an integer."""
    return {"a": x * y**n, "b": fnp.sin(x)}


SEEN = []


def weighted_forward(x, y, n):
    SEEN.append((x.perturbed, y.perturbed, n.perturbed))
    x, y, n = custom_vjp_primal_tree_values((x, y, n))
    return {"a": x * y**n, "b": fnp.sin(x)}, (x, y, n)


def weighted_backward(residuals, cotangents):
    x, y, n = residuals
    a, b = cotangents["a"], cotangents["b"]
    return a * y**n + b * fnp.cos(x), a * n * x * y ** (n - 1), None


weighted.defvjp(weighted_forward, weighted_backward, symbolic_zeros=True)


def total(x, y):
    result = weighted(x, y, 3)
    return result["a"] + result["b"]


@RUN
def test_a_backward_rule_knows_what_is_perturbed(run):
    x, y = 1.2, 0.7
    SEEN.clear()
    np.testing.assert_allclose(run(grad(total))(x, y), y**3 + np.cos(x))
    np.testing.assert_allclose(run(grad(total, 1))(x, y), 3 * x * y**2)
    np.testing.assert_allclose(run(grad(total, (0, 1)))(x, y), [y**3 + np.cos(x), 3 * x * y**2])
    assert SEEN == [(True, False, False), (False, True, False), (True, True, False)]
    np.testing.assert_allclose(run(hessian(total))(x, y), -np.sin(x))
    moved = run(lambda x, y: jvp(total, (x, y), (1.0, 0.5))[1])(x, y)
    np.testing.assert_allclose(moved, y**3 + np.cos(x) + 0.5 * 3 * x * y**2)
    rows = run(vmap(grad(total, 1), (0, None)))(np.arange(3.0), y)
    np.testing.assert_allclose(rows, 3 * np.arange(3.0) * y**2)


def test_a_rule_that_asks_takes_traced_values_as_arguments_only():
    def f(x, w):
        @custom_jvp
        def g(x):
            return x

        g.defjvp(lambda p, t: (p[0], t[0] * w), symbolic_zeros=True)
        return g(x)

    with pytest.raises(CustomRuleError, match="closes over a traced value; pass the value as an"):
        grad(f, (0, 1))(1.0, 2.0)


def test_zeros_of_values():
    assert zero_from_primal(3.0) == 0.0
    assert zero_from_primal(np.arange(3)).dtype == float0
    zero = zero_from_primal(np.ones((2, 3), np.float32), symbolic_zeros=True)
    assert zero.shape == (2, 3) and zero.dtype == np.float32
    np.testing.assert_array_equal(zero.zeros(), np.zeros((2, 3)))
    assert custom_vjp_primal_tree_values([CustomVJPPrimal(1, False), 2]) == [1, 2]
