"""Carries, operands and branches: how types meet, and what does not fit."""

from collections import namedtuple

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import disable_jit, grad, jit, lax, vmap
from fungrad.errors import BranchTypeError, CarryTypeError, TreeMismatchError

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
Pair = namedtuple("Pair", "a b")
V = np.array([1.0, 2.0, 3.0])
HALF = V.astype(np.float32)


# ---- Python numbers take the type that the body gives them


@RUN
def test_python_numbers_in_a_carry_are_weak(run):
    total, _ = run(lambda x: lax.scan(lambda c, x: (c + x, None), 0, x))(V)
    assert total == 6.0 and total.dtype == np.float64
    total, _ = run(lambda x: lax.scan(lambda c, x: (c + x, None), 0.0, x))(HALF)
    assert total.dtype == np.float32
    total, _ = run(lambda x: lax.scan(lambda c, x: (c * x, None), 1, x))(HALF.astype(np.complex64))
    assert total.dtype == np.complex64
    total, _ = run(lambda x: lax.scan(lambda c, x: (c | (x > 2), None), False, x))(V)
    assert total.dtype == bool and total
    count = run(lambda n: lax.while_loop(lambda c: c < n, lambda c: c + 1, 0))(5)
    assert count == 5 and count.dtype == np.int64
    assert run(lambda x: lax.fori_loop(0, 3, lambda i, c: c * x, 1))(2.0) == 8.0
    assert run(lambda n: lax.while_loop(lambda c: c, lambda c: c - 1, n))(3) == 0  # 0 ends it
    assert run(lambda: lax.fori_loop(0, 3, lambda i, c: c * 2, 1))().dtype == np.int64


@RUN
def test_the_counter_of_a_loop_has_the_dtype_of_its_bounds(run):
    count = lambda lower, upper, first: run(
        lambda c: lax.fori_loop(lower, upper, lambda i, c: c + i, c)
    )(first)
    assert count(0, 4, HALF[0]).dtype == np.float32  # Python numbers give way
    assert count(0, 4, np.int32(1)).dtype == np.int32
    assert count(np.int32(0), np.int32(4), np.int32(1)).dtype == np.int32
    assert count(0, np.uint8(4), np.uint8(1)).dtype == np.uint8
    assert count(np.uint64(0), np.int64(4), 1).dtype == np.int64
    assert run(lambda n, c: lax.fori_loop(0, n, lambda i, c: c * i + 1, c))(4, HALF).dtype == "f4"
    assert run(lambda: lax.fori_loop(np.int16(0), np.int16(5), lambda i, c: i, 0))() == 4
    with disable_jit():
        assert count(0, 4, HALF[0]).dtype == np.float32
        assert count(np.int8(0), 4, np.int8(1)).dtype == np.int8
    with pytest.raises(CarryTypeError, match=r"goes in as f32\[\] and comes out as f64\[\]"):
        count(np.int64(0), np.int64(4), HALF[0])


@RUN
def test_one_weak_number_may_widen_another(run):
    def body(c, x):
        count, total, mean = c
        return (count + 1, total + x, (total + x) / (count + 1)), mean

    (count, total, mean), means = run(lambda x: lax.scan(body, (0, 0, 0), x))(V)
    assert (count, total, mean) == (3, 6.0, 2.0)
    assert count.dtype == np.int64 and mean.dtype == np.float64
    np.testing.assert_array_equal(means, [0.0, 1.0, 1.5])
    # A chain: the second takes the type of the third, the first that of the second.
    chain = lambda c: (c[1], c[2], c[2] * np.float32(2))
    first, second, third = run(lambda: lax.fori_loop(0, 4, lambda i, c: chain(c), (0, 0, 1)))()
    assert first.dtype == second.dtype == third.dtype == np.float32
    assert (first, second, third) == (4.0, 8.0, 16.0)


