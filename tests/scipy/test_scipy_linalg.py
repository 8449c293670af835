"""`fungrad.scipy.linalg`: SciPy's values, derivatives, compiled and batched."""

import numpy as np
import pytest
import scipy.linalg as sla

import fungrad.scipy.linalg as la
from fungrad import grad, jit, value_and_grad, vmap
from fungrad.testing import check_grads
from tests.tables.of_scipy_linalg import BZ, CALLS, PZ, A, B, P, S, Z


def flat(result):
    if isinstance(result, tuple | list):
        return [y for x in result for y in flat(x)]
    return [result]


TITLES = [c[0] for c in CALLS]


@pytest.mark.parametrize("title, ours, theirs, arrays, order", CALLS, ids=TITLES)
def test_values_and_derivatives(title, ours, theirs, arrays, order):
    found = flat(ours(*arrays))
    expected = flat((theirs or (lambda a: sla.cholesky(a, lower=True)))(*arrays))
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-10)
        assert np.asarray(x).dtype == np.asarray(y).dtype
    if order:
        check_grads(ours, arrays, order)


CHOSEN = [
    "lu_solve, 1",
    "solve, pos",
    "expm",
    "expm, complex",
    "expm of batches",
    "polar",
    "cho_solve, lower",
    "eigh, generalised, 1",
]


@pytest.mark.parametrize("call", [c for c in CALLS if c[0] in CHOSEN], ids=lambda c: c[0])
def test_compiled_and_batched(call):
    _, ours, _, arrays, order = call

    def loss(*x):
        return sum([(abs(y) ** 2).sum() for y in flat(ours(*x)) if np.dtype(y.dtype).kind in "fc"])

    def scaled(*x):
        return loss(*x) / loss(*arrays)

    expected = value_and_grad(scaled)(*arrays)
    np.testing.assert_allclose(jit(value_and_grad(scaled))(*arrays)[1], expected[1], 1e-9, 1e-9)
    rows = [np.stack([x, 1.01 * x]) for x in arrays]
    mapped = vmap(grad(scaled))(*rows)
    np.testing.assert_allclose(mapped[0], expected[1], 1e-9, 1e-9)


@pytest.mark.parametrize("lower", [False, True])
def test_positive_solve_has_the_derivative_of_solve(lower):
    """One triangle is read, so that its gradient holds both halves of the symmetric one."""

    def loss(a, b):
        return abs(la.solve(a, b, assume_a="pos", lower=lower) ** 2).sum()

    check_grads(loss, (P, B), 2)
    check_grads(loss, (PZ, BZ), 1)
    both = grad(lambda a, b: abs(la.solve(a, b) ** 2).sum())(P, B)
    both = both + both.T - np.diag(np.diag(both))
    triangle = np.tril(both) if lower else np.triu(both)
    np.testing.assert_allclose(grad(loss)(P, B), triangle, rtol=1e-10, atol=1e-12)


def test_generalised_vectors():
    for kind in (1, 2, 3):
        w, v = la.eigh(S, P, type=kind)
        left = {1: S @ v, 2: S @ P @ v, 3: P @ S @ v}[kind]
        right = {1: P @ v, 2: v, 3: v}[kind]
        np.testing.assert_allclose(left, right * w, atol=1e-10)
        expected = sla.eigh(S, P, type=kind)[1]
        np.testing.assert_allclose(abs(v), abs(expected), atol=1e-10)
        check_grads(lambda s, p, k=kind: la.eigh(s, p, type=k), (S, P), 1)


def test_rsf2csf():
    t, z = la.rsf2csf(*la.schur(A))
    np.testing.assert_allclose(z @ t @ z.conj().T, A, atol=1e-12)
    np.testing.assert_allclose(np.tril(t, -1), 0, atol=1e-12)


def test_constant_matrices():
    for name in ("dft", "hadamard", "helmert", "hilbert", "invhilbert", "invpascal", "pascal"):
        np.testing.assert_array_equal(getattr(la, name)(4), getattr(sla, name)(4))


