"""`lax.linalg`: values against NumPy and SciPy, derivatives, batches."""

import numpy as np
import pytest
import scipy.linalg

from fungrad import jit, lax, vmap
from fungrad.testing import check_grads

la = lax.linalg
RANDOM = np.random.default_rng(5)


def general(*shape, dtype=np.float64):
    x = RANDOM.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * RANDOM.normal(size=shape)
    return (x + 2 * np.eye(*shape[-2:])).astype(dtype)


A, Z, TALL, WIDE = general(3, 3), general(3, 3, dtype=complex), general(4, 2), general(2, 4)
P = A @ A.T + np.eye(3)


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_cholesky():
    close(la.cholesky(P + 0.5 * (A - A.T)), np.linalg.cholesky(P))
    close(la.cholesky(np.tril(P), symmetrize_input=False), np.linalg.cholesky(P))
    w = A[0]
    r = la.cholesky_update(np.linalg.cholesky(P).T, w)
    close(r.T @ r, P + np.outer(w, w))
    check_grads(la.cholesky, (P,), 2)


@pytest.mark.parametrize("a", [A, Z], ids=["real", "complex"])
def test_eig(a):
    w, left, right = la.eig(a)
    expected, vl, vr = scipy.linalg.eig(a, left=True)
    close(w, expected)
    close(right, vr)
    close(abs(left), abs(vl))
    close(left.conj().T @ a, w[:, None] * left.conj().T)
    assert [
        len(la.eig(a, compute_left_eigenvectors=k, compute_right_eigenvectors=False))
        for k in (True, False)
    ] == [2, 1]
    check_grads(la.eig, (a,), 1)
    close(jit(la.eig)(a)[2], vr)


def test_eigh():
    v, w = la.eigh(A)
    close(w, np.linalg.eigvalsh((A + A.T) / 2))
    close((v * w) @ v.T, (A + A.T) / 2)
    v, w = la.eigh(A, lower=False, symmetrize_input=False, subset_by_index=(1, 3))
    close(w, np.linalg.eigvalsh(A, "U")[1:])
    assert v.shape == (3, 2)
    with pytest.raises(ValueError, match="is not within"):
        la.eigh(A, subset_by_index=(1, 4))


def test_lu():
    for a in (A, TALL, WIDE, Z, np.stack([A, P])):
        factors, pivots, permutation = jit(la.lu)(a)
        p, lower, upper = scipy.linalg.lu(a)
        k = min(a.shape[-2:])
        close(np.triu(factors)[..., :k, :], upper)
        close((np.tril(factors, -1) + np.eye(*a.shape[-2:]))[..., :k], lower)
        close(np.take_along_axis(a, permutation[..., None].astype(int), -2), lower @ upper)
        assert pivots.dtype == permutation.dtype == np.int32
        again = la.lu_pivots_to_permutation(pivots, a.shape[-2])
        np.testing.assert_array_equal(again, permutation)


@pytest.mark.parametrize("a", [A, TALL, WIDE, Z], ids=["square", "tall", "wide", "complex"])
def test_qr(a):
    q, r = la.qr(a)
    close(q, np.linalg.qr(a, "complete")[0])
    q, r, order = jit(lambda a: la.qr(a, pivoting=True, full_matrices=False))(a)
    expected = scipy.linalg.qr(a, pivoting=True, mode="economic")
    close(q @ r, a[:, order])
    close(abs(np.diag(r)), abs(np.diag(expected[1])))
    np.testing.assert_array_equal(order, expected[2])
    check_grads(lambda a: la.qr(a, pivoting=True, full_matrices=False)[:2], (a,), 1)


