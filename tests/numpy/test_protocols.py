"""Plain numpy functions on traced values, through NumPy's two protocols."""

import numpy as np
import pytest
import scipy.special

import fungrad.numpy as fnp
from fungrad import grad, jit, vmap
from fungrad.core.errors import DtypeError, ShapeError
from tests.tables.traced import eagerly, same

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.add.reduce(x),
        lambda x: np.add.reduce(x, axis=(0, 1), keepdims=True, initial=1.0),
        lambda x: np.add.reduce(x, axis=None, where=x > 1),
        lambda x: np.multiply.reduce(x, axis=1),
        lambda x: np.maximum.reduce(x, axis=-1),
        lambda x: np.minimum.reduce(x, initial=2.0),
        lambda x: np.logical_and.reduce(x > 1),
        lambda x: np.logical_or.reduce(x > 1, axis=1),
        lambda x: np.subtract.reduce(x, axis=1),
        lambda x: np.logaddexp.reduce(x, axis=1, keepdims=True),
        lambda x: np.hypot.reduce(x, axis=None),
        lambda x: np.add.accumulate(x, axis=1),
        lambda x: np.multiply.accumulate(x),
        lambda x: np.maximum.accumulate(x[::-1]),
        lambda x: np.minimum.accumulate(x),
        lambda x: np.logaddexp.accumulate(x, axis=1),
        lambda x: np.subtract.accumulate(x, axis=1),
        lambda x: np.multiply.outer(x, x[0]),
        lambda x: np.subtract.outer(x[0], 1.0),
        lambda x: np.add.reduceat(x, [0, 2, 1], axis=1),
        lambda x: np.multiply(x, x, dtype=np.float32),
        lambda x: np.sqrt(x, casting="same_kind"),
        lambda x: np.float64(2.0) * x + np.float32(1.0) - np.arange(3),
        lambda x: X @ x.T + [1.0, 2.0],
        lambda x: [1.0, 2.0, 3.0] * x,
        lambda x: np.r_[x[0], 1.0, 0:3, [4.0, 5.0]] if type(x) is np.ndarray else
        fnp.r_[x[0], 1.0, 0:3, [4.0, 5.0]],
        lambda x: np.c_[x[0], x[1]] if type(x) is np.ndarray else fnp.c_[x[0], x[1]],
        lambda x: np.apply_along_axis(lambda v: v[:2] * v.sum(), 1, x),
        lambda x: np.apply_along_axis(np.sum, 0, x),
        lambda x: np.apply_over_axes(np.sum, x, [0, 1]),
        lambda x: np.diag_indices_from(x[:, :2]),
        lambda x: np.tril_indices_from(x, -1),
        lambda x: np.unique(x - X.round(-1), return_inverse=True, return_counts=True),
        lambda x: np.unique_counts(x),
        lambda x: np.union1d(x, [2.0, 9.0]),
        lambda x: np.setdiff1d(x, [2.0, 9.0]),
        lambda x: np.piecewise(x, [x < 2, x > 4], [lambda v: v * v, -1.0, 5.0]),
        lambda x: np.extract(x > 2, x),
        lambda x: np.compress([True, False], x, axis=0),
        lambda x: np.einsum("ij,kj->ik", x, x, optimize=True),
        lambda x: np.can_cast(np.result_type(x, np.float32), np.float64),
    ],
)
def test_functions(call):
    same(call(X), eagerly(call, X))


def test_ufuncs_where_a_mask_holds():
    same(np.array([[0.0, 0.0, 9.0], [0.0, 0.0, 0.0]]), eagerly(
        lambda x: np.square(x, where=x == 3.0), X))
    same(np.divmod(X, 2.0), eagerly(lambda x: np.divmod(x, 2.0, where=True), X))


