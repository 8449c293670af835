"""gradient_flow: every finding on a loss that has it, and none on a sound one."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import custom_jvp, grad, jit, lax, stop_gradient
from fungrad.debug import gradient_flow
from fungrad.errors import NonScalarOutputError

GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=(16, 8))
Y = GENERATOR.normal(size=16)


def layers(depth, width=8, scale=1.0):
    """Uniform weights of each layer, as PyTorch's Linear has them by default, and biases."""
    bound = scale / width**0.5
    draw = lambda *shape: np.random.default_rng(depth).uniform(-bound, bound, shape)
    return [{"w": draw(width, width), "b": draw(width)} for _ in range(depth)]


def network(activation, skip=False):
    def loss(params, x, y):
        for layer in params:
            h = activation(x @ layer["w"] + layer["b"])
            x = x + h if skip else h
        return ((x.sum(1) - y) ** 2).mean()

    return loss


def sigmoid(x):
    return 1 / (1 + fnp.exp(-x))


def test_the_figures_are_those_of_the_gradient():
    loss, params = network(fnp.tanh), layers(3)
    flow = gradient_flow(loss, params, X, Y)
    assert flow.value == loss(params, X, Y)
    expected = grad(loss)(params, X, Y)
    for k, layer in enumerate(expected):
        for name, g in layer.items():
            leaf = flow[f"[{k}]['{name}']"]
            np.testing.assert_allclose(leaf.mean, np.abs(g).mean())
            np.testing.assert_allclose(leaf.maximum, np.abs(g).max())
            np.testing.assert_allclose(leaf.norm, np.linalg.norm(g))
            assert leaf.zeros == 0 and leaf.nans == 0 and leaf.shape == g.shape
    assert flow.findings == ()
    with pytest.raises(KeyError, match="no leaf"):
        flow["[9]"]


def test_a_deep_sigmoid_network_vanishes_and_its_cures_do_not():
    params = layers(6)
    vanishing = gradient_flow(network(sigmoid), params, X, Y).of_kind("vanishing")
    assert vanishing[:2] == ["[0]['b']", "[0]['w']"] and "[5]['w']" not in vanishing
    assert not gradient_flow(network(sigmoid, skip=True), params, X, Y).of_kind("vanishing")


def test_a_network_that_explodes():
    flow = gradient_flow(network(lambda x: x), layers(12, scale=4.0), X, Y)
    assert "[0]['w']" in flow.of_kind("exploding")
    assert not gradient_flow(network(fnp.tanh), layers(2), X, Y).of_kind("exploding")


@pytest.mark.parametrize(
    "relu", [lambda x: fnp.maximum(x, 0.0), lambda x: fnp.where(x > 0, x, 0.0)]
)
def test_dead_units_and_the_line_of_their_relu(relu):
    params = layers(2)
    params[0]["b"][:3] = -100.0
    flow = gradient_flow(network(relu), params, X, Y)
    assert {"[0]['w']", "[0]['b']"} <= set(flow.of_kind("dead units"))
    text = next(f.text for f in flow.findings if not f.path)
    assert "3 of 8 units" in text and "test_gradient_flow.py" in text
    alive = gradient_flow(network(relu), layers(2), X, Y)
    assert not [f for f in alive.findings if "3 of 8" in f.text]


def test_what_the_loss_does_not_use():
    loss = lambda p: p["a"] ** 2 + 0 * len(p["b"])
    flow = gradient_flow(loss, {"a": 1.0, "b": np.ones(2)})
    assert flow.of_kind("independent") == ["['b']"]
    assert flow["['b']"].zeros == 1.0


SILENT = {
    "rint": lambda x: fnp.round(x),
    "floor": lambda x: fnp.floor(x),
    "convert": lambda x: x.astype(int),
    "argmax": lambda x: fnp.argmax(fnp.stack([x, 1.0])),
    "sign": lambda x: fnp.sign(x),
    "greater": lambda x: fnp.where(x > 1.0, 3.0, 4.0),
}


