"""Operands of joined arrays are computed in the memory of the result, where nothing forbids it."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import jit, lax

generator = np.random.default_rng(0)
X, Y = generator.normal(size=(20, 20)), generator.normal(size=(30, 20))
W = generator.normal(size=(20, 20))


def products(x, y, w):
    """Two values that have memory of their own: what BLAS makes."""
    return x @ w, y @ w


def joined(x, y, w):
    return fnp.concatenate(products(x, y, w))


def joined_flat(x, y, w):
    a, b = products(x, y, w)
    return fnp.concatenate([a.reshape(-1), fnp.sin(x[0]), b.reshape(-1)])


def stacked(x, y, w):
    return fnp.stack([x @ w, w @ x])


def joined_twice(x, y, w):
    a, b = products(x, y, w)
    return fnp.concatenate([a, b, a])


def joined_along_columns(x, y, w):
    return fnp.concatenate([x @ w, w @ x], axis=1)


def also_used_later(x, y, w):
    a, b = products(x, y, w)
    return fnp.concatenate([a, b]), a @ w


def joined_of_joined(x, y, w):
    a, b = products(x, y, w)
    return fnp.concatenate([fnp.concatenate([a, b]) @ w, a])


def joined_inside(x, y, w):
    """The result is not an output, and is read by another product."""
    return joined(x, y, w) @ w


def joined_and_scattered(x, y, w):
    """An operand that begins with another array."""
    a = fnp.at(x @ w)[np.array([0, 1, 1])].add(1.0)
    return fnp.concatenate([a, y @ w])


def in_a_loop(x, y, w):
    def body(carry, t):
        z = fnp.concatenate([carry[:10] @ w, carry[10:] @ w * t])
        return z, z[3]

    return lax.scan(body, x, np.array([0.1, 0.2, 0.3]))


def in_a_branch(x, y, w):
    return lax.cond(x[0, 0] > y[0, 0], joined, lambda x, y, w: joined(x, y, -w), x, y, w)


FUNCTIONS = (joined, joined_flat, stacked, joined_twice, joined_along_columns, also_used_later,
             joined_of_joined, joined_inside, joined_and_scattered, in_a_loop, in_a_branch)  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_values(f):
    from fungrad import disable_jit, tree

    compiled = jit(f)(X, Y, W)
    with disable_jit():
        expected = jit(f)(X, Y, W)
    for ours, theirs in zip(tree.leaves(compiled), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def copies(f):
    text = jit(f).lower(X, Y, W).as_text()
    return text.count("def concatenate_kernel") + text.count("def copy_kernel")


def test_nothing_is_copied():
    assert copies(joined) == copies(joined_inside) == 0
    assert copies(joined_flat) == 1  # the sines


def test_what_has_another_reader_or_no_place_of_one_piece_is_copied():
    assert copies(also_used_later) > 0
    assert copies(joined_along_columns) > 0
    assert copies(joined_twice) == 1


def test_donated_memory_is_not_written_before_its_time():
    def f(x, y, w):
        z = fnp.concatenate([x[:10] @ w, x[10:] @ w])
        return z, x.sum()

    x = X.copy()
    z, total = jit(f, donate_argnums=0)(x, Y, W)
    np.testing.assert_allclose(z, X @ W, rtol=1e-12)
    assert total == pytest.approx(X.sum(), rel=1e-12)