def test_public_ufuncs_have_methods_and_keywords():
    assert fnp.add.reduce([1, 2, 3]) == 6 and fnp.add.identity == 0
    same(np.add.outer([1, 2], [3, 4]), fnp.add.outer([1, 2], [3, 4]))
    same(np.sqrt(X, dtype=np.float32), fnp.sqrt(X, dtype=np.float32))
    same(np.sqrt(X, dtype=np.float32), eagerly(lambda x: fnp.sqrt(x, dtype=np.float32), X))
    out = np.zeros(3)
    assert fnp.add(X[0], 1.0, out=out) is out
    same(np.add.reduce(X), eagerly(fnp.add.reduce, X))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: np.add(x, x, out=np.zeros((2, 3))), TypeError, r"add: out= is not supported"),
        (lambda x: np.sum(x, out=np.zeros(3)), TypeError, "sum: out= is not supported on traced"),
        (lambda x: np.packbits(x), TypeError, r"numpy.packbits is not supported on traced"),
        (lambda x: np.packbits(x), TypeError, "custom_jvp, or apply it to stop_gradient"),
        (lambda x: scipy.special.struve(1, x), TypeError, r"scipy.special.struve is not supported on"),
        (lambda x: np.packbits(x), TypeError, "numpy.packbits is not supported"),
        (lambda x: x + np.ones(4), ShapeError, r"add: shapes \(2, 3\) and \(4,\) do not broadcast"),
        (lambda x: x @ x, ShapeError, r"matmul: axis 1 of shape \(2, 3\) has size 3, but axis 0"),
        (lambda x: np.dot(x, 5 * x[0, :2]), ShapeError, "dot: axis 1 of shape"),
        (lambda x: np.einsum("ij,jk", x, x), ShapeError, "label 'j' of 'ij,jk' has size 3, but"),
        (lambda x: np.einsum("ijk", x), ShapeError, r"'ijk' in 'ijk' does not fit an operand"),
        (lambda x: np.concatenate([x, x[:1, :2]]), ShapeError, "along dimension 1, the array at"),
        (lambda x: np.concatenate([x, x[0]]), ShapeError, "must match, but the array at index 0"),
        (lambda x: np.stack([x, x[0]]), ShapeError, "all input arrays must have the same shape"),
        (lambda x: np.reshape(x, (4, -1)), ShapeError, "cannot reshape array of size 6 into shape"),
        (lambda x: np.reshape(x, (5,)), ShapeError, "cannot reshape array of size 6"),
        (lambda x: np.broadcast_to(x, (2, 4)), ShapeError, "cannot be broadcast"),
        (lambda x: x.sum(2), np.exceptions.AxisError, "axis 2 is out of bounds for array of dimen"),
        (lambda x: x.sum((0, 0)), ValueError, "duplicate value in 'axis'"),
        (lambda x: np.squeeze(x, 0), ValueError, "cannot select an axis to squeeze out"),
        (lambda x: np.max(x[:0]), ValueError, "zero-size array to reduction operation maximum"),
        (lambda x: np.argmax(x[:0]), ValueError, "attempt to get argmax of an empty sequence"),
        (lambda x: np.left_shift(x, 2), DtypeError, "left_shift is not defined for operands of type float64"),
        (lambda x: np.gcd(x, 2), DtypeError, "gcd is not defined for operands of type float64, int"),
        (lambda x: np.take(x, [0.5]), DtypeError, "positions must be integers, not float64"),
        (lambda x: -(x > 1), DtypeError, "negative is not defined for operands of type bool"),
        (lambda x: np.split(x, 4, 1), ValueError, "does not result in an equal division"),
        (lambda x: np.linalg.norm(x, 3), ValueError, "Invalid norm order for matrices"),
        (lambda x: np.linalg.cholesky(x), np.linalg.LinAlgError, "must be square"),
        (lambda x: np.expand_dims(x, 5), np.exceptions.AxisError, "axis 5 is out of bounds"),
        (lambda x: np.array([x, x[0]]) if False else fnp.array([x, x[0]]), ValueError, "sequence"),
        (lambda x: np.average(x, weights=[1, 2, 3]), TypeError, "Axis must be specified"),
        (lambda x: np.pad(x, 1, mode="odd"), ValueError, "mode 'odd' is not supported"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        eagerly(call, X)


def test_missing_names_name_their_neighbours():
    with pytest.raises(AttributeError, match="fungrad.numpy has no 'logadexp'; nearest: loga"):
        fnp.logadexp  # noqa: B018
    with pytest.raises(AttributeError, match="numpy.poly1d works on plain arrays"):
        fnp.poly1d  # noqa: B018
    with pytest.raises(AttributeError, match="numpy.linalg has no 'svb'"):
        fnp.linalg.svb  # noqa: B018
    assert not hasattr(fnp, "__wrapped__")


def test_plain_values_go_to_numpy():
    assert fnp.sum.__doc__.startswith("`numpy.sum`") and fnp.sum.__name__ == "sum"
    assert type(fnp.zeros(3)) is np.ndarray and type(fnp.sum(X)) is np.float64
    assert fnp.concatenate([X, X], casting="no").shape == (4, 3)
    same(np.sort([3, 1]), fnp.sort([3, 1]))
    same(np.array([3, 1]), fnp.sort([1, 3], descending=True))
    assert fnp.float32 == np.float32 and fnp.pi == np.pi


def test_creation_inside_a_trace_can_be_written():
    def f(x):
        made = [
            fnp.zeros(2), fnp.ones(2), fnp.empty(2), fnp.full(2, x[0]), fnp.array([1.0, 2.0]),
            fnp.arange(2.0), fnp.zeros_like(x), np.ones_like(x), np.full_like(x, 3.0),
            fnp.array([x[0], 1.0]), fnp.eye(2)[0].copy(), fnp.copy(x), fnp.full(2, [1.0, 2.0]),
            fnp.identity(2)[0].copy(), fnp.tri(2)[0].copy(), fnp.linspace(0, 1, 2),
            fnp.logspace(0, 1, 2), fnp.geomspace(1, 2, 2),
        ]  # fmt: skip
        for y in made:
            y[0] = x[1]
        return sum(y[0] for y in made)

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0])), [0.0, 18.0])


