"""Products of which the program shows a structure: parts of identity matrices, transpositions."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import hessian, jacfwd, jacrev, jit
from fungrad.core.evaluation import evaluate
from fungrad.core.program import check
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize import optimize
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.basis import Basis
from fungrad.primitives.contraction import Contract

F64 = np.dtype(float)
random = np.random.default_rng(0)

#: Labels of the basis, of the other factor, of the result; the basis; whether it disappears.
WITH_BASIS = {
    "identity on the left": ((0, 1), (1, 2), (0, 2), Basis(30, 0, (30,), F64), True),
    "identity, transposed result": ((0, 1), (1, 2), (2, 0), Basis(30, 0, (30,), F64), True),
    "identity on its rows": ((1, 0), (1, 2), (2, 0), Basis(30, 0, (30,), F64), True),
    "part of an identity": ((0, 1), (1, 2), (0, 2), Basis(40, 7, (30,), F64), True),
    "rows of a part": ((1, 0), (1, 2), (0, 2), Basis(30, 7, (20,), F64), True),
    "matrices": ((0, 1, 2), (3, 2, 1), (0, 3), Basis(30, 4, (4, 5), F64), True),
    "rows of matrices": ((0, 1, 2), (0, 3), (2, 3, 1), Basis(30, 4, (4, 5), F64), True),
    "matrices, one axis summed": ((0, 1, 2), (3, 2), (0, 3, 1), Basis(20, 0, (4, 5), F64), False),
    "a batch": ((0, 1), (0, 1, 2), (0, 2), Basis(30, 0, (30,), F64), False),
}


def optimised(function, *arrays):
    """The optimised program of a function, which computes the same."""
    types = [ArrayType(x.shape, x.dtype) for x in arrays]
    program, captures = trace(lambda *v: [function(*v)], types, "jit of f")
    cheaper = check(optimize(program))
    values = [*arrays, *captures]
    (expected,), (found,) = evaluate(program, values), evaluate(cheaper, values)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    return cheaper


def has(program, kind):
    return any(isinstance(e.primitive, kind) for e in program.equations)


@pytest.mark.parametrize("name", WITH_BASIS)
@pytest.mark.parametrize("is_left", [True, False])
def test_products_with_parts_of_an_identity(name, is_left):
    own, other, out, basis, disappears = WITH_BASIS[name]
    sizes = dict(zip(own, (basis.count, *basis.shape), strict=True))
    x = random.normal(size=[sizes.get(label, 6) for label in other])

    def f(x):
        labels = (own, other, out) if is_left else (other, own, out)
        return Contract(*labels)(*((basis(), x) if is_left else (x, basis())))

    assert has(optimised(f, x), Basis) != disappears


def test_the_users_own_identity_disappears_too():
    x = random.normal(size=(30, 20))
    assert not has(optimised(lambda x: fnp.eye(30) @ x @ fnp.identity(20), x), Contract | Basis)


def test_infinities_do_not_spread_along_an_identity():
    x = np.array([[1.0, np.inf] * 20, [np.nan, 2.0] * 20])
    found = jit(lambda x: x @ fnp.eye(40))(x)
    np.testing.assert_array_equal(found, x)


def test_elementwise_functions_keep_the_layout_of_the_largest_operand():
    x, rows, columns = random.normal(size=(40, 30)), *map(np.ones, (40, 30))

    def f(x, rows, columns):
        y = m.Broadcast((30, 1, 40), (2, 0))(x)
        z = e.sin(y) * m.Broadcast((30, 1, 40), (2,))(rows) + m.Broadcast((30, 1, 40), (0,))(
            columns
        )
        return Contract((0, 1, 2), (2, 3), (3, 0, 1))(z * 2.0, m.Fill((40, 20))(3.0) + x[:, :20])

    program = optimised(f, x, rows, columns)
    assert not has(program, m.Transpose)
    shapes = [q.outputs[0].type.shape for q in program.equations if q.primitive is e.sin]
    assert shapes in ([(1, 40, 30)], [(40, 30)])


def test_operands_in_two_layouts_stay():
    x = random.normal(size=(30, 30))
    program = optimised(lambda x: e.sin(m.Transpose((1, 0))(x) * x), x)
    assert sum(isinstance(q.primitive, m.Transpose) for q in program.equations) == 1


def test_the_hessian_of_a_logistic_regression_is_one_product():
    x, y, w = random.normal(size=(60, 20)), random.normal(size=60), random.normal(size=20)
    f = hessian(lambda w, x, y: fnp.log1p(fnp.exp(-y * (x @ w))).mean())
    program = optimised(f, w, x, y)
    products = [q for q in program.equations if isinstance(q.primitive, Contract)]
    assert [q.outputs[0].type.size for q in products] == [60, 400]
    assert not has(program, m.Transpose) or program.equations[-1].outputs[0].type.size == 400


@pytest.mark.parametrize("jacobian", [jacfwd, jacrev])
def test_jacobians_in_several_arguments_when_compiled(jacobian):
    w, b, x = random.normal(size=(3, 4)), random.normal(size=3), random.normal(size=4)
    f = jacobian(lambda w, b, x: {"y": fnp.tanh(w @ x + b), "s": (w * w).sum()}, argnums=(0, 1, 2))
    for name, parts in jit(f)(w, b, x).items():
        for found, expected in zip(parts, f(w, b, x)[name], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


#: Functions whose forward Jacobian is the sum over a diagonal matrix.
SUMS = {
    "squares": lambda x: (x * x).sum(),
    "quotients": lambda x: fnp.sum(fnp.sin(x) / (2 + x)) - fnp.sum(3 * x),
    "a norm": lambda x: fnp.sqrt(fnp.sum((x - 1) ** 2)),
    "one number for all": lambda x: fnp.sum(x * fnp.sum(fnp.exp(x)) / 7),
}


@pytest.mark.parametrize("name", SUMS)
def test_forward_mode_through_a_sum_builds_no_diagonal_matrix(name):
    x = random.normal(size=5)
    program = optimised(jacfwd(SUMS[name]), x)
    assert not has(program, Basis) or name == "one number for all"
    np.testing.assert_allclose(jit(jacfwd(SUMS[name]))(x), jacrev(SUMS[name])(x), rtol=1e-12)


def test_sums_of_matrices_that_are_not_diagonal_stay():
    x = random.normal(size=4)
    kept = (
        lambda x: (Basis(4, 0, (4,), F64)() * m.Broadcast((4, 4), (0,))(x)).sum(0),  # rows scaled
        lambda x: (Basis(4, 0, (4,), F64)() + m.Broadcast((4, 4), (1,))(x)).sum(1),
        lambda x: (Basis(4, 0, (4,), F64)() * x).sum(),
        lambda x: (Basis(8, 3, (4,), F64)() * m.Broadcast((8, 4), (1,))(x)).sum(1),
    )
    for f in kept:
        assert has(optimised(f, x), Basis)
