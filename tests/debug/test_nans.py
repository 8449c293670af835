"""debug_nans names the operation that makes a nan: its line, pass, element, operands, turn."""

import re

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import (
    checkpoint,
    debug_infs,
    debug_nans,
    grad,
    jacrev,
    jit,
    jvp,
    lax,
    value_and_grad,
    vjp,
    vmap,
)
from fungrad.core import thread_state

X = np.array([1.0, -2.0, 3.0])
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def model(w, x):
    h = fnp.tanh(w * x)
    z = fnp.log(h)
    return (z * 2).sum()


def outer(w, x):
    return model(w, x) + 1


def message(function, *args, switch=debug_nans):
    with switch(), pytest.raises(FloatingPointError) as caught:
        function(*args)
    return str(caught.value)


EACH = pytest.mark.parametrize(
    "run",
    [
        lambda w, x: jit(model)(w, x),
        lambda w, x: jit(value_and_grad(outer))(w, x),
        lambda w, x: grad(model)(w, x),
        lambda w, x: grad(jit(outer))(w, x),
        lambda w, x: jvp(model, (w, x), (w, x)),
        lambda w, x: vjp(model, w, x),
        lambda w, x: jit(checkpoint(model))(w, x),
        lambda w, x: grad(checkpoint(model))(w, x),
        lambda w, x: grad(lambda w: grad(lambda x: model(w, x))(x) + model(w, x))(w),
    ],
)


@EACH
def test_the_first_operation_is_named(run):
    text = message(run, X, 1.0)
    first, line, values, *_ = text.split("\n")
    assert re.match(r"nan was made by log at .*test_nans.py:\d+ in model", first)
    assert line.strip() == "z = fnp.log(h)"
    assert values == f"  result f64[3] at index (1,); operands: {np.tanh(-2.0).item()!r}"


def test_under_vmap_the_element_of_the_batch_is_named():
    for run in (vmap(model, (None, 0)), jit(vmap(model, (None, 0)))):
        text = message(run, X, np.array([-1.0, 1.0]))
        assert "by log at" in text and "f64[2,3]" in text and "index (0, 0)" in text


def backward_only(x):
    return (fnp.sqrt(x * x * 1e-320) * 1e300 * 1e300).sum()


@pytest.mark.parametrize("run", [grad, lambda f: jit(grad(f)), lambda f: vmap(grad(f))])
def test_the_backward_pass_is_told_apart(run):
    text = message(
        run(backward_only), np.array([[0.5, 0.0]])[0 if run is not vmap else slice(None)]
    )
    assert "nan was made in the backward pass by" in text
    assert "test_nans.py" in text and "inf" in text


@pytest.mark.parametrize("run", [jit, grad, lambda f: jit(grad(f))])
def test_turns_of_loops(run):
    f = lambda x: lax.fori_loop(0, 9, lambda i, c: fnp.log(c - 1.0), x)
    text = message(run(f), 30.0)
    x, turn = 30.0, 0
    while x > 1:
        x, turn = np.log(x - 1), turn + 1
    assert f"in turn {turn + 1} of scan" in text and "by log" in text
    g = lambda x: lax.while_loop(
        lambda c: c[1] < 5, lambda c: (fnp.sqrt(c[0] - 1), c[1] + 1), (x, 0)
    )
    assert "in turn 2 of while" in message(run(lambda x: g(x)[0]), 1.5)


def test_loops_in_loops_and_branches():
    inner = lambda c: lax.fori_loop(0, 3, lambda i, d: fnp.sqrt(d) - 0.7, c)
    text = message(jit(lambda x: lax.scan(lambda c, _: (inner(c), None), x, length=4)[0]), 2.0)
    assert text.count("in turn") == 2 and "by sqrt" in text
    choice = lambda x: lax.cond(x > 0, lambda v: v, lambda v: fnp.log(v), x)
    assert "by log" in message(jit(choice), -1.0) and "turn" not in message(jit(choice), -1.0)


def test_what_does_not_reach_a_result_is_no_error():
    f = lambda x: fnp.where(x > 0, fnp.log(x), 0.0).sum()
    expected = f(X)
    with debug_nans():
        np.testing.assert_allclose(jit(f)(X), expected)
        np.testing.assert_array_equal(grad(f)(X), [1.0, 0.0, 1 / 3.0])
    g = lambda x: fnp.where(x > 0, fnp.log(x), fnp.sqrt(x)).sum()
    assert "by sqrt" in message(jit(g), X), "the arm that is taken is blamed"


def test_nans_that_were_there_before():
    text = message(jit(lambda a, x: x * 2), 1.0, np.array([1.0, np.nan]))
    assert "was there before: input 1 of the program, f64[2], has it at index (1,)" in text
    fine = jit(lambda x: fnp.nanmean(x))
    with debug_nans():
        assert fine(np.array([1.0, np.nan])) == 1.0


