"""jacfwd, jacrev, jacobian, hessian, hvp, vhp and elementwise_grad."""

from collections import namedtuple

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    custom_jvp,
    elementwise_grad,
    float0,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    lax,
    make_program,
    tree,
    vhp,
    vmap,
)
from fungrad.errors import (
    ComplexError,
    IntegerInputError,
    IntegerOutputError,
    NonScalarOutputError,
    ShapeError,
    TreeMismatchError,
)

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
MODES = pytest.mark.parametrize(
    "jac",
    [jacfwd, jacrev, jacobian, lambda f, *a, **k: jacobian(f, *a, mode="fwd", **k)],
    ids=["jacfwd", "jacrev", "jacobian", "mode"],
)
Pair = namedtuple("Pair", "a b")
X = np.array([0.3, -1.2, 2.0])
M = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def differences(f, x, step=1e-6):
    """The Jacobian by central differences: the shape of the output, then that of the input."""
    columns = []
    for i in np.ndindex(x.shape):
        dx = np.zeros_like(x)
        dx[i] = step
        columns.append((f(x + dx) - f(x - dx)) / (2 * step))
    return np.moveaxis(
        np.reshape(columns, (*x.shape, *np.shape(f(x)))), range(x.ndim), range(-x.ndim, 0)
    )


# ---- shapes and structures


@RUN
@MODES
@pytest.mark.parametrize(
    "f, x",
    [
        (lambda x: fnp.sin(x) * x[::-1], X),
        (lambda x: fnp.outer(x, x**2), X),
        (lambda x: (x * x).sum(), X),
        (lambda x: M @ x, X),
        (lambda x: fnp.tanh(x @ x.T), M),
        (lambda x: x**3, np.float64(2.0)),
        (lambda x: fnp.stack([x, x * x]), np.float64(2.0)),
        (lambda x: x[:0], X),
    ],
    ids=["vector", "outer", "scalar", "linear", "matrix", "0-d", "stack", "empty"],
)
def test_against_differences(run, jac, f, x):
    result = run(jac(f))(x)
    expected = differences(f, x)
    assert np.shape(result) == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-7, atol=1e-7)


@RUN
@MODES
def test_pytrees_in_and_out(run, jac):
    def f(p, scale):
        return {"y": p.a * p.b["w"] * scale, "z": (fnp.sum(p.b["w"]), None)}

    p = Pair(2.0, {"w": X})
    result = run(jac(f))(p, 3.0)
    assert type(result["y"]) is Pair and result["z"][1] is None
    np.testing.assert_allclose(result["y"].a, X * 3)
    np.testing.assert_allclose(result["y"].b["w"], np.eye(3) * 6)
    np.testing.assert_allclose(result["z"][0].a, 0.0)
    np.testing.assert_allclose(result["z"][0].b["w"], np.ones(3))
    both = run(jac(f, (1, 0)))(p, 3.0)
    np.testing.assert_allclose(both["y"][0], 2 * X)
    np.testing.assert_allclose(both["y"][1].a, X * 3)
    assert isinstance(both["z"][0], tuple) and both["z"][0][0] == 0.0


@MODES
def test_arguments(jac):
    f = lambda x, y, *, z=1.0: x * y * z
    np.testing.assert_allclose(jac(f, 1)(X, X + 1, z=2.0), np.diag(2 * X))
    np.testing.assert_allclose(jac(f, -1)(X, X + 1), np.diag(X))
    first, second = jac(f, (0, -1))(X, X + 1)
    np.testing.assert_allclose(first, np.diag(X + 1))
    np.testing.assert_allclose(second, np.diag(X))
    assert jac(lambda x: x * x)(3) == 6.0
    with pytest.raises(TypeError, match="argnums=2.*2 positional"):
        jac(f, 2)(X, X)
    with pytest.raises(TypeError, match="expected a function, got 3"):
        jac(3)


@RUN
@MODES
def test_aux(run, jac):
    f = lambda x: ({"y": x * x}, {"sum": x.sum(), "copy": (x, None)})
    result, aux = run(jac(f, has_aux=True))(X)
    np.testing.assert_allclose(result["y"], np.diag(2 * X))
    np.testing.assert_allclose(aux["sum"], X.sum())
    np.testing.assert_array_equal(aux["copy"][0], X)
    assert aux["copy"][1] is None
    if run is not jit:
        assert not np.shares_memory(aux["copy"][0], X)
    assert jac(lambda x: (x, "text"), has_aux=True)(2.0) == (1.0, "text")
    with pytest.raises(
        TreeMismatchError, match="has_aux=True needs a function that returns a pair"
    ):
        jac(lambda x: x, has_aux=True)(X)


