"""compare_modes: what it finds is what each mode computes, and disagreement is seen."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import compare_modes, custom_jvp, grad, hessian, jacrev
from fungrad.errors import ComplexError, IntegerInputError, IntegerOutputError, UnknownValueError

X = np.array([0.3, -0.7, 1.2])


def mixture(x):
    return np.tanh(np.outer(x, x)).sum(0)


def test_a_jacobian_by_every_mode():
    found = compare_modes(mixture, X, compiled=False)
    assert found.agrees and found.mode == "fwd"
    methods = ["forward", "reverse", "finite differences", "complex step"]
    assert [row.method for row in found.rows] == methods
    for row in found.rows:
        np.testing.assert_allclose(row.value, jacrev(mixture)(X), rtol=1e-8)
        assert row.flops > 0 and row.seconds > 0
    assert found["jacobian", "reverse"].residual_bytes > 0
    assert found["jacobian", "forward"].residual_bytes == 0
    assert found["jacobian", "finite differences"].calls == 12
    with pytest.raises(KeyError, match="no row"):
        found["jacobian", "sideways"]


def test_a_gradient_and_its_hessian_over_a_pytree():
    def loss(w, x):
        return ((w["a"] @ x + w["b"]) ** 3).sum()

    w = {"a": np.array([[0.2, -0.4, 0.1], [0.3, 0.9, -0.5]]), "b": np.array([0.1, 0.2])}
    found = compare_modes(loss, w, X)
    assert found.agrees and found.mode == "rev"
    assert (found.input_size, found.output_size) == (8, 1)
    flat = np.concatenate([grad(loss)(w, X)["a"].ravel(), grad(loss)(w, X)["b"]])
    np.testing.assert_allclose(found["gradient", "forward"].value, flat)
    hessians = [row for row in found.rows if row.derivative == "hessian"]
    assert len(hessians) == 5
    for row in hessians:
        assert row.value.shape == (8, 8) and row.agrees
    exact = [row for row in hessians if row.calls is None]
    assert all(row.compiled_seconds > 0 for row in exact)
    assert found["hessian", "forward over reverse"].flops < exact[2].flops


def test_several_arguments():
    found = compare_modes(lambda a, b: (a * b).sum(), X, X + 1, argnums=(0, 1), compiled=False)
    np.testing.assert_allclose(found["gradient", "reverse"].value, [*X + 1, *X])
    np.testing.assert_allclose(
        found["hessian", "reverse over reverse"].value, hessian(lambda v: v[:3] @ v[3:])(np.ones(6))
    )


def test_a_wrong_rule_is_seen():
    @custom_jvp
    def wrong(x):
        return fnp.sin(x)

    wrong.defjvps(lambda t, out, x: -t * fnp.cos(x))
    found = compare_modes(wrong, X, compiled=False, hessian=False)
    assert not found.agrees and "disagrees" in repr(found)
    assert found["jacobian", "forward"].agrees
    assert not found["jacobian", "finite differences"].agrees


def test_why_there_is_no_complex_step():
    for f, reason in (
        (lambda x: np.abs(x), "real numbers"),
        (lambda x: np.conj(x) * 2.0, "not analytic"),
        (lambda x: fnp.arctan2(x, 1.0), "does not take complex"),
    ):
        row = compare_modes(f, X, compiled=False)["jacobian", "complex step"]
        assert row.value is None and reason in row.note


def test_single_precision():
    found = compare_modes(mixture, X.astype(np.float32), compiled=False)
    assert found.agrees
    assert found["jacobian", "reverse"].value.dtype == np.float32


def test_what_is_too_large_is_predicted():
    found = compare_modes(lambda x: (x**2).sum(), np.ones(20_000), compiled=False, budget=0)
    forward = found["gradient", "forward"]
    assert forward.value is None and "20 k passes at once start from 2.98 GiB" in forward.note
    assert "not run" in found["gradient", "finite differences"].note
    assert found["gradient", "reverse"].value.shape == (20_000,)
    assert all(row.derivative == "gradient" for row in found.rows)


def test_sizes_and_crossover():
    found = compare_modes(mixture, X, compiled=False)
    sizes = found.sizes(most=16)
    assert list(sizes.counts) == [1, 2, 4, 8, 16]
    assert np.all(np.diff(sizes.forward) > 0) and np.all(np.diff(sizes.reverse) > 0)
    (a, b), (c, d) = sizes.lines()
    n = sizes.crossover(10)
    assert n > 1
    np.testing.assert_allclose(a + b * n, c + d * 10)


def test_the_plot_has_labels():
    pyplot = pytest.importorskip("matplotlib").use("Agg") or pytest.importorskip(
        "matplotlib.pyplot"
    )
    figure = compare_modes(mixture, X, compiled=False).plot(most=4)
    assert all(a.get_xlabel() and a.get_ylabel() for a in figure.axes[:2])
    pyplot.close(figure)


def test_the_dict_and_the_table():
    found = compare_modes(mixture, X, compiled=False)
    figures = found.as_dict()
    assert figures["mode"] == "fwd" and "3 passes for 3 inputs" in figures["reason"]
    assert figures["jacobian"]["reverse"]["flops"] == found["jacobian", "reverse"].flops
    assert "<table" in found._repr_html_() and "reverse" in str(found)


def test_bad_input():
    with pytest.raises(TypeError, match="compare_modes: expected a function"):
        compare_modes(3, X)
    with pytest.raises(ValueError, match=r"argnums=1 does not fit the 1 arguments"):
        compare_modes(mixture, X, argnums=1)
    with pytest.raises(ComplexError, match="compare_modes of mixture"):
        compare_modes(mixture, X + 1j)
    with pytest.raises(IntegerInputError):
        compare_modes(lambda x: (x * 2.0).sum(), np.arange(3))
    with pytest.raises(IntegerOutputError):
        compare_modes(lambda x: x.argmax(), X)
    with pytest.raises(UnknownValueError):
        compare_modes(lambda x: x if x.sum() > 0 else -x, X)
