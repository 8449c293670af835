"""Softmax and its relatives, and attention, against their formulas in NumPy."""

import mpmath
import numpy as np
import pytest
from scipy import special

from fungrad import grad, jit, nn, vmap
from fungrad.core.errors import ShapeError
from fungrad.testing import check_grads

GENERATOR = np.random.default_rng(7)
X = GENERATOR.normal(size=(3, 4, 5)) * 4
MASK = GENERATOR.random((3, 4, 5)) > 0.4
MASK[:, :, 0] = MASK[0] = True  # in every row something is left
AXES = [-1, 0, (0, 2), (0, 1, 2)]
INF = np.inf


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_values(axis):
    rows = special.logsumexp(X, axis, keepdims=True)
    np.testing.assert_allclose(nn.softmax(X, axis), np.exp(X - rows), rtol=1e-13)
    np.testing.assert_allclose(nn.log_softmax(X, axis), X - rows, rtol=1e-12)
    np.testing.assert_allclose(nn.logsumexp(X, axis, keepdims=True), rows, rtol=1e-14)
    np.testing.assert_allclose(nn.logsumexp(X, axis), special.logsumexp(X, axis), rtol=1e-14)
    mean, variance = X.mean(axis, keepdims=True), X.var(axis, keepdims=True)
    expected = (X - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(nn.standardize(X, axis), expected, rtol=1e-12)
    with np.errstate(divide="ignore"):
        means = np.log(np.mean(np.exp(X), axis))
    np.testing.assert_allclose(nn.logmeanexp(X, axis), means, rtol=1e-12)


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_masks(axis):
    hidden = np.where(MASK, X, -INF)
    rows = special.logsumexp(hidden, axis, keepdims=True)
    np.testing.assert_allclose(nn.softmax(X, axis, where=MASK), np.exp(hidden - rows), rtol=1e-12)
    np.testing.assert_allclose(
        nn.log_softmax(X, axis, where=MASK), hidden - rows, rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(nn.logsumexp(X, axis, where=MASK, keepdims=True), rows, rtol=1e-12)
    count = np.log(MASK.sum(axis))
    found = nn.logmeanexp(X, axis, where=MASK)
    np.testing.assert_allclose(found, np.squeeze(rows, axis) - count, rtol=1e-12)
    mean = np.mean(X, axis, keepdims=True, where=MASK)
    variance = np.mean((X - mean) ** 2, axis, keepdims=True, where=MASK)
    expected = (X - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(nn.standardize(X, axis, where=MASK), expected, rtol=1e-12)


def every(x):
    return [
        nn.softmax(x),
        nn.softmax(x, 0, where=MASK),
        nn.log_softmax(x, (0, 1)),
        nn.logsumexp(x, 1),
        nn.logsumexp(x, b=X, return_sign=True),
        nn.logmeanexp(x, 0, where=MASK),
        nn.standardize(x, where=MASK),
        nn.standardize(x, 0),
    ]


def test_derivatives():
    check_grads(every, (X,), order=2)
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 2e-3)):
        x = X.astype(dtype)
        loss = lambda x: sum([(y * (1 + y)).sum() for y in every(x)[:4]])  # noqa: E731
        found = jit(grad(loss))(x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, grad(loss)(X), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(vmap(nn.softmax)(X), nn.softmax(X))
    np.testing.assert_allclose(grad(nn.logsumexp)(X), nn.softmax(X, (0, 1, 2)))


def test_the_jacobian_of_softmax():
    from fungrad import jacfwd, jacrev

    x = X[0, 0]
    y = nn.softmax(x)
    expected = np.diag(y) - np.outer(y, y)
    for jacobian in (jacfwd, jacrev):
        np.testing.assert_allclose(jacobian(nn.softmax)(x), expected, rtol=1e-12, atol=1e-16)


def test_extremes():
    far = np.array([-1e300, 1e300, 0.0, -INF])
    np.testing.assert_array_equal(nn.softmax(far), [0, 1, 0, 0])
    assert nn.logsumexp(far) == 1e300
    assert nn.log_softmax(np.array([1e300, 0.0]))[1] == -1e300
    for run in (lambda f: f, jit):
        np.testing.assert_array_equal(run(grad(nn.logsumexp))(far), [0, 1, 0, 0])
        slope = run(grad(lambda x: nn.log_softmax(x)[0]))(np.array([-1000.0, 1000.0]))
        np.testing.assert_array_equal(slope, [1, -1])
        nothing = np.full(3, -INF)
        assert run(nn.logsumexp)(nothing) == -INF
        np.testing.assert_array_equal(run(grad(nn.logsumexp))(nothing), [0, 0, 0])
        hidden = run(lambda x: nn.softmax(x, where=np.zeros(3, bool)))(np.ones(3))
        np.testing.assert_array_equal(hidden, [0, 0, 0])
    with mpmath.mp.workdps(40):
        exact = float(mpmath.log(mpmath.exp(-1) + 1))
    assert nn.logsumexp(np.array([999.0, 1000.0])) - 1000 == pytest.approx(exact, rel=1e-12)
    assert nn.standardize(np.ones(4)).tolist() == [0, 0, 0, 0]
    assert grad(lambda x: nn.standardize(x)[0])(np.ones(4))[0] == pytest.approx(0.75 / 1e-5**0.5)


def test_factors_and_signs():
    b = np.array([1.0, -2.0, 0.0, 0.5])
    x = np.array([3.0, 2.0, INF, 1.0])
    total = np.exp(3.0) - 2 * np.exp(2.0) + 0.5 * np.exp(1.0)
    assert nn.logsumexp(x, b=b) == pytest.approx(np.log(total), rel=1e-14)
    value, sign = nn.logsumexp(x, b=-b, return_sign=True)
    assert (value, sign) == (pytest.approx(np.log(total), rel=1e-14), -1)
    assert np.isnan(nn.logsumexp(x, b=-b))
    value, sign = nn.logsumexp(np.array([1.0, 1.0]), b=np.array([1.0, -1.0]), return_sign=True)
    assert (value, sign) == (-INF, 0)


def test_one_hot():
    classes = np.array([[0, 2], [1, 5]])
    expected = np.eye(6)[classes][..., :3]
    np.testing.assert_array_equal(nn.one_hot(classes, 3), expected)
    np.testing.assert_array_equal(nn.one_hot(classes, 3, axis=0), np.moveaxis(expected, -1, 0))
    assert nn.one_hot(classes, 3, dtype=np.float32).dtype == np.float32
    assert jit(lambda c: nn.one_hot(c, 3))(classes).tolist() == expected.tolist()
    assert nn.one_hot(1, 3).tolist() == [0, 1, 0]
    assert nn.one_hot(-1, 3).tolist() == [0, 0, 0]


# ---- attention

Q, K, V = (GENERATOR.normal(size=(2, n, h, 3)) for n, h in ((4, 4), (5, 2), (5, 2)))


def attention_by_hand(q, k, v, bias=0.0, allowed=True, scale=3**-0.5):
    k, v = np.repeat(k, 2, axis=2), np.repeat(v, 2, axis=2)
    result = np.zeros((*q.shape[:3], v.shape[3]))
    allowed = np.broadcast_to(allowed, (2, 4, 4, 5))
    bias = np.broadcast_to(bias, (2, 4, 4, 5))
    for b, t, h in np.ndindex(2, 4, 4):
        weights = np.array([np.exp(scale * q[b, t, h] @ k[b, s, h]) for s in range(5)])
        weights = weights * np.exp(bias[b, h, t]) * allowed[b, h, t]
        if weights.sum():
            result[b, t, h] = weights @ v[b, :, h] / weights.sum()
    return result


ROWS, COLUMNS = np.arange(4)[:, None], np.arange(5)
BIAS = GENERATOR.normal(size=(1, 4, 4, 5))
ALLOWED = GENERATOR.random((2, 1, 4, 5)) > 0.5
ALLOWED[0, 0, 1] = False
LENGTHS = np.array([2, 4])[:, None, None, None]
WAYS = [
    ({}, {}),
    ({"scale": 0.3}, {"scale": 0.3}),
    ({"bias": BIAS}, {"bias": BIAS}),
    ({"mask": ALLOWED}, {"allowed": ALLOWED}),
    ({"is_causal": True}, {"allowed": COLUMNS <= ROWS}),
    ({"query_seq_lengths": np.array([2, 4])}, {"allowed": ROWS < LENGTHS}),
    ({"key_value_seq_lengths": np.array([2, 4])}, {"allowed": COLUMNS < LENGTHS}),
    ({"local_window_size": 1}, {"allowed": abs(COLUMNS - ROWS) <= 1}),
    (
        {"local_window_size": (2, 0), "mask": ALLOWED},
        {"allowed": ALLOWED & (COLUMNS <= ROWS) & (COLUMNS >= ROWS - 2)},
    ),
]


@pytest.mark.parametrize(("given", "meant"), WAYS, ids=lambda k: "+".join(k) or "plain")
def test_attention(given, meant):
    expected = attention_by_hand(Q, K, V, **meant)
    found = nn.dot_product_attention(Q, K, V, **given)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    compiled = jit(lambda q, k, v: nn.dot_product_attention(q, k, v, **given))(Q, K, V)
    np.testing.assert_allclose(compiled, expected, rtol=1e-12, atol=1e-14)


def test_derivatives_of_attention():
    def attend(q, k, v):
        return [nn.dot_product_attention(q, k, v, mask=mask) for mask in (None, ALLOWED)]

    check_grads(attend, (Q, K, V), order=1)

    def loss(q, k, v):
        return (nn.dot_product_attention(q, k, v, is_causal=True) ** 2).sum()

    for found, expected in zip(
        jit(grad(loss, (0, 1, 2)))(Q, K, V), grad(loss, (0, 1, 2))(Q, K, V), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_attention_without_a_batch_and_with_its_residual():
    alone, residual = nn.dot_product_attention(Q[0], K[0], V[0], return_residual=True)
    np.testing.assert_allclose(alone, attention_by_hand(Q, K, V)[0], rtol=1e-12)
    scores = np.einsum("thd,shd->ths", Q[0], np.repeat(K[0], 2, axis=1)) / np.sqrt(3)
    np.testing.assert_allclose(residual, special.logsumexp(scores, axis=-1), rtol=1e-12)


def test_shapes_that_do_not_fit_attention():
    with pytest.raises(ShapeError, match=r"heads of the query, 3, are no multiple .* 2"):
        nn.dot_product_attention(Q[:, :, :3], K, V)
    with pytest.raises(ShapeError, match=r"differ between query .*, key \(2, 5, 2, 2\)"):
        nn.dot_product_attention(Q, K[..., :2], V)
    with pytest.raises(ShapeError, match=r"shapes are \(batch, positions, heads, features\)"):
        nn.dot_product_attention(Q[0, 0], K[0, 0], V[0, 0])