def test_reflectors():
    for a in (A, TALL, Z):
        packed, taus = np.linalg.qr(a, "raw")
        packed = packed.T
        k = min(a.shape)
        q = np.linalg.qr(a)[0]
        close(la.householder_product(packed[:, :k], taus), q)
        full = np.linalg.qr(a, "complete")[0]
        c = general(a.shape[0], 2, dtype=a.dtype)
        close(la.ormqr(packed[:, :k], taus, c), full @ c)
        close(la.ormqr(packed[:, :k], taus, c, transpose=True), full.conj().T @ c)
        close(la.ormqr(packed[:, :k], taus, c.T, left=False), c.T @ full)
        check_grads(la.householder_product, (packed[:, :k], taus), 1)


def test_svd():
    u, s, vh = la.svd(TALL)
    assert (u.shape, s.shape, vh.shape) == ((4, 4), (2,), (2, 2))
    close(la.svd(TALL, compute_uv=False), s)
    u, s, vh = la.svd(WIDE, full_matrices=False, subset_by_index=(0, 1))
    close(u @ (s[:, None] * vh), s[0] * np.outer(u[:, 0], vh[0]))


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("conjugate", [False, True])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_solve(transpose, conjugate, lower, unit):
    b = general(3, 2, dtype=complex)
    t = np.tril(Z) if lower else np.triu(Z)
    if unit:
        t = t - np.diag(np.diag(t)) + np.eye(3)
    op = t.conj() if conjugate else t
    op = op.T if transpose else op
    options = {"transpose_a": transpose, "conjugate_a": conjugate, "lower": lower}
    options["unit_diagonal"] = unit
    close(la.triangular_solve(Z, b, left_side=True, **options), np.linalg.solve(op, b))
    close(la.triangular_solve(Z, b[:, 0], left_side=True, **options), np.linalg.solve(op, b[:, 0]))
    right = la.triangular_solve(Z, b.T, **options)
    close(right @ op, b.T)


def test_tridiagonal_solve():
    dl, d, du = RANDOM.normal(size=(3, 2, 5)) + np.array([0, 4, 0])[:, None, None]
    b = RANDOM.normal(size=(2, 5, 2))
    x = jit(la.tridiagonal_solve)(dl, d, du, b)
    for i in range(2):
        t = np.diag(d[i]) + np.diag(dl[i, 1:], -1) + np.diag(du[i, :-1], 1)
        close(t @ x[i], b[i])
    close(vmap(la.tridiagonal_solve)(dl, d, du, b), x)


def test_symmetric_product():
    found = la.symmetric_product(TALL, np.eye(4), alpha=2.0, beta=0.5)
    close(found, 2 * TALL @ TALL.T + 0.5 * np.eye(4))


def test_qdwh():
    u, h, iterations, converged = la.qdwh(TALL)
    expected = scipy.linalg.polar(TALL)
    close(u, expected[0])
    close(h, expected[1])
    assert (iterations, converged) == (0, True)


def test_qdwh_of_a_part():
    """What lies beyond the dynamic shape does not count, in values and derivatives."""
    padded = np.full((6, 5), 7.0)
    padded[:4, :2] = TALL
    weights = np.random.default_rng(3).normal(size=(6, 5))
    for factors in (la.qdwh, jit(la.qdwh)):
        u, h = factors(padded, dynamic_shape=(4, 2))[:2]
        for found, expected in zip((u, h), scipy.linalg.polar(TALL), strict=True):
            inner = np.zeros_like(found)
            inner[: expected.shape[0], :2] = expected
            close(found, inner)
    check_grads(lambda x: (weights * la.qdwh(x, dynamic_shape=(4, 2))[0]).sum(), (padded,), 1)


def test_schur_in_a_chosen_order():
    square = np.array([[0.0, 2.0, 1.0], [2.0, 0.0, 0.0], [0.3, 0.0, 1.0]])
    form = la.schur(square, sort_eig_vals=True, select_callable=lambda w: w.real < 0)[0]
    assert form[0, 0] < 0 < form[1, 1]
    with pytest.raises(ValueError, match="select_callable"):
        la.schur(square, sort_eig_vals=True)
