"""Functions of small vectors, for many rows: one loop over the rows, in which all is scalars."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.compiler.assemble import assemble
from fungrad.compiler.traffic import memory_traffic
from fungrad.primitives.indexing import Scatter
from tests.compiler.test_fuse import f64, kernels, recorded, steps

RANDOM = np.random.default_rng(0)


def turned(r, y):
    """Of one row: what each equation makes is read at another index."""
    angle = fnp.sqrt(fnp.sum(r * r) + 1)
    axis = r / angle
    return y * fnp.cos(angle) + fnp.cross(axis, y) * fnp.sin(angle) + axis * fnp.sum(axis * y)


def reversed_twice(x):
    y = x / fnp.sum(x)
    z = y[::-1] * y
    return z / z[0] + fnp.concatenate([z[1:], y[:1]])


def largest(x):
    y = x - fnp.max(x)
    return fnp.concatenate([y[::-1] * 2, fnp.cumsum(x)[:1]]), fnp.prod(y + 1), fnp.min(y[::-1])


def branches(x):
    y = fnp.where(x > 0, fnp.sqrt(x), -x)
    return fnp.where(y[::-1] > 1, y, fnp.log(y[::-1] + 1)) / fnp.sum(y)


ROWS = {
    "turned": (turned, 2),
    "reversed twice": (reversed_twice, 1),
    "largest": (largest, 1),
    "branches": (branches, 1),
}


def check(f, arguments, tolerance=1e-12):
    compiled = fungrad.jit(f)
    with fungrad.threads(1):
        found = fungrad.tree.leaves(compiled(*arguments))
    with fungrad.threads(2):
        again = fungrad.tree.leaves(compiled(*arguments))
    for a, b, c in zip(found, again, fungrad.tree.leaves(f(*arguments)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == c.dtype
        np.testing.assert_allclose(a, c, rtol=tolerance, atol=tolerance)


def test_a_function_of_small_vectors_is_one_loop():
    f = fungrad.vmap(turned)
    (step,) = steps(f, f64(500, 3), f64(500, 3))
    assert "|" not in step
    (text,) = kernels(f, f64(500, 3), f64(500, 3))
    assert text.count("for ") == 1
    assert text.count("y0[") == 3


def test_what_only_a_row_reads_is_not_stored():
    program = recorded(fungrad.vmap(turned), f64(500, 3), f64(500, 3))
    assert memory_traffic(program) == 3 * 500 * 3 * 8


@pytest.mark.parametrize("rows", [(64,), (500,), (20, 30), (20_011,)])
@pytest.mark.parametrize("name", ROWS)
def test_values(name, rows):
    f, count = ROWS[name]
    for _ in rows:
        f = fungrad.vmap(f)
    check(f, [RANDOM.standard_normal((*rows, 3)) for _ in range(count)], 1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128, np.int64])
def test_dtypes(dtype):
    def f(x):
        y = x * fnp.sum(x)
        return y[::-1] * y - fnp.sum(y[1:] * y[:-1])

    x = RANDOM.integers(-5, 5, (100, 4)).astype(dtype)
    check(fungrad.vmap(f), [x], 1e-5)


def test_special_values():
    rows = [[np.nan, 1, 2], [np.inf, 1, -1], [-0.0, -0.0, -0.0], [0, -np.inf, 5]] * 5

    def f(x):
        y = x * 2
        return y[::-1] * -1, fnp.sum(y[::-1]), fnp.max(y[::-1] + y), fnp.prod(y[:2])

    with np.errstate(all="ignore"):
        f = fungrad.vmap(f)
        x = np.array(rows * 4)
        for a, b in zip(fungrad.jit(f)(x), f(x), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(
                np.signbit(a), np.signbit(b) & ~np.isnan(b) | np.signbit(a) & np.isnan(b)
            )


def test_long_rows_are_put_together_block_by_block():
    """Rows of more elements than LLVM puts together itself, and numbers of rows of all kinds."""

    def f(x):
        y = x / fnp.sum(x * x)
        return fnp.concatenate([y[::-1], y * y[0], fnp.sin(y)]), fnp.sum(y[1:] * y[:-1])

    text = "".join(kernels(fungrad.vmap(f_listed(f)), f64(500, 4)))
    assert "transpose_float64" in text
    for n in (63, 64, 65, 127, 500, 70_001):
        check(fungrad.vmap(f), [RANDOM.standard_normal((n, 4))])
    check(fungrad.vmap(f), [RANDOM.standard_normal((500, 4)).astype(np.float32)], 1e-5)
    check(fungrad.vmap(fungrad.vmap(f)), [RANDOM.standard_normal((30, 40, 4))])


def f_listed(f):
    return lambda x: list(f(x))


def test_indices_outside_are_named_from_rows_too():
    def f(x, i):
        y = fnp.asarray(x)[i]
        z = y[::-1] * fnp.sum(y)
        return fnp.concatenate([z, z[::-1] * y])

    x, i = RANDOM.standard_normal((9, 3)), RANDOM.integers(-9, 9, 4000)
    both = fungrad.vmap(f, (None, 0))
    check(both, [x, i])
    i[3990] = 9
    with pytest.raises(fungrad.errors.OutOfBoundsError, match="index 9 is out of bounds"):
        fungrad.jit(both)(x, i)


def test_jacobians_of_rows_are_one_loop_without_products_by_zeros():
    def f(x, w):
        y = x[::-1] / fnp.sum(x * x)
        return y * y[::-1] * w

    jacobian = fungrad.vmap(fungrad.jacrev(f))
    (text,) = kernels(jacobian, f64(500, 3), f64(500))
    assert "* 0.0" not in text
    assert "0.0 *" not in text
    check(jacobian, [RANDOM.standard_normal((500, 3)), RANDOM.standard_normal(500)], 1e-9)


@pytest.mark.parametrize("transform", [fungrad.jacrev, fungrad.jacfwd, fungrad.hessian])
def test_derivatives(transform):
    def f(x, y):
        return fnp.sum(turned(x, y) ** 2) if transform is fungrad.hessian else turned(x, y)

    x, y = RANDOM.standard_normal((2, 70, 3))
    found = fungrad.jit(fungrad.vmap(transform(f)))(x, y)
    lower = f if transform is not fungrad.hessian else fungrad.grad(f)
    step = 1e-6
    for j in range(3):
        d = step * np.eye(3)[j]
        both = [fungrad.vmap(lower)(x + s * d, y) for s in (1, -1)]
        np.testing.assert_allclose(found[..., j], (both[0] - both[1]) / (2 * step), atol=1e-6)


def test_a_routine_between_two_loops_stays_between_them():
    def f(x):
        y = x / fnp.sum(x, axis=1, keepdims=True)
        z = y[:, ::-1] * 2
        w = fnp.sort(z, axis=1)
        return [w + y[:, ::-1], z[:, ::-1] * y]

    made = steps(f, f64(100, 3))
    assert any("sort" in line for line in made)
    x = RANDOM.uniform(1, 2, (100, 3))
    check(f, [x])


def test_rows_of_a_loop_are_written_where_they_were():
    def f(x, y):
        def step(k, x):
            return fungrad.vmap(turned)(x, y) / 2

        return fungrad.lax.fori_loop(0, 5, step, x)

    x, y = RANDOM.standard_normal((2, 100, 3))
    check(f, [x, y])
    assembly = assemble(recorded(f, f64(100, 3), f64(100, 3)))
    assert assembly.workspace < 100 * 3 * 8
    text = "".join(k.source for k in assembly.kernels)
    assert text.count("copy_kernel") <= 1

    def over_itself(x):
        y = x + 1
        z = y[:, ::-1] * fnp.sum(y, axis=1, keepdims=True)
        return z[:, ::-1] * y

    donated = fungrad.jit(over_itself, donate_argnums=0)
    np.testing.assert_allclose(donated(x.copy()), over_itself(x))


def test_rows_that_others_read_at_other_rows_are_stored():
    def f(x):
        y = x[:, ::-1] * fnp.sum(x, axis=1, keepdims=True)
        z = y[::-1] + y[:, ::-1]
        return z[:, ::-1] * fnp.sum(z, axis=1, keepdims=True), fnp.sum(y, axis=0)

    check(f, [RANDOM.standard_normal((100, 3))])


def test_loops_of_long_rows_stay_as_they_are():
    def f(x):
        y = x / fnp.sum(x)
        return y[::-1] * y

    text = "".join(kernels(fungrad.vmap(f), f64(500, 300)))
    assert text.count("for ") > 1
    check(fungrad.vmap(f), [RANDOM.uniform(1, 2, (50, 300))])


# ---- what is there only after the last row


def loss(table, shift, x, i):
    def one(x, i):
        y = turned(fnp.asarray(table)[i], x - shift)
        return fnp.sum(y * y[::-1]) + fnp.sum(fnp.tanh(y))

    return fnp.sum(fungrad.vmap(one)(x, i))


@pytest.mark.parametrize("n", [70, 500, 20_011])
def test_gradients_are_summed_in_the_loop_over_the_rows(n):
    x, i = RANDOM.standard_normal((n, 3)), RANDOM.integers(-9, 9, n)
    arguments = RANDOM.standard_normal((9, 3)), RANDOM.standard_normal(3), x, i
    check(fungrad.grad(loss, (0, 1, 2)), arguments, 1e-9)
    if n < 1000:
        fungrad.testing.check_grads(
            lambda *a: fungrad.jit(loss)(*a, i), arguments[:3], order=1, modes=("rev",)
        )


def test_the_gradient_is_one_kernel():
    def f(table, shift, x, i):
        return list(fungrad.grad(loss, (0, 1))(table, shift, x, i))

    i64 = fungrad.core.types.ArrayType((20_000,), np.int64)
    made = steps(f, f64(9, 3), f64(3), f64(20_000, 3), i64)
    assert len(made) == 1
    texts = kernels(f, f64(9, 3), f64(3), f64(20_000, 3), i64)
    assert sum("tile" in text for text in texts) == 1  # what lands passes by a tile


@pytest.mark.parametrize("combine", ["sum", "max", "min", "prod"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("rows", [(100,), (20, 30), (100_003,)])
def test_reductions_over_rows(combine, dtype, rows):
    def f(x):
        y = x[..., ::-1] * fnp.sum(x, axis=-1, keepdims=True)
        z = y[..., ::-1] + x
        reduced = getattr(fnp, combine)
        axes = tuple(range(len(rows)))
        return reduced(z[..., ::-1], axis=axes), reduced(z), z[..., 1:]

    values = [-1, 1] if combine == "prod" else range(-4, 5)
    x = RANDOM.choice(values, (*rows, 3)).astype(dtype)
    check(f, [x if combine != "prod" else x * 0 + 1], 1e-3 if dtype == np.float32 else 1e-11)


def test_results_of_all_rows_are_read_by_other_loops():
    def f(x):
        y = x[:, ::-1] * fnp.sum(x, axis=1, keepdims=True)
        z = y[:, ::-1] + x
        total = fnp.sum(z, axis=0)
        w = z[:, ::-1] / total
        return w[:, ::-1] * fnp.sum(w, axis=1, keepdims=True), total

    check(f, [RANDOM.uniform(1, 2, (500, 3))])


@pytest.mark.parametrize("mode", ["drop", "clip", "raise"])
@pytest.mark.parametrize("combine", ["add", "set", "maximum"])
def test_rows_that_land(combine, mode):
    def f(x, u, i):
        y = u[:, ::-1] / fnp.sum(u, axis=1, keepdims=True)
        z = y[:, ::-1] * u + y
        return [Scatter((0,), combine, mode)(x, z[:, ::-1] + y, i), z]

    high = 9 if mode == "raise" else 14
    for n in (100, 30_000):
        u, i = RANDOM.uniform(1, 2, (n, 3)), RANDOM.integers(0, high, n)
        check(f, [-np.zeros((9, 3)), u, i], 1e-9)
    types = f64(9, 3), f64(100, 3), fungrad.core.types.ArrayType((100,), np.int64)
    assert len(steps(f, *types)) == 1