def test_schur_forms_of_complex_pairs():
    """The complex form is differentiable up to phases; the real one, with its blocks, is not."""

    def invariants(a):
        t, z = la.schur(a, "complex")
        return abs(t) ** 2, t.diagonal(), abs(z) ** 2

    turned = np.array([[1.0, 2.0, 0.3], [-1.0, 1.2, 0.4], [0.1, 0.2, 3.0]])
    check_grads(invariants, (turned,), order=2)
    check_grads(invariants, (Z,), order=1)
    check_grads(lambda a: la.hessenberg(a, calc_q=True), (Z,), order=1)
    loss = lambda a: (la.schur(a)[0] ** 2).sum()  # noqa: E731
    for run in (lambda f: f, jit):
        assert np.isnan(run(grad(loss))(turned)).all()
    batch = np.stack([S + 0.1 * A, turned])
    first, second = vmap(grad(loss))(batch)
    np.testing.assert_allclose(first, grad(loss)(batch[0]), rtol=1e-9)
    assert np.isnan(second).all()
    for function in (lambda a: la.schur(a)[1], lambda a: la.hessenberg(a)):
        for n in (0, 1):
            assert grad(lambda a, f=function: f(a).sum())(np.ones((n, n))).shape == (n, n)


def test_errors():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        jit(lambda a, b: la.solve(a, b, assume_a="pos"))(-P, B)
    with pytest.raises(np.linalg.LinAlgError, match="triangular_solve: a matrix is singular"):
        jit(la.solve_triangular)(np.zeros((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="is not a recognized matrix structure"):
        la.solve(A, B, assume_a="nice")
    with pytest.raises(ValueError, match="Mode argument should be one of"):
        la.qr(A, mode="raw")
    with pytest.raises(ValueError, match="cho_solve: operand 1 has 2 rows"):
        la.cho_solve(la.cho_factor(P), B[:2])


@pytest.mark.parametrize("output", ["real", "complex"])
@pytest.mark.parametrize("sort", ["lhp", "rhp", "iuc", "ouc", None])
def test_schur_forms_in_a_chosen_order(output, sort):
    """The chosen eigenvalues stand first, as in SciPy, and their sum has its derivative."""
    a = np.random.default_rng(1).normal(size=(6, 6))
    by = sort or (lambda w: w.imag > 0 if output == "complex" else w.imag != 0)
    ours = lambda a: la.schur(a, output, sort=by)  # noqa: E731
    plain = by if sort or output == "complex" else lambda re, im: im != 0
    expected = sla.schur(a, output, sort=plain)
    for t, z, count in (ours(a), jit(ours)(a), [x[1] for x in jit(vmap(ours))(np.stack([a.T, a]))]):
        assert count == expected[2]
        np.testing.assert_allclose(z @ t @ z.conj().T, a, atol=1e-12)
        chosen = [np.linalg.eigvals(x[:count, :count]).sum() for x in (t, expected[0])]
        np.testing.assert_allclose(*chosen, atol=1e-10)

    def total(a):
        t, _, count = ours(a)
        return np.where(np.arange(6) < count, np.diagonal(t).real, 0).sum()

    if output == "complex":
        check_grads(total, (a,), 1)
    with pytest.raises(ValueError, match="sort is a function or one of lhp, rhp"):
        la.schur(a, output, sort="left")


def test_numbered_eigenvalues():
    for keywords in ({}, {"b": 2 * np.eye(3)}, {"eigvals_only": True}):
        found = la.eigh(S, eigvals=(1, 2), **keywords)
        expected = sla.eigh(S, subset_by_index=(1, 2), **keywords)
        first = [x if keywords == {"eigvals_only": True} else x[0] for x in (found, expected)]
        np.testing.assert_allclose(*first)
    assert la.eigh(S, eigvals=(1, 2))[1].shape == (3, 2)
    with pytest.raises(ValueError, match="numbered from 0"):
        la.eigh(S, eigvals=(2, 1))
