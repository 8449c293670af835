"""The names by which JAX programs speak of devices, switches and segments; what is said of others."""

import importlib
import logging
import subprocess
import sys
from functools import singledispatch

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import config, grad, jit, ops, vmap
from fungrad.errors import DtypeError, ShapeError, UnknownValueError
from fungrad.scipy.integrate import trapezoid
from fungrad.scipy.optimize import minimize
from fungrad.testing import check_grads
from fungrad.tree import structure

# Module, name, and what the error says.
ABSENT = [
    ("fungrad", "pmap", "one CPU: use vmap"),
    ("fungrad", "value_and_gard", "nearest: value_and_grad"),
    ("fungrad", "einsum", "there is fungrad.numpy.einsum"),
    ("fungrad", "SymbolicZero", "there is fungrad.custom_derivatives.SymbolicZero"),
    ("fungrad", "ravel_pytree", "there is fungrad.flatten_util.ravel_pytree"),
    ("fungrad", "new_ref", "carry the value through scan"),
    ("fungrad.numpy", "logadexp", "nearest: logaddexp"),
    ("fungrad.numpy.linalg", "svb", "nearest: svd"),
    ("fungrad.numpy.fft", "rftf", "nearest: rfft"),
    ("fungrad.lax", "einsum", "there is fungrad.numpy.einsum"),
    ("fungrad.lax.linalg", "choleski", "nearest: cholesky"),
    ("fungrad.nn", "scaled_matmul", "use lax.dot_general"),
    ("fungrad.nn", "reluu", "nearest: relu"),
    ("fungrad.nn.initializers", "xavier", "nearest: xavier_normal, xavier_uniform"),
    ("fungrad.random", "gama", "nearest: gamma"),
    ("fungrad.scipy", "singal", "nearest: signal"),
    ("fungrad.scipy.special", "ellipk", "scipy.special.ellipk works on plain arrays"),
    ("fungrad.scipy.linalg", "logm", "scipy.linalg.logm works on plain arrays"),
    ("fungrad.scipy.stats", "skewnorm", "scipy.stats.skewnorm works on plain arrays"),
    ("fungrad.scipy.optimize", "root", "scipy.optimize.root works on plain arrays"),
    ("fungrad.tree", "mapp", "nearest: map"),
    ("fungrad.tree_util", "tree_mapp", "nearest: tree_map"),
    ("fungrad.optim", "addam", "nearest: adam"),
    ("fungrad.ops", "segment_mean", "nearest: segment_m"),
    ("fungrad.scipy.fft", "dst", "nearest: dct; scipy.fft.dst works on plain arrays"),
    ("fungrad.scipy.signal", "hilbert", "scipy.signal.hilbert works on plain arrays"),
    ("fungrad.scipy.ndimage", "zoom", "scipy.ndimage.zoom works on plain arrays"),
    ("fungrad.scipy.interpolate", "CubicSpline", "scipy.interpolate.CubicSpline works on plain"),
    ("fungrad.custom_batching", "vmap", "nearest: custom_vmap"),
    ("fungrad.debug", "breakpoint", "run compiled code so in disable_jit"),
]


@pytest.mark.parametrize("module, name, text", ABSENT)
def test_an_absent_name_leads_to_the_nearest_way(module, name, text):
    found = importlib.import_module(module)
    with pytest.raises(AttributeError, match=f"{module} has no '{name}'") as caught:
        getattr(found, name)
    assert text in str(caught.value)
    assert not hasattr(found, "__wrapped__")


