"""Calls in eager code that were made before record what they would record anew."""

import numpy as np
import pytest

import fungrad
from fungrad import grad
from fungrad.core.tracing import Recording
from fungrad.errors import ViewWriteError
from fungrad.numpy.dispatch import TRACED
from fungrad.numpy.remembered import Known
from fungrad.testing import check_grads

R = np.random.default_rng(0)
X, P, A = R.normal(size=5), R.uniform(0.5, 1.5, 5), R.normal(size=(4, 5))
SQUARE = R.normal(size=(4, 4)) + 4 * np.eye(4)
WEIGHTS = R.normal(size=(4, 5))

FUNCTIONS = {
    "sum": (lambda x: np.sum(x * x), X),
    "mean along": (lambda x: np.sum(np.mean(x, axis=0) ** 2), A),
    "norm": (np.linalg.norm, X),
    "norms": (lambda x: np.sum(np.linalg.norm(x, axis=1)), A),
    "std": (lambda x: np.std(x, ddof=1), X),
    "prod": (np.prod, P),
    "kept axes": (lambda x: np.sum(np.sum(x, 1, keepdims=True) * x), A),
    "where": (lambda x: np.sum(np.where(x > 0, x**2, -3.0)), X),
    "rows": (lambda x: np.sum(x[1:] * x[:-1]) + x[0, 2] * x[-1, 3], A),
    "new axes": (lambda x: np.sum(x[:, None] / x[None, :]), P),
    "repeated": (lambda x: np.sum(WEIGHTS * x + x), X),
    "whole matrix": (lambda x: np.sum(np.sin(WEIGHTS @ x)), X),
    "solve": (lambda a: np.sum(np.linalg.solve(a, np.ones(4))), SQUARE),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], SQUARE),
    "eigvalsh": (lambda a: np.sum(np.linalg.eigvalsh(a + a.T) ** 2), SQUARE),
    "einsum": (lambda x: np.einsum("ij,ik,j->k", x, x, X) @ X, A),
    "concatenated": (lambda x: np.sum(np.concatenate([x, 2 * x, WEIGHTS[0]]) ** 2), X),
    "moved": (lambda x: np.sum(np.roll(np.tile(x, 2), 3) * np.repeat(x, 2)), X),
    "clipped": (lambda x: np.sum(np.clip(x, -0.5, 0.5) * x), X),
    "sorted": (lambda x: np.sum(np.sort(x)[:3] ** 2), X),
    "transposed": (lambda x: np.sum(x.T.reshape(2, -1) ** 3), A),
    "variance": (lambda x: x.var() + x.max() - x.min() + x.mean(axis=0).sum(), A),
}


def known_of(function):
    """The programs that are kept for calls of a function of NumPy."""
    cells = [c.cell_contents for c in TRACED[function].__closure__]
    (calls,) = [c for c in cells if isinstance(c, dict)]
    return [known.program for known in calls.values() if type(known) is Known]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_later_calls_are_like_the_first(name):
    f, x = FUNCTIONS[name]
    (value, gradient), *others = [fungrad.value_and_grad(f)(x) for _ in range(4)]
    for other in others:
        assert other[0] == value and np.array_equal(other[1], gradient)
    check_grads(f, (x,), order=2)
    for _ in range(3):
        along = fungrad.jvp(f, (x,), (np.ones_like(x),))[1]
        np.testing.assert_allclose(along, np.sum(gradient), rtol=1e-9, atol=1e-12)


def test_a_rule_runs_once_per_types_and_settings():
    x = np.arange(1.0, 8.0)
    before = len(known_of(np.linalg.norm))
    for _ in range(3):
        grad(np.linalg.norm)(x)
    assert len(known_of(np.linalg.norm)) == before + 1
    for ord in (1, np.inf, 3):
        for _ in range(3):
            grad(lambda x, ord=ord: np.linalg.norm(x, ord))(x)
    assert len(known_of(np.linalg.norm)) == before + 3  # inf is no setting that is kept


def test_the_program_is_that_of_the_first_call():
    """So what was derived from it is not derived again."""
    x = np.arange(1.0, 9.0)
    for _ in range(2):
        with Recording("first") as recording:
            (t,) = recording.add_operands([x], [False])
            program = recording.finish([np.std(t[1:]) * np.linalg.norm(t)])
    for _ in range(3):
        with Recording("later") as recording:
            (t,) = recording.add_operands([x], [False])
            assert recording.finish([np.std(t[1:]) * np.linalg.norm(t)]) is program


