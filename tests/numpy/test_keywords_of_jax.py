"""JAX's keywords on functions that NumPy has without them: precision, sizes, in_place, and others."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, lax, vmap

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
X = np.random.default_rng(0).normal(size=(3, 3))
SYMMETRIC = X @ X.T + np.eye(3)
I = np.array([3, 1, 1, 2])


@RUN
@pytest.mark.parametrize(
    "name", ["dot", "inner", "matmul", "tensordot", "vecdot", "linalg.matmul", "linalg.vecdot"]
)
def test_products(run, name):
    module = fnp.linalg if name.startswith("linalg") else fnp
    function = getattr(module, name.rpartition(".")[2])
    expected = getattr(np, name.rpartition(".")[2])(X, X)
    single = {"precision": "highest", "preferred_element_type": np.float32}
    found = run(lambda a: function(a, a, **single))(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    slopes = run(grad(lambda a: function(a, a, precision="high").sum()))(X)
    np.testing.assert_allclose(slopes, run(grad(lambda a: function(a, a).sum()))(X))
    with pytest.raises(TypeError, match="complex128"):
        run(lambda a: function(a * 1j, a, preferred_element_type=np.float64))(X)
    with pytest.raises(TypeError, match="wrong"):
        run(lambda a: function(a, a, wrong=1))(X)


@RUN
def test_einsum_and_lines(run):
    wide = {"precision": None, "preferred_element_type": np.float64}
    small = X.astype(np.float32)
    assert run(lambda a: fnp.einsum("ij,jk", a, a, **wide))(small).dtype == np.float64
    assert run(lambda a: fnp.convolve(a[0], a[1], **wide))(small).dtype == np.float64
    assert run(lambda a: fnp.correlate(a[0], a[1], **wide))(small).dtype == np.float64
    with pytest.raises(TypeError, match="wrong"):
        run(lambda a: fnp.einsum("ij,jk", a, a, wrong=1))(X)


@RUN
def test_ufuncs_do_not_lose_what_dtype_cannot_hold(run):
    assert run(lambda a: fnp.add(a, 1, dtype=np.float32))(X).dtype == np.float32
    with pytest.raises(TypeError):
        run(lambda a: fnp.add(a * 1j, 1.0, dtype=np.float64))(X)
    with pytest.raises(TypeError):
        run(lambda a: fnp.multiply(a, 2, dtype=np.float32, casting="safe"))(X)


@RUN
def test_how_it_is_computed_has_no_effect(run):
    line = np.sort(X[0])
    np.testing.assert_array_equal(
        run(lambda v: fnp.searchsorted(line, v, method="sort"))(X[1]), np.searchsorted(line, X[1])
    )
    np.testing.assert_array_equal(run(lambda v: fnp.isin(v, [1, 2], method="sort"))(I), I < 3)
    np.testing.assert_allclose(
        run(lambda v: fnp.polyval(v, 2.0, unroll=2))(X[0]), np.polyval(X[0], 2.0)
    )
    assert run(lambda a: fnp.linalg.slogdet(a, method="qr").sign)(SYMMETRIC) == 1
    assert run(lambda a: fnp.argsort(a, dtype=np.int32))(X).dtype == np.int32
    assert run(lambda d: fnp.fft.fftfreq(4, d, dtype=np.float32))(0.5).dtype == np.float32


@RUN
def test_sizes_of_sets(run):
    values, counts = run(lambda v: fnp.unique_counts(v, size=5, fill_value=7))(I)
    np.testing.assert_array_equal(values, [1, 2, 3, 7, 7])
    np.testing.assert_array_equal(counts, [2, 1, 1, 0, 0])
    np.testing.assert_array_equal(run(lambda v: fnp.unique_values(v, size=2))(I), [1, 2])


@RUN
def test_symmetrized(run):
    skewed = SYMMETRIC + np.triu(X) / 10
    mean = (skewed + skewed.T) / 2
    factor = run(lambda a: fnp.linalg.cholesky(a, symmetrize_input=True))(skewed)
    np.testing.assert_allclose(factor, np.linalg.cholesky(mean))
    values = run(lambda a: fnp.linalg.eigh(a, symmetrize_input=True)[0])(skewed)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(mean))
    slopes = run(grad(lambda a: fnp.linalg.eigvalsh(a, symmetrize_input=True).sum()))(skewed)
    np.testing.assert_allclose(slopes, np.eye(3), atol=1e-12)


@RUN
def test_out_of_place(run):
    before = X.copy()
    found = run(lambda a: fnp.fill_diagonal(a, 5.0, inplace=False))(X)
    np.testing.assert_array_equal(np.diag(found), 5.0)
    found = run(lambda a: fnp.put(a, [0, 4], [1.0, 2.0], inplace=False))(X)
    assert found[0, 0] == 1.0 and found[1, 1] == 2.0
    rows = np.array([[0], [2], [1]])
    found = run(lambda a: fnp.put_along_axis(a, rows, 9.0, 1, inplace=False))(X)
    np.testing.assert_array_equal(np.take_along_axis(found, rows, 1), 9.0)
    found = run(lambda a: fnp.place(a, np.eye(3) > 0, [1.0, 2.0, 3.0], inplace=False))(X)
    np.testing.assert_array_equal(np.diag(found), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(X, before)
    fnp.put(before, [0], 4.0, inplace=True)
    assert before[0, 0] == 4.0


@RUN
def test_lax_by_keyword(run):
    cut = lambda x, i: lax.dynamic_slice(operand=x, start_indices=(i,), slice_sizes=(2,))
    np.testing.assert_array_equal(run(cut)(np.arange(5.0), -2), [3, 4])
    clipped = lambda x, i: lax.dynamic_slice(x, (i,), (2,), allow_negative_indices=False)
    np.testing.assert_array_equal(run(clipped)(np.arange(5.0), -2), [0, 1])
    summed = run(lambda x: lax.reduce_sum(operand=x, axes=(0,)))(X)
    np.testing.assert_allclose(summed, X.sum(0))
    np.testing.assert_array_equal(run(lambda x: lax.cumsum(operand=x, axis=1))(I[None])[0, -1], 7)


def test_groups_of_named_axes():
    summed = lambda x: lax.psum(x, "i", axis_index_groups=None)
    np.testing.assert_array_equal(vmap(summed, axis_name="i")(np.arange(3.0)), [3.0] * 3)
    with pytest.raises(ValueError, match="axis_index_groups is not supported; use nested vmaps"):
        vmap(lambda x: lax.psum(x, "i", axis_index_groups=[[0], [1, 2]]), axis_name="i")(X[0])


@RUN
@pytest.mark.parametrize(
    "name", "all any max mean min nanmax nanmean nanstd nansum prod std sum var".split()
)
def test_where_none_is_everywhere(run, name):
    function = getattr(fnp, name)
    np.testing.assert_array_equal(run(lambda x: function(x, where=None))(X), function(X))
    expected = getattr(np, name)(X, axis=0, keepdims=True)
    found = run(lambda x: function(x, axis=0, where=None, keepdims=True))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@RUN
def test_clip_with_one_bound(run):
    for bound, expected in (((1.5,), [3.0, 1.5, 1.5, 2.0]), ((), [3.0, 1.0, 1.0, 2.0])):
        np.testing.assert_array_equal(run(lambda x, b=bound: fnp.clip(x, *b))(1.0 * I), expected)
    np.testing.assert_array_equal(run(lambda x: fnp.clip(x, a_max=2.0))(I), [2, 1, 1, 2])
    assert run(grad(lambda x: fnp.clip(x, 1e-8)))(0.5) == 1.0
    with pytest.raises(ValueError, match="forbidden"):
        run(lambda x: fnp.clip(x, 0, 1, min=2))(I)