def test_arrays_are_numpys():
    assert isinstance(np.float32(1), fungrad.Array) and not isinstance([1.0], fungrad.Array)
    assert vmap(lambda x: 2 * x if isinstance(x, fungrad.Array) else None)(np.ones(2)).sum() == 4
    with pytest.raises(TypeError, match=r"numpy\.array"):
        fungrad.Array([1.0])
    assert fnp.ndarray is fungrad.Array
    assert issubclass(np.ndarray, fnp.ndarray) and not issubclass(list, fnp.ndarray)
    kind_of = singledispatch(lambda x: "other")  # asks issubclass
    kind_of.register(fnp.ndarray, lambda x: "array")
    kinds = []
    jit(lambda x: kinds.extend((kind_of(x), isinstance(x, fungrad.core.Tracer))))(1.0)
    assert kinds == ["array", True] and kind_of(np.ones(2)) == "array" and kind_of(1.0) == "other"
    kinds = jit(lambda x: (fungrad.typeof(x).shape, x))(np.ones((2, 3)))[0]
    assert kinds == (2, 3)
    moved = fungrad.device_get(fungrad.device_put({"a": [1, 2.0], "b": np.ones(2)}))
    assert structure(moved) == structure({"a": [1, 2.0], "b": 0})
    assert grad(lambda x: fungrad.device_put(fungrad.block_until_ready(x)) ** 2)(3.0) == 6
    with pytest.raises(RuntimeError, match="CPU only"):
        fungrad.devices("gpu")


def test_switches_are_wired(monkeypatch):
    monkeypatch.delenv("FUNGRAD_CACHE_DIR", raising=False)
    config.update("jax_debug_nans", True)
    try:
        with pytest.raises(FloatingPointError, match="nan was made by log"):
            jit(fnp.log)(-1.0)
        config.debug_nans = False
        assert np.isnan(jit(fnp.log)(-1.0)) and not config.jax_debug_nans
    finally:
        config.update("jax_debug_nans", False)
    config.update("jax_disable_jit", True)
    try:
        assert jit(lambda x: x if x > 0 else -x)(-3.0) == 3
    finally:
        config.update("jax_disable_jit", False)
    config.update("jax_compilation_cache_dir", "/nowhere")
    from fungrad.compiler.execution import cache

    assert str(cache.folder()) == "/nowhere"
    config.update("jax_compilation_cache_dir", None)
    assert str(cache.folder()) != "/nowhere"


def test_switches_explain_what_they_cannot_do():
    with pytest.warns(UserWarning, match="dtypes are NumPy's"):
        config.update("jax_enable_x64", False)
    config.update("jax_enable_x64", True)
    with pytest.warns(UserWarning, match="float32"), fungrad.enable_x64(False):
        pass
    with pytest.raises(AttributeError, match="'jax_debug_nan'; nearest: debug_nans"):
        config.update("jax_debug_nan", True)
    for name, value in (("jax_platforms", "gpu"), ("jax_numpy_rank_promotion", "raise")):
        with pytest.raises(ValueError, match="not supported, only"):
            config.update(name, value)
    assert config.jax_numpy_rank_promotion == "allow"


def test_jit_says_what_it_does_and_why(caplog):
    f = jit(lambda x, n=1: x * n, static_argnames="n")
    f(1.0)
    with caplog.at_level(logging.WARNING, "fungrad"):
        f(2.0)
        f(np.ones(2))
        assert not caplog.records
        with fungrad.log_compiles(), fungrad.explain_cache_misses():
            f(np.ones(3))
            f(np.ones(3), n=2)
            f(np.ones(3))
            jit(lambda d: d["a"] + 1)({"a": 1})
    said = [r.getMessage() for r in caplog.records]
    assert "the argument at [0] is f64[3], not f64[2]" in said[0]
    assert "traced jit of <lambda> for (f64[3])" in said[1] and "compiled" in said[2]
    assert "static arguments {'n': 2} instead of (none)" in said[3]
    assert "has not been called before" in said[6] and len(said) == 9


SEGMENTS = np.array([0, 0, 2, -1, 7])