def test_a_branch_that_values_decide_is_decided_again():
    f = grad(lambda x: np.sum(np.linalg.norm(x, axis=1) + np.std(x, axis=1)))
    for _ in range(3):
        assert np.isfinite(f(A)).all()
    with_zeros = A * np.array([[1.0], [0.0], [1.0], [0.0]])
    for _ in range(3):
        found = f(with_zeros)
        assert (found[[1, 3]] == 0).all()
        np.testing.assert_allclose(found[[0, 2]], f(A)[[0, 2]], rtol=1e-14)


def test_a_rule_that_looks_at_values_runs_every_time():
    f = grad(lambda x: np.sum(x[x > 0]) + np.sum(np.trim_zeros(x) ** 2))
    for x in (X, -X, X + 1, X, np.zeros(5)):
        np.testing.assert_allclose(f(x), (x > 0) + 2 * x)


def test_errors_come_in_every_call():
    singular = np.ones((3, 3))
    for _ in range(4):
        grad(lambda a: np.sum(np.linalg.solve(a, np.ones(3))))(SQUARE[:3, :3])
        with pytest.raises(np.linalg.LinAlgError, match="solve: singular matrix"):
            grad(lambda a: np.sum(np.linalg.solve(a, np.ones(3))))(singular)
        with pytest.raises(ValueError, match="reshape"):
            grad(lambda x: np.sum(np.reshape(x, (3, 3))))(X)
        with pytest.raises(IndexError, match="out of bounds"):
            grad(lambda x: x[7])(X)


def test_views_stay_views():
    def writes_through(x):
        y = x * 1.0
        row = y[1]
        row[0] = 3.0
        return np.sum(y)

    def uses_a_lost_view(x):
        y = x * 1.0
        row = y[1]
        flat = np.ravel(y)
        y[1, 0] = 3.0
        return np.sum(row) + np.sum(flat)

    def writes(x):
        y = np.zeros_like(x)
        y[0] += x[1]
        y[1:3, 2] = x[1:3, 0] ** 2
        z = np.copy(y)
        z[2] -= x[0]
        return np.sum(y * z)

    for _ in range(4):
        for f in (writes_through, uses_a_lost_view):
            with pytest.raises(ViewWriteError):
                grad(f)(A)
        check_grads(writes, (A,), order=1)


def test_kinds_of_arguments_are_told_apart():
    def kinds(x):
        ones, truths = np.sum(x, 1), np.sum(x, True)
        return (
            np.sum(ones * truths) + np.sum(np.where(x > 0, x, 1)) + np.sum(np.where(x > 0, x, 1.0))
        )

    for x in (A, A.astype(np.float32), np.array(A, order="F")):
        found = [grad(kinds)(x) for _ in range(3)]
        assert all(g.dtype == x.dtype and np.array_equal(g, found[0]) for g in found)
    for zero in (0.0, -0.0, 0, False) * 3:
        result = fungrad.jvp(lambda x, z=zero: np.where(x > 9, x, z), (X,), (X,))[0]
        assert np.signbit(result).all() == (str(zero) == "-0.0") and result.dtype == float


def test_weak_results_stay_weak():
    for _ in range(4):
        y, _ = fungrad.jvp(lambda x: np.squeeze(x) * np.ones(2, np.float32), (2.0,), (1.0,))
        assert y.dtype == np.float32


def test_arguments_from_outside_are_captured():
    def inner(x, y):
        return grad(lambda y: np.sum(np.outer(x, y) ** 2) + np.dot(WEIGHTS @ x, WEIGHTS @ y))(y)

    for _ in range(4):
        found = grad(lambda x: np.sum(inner(x, P)))(X)
        expected = 4 * X * np.sum(P) + WEIGHTS.T @ WEIGHTS @ np.ones(5)
        np.testing.assert_allclose(found, expected)


def test_threads_remember_the_same_calls():
    from concurrent.futures import ThreadPoolExecutor

    f = grad(lambda x: np.std(x) * np.prod(x))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(f, [P + k for k in range(5)] * 20))
    for k, g in enumerate(found):
        assert np.array_equal(g, f(P + k % 5))


def test_results_belong_to_the_caller():
    """Constants of a derivative, such as the identity, are not handed out twice."""
    for f in (np.trace, np.sum, lambda a: np.sum(np.diag(a)), lambda a: a[1, 2]):
        first = grad(f)(SQUARE)
        kept = first.copy()
        first[:] = 7.0
        assert np.array_equal(grad(f)(SQUARE), kept)
        _, pull_back = fungrad.vjp(f, SQUARE)
        pull_back(1.0)[0][:] = 7.0
        assert np.array_equal(pull_back(1.0)[0], kept)


def test_residuals_are_not_the_value():
    x = X.copy()
    y, pull_back = fungrad.vjp(np.exp, x)
    expected = np.exp(X)
    y[:] = 0.0
    x[:] = 0.0
    np.testing.assert_allclose(pull_back(np.ones(5))[0], expected)