@RUN
@MODES
def test_float32(run, jac):
    x = X.astype(np.float32)
    result = run(jac(lambda x: fnp.sin(x) * 2.0))(x)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.diag(2 * np.cos(x)), rtol=1e-6)
    mixed = run(jac(lambda x: x * X))(x)  # a float64 output of a float32 input
    np.testing.assert_allclose(mixed, np.diag(X), rtol=1e-6)


@MODES
def test_empty_arrays(jac):
    assert jac(lambda x: x * 2)(np.zeros(0)).shape == (0, 0)
    assert jac(lambda x: fnp.sum(x))(np.zeros((0, 2))).shape == (0, 2)
    assert jac(lambda x: fnp.zeros((2, 0)))(X).shape == (2, 0, 3)


@RUN
@MODES
def test_outputs_that_do_not_depend_on_the_input(run, jac):
    result = run(jac(lambda x, y: (fnp.ones(2), y, x * 1.0)))(X, 2.0)
    np.testing.assert_array_equal(result[0], np.zeros((2, 3)))
    np.testing.assert_array_equal(result[1], np.zeros(3))
    np.testing.assert_array_equal(result[2], np.eye(3))
    first, second = run(jac(lambda x, y: x * 1.0, (0, 1)))(X, 2.0)
    np.testing.assert_array_equal(second, np.zeros(3))
    assert first.flags.writeable and second.flags.writeable


@MODES
def test_results_are_arrays_of_their_own(jac):
    rows = jac(lambda x: (x, x))(X)
    rows[0][:] = 7.0
    np.testing.assert_array_equal(rows[1], np.eye(3))
    assert type(rows[0]) is np.ndarray and rows[1].flags.owndata
    assert type(jac(lambda x: x * x)(2.0)) is np.float64


# ---- complex numbers and integers


@RUN
@MODES
def test_holomorphic(run, jac):
    z = X + 1j * X[::-1]
    result = run(jac(lambda z: z * z, holomorphic=True))(z)
    np.testing.assert_allclose(result, np.diag(2 * z))
    single = run(jac(lambda z: fnp.exp(z), holomorphic=True))(z.astype(np.complex64))
    assert single.dtype == np.complex64


def test_complex_inputs_of_real_functions():
    z = 1.0 + 2.0j
    assert jacrev(lambda z: (z * z.conj()).real)(z) == 2 * z.conjugate()
    with pytest.raises(ComplexError, match="jacfwd of real.*argument 0 has dtype complex128"):
        jacfwd(fnp.real)(z)
    assert jacobian(lambda z: (z * z.conj()).real)(z) == 2 * z.conjugate()


@MODES
def test_complex_errors(jac):
    with pytest.raises(ComplexError, match="holomorphic=True needs complex inputs, argument 0"):
        jac(fnp.sin, holomorphic=True)(1.0)
    with pytest.raises(ComplexError, match="output.*complex128"):
        jac(lambda x: x * 1j)(1.0)
    with pytest.raises(ComplexError, match="output.*float64"):
        jac(lambda z: z.real, holomorphic=True)(1j)