def test_products_name_the_range_of_their_operands():
    a, b = np.array([[np.inf, 1.0]]), np.array([[0.0], [1.0]])
    text = message(jit(lambda a, b: a @ b + 1), a, b)
    assert "by contract" in text and "f64[1,2] between 1 and inf" in text


def test_infinities_have_a_switch_of_their_own():
    f = jit(lambda x: 1 / x + 1)
    with debug_nans():
        assert f(0.0) == np.inf
    assert "inf was made by divide" in message(f, 0.0, switch=debug_infs)
    assert "operands: 1.0, 0.0" in message(f, 0.0, switch=debug_infs)


def test_the_switch():
    f = jit(lambda x: fnp.log(x))
    debug_nans.enable()
    try:
        with pytest.raises(FloatingPointError, match="nan was made by log"):
            f(-1.0)
        with debug_nans(False):
            assert np.isnan(f(-1.0))
        with pytest.raises(FloatingPointError):
            jacrev(lambda x: fnp.sqrt(x))(-1.0)
    finally:
        debug_nans.disable()
    assert np.isnan(f(-1.0))
    assert fungrad.debug.debug_nans is debug_nans


def test_donated_arguments_are_not_looked_at_after_they_are_gone():
    f = jit(lambda x: fnp.log(x - 1), donate_argnums=0)
    assert "operands: -0.5" in message(f, np.full(4, 0.5))


def test_results_are_those_without_the_switch():
    f = lambda x: (fnp.sin(x) * x).sum()
    with debug_nans():
        inside = jit(f)(X), grad(f)(X), jit(grad(f))(X), jvp(f, (X,), (X,)), jacrev(fnp.sin)(X)
    outside = jit(f)(X), grad(f)(X), jit(grad(f))(X), jvp(f, (X,), (X,)), jacrev(fnp.sin)(X)
    for a, b in zip(inside, outside, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- functions called on plain arrays


def divided(x):
    return fnp.divide(x, x - x)


EAGER = {
    "log": lambda: fnp.log(X),
    "divide": lambda: divided(np.zeros(3)),
    "arccos": lambda: fnp.arccos(2.0),
    "power": lambda: fnp.power(X, 0.5),
    "fmod": lambda: fnp.fmod(X, 0.0),
    "mean": lambda: fnp.mean(np.array([])),
    "subtract": lambda: lax.sub(np.inf, np.inf),
    "sqrt": lambda: lax.sqrt(np.array([1.0, -1.0])),
    "lgamma": lambda: lax.log(lax.lgamma(np.array([1.5, 3.0]))),
    "contract": lambda: lax.dot(np.array([np.inf, 1.0]), np.array([0.0, 1.0])),
}


@pytest.mark.parametrize("name", EAGER)
def test_functions_called_outside_of_transforms(name):
    text = message(EAGER[name])
    made = "log" if name == "lgamma" else name
    assert re.match(rf"nan was made by {made}\b.* at .*test_nans.py:\d+ in ", text)
    assert len(text.split("\n")) == 3 and "operands: " in text
    EAGER[name]()  # and nothing outside of the switch


def test_the_element_and_the_operands_are_named():
    text = message(EAGER["log"])
    assert text.split("\n")[-1] == "  result f64[3] at index (1,); operands: -2.0"
    text = message(EAGER["divide"])
    assert "in divided" in text and "index (0,); operands: 0.0, 0.0" in text
    assert "inf was made by log" in message(lambda: fnp.log(np.zeros(2)), switch=debug_infs)


def test_loops_called_outside_of_transforms_name_the_turn():
    f = lambda x: lax.fori_loop(0, 9, lambda i, c: fnp.sqrt(c - 1.0), x)
    text = message(f, 3.0)
    assert "by sqrt" in text and "in turn 3 of scan" in text


def test_nans_among_the_operands_are_nobodys_fault_there():
    x = np.array([1.0, np.nan])
    with debug_nans():
        assert fnp.nansum(x) == 1.0
        assert np.isnan(fnp.exp(x)[1]) and fnp.isnan(x)[1]
        assert np.isnan(fnp.array([np.nan])[0])
        assert fnp.where(fnp.isnan(x), 0, x)[1] == 0
        assert fnp.linalg.norm(np.zeros(3)) == 0
        assert lax.cond(True, lambda v: v, lambda v: v * np.nan, 1.0) == 1.0


def test_functions_that_were_called_before_the_switch():
    """A jitted call tries the latest one first, without a look at this thread's state."""
    f = jit(lambda x: fnp.log(x))
    for x in (1.0, 2.0):
        f(x)
    assert "by log" in message(f, -1.0)
    assert np.isnan(f(-1.0))
    debug_nans.enable()
    debug_nans.enable()
    try:
        with pytest.raises(FloatingPointError):
            f(-1.0)
    finally:
        debug_nans.disable()
    assert np.isnan(f(-1.0)) and not thread_state.examinations