@RUN
def test_python_numbers_in_branches_and_operands(run):
    f = lambda p, x: lax.cond(p, lambda x: x * 2, lambda x: 1, x)
    assert run(f)(True, HALF[1]) == 4.0 and run(f)(False, HALF[1]).dtype == np.float32
    g = lambda p: lax.cond(p, lambda: 1, lambda: 2.5)
    assert run(g)(True) == 1.0 and run(g)(True).dtype == np.float64
    assert run(lambda p: lax.cond(p, lambda a, b: a, lambda a, b: b, 1, 2))(False) == 2
    assert run(lambda i: lax.switch(i, [lambda: 1, lambda: 2.0, lambda: 3j]))(0).dtype == complex
    assert run(lambda p: lax.cond(p, lambda: True, lambda: False))(True).dtype == bool
    assert (
        run(lambda p, x: lax.cond(p, lambda: x.sum(), lambda: 0))(False, HALF).dtype == np.float32
    )


def test_arrays_in_a_carry_keep_their_types():
    with pytest.raises(
        CarryTypeError, match=r"the carry goes in as i64\[\] and comes out as f64\[\]"
    ):
        lax.scan(lambda c, x: (c + x, None), np.int64(0), V)
    with pytest.raises(CarryTypeError, match=r"goes in as f32\[\] and comes out as f64\[\]"):
        lax.scan(lambda c, x: (c + x, None), np.float32(0), V)


# ---- what does not fit


@RUN
def test_carries_that_change_type_name_the_leaf(run):
    init = {"a": V, "b": [np.float32(1.0), (np.int64(2),)]}

    def changed(**changes):
        return lambda c: {**c, **changes}

    cases = [
        (changed(a=V[:2]), r"the carry\['a'\] goes in as f64\[3\] and comes out as f64\[2\]"),
        (changed(b=[np.float64(1), (np.int64(2),)]), r"\['b'\]\[0\] goes in as f32\[\] .* f64\[\]"),
        (changed(b=[np.float32(1), (2.5,)]), r"\['b'\]\[1\]\[0\] goes in as i64\[\] .* f64\[\]"),
    ]
    for body, text in cases:
        text = text.replace("the carry", "the carry at ").replace("  ", " ")
        calls = [
            (f"scan of .*{text}", lambda: lax.scan(lambda c, _: (body(c), None), init, length=2)),
            (f"fori_loop of .*{text}", lambda: lax.fori_loop(0, 2, lambda i, c: body(c), init)),
            (f"while_loop of .*{text}", lambda: lax.while_loop(lambda c: True, body, init)),
        ]
        for match, call in calls:
            with pytest.raises(CarryTypeError, match=match) as error:
                run(call)()
            assert "astype" in str(error.value)


@pytest.mark.parametrize("body", [lambda c: (c,), lambda c: {"b": c["a"]}, lambda c: None])
def test_carries_that_change_structure(body):
    init = {"a": 1.0}
    for name, call in {
        "scan": lambda: lax.scan(lambda c, _: (body(c), None), init, length=2),
        "fori_loop": lambda: lax.fori_loop(0, 2, lambda i, c: body(c), init),
        "while_loop": lambda: lax.while_loop(lambda c: True, body, init),
    }.items():
        with pytest.raises(CarryTypeError, match=rf"{name} of .*structure .*'a'.* comes out with"):
            call()


@RUN
def test_branches_of_different_types(run):
    x = {"w": V, "n": (np.float32(1),)}
    cond = lambda f, g: run(lambda p: lax.cond(p, f, g, x))(True)
    with pytest.raises(
        BranchTypeError, match=r"cond: the output at \['w'\] of true_fun is f64\[2\]"
    ):
        cond(lambda x: {**x, "w": x["w"][:2]}, lambda x: x)
    with pytest.raises(
        BranchTypeError, match=r"at \['n'\]\[0\] of true_fun is f64\[\], .* f32\[\]"
    ):
        cond(lambda x: {**x, "n": (np.float64(1),)}, lambda x: x)
    with pytest.raises(
        BranchTypeError, match="cond: true_fun returns the structure .* same pytree"
    ):
        cond(lambda x: x, lambda x: x["w"])
    with pytest.raises(BranchTypeError, match="switch: branch 2 returns the structure"):
        run(lambda i: lax.switch(i, [lambda: 1.0, lambda: 2.0, lambda: None]))(1)
    with pytest.raises(BranchTypeError, match=r"switch: the output of branch 2 is f64\[3\]"):
        run(lambda i: lax.switch(i, [lambda: 1.0, lambda: 2.0, lambda: V]))(1)