def test_creation_equals_numpy():
    def make(xp):
        return [
            xp.zeros((2, 3), int), xp.ones(2, np.float32), xp.full((2,), 7), xp.full(2, True),
            xp.arange(5), xp.arange(1, 9, 3), xp.arange(3.0), xp.arange(5, dtype=np.float32),
            xp.eye(3, 4, 1), xp.eye(2, dtype=int), xp.identity(2), xp.tri(3, k=-1),
            xp.array([[1, 2], [3, 4]]), xp.array(2.5), xp.array([True]), xp.asarray([1.0]),
            xp.array([1, 2.5]), xp.array([], dtype=int), xp.array([1, 2], ndmin=2),
            xp.linspace(0, 1, 3), xp.logspace(0, 1, 3), xp.geomspace(1, 9, 3),
            xp.linspace([1, 2], 3, 4, axis=1), *xp.linspace(0, 1, 3, retstep=True), xp.zeros(()), xp.meshgrid([1, 2], [3])[0], xp.indices((2, 2)),
        ]  # fmt: skip

    same(make(np), eagerly(lambda x: make(fnp), X))


def test_arrays_of_traced_values():
    def f(x):
        y = fnp.array([[x[0], 1], [2.0, x[1]]])
        assert y.shape == (2, 2) and y.dtype == np.float64
        z = fnp.array([x, x], dtype=np.float32)
        assert z.dtype == np.float32
        return (y * [[1.0, 2.0], [3.0, 4.0]]).sum() + fnp.sum([x[0], x[0]]) + z.sum()

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0])), [5.0, 6.0])


def test_vectorize():
    matrix_vector = fnp.vectorize(lambda a, b: a @ b, signature="(n,m),(m)->(n)")
    a, b = np.arange(24.0).reshape(2, 1, 3, 4), np.arange(20.0).reshape(5, 4)
    expected = np.einsum("...nm,...m->...n", a, b)
    same(expected, eagerly(matrix_vector, a, b))
    same(expected, matrix_vector(a, b))

    @fnp.vectorize
    def larger(x, y):
        return np.maximum(x, y)

    same(np.maximum(b, b[0]), eagerly(lambda x: larger(x, b[0]), b))
    scaled = fnp.vectorize(lambda x, n: x**n, excluded={1})
    same(b**2, eagerly(lambda x: scaled(x, 2), b))
    with pytest.raises(ValueError, match="not a valid gufunc signature"):
        fnp.vectorize(np.dot, signature="(n,(m)->()")
    with pytest.raises(ShapeError, match="the axes in front"):
        eagerly(lambda x: larger(x, np.ones(3)), b)


def test_kinks():
    zero = np.zeros(3)
    assert grad(lambda x: np.abs(x))(0.0) == 0.0
    np.testing.assert_array_equal(grad(np.linalg.norm)(zero), zero)
    np.testing.assert_array_equal(grad(np.std)(zero), zero)
    np.testing.assert_array_equal(grad(np.max)(np.ones(2)), [0.5, 0.5])
    assert grad(lambda x: np.maximum(x, 0.0))(0.0) == 0.5
    assert grad(lambda x: np.clip(x, 0.0, 1.0))(0.0) == 0.5
    assert grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0))(0.0) == 0.0
    assert grad(lambda x: np.sinc(x))(0.0) == 0.0
    assert grad(grad(np.sinc))(0.0) == pytest.approx(-(np.pi**2) / 3)
    assert grad(lambda x: scipy.special.xlogy(x, x))(1.0) == 1.0
    assert grad(np.prod)(np.array([0.0, 2.0])).tolist() == [2.0, 0.0]
    np.testing.assert_array_equal(
        vmap(grad(lambda x: np.arctan2(x, x)))(np.array([0.0, 1.0])), [0.0, 0.0]
    )


def test_choose_counts_from_the_beginning_only():
    chosen = lambda x: np.choose(np.array([0, -1]), [x, 2 * x])  # noqa: E731
    for run in (jit, grad):
        with pytest.raises(ValueError, match="invalid entry in choice array"):
            run(lambda x: chosen(x).sum())(np.ones(2))