@pytest.mark.parametrize("name", ["segment_sum", "segment_prod", "segment_min", "segment_max"])
def test_segments(name):
    function = getattr(ops, name)
    combine = {"sum": np.sum, "prod": np.prod, "min": np.min, "max": np.max}[name[8:]]
    start = {"sum": 0, "prod": 1, "min": np.inf, "max": -np.inf}[name[8:]]
    x = np.array([[1.5, -2.0], [3.0, 0.5], [-1.0, 4.0], [9.0, 9.0], [8.0, 8.0]])
    rows = [x[SEGMENTS == k] for k in range(4)]
    expected = np.array([combine(r, axis=0) if len(r) else np.full(2, start) for r in rows])
    for run in (lambda f: f, jit):
        np.testing.assert_array_equal(run(lambda x: function(x, SEGMENTS, 4))(x), expected)
    batched = vmap(lambda ids: function(x, ids, 4))(np.stack([SEGMENTS, SEGMENTS]))
    np.testing.assert_array_equal(batched, [expected, expected])
    assert function(x, np.array([0, 1, 1, 0, 2])).shape == (3, 2)
    whole = function(np.array([1, 2]), np.array([0, 0]), 2)
    assert whole.dtype == np.int64
    check_grads(lambda x: fnp.where(np.isfinite(expected), function(x, SEGMENTS, 4), 0), (x,))


def test_segments_refuse():
    with pytest.raises(UnknownValueError, match="give num_segments"):
        jit(ops.segment_sum)(np.ones(2), np.array([0, 1]))
    with pytest.raises(DtypeError, match="ids are integers"):
        ops.segment_sum(np.ones(2), np.ones(2))
    with pytest.raises(ShapeError, match="one for each row"):
        ops.segment_max(np.ones(2), np.array([0]))


def rosenbrock(x, b):
    return fnp.sum(b * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "trust-ncg", "trust-exact", "Nelder-Mead"])
def test_minimize(method):
    found = minimize(rosenbrock, np.array([1.3, 0.7, 0.8]), (100.0,), method=method, tol=1e-9)
    assert found.success and found.nit > 1
    np.testing.assert_allclose(found.x, 1, rtol=1e-5)


def test_minimize_refuses():
    with pytest.raises(UnknownValueError, match="custom_root"):
        jit(lambda x: minimize(rosenbrock, x, (1.0,)).x)(np.ones(3))
    with pytest.raises(ShapeError, match="ravel"):
        minimize(rosenbrock, 1.0, (1.0,))
    assert minimize(lambda x: (x**2).sum(), np.ones(2, np.float32)).x.dtype == np.float32


def test_trapezoid():
    y, x = np.array([1.0, 3.0, 2.0]), np.array([0.0, 0.5, 2.0])
    assert trapezoid(y, x) == np.trapezoid(y, x)
    check_grads(trapezoid, (y, x))


def test_what_is_absent_costs_no_import():
    code = "import sys, fungrad; hasattr(fungrad, 'nothing'); print('fungrad.numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_dtypes_are_numpys():
    assert fungrad.dtypes.canonicalize_dtype(int) == np.int64
    assert fungrad.dtypes.float0 == fungrad.float0
    key = fungrad.random.key(0)
    assert not fnp.issubdtype(key.dtype, fungrad.dtypes.prng_key)
    assert issubclass(fungrad.dtypes.prng_key, fungrad.dtypes.extended)


@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
def test_arrays_like_a_struct(run):
    like = fungrad.ShapeDtypeStruct((2, 3), np.float32)
    zeros, ones = run(lambda: (fnp.zeros_like(like), fnp.ones_like(like, dtype=int)))()
    assert zeros.shape == ones.shape == (2, 3) and (zeros.dtype, ones.dtype) == ("f4", "i8")
    assert run(lambda x: fnp.full_like(like, x, shape=(2,)))(3.0).tolist() == [3.0, 3.0]
    assert np.empty_like(like).dtype == np.float32
    for call in (fnp.sin, fnp.sum, np.asarray, lambda x: fnp.stack([x, x])):
        with pytest.raises(TypeError, match="has no elements"):
            run(lambda call=call: call(like))()