def test_bodies_of_the_wrong_form():
    with pytest.raises(
        TreeMismatchError, match=r"scan of <lambda>: the body must return \(carry, y\)"
    ):
        lax.scan(lambda c, x: c, 0.0, V)
    with pytest.raises(
        TypeError, match=r"condition of while_loop of <lambda> must return a boolean"
    ):
        lax.while_loop(lambda c: V > c, lambda c: c, 1.0)
    with pytest.raises(TypeError, match="boolean scalar"):
        lax.while_loop(lambda c: (True, False), lambda c: c, 1.0)
    with pytest.raises(TypeError, match="cond: pred must be a scalar, it has shape"):
        lax.cond(V > 1, lambda: 1.0, lambda: 2.0)
    with pytest.raises(TypeError, match=r"switch: index must be an integer scalar, it is f64\[\]"):
        lax.switch(1.0, [lambda: 1.0])
    with pytest.raises(TypeError, match=r"switch: index must be an integer scalar, it is i64\[2\]"):
        lax.switch(np.arange(2), [lambda: 1.0])
    with pytest.raises(ValueError, match="switch: there are no branches"):
        lax.switch(0, [])
    with pytest.raises(TypeError, match="fori_loop of <lambda>: upper must be an integer scalar"):
        lax.fori_loop(0, 2.5, lambda i, c: c, 1.0)
    for name in ("scan", "while_loop", "fori_loop"):
        with pytest.raises(TypeError, match=f"{name}: expected a function, got 3"):
            {
                "scan": lambda: lax.scan(3, 0.0, V),
                "while_loop": lambda: lax.while_loop(np.sin, 3, 0.0),
                "fori_loop": lambda: lax.fori_loop(0, 2, 3, 0.0),
            }[name]()
    with pytest.raises(TypeError, match="while_loop: expected a function, got 3"):
        lax.while_loop(3, np.sin, 0.0)
    with pytest.raises(TypeError, match="cond: expected a function, got 3"):
        lax.cond(True, 3, lambda: 1.0)


def test_xs_that_do_not_fit():
    body = lambda c, x: (c, None)
    with pytest.raises(ValueError, match=r"scan of <lambda>: .*\['a'\] has 3.*\['b'\]\[0\] has 2"):
        lax.scan(body, 0.0, {"a": V, "b": [V[:2]]})
    with pytest.raises(ValueError, match="length is 4, the leading axis of xs is 3"):
        lax.scan(body, 0.0, V, length=4)
    with pytest.raises(TypeError, match=r"xs at \['n'\] is a scalar"):
        lax.scan(body, 0.0, {"a": V, "n": 2.0})
    with pytest.raises(TypeError, match="without xs, length is needed"):
        lax.scan(body, 0.0)
    with pytest.raises(ValueError, match="length must not be negative"):
        lax.scan(body, 0.0, length=-1)
    with pytest.raises(ValueError, match="unroll must not be negative"):
        lax.scan(body, 0.0, V, unroll=-1)
    with pytest.raises(TypeError, match=r"scan of <lambda>.*xs at \['t'\] is 'text'"):
        lax.scan(body, 0.0, {"t": "text"})
    with pytest.raises(TypeError, match=r"scan of <lambda>.*carry at \[0\] is 'text'"):
        lax.scan(body, ("text",), V)


# ---- pytrees and keyword habits


@RUN
def test_pytrees_of_every_kind(run):
    def body(carry, x):
        p, none = carry
        y = {"sum": p.a + x["u"][0], "none": None, "index": x["i"]}
        return (Pair(p.a + x["u"][0], p.b @ p.b), none), y

    xs = {"u": (np.ones((4, 2)), None), "i": np.arange(4)}
    f = run(lambda w: lax.scan(body, (Pair(np.zeros(2), w), None), xs))
    (p, none), ys = f(np.eye(2) / 2)
    assert type(p) is Pair and none is None and ys["none"] is None
    np.testing.assert_array_equal(p.a, [4.0, 4.0])
    np.testing.assert_allclose(p.b, np.eye(2) / 2**16)
    np.testing.assert_array_equal(ys["sum"][:, 0], [1, 2, 3, 4])
    assert ys["index"].dtype == np.int64 and ys["index"].tolist() == [0, 1, 2, 3]