def test_integers():
    f = lambda i, x: x[i] * 2.0
    gi, gx = jacrev(f, (0, 1), allow_int=True)(np.arange(2), X)
    assert gi.dtype == float0 and gi.shape == (2, 2)
    np.testing.assert_array_equal(gx, [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    for jac in (jacfwd, jacrev, jacobian):
        with pytest.raises(IntegerInputError, match=r"argument 0\['i'\] has dtype int64"):
            jac(lambda p: p["i"] * 1.0)({"i": np.arange(3)})
        with pytest.raises(IntegerOutputError, match="output.*int64"):
            jac(lambda x: {"n": fnp.argmax(x)})(X)
        with pytest.raises(TypeError, match="not numeric; return it as aux"):
            jac(lambda x: (x, "text"))(X)


# ---- nesting


@MODES
def test_inside_and_outside_of_other_transforms(jac):
    f = lambda x: fnp.sin(x) * x[::-1]
    expected = lambda x: np.diag(np.cos(x) * x[::-1]) + np.fliplr(np.diag(np.sin(x)))
    batch = np.stack([X, 2 * X])
    np.testing.assert_allclose(vmap(jac(f))(batch), [expected(X), expected(2 * X)])
    np.testing.assert_allclose(jit(vmap(jac(f)))(batch), [expected(X), expected(2 * X)])
    np.testing.assert_allclose(vmap(jit(jac(f)))(batch), [expected(X), expected(2 * X)])
    np.testing.assert_allclose(jac(jit(f))(X), expected(X))
    norm = lambda x: (jac(f)(x) ** 2).sum()
    numeric = differences(lambda x: (expected(x) ** 2).sum(), X)
    np.testing.assert_allclose(grad(norm)(X), numeric, rtol=1e-7)
    np.testing.assert_allclose(jit(grad(norm))(X), numeric, rtol=1e-7)
    np.testing.assert_allclose(jvp(norm, (X,), (X,))[1], numeric @ X, rtol=1e-7)
    outer = vmap(lambda w: jac(lambda x: f(x) * w)(X))(np.array([1.0, 2.0]))
    np.testing.assert_allclose(outer, [expected(X), 2 * expected(X)])


@pytest.mark.parametrize("inner", [jacfwd, jacrev, jacobian])
@pytest.mark.parametrize("outer", [jacfwd, jacrev, jacobian])
@RUN
def test_second_derivatives_of_vectors(run, outer, inner):
    f = lambda x: fnp.stack([x[0] * x[1] ** 2, fnp.sin(x[2]) * x[0]])
    expected = np.zeros((2, 3, 3))
    expected[0, 0, 1] = expected[0, 1, 0] = 2 * X[1]
    expected[0, 1, 1] = 2 * X[0]
    expected[1, 0, 2] = expected[1, 2, 0] = np.cos(X[2])
    expected[1, 2, 2] = -np.sin(X[2]) * X[0]
    np.testing.assert_allclose(run(outer(inner(f)))(X), expected, atol=1e-15)


@RUN
def test_jacobians_through_custom_rules(run):
    @custom_jvp
    def f(x):
        return x**2

    f.defjvps(lambda t, y, x: 10 * x * t)
    for jac in (jacfwd, jacrev):
        np.testing.assert_allclose(run(jac(f))(X), np.diag(10 * X))


# ---- Hessians and products with them


@RUN
def test_hessian_of_one_array(run):
    f = lambda x: fnp.exp(x[0]) * x[1] + x[2] ** 3
    expected = np.array([[-1.2, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    expected[:2, :2] *= np.exp(0.3)
    expected[2, 2] = 12.0
    np.testing.assert_allclose(run(hessian(f))(X), expected)
    assert run(hessian(lambda x: x**3))(2.0) == 12.0
    np.testing.assert_allclose(run(hessian(lambda x: (x @ x.T).sum()))(M).shape, (2, 3, 2, 3))


@RUN
def test_hessian_of_pytrees_and_of_several_arguments(run):
    f = lambda p, c: (p["u"] ** 2).sum() * p["v"] * c
    blocks = run(hessian(f))({"u": X, "v": 2.0}, 3.0)
    np.testing.assert_allclose(blocks["u"]["u"], np.eye(3) * 12)
    np.testing.assert_allclose(blocks["u"]["v"], 6 * X)
    np.testing.assert_allclose(blocks["v"]["u"], 6 * X)
    np.testing.assert_allclose(blocks["v"]["v"], 0.0)
    pair = run(hessian(lambda x, y: (x * y**2).sum(), (0, 1)))(X, X + 1)
    np.testing.assert_allclose(pair[0][0], np.zeros((3, 3)))
    np.testing.assert_allclose(pair[0][1], np.diag(2 * (X + 1)))
    np.testing.assert_allclose(pair[1][0], np.diag(2 * (X + 1)))
    np.testing.assert_allclose(pair[1][1], np.diag(2 * X))


def test_hessian_with_aux_and_of_float32():
    result, aux = hessian(lambda x: ((x**3).sum(), ("text", x * 2)), has_aux=True)(X)
    np.testing.assert_allclose(result, np.diag(6 * X))
    assert aux[0] == "text"
    np.testing.assert_allclose(aux[1], X * 2)
    assert hessian(lambda x: (x**3).sum())(X.astype(np.float32)).dtype == np.float32
    assert hessian(lambda z: z**3, holomorphic=True)(1j) == 6j


@RUN
def test_hessian_of_a_vector_function(run):
    result = run(hessian(lambda x: x**3))(X)
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 6 * X
    np.testing.assert_allclose(result, expected)


@RUN
@pytest.mark.parametrize("product", [hvp, vhp])
def test_products_with_the_hessian(run, product):
    f = lambda x: (fnp.sin(x) * x[::-1]).sum()
    v = np.array([1.0, -2.0, 0.5])
    expected = hessian(f)(X) @ v
    np.testing.assert_allclose(run(lambda x, v: product(f, (x,), (v,)))(X, v), expected)
    two = lambda p, y: (p["a"] ** 2).sum() * y
    primals, tangents = ({"a": X}, 2.0), ({"a": v}, 3.0)
    first, second = run(lambda p, t: product(two, p, t))(primals, tangents)
    np.testing.assert_allclose(first["a"], 4 * v + 6 * X)
    np.testing.assert_allclose(second, 2 * X @ v)
    np.testing.assert_allclose(
        vmap(lambda v: product(f, (X,), (v,)))(np.eye(3)), hessian(f)(X), atol=1e-15
    )
    assert product(lambda x: x**3, (2.0,), (1.0,)) == 12.0


@pytest.mark.parametrize("product", [hvp, vhp])
def test_what_products_with_the_hessian_refuse(product):
    f = lambda x: (x * x).sum()
    with pytest.raises(TypeError, match=rf"{product.__name__}.*tuple"):
        product(f, X, X)
    with pytest.raises(NonScalarOutputError):
        product(lambda x: x, (X,), (X,))
    with pytest.raises(TreeMismatchError):
        product(f, (X,), (X, X))


# ---- elementwise


@RUN
def test_elementwise_grad(run):
    np.testing.assert_allclose(run(elementwise_grad(fnp.sin))(X), np.cos(X))
    third = elementwise_grad(elementwise_grad(elementwise_grad(fnp.tanh)))
    t = np.tanh(X)
    np.testing.assert_allclose(run(third)(X), -2 * (1 - t**2) * (1 - 3 * t**2), rtol=1e-12)
    assert run(elementwise_grad(lambda x: x**3))(2.0) == 12.0
    assert elementwise_grad(lambda x: x**3)(2) == 12.0
    second = run(elementwise_grad(lambda x, y: x * y**2, 1))(X, X + 1)
    np.testing.assert_allclose(second, 2 * X * (X + 1))
    pair = run(elementwise_grad(lambda x, y: x * y, (0, 1)))(X, X + 1)
    np.testing.assert_allclose(pair[0], X + 1)
    np.testing.assert_allclose(pair[1], X)
    assert run(elementwise_grad(fnp.exp))(X.astype(np.float32)).dtype == np.float32
    assert elementwise_grad(lambda x: x * 2)(np.zeros((0, 2))).shape == (0, 2)


def test_elementwise_grad_refuses_functions_that_are_not_elementwise():
    with pytest.raises(ShapeError, match=r"elementwise_grad of <lambda>.*\(\).*argument 0.*\(3,\)"):
        elementwise_grad(lambda x: x.sum())(X)
    with pytest.raises(ShapeError, match=r"elementwise_grad of <lambda>.*\(3, 3\)"):
        elementwise_grad(lambda x: fnp.outer(x, x))(X)
    with pytest.raises(ShapeError, match="one array"):
        elementwise_grad(lambda x: (x, x))(X)
    with pytest.raises(IntegerInputError, match="elementwise_grad of sin: argument 0"):
        elementwise_grad(fnp.sin)(np.arange(3))
    with pytest.raises(TypeError, match="elementwise_grad: expected a function"):
        elementwise_grad(3)


def test_jacfwd_of_a_loop_carries_tangents_instead_of_residuals():
    """One loop, whose carry holds the tangents; its length need not be known."""

    def halved_until_small(x):
        return lax.while_loop(lambda y: (y**2).sum() > 0.1, lambda y: y * fnp.cos(y) / 2, x)

    def summed(x):
        return lax.scan(lambda c, t: (fnp.sin(c * t), c), x, np.array([1.0, 0.5, 2.0]))

    x = np.array([1.5, -0.5])
    for f in (halved_until_small, summed):
        program = str(make_program(jit(jacfwd(f)))(x))
        assert program.count("while[") + program.count("scan[") == 1
        assert "records=True" not in program
        compiled, by_rows = jit(jacfwd(f))(x), jacrev(f)(x)
        for ours, theirs in zip(*map(tree.leaves, (compiled, by_rows)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
