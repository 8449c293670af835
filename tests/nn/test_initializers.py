"""Initialisers: the variances that they promise, and numbers that JAX draws for the same key."""

import numpy as np
import pytest

from fungrad import jit, random
from fungrad.core.errors import DtypeError, ShapeError
from fungrad.nn import initializers

KEY = random.key(7)

# What jax.nn.initializers draw for key(7), shape (3, 2), float32.
DRAWN_BY_JAX = {
    "normal": [0.004512351, 0.01953451, -0.005162395, -0.001409403, 0.006154967, 0.003343165],
    "uniform": [0.006740899, 0.009746169, 0.003028436, 0.004439585, 0.007308865, 0.006309296],
    "truncated_normal": [
        *(0.004293583, 0.016748857, -0.004907144),
        *(-0.001344878, 0.005839742, 0.003185662),
    ],
    "glorot_uniform": [0.38141188, 1.0398335, -0.43194813, -0.12278073, 0.50584716, 0.28685236],
    "glorot_normal": [0.30871093, 1.2042518, -0.35282624, -0.09669744, 0.41988057, 0.22905079],
    "lecun_uniform": [0.34817982, 0.9492338, -0.39431286, -0.11208296, 0.46177316, 0.26185918],
    "lecun_normal": [0.28181323, 1.0993264, -0.3220848, -0.08827229, 0.38329676, 0.2090938],
    "he_uniform": [0.49240062, 1.3424193, -0.5576426, -0.15850924, 0.65304583, 0.3703248],
    "he_normal": [0.39854413, 1.5546824, -0.45549676, -0.12483587, 0.54206353, 0.29570332],
    "orthogonal": [0.48973513, 0.869762, -0.5602856, 0.3672174, 0.66801167, -0.32964438],
}


@pytest.mark.parametrize("name", DRAWN_BY_JAX)
def test_the_numbers_of_jax(name):
    draw = getattr(initializers, name)()
    found = draw(KEY, (3, 2), np.float32)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), DRAWN_BY_JAX[name], rtol=2e-6)
    assert draw(KEY, (3, 2)).dtype == np.float64
    assert getattr(initializers, name)(dtype=np.float32)(KEY, (3, 2)).dtype == np.float32


def test_variance_scaling_as_jax_draws_it():
    draw = initializers.variance_scaling(2.0, "fan_geo_avg", "normal", in_axis=(0, 1), out_axis=2)
    expected = [0.407736987, 1.765142202, -0.46647501, -0.127353936, 0.556164026, 0.302089065]
    np.testing.assert_allclose(draw(KEY, (2, 1, 3), np.float32).ravel(), expected, rtol=2e-6)


VARIANCES = [
    ("glorot", 2 / (9 * (20 + 40))),
    ("xavier", 2 / (9 * (20 + 40))),
    ("lecun", 1 / (9 * 20)),
    ("he", 2 / (9 * 20)),
    ("kaiming", 2 / (9 * 20)),
]


@pytest.mark.parametrize("kind", ["uniform", "normal"])
@pytest.mark.parametrize(("name", "variance"), VARIANCES)
def test_variances(name, variance, kind):
    weights = getattr(initializers, f"{name}_{kind}")()(KEY, (3, 3, 20, 40))
    assert weights.var() == pytest.approx(variance, rel=0.05)
    assert abs(weights.mean()) < 0.05 * np.sqrt(variance)
    bound = np.sqrt(3 * variance) if kind == "uniform" else 2 * np.sqrt(variance) / 0.8796
    assert 0.95 * bound < abs(weights).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 4), (3, 3)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_orthogonal(shape, axis):
    q = initializers.orthogonal(2.0, axis)(KEY, shape)
    assert q.shape == shape
    columns = np.moveaxis(q, axis, -1).reshape(-1, shape[axis]) / 2
    small = columns if columns.shape[0] >= columns.shape[1] else columns.T
    np.testing.assert_allclose(small.T @ small, np.eye(small.shape[1]), atol=1e-12)


def test_delta_orthogonal():
    w = initializers.delta_orthogonal()(KEY, (3, 3, 2, 4))
    np.testing.assert_allclose(w[1, 1] @ w[1, 1].T, np.eye(2), atol=1e-12)
    w[1, 1] = 0
    assert not w.any()
    with pytest.raises(ShapeError, match="at least as many outputs as inputs"):
        initializers.delta_orthogonal()(KEY, (3, 4, 2))
    with pytest.raises(ShapeError, match="3, 4 or 5 axes"):
        initializers.delta_orthogonal()(KEY, (4, 2))


def test_constants():
    assert initializers.zeros(KEY, (2,)).tolist() == [0, 0]
    assert initializers.ones(KEY, (2,), np.float32).dtype == np.float32
    assert initializers.constant([1, 2])(KEY, (3, 2)).tolist() == [[1, 2]] * 3


def test_compiled():
    draw = initializers.he_normal()
    np.testing.assert_allclose(jit(lambda key: draw(key, (4, 3)))(KEY), draw(KEY, (4, 3)))


def test_bad_input():
    with pytest.raises(ShapeError, match=r"needs two axes, got shape \(3,\)"):
        initializers.glorot_normal()(KEY, (3,))
    with pytest.raises(ValueError, match="mode is one of fan_in, .* got 'fan'"):
        initializers.variance_scaling(1.0, "fan", "normal")
    with pytest.raises(ValueError, match="distribution is .* got 'cauchy'"):
        initializers.variance_scaling(1.0, "fan_in", "cauchy")
    with pytest.raises(ValueError, match="scale is a finite number"):
        initializers.variance_scaling(-1.0, "fan_in", "normal")
    with pytest.raises(DtypeError, match="makes floats, not int64"):
        initializers.normal()(KEY, (2,), np.int64)