@RUN
def test_length_reverse_and_unroll(run):
    body = lambda c, x: (c * 2 + x, c)
    forward = lambda **k: run(lambda x: lax.scan(body, 0.0, x, **k))(V)
    assert forward()[0] == 11.0 and forward()[1].tolist() == [0.0, 1.0, 4.0]
    assert forward(reverse=True)[0] == 17.0 and forward(reverse=True)[1].tolist() == [8.0, 3.0, 0.0]
    for unroll in (1, 2, 3, 100, True, False):
        assert forward(unroll=unroll)[0] == 11.0
    assert forward(length=3)[0] == 11.0
    counted = run(lambda: lax.scan(lambda c, _: (c + 1, c), 0, None, length=4))()
    assert counted[0] == 4 and counted[1].tolist() == [0, 1, 2, 3]
    assert run(lambda: lax.scan(lambda c, x: (c, None), (), None, length=2))() == ((), None)
    empty, ys = run(lambda x: lax.scan(body, 5.0, x))(np.zeros(0))
    assert empty == 5.0 and ys.shape == (0,) and ys.dtype == np.float64
    assert run(lambda: lax.fori_loop(3, 1, lambda i, c: c * 2, 1.0))() == 1.0
    assert run(lambda: lax.fori_loop(-2, 1, lambda i, c: c + i, 0))() == -3
    assert run(lambda: lax.fori_loop(0, 4, lambda i, c: c + i, 0, unroll=2))() == 6


@RUN
def test_cond_and_switch(run):
    f = lambda p, *x: lax.cond(p, lambda a, b: a["v"] * b, lambda a, b: a["v"] + b, *x)
    for p in (True, np.bool_(True), 1, 2.5, np.array(True)):
        np.testing.assert_array_equal(run(f)(p, {"v": V}, 2.0), 2 * V)
    for p in (False, 0, 0.0):
        np.testing.assert_array_equal(run(f)(p, {"v": V}, 2.0), V + 2)
    branches = [lambda x: x, lambda x: x * 10, lambda x: x * 100]
    for i, expected in [(-5, 1.0), (0, 1.0), (1, 10.0), (2, 100.0), (7, 100.0)]:
        assert run(lambda i, x: lax.switch(i, branches, x))(i, 1.0) == expected
        assert run(lambda i: lax.switch(i, branches, 1.0))(np.int8(i)) == expected
    assert run(lambda x: lax.switch(0, branches[:1], x))(2.0) == 2.0
    assert run(lambda p: lax.cond(p, lambda _: 1.0, lambda _: 2.0, operand=None))(False) == 2.0
    assert run(lambda p: lax.cond(p, lambda x: x, lambda x: -x, operand=3.0))(False) == -3.0
    assert run(lambda i: lax.switch(i, branches, operand=3.0))(1) == 30.0
    assert run(lambda p: lax.cond(pred=p, true_fun=lambda: 1, false_fun=lambda: 2))(True) == 1


@RUN
def test_branches_without_operands_under_every_transform(run):
    index = np.array([-1, 0, 1, 7])
    pick = lambda i: lax.switch(i, [lambda: 1.0, lambda: 2.0])
    assert run(vmap(pick))(index).tolist() == [1.0, 1.0, 2.0, 2.0]
    arrays = lambda i: lax.switch(i, [lambda: fnp.zeros(2), lambda: fnp.arange(2.0), lambda: V[:2]])
    assert run(vmap(arrays))(index).tolist() == [[0, 0], [0, 0], [0, 1], [1, 2]]
    scaled = lambda x: lax.cond(x > 0, lambda: fnp.ones(2), lambda: fnp.zeros(2)).sum() * x
    assert run(vmap(grad(scaled)))(np.array([2.0, -2.0])).tolist() == [2.0, 0.0]
    closed = lambda x: lax.cond(x > 0, lambda: x * fnp.ones(2), lambda: fnp.zeros(2)).sum()
    assert run(vmap(grad(closed)))(np.array([2.0, -2.0])).tolist() == [2.0, 0.0]
    assert run(grad(grad(lambda x: closed(x) ** 2)))(3.0) == 8.0
    widened = lambda p: lax.cond(p, lambda: fnp.float32(1), lambda: 2)
    assert run(vmap(widened))(np.array([True, False])).dtype == np.float32