@pytest.mark.parametrize("name", [n for n in SILENT if n != "greater"])
def test_silent_zeros_are_named_with_their_line(name):
    def loss(p):
        return (SILENT[name](p["a"]) - 0.5) ** 2 + p["b"]

    flow = gradient_flow(loss, {"a": 2.3, "b": 1.0})
    assert flow.of_kind("silent zero") == ["['a']"]
    (finding,) = flow.findings
    assert name in finding.text and "test_gradient_flow.py" in finding.text
    both = gradient_flow(lambda p: loss(p) + p["a"], {"a": 2.3, "b": 1.0})
    assert both.of_kind("stopped") == ["['a']"] and not both.of_kind("silent zero")


def test_a_comparison_alone_is_a_silent_zero_but_no_stopped_way():
    loss = lambda p: SILENT["greater"](p)
    flow = gradient_flow(loss, 2.0)
    assert flow.of_kind("silent zero") == ["(whole)"]
    assert "greater at test_gradient_flow.py" in flow.findings[0].text
    assert not gradient_flow(lambda p: loss(p) * p, 2.0).findings


def test_a_gradient_stopped_on_purpose():
    assert not gradient_flow(lambda p: stop_gradient(p) * p, 2.0).findings
    (finding,) = gradient_flow(lambda p: stop_gradient(p) ** 2, 2.0).findings
    assert finding.kind == "silent zero" and "stop_gradient at" in finding.text


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nans_are_told_apart():
    flow = gradient_flow(
        lambda p: fnp.sqrt(p["a"]).sum() + p["b"], {"a": np.array([-1.0, 1.0]), "b": 1.0}
    )
    assert flow.of_kind("nan") == ["['a']"] and flow["['a']"].nans == 0.5
    assert flow["['b']"].nans == 0


def test_jitted_losses_branches_loops_and_rules():
    @jit
    def loss(p):
        return fnp.round(p["a"]) + lax.fori_loop(0, 3, lambda i, c: c * p["b"], 1.0)

    flow = gradient_flow(loss, {"a": 1.2, "b": 2.0})
    assert flow.of_kind("silent zero") == ["['a']"] and flow["['b']"].norm == 12.0
    assert gradient_flow(lambda p: p if p > 0 else -p, -3.0).value == 3.0

    @custom_jvp
    def through(x):
        return fnp.round(x)

    through.defjvps(lambda t, out, x: t)
    assert not gradient_flow(lambda p: through(p) ** 2, 1.2).findings


def test_the_table_the_dict_and_the_plot():
    flow = gradient_flow(network(sigmoid), layers(6), X, Y)
    assert "vanishing" in str(flow) and "[0]['w']" in str(flow)
    assert "<li>" in flow._repr_html_()
    figures = flow.as_dict()
    assert figures["leaves"]["[0]['w']"]["shape"] == (8, 8)
    assert figures["findings"][0]["kind"] == "vanishing"
    pytest.importorskip("matplotlib").use("Agg")
    figure = flow.plot()
    (axes,) = figure.axes
    assert axes.get_xlabel() and len(axes.get_yticklabels()) == 12


def test_bad_input():
    with pytest.raises(TypeError, match="gradient_flow: expected a function"):
        gradient_flow(3, 1.0)
    with pytest.raises(ValueError, match=r"the parameters \{\} have no leaves"):
        gradient_flow(lambda p: 1.0, {})
    with pytest.raises(NonScalarOutputError):
        gradient_flow(lambda p: p * 2, np.ones(3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_vanishes_and_why(dtype):
    """An arm that is not taken; a bias that a normalisation takes away again; a long product."""

    def loss(p, x):
        h = x * p["scale"] + p["bias"]
        h = (h - h.mean()) / h.std()
        arm = fnp.where(x > 1e9, p["arm"], 1.0)
        return fnp.sum(h * x * arm) + 1e-4 * p["small"] ** 2

    params = {name: dtype(2.0) for name in ("scale", "bias", "arm", "small")}
    params["w"] = dtype(1.0)
    x = np.array([1.1, 2.3, 4.7, 0.4, 3.3], dtype)
    flow = gradient_flow(lambda p, x: loss(p, x) * p["w"], params, x)
    texts = {f.path: f.text for f in flow.findings if f.kind == "vanishing"}
    assert "exactly 0" in texts["['arm']"]
    assert "but for rounding" in texts["['bias']"]
    assert "of the largest" in texts["['small']"]