@RUN
def test_results_are_arrays_of_their_own(run):
    carry, ys = run(lambda v: lax.scan(lambda c, x: (c, c), v, None, length=2))(V)
    carry += 1
    ys += 1
    np.testing.assert_array_equal(V, [1.0, 2.0, 3.0])
    same = run(lambda v: lax.cond(True, lambda x: (x, x), lambda x: (x, x), v))(V)
    same[0][:] = 9.0
    np.testing.assert_array_equal(same[1], V)
    np.testing.assert_array_equal(V, [1.0, 2.0, 3.0])
    kept = run(lambda v: lax.fori_loop(0, 0, lambda i, c: c, v))(V)
    kept += 1
    np.testing.assert_array_equal(V, [1.0, 2.0, 3.0])
    assert type(run(lambda x: lax.while_loop(lambda c: c < 1, lambda c: c, x))(2.0)) is np.float64


@RUN
def test_complex_and_float32_carries(run):
    spiral = lambda z: lax.fori_loop(0, 3, lambda i, c: c * z + 1, z)
    z = 0.5 + 0.5j
    assert run(spiral)(z) == ((z * z + 1) * z + 1) * z + 1
    np.testing.assert_allclose(
        run(grad(spiral, holomorphic=True))(z), 4 * z**3 + 2 * z + 1, rtol=1e-14
    )
    norm = lambda x: abs(lax.fori_loop(0, 2, lambda i, c: c * (1 + 1j) * x, 1.0 + 0j)) ** 2
    np.testing.assert_allclose(run(grad(norm))(0.5), 16 * 0.5**3)
    single = run(grad(lambda x: lax.scan(lambda c, v: (c * v, c), x, HALF)[1].sum()))(HALF[0])
    assert single.dtype == np.float32 and single == 1 + 1 + 2


@RUN
def test_integer_carries_beside_float_values(run):
    def collatz(x, n):
        def body(c):
            n, k, total = c
            return fnp.where(n % 2 == 0, n // 2, 3 * n + 1), k + 1, total * x + n

        return lax.while_loop(lambda c: c[0] != 1, body, (n, 0, 0.0))

    n, steps, total = run(collatz)(0.5, 6)
    assert (n, steps) == (1, 8) and n.dtype == steps.dtype == np.int64
    slope = run(grad(lambda x, n: collatz(x, n)[2]))(0.5, np.int64(6))
    numeric = (collatz(0.5 + 1e-6, 6)[2] - collatz(0.5 - 1e-6, 6)[2]) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=1e-7)
    many = run(vmap(lambda n: collatz(0.5, n)[1]))(np.array([1, 2, 3, 6]))
    assert many.tolist() == [0, 1, 7, 8]


@RUN
def test_branches_with_operands_of_their_own(run):
    f = lambda p, x: lax.cond(p, (x, 1.0), lambda pair: pair[0] + pair[1], x * 2, np.sin)
    assert run(f)(True, 3.0) == 4.0
    assert run(f)(False, 3.0) == np.sin(6.0)
    assert run(grad(f, 1))(False, 3.0) == 2 * np.cos(6.0)
    with disable_jit():
        assert f(True, 3.0) == 4.0
    with pytest.raises(TypeError, match="cond: expected a function, got 2.0"):
        lax.cond(True, 1.0, 2.0, 3.0, np.sin)
    with pytest.raises(TypeError, match="cond: expected a function, got 1.0"):
        lax.cond(True, 1.0, np.sin, 2.0)
