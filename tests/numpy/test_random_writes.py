"""Random programs that copy, view and write arrays, in traces inside of traces, against NumPy.

The same text runs on plain arrays with NumPy, and on traced ones. Some of its arrays belong to the
outer trace, some to the inner one; only these are written.
"""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, value_and_grad, vmap
from fungrad.lax import scan

SHAPE = 3, 4
SEEDS = range(20)
INDICES = [
    slice(None),
    Ellipsis,
    1,
    -1,
    (slice(None), 2),
    (1, 2),
    (slice(None, None, 2), slice(1, None)),
    (slice(None, None, -1),),
    [0, 2],
    (slice(None), [3, 0, 1]),
    ([0, 2, 1], [1, 1, 3]),
    np.arange(12).reshape(SHAPE) % 3 == 0,
]


def steps_of(seed):
    """What a program does, and with what: numbers, to be taken by whoever runs it."""
    draw = np.random.default_rng(seed)
    names = list(STEPS)
    return [(names[draw.integers(len(names))], draw.integers(1000, size=4)) for _ in range(12)]


def outer(numbers, x, count):
    """Arrays of the outer trace."""
    found = [x]
    for n in numbers[:count]:
        found.append(found[n % len(found)] * 0.5 + n % 7)
    return found


def inner(module, steps, given, s, i):
    """A number, by way of arrays that are made, written and read."""
    own = [module.zeros(SHAPE) + s]
    for name, numbers in steps:
        all_of_them = given + own
        a, b = (
            all_of_them[numbers[0] % len(all_of_them)],
            all_of_them[numbers[1] % len(all_of_them)],
        )
        target, index = own[numbers[2] % len(own)], INDICES[numbers[3] % len(INDICES)]
        made = STEPS[name](module, a, b, target, index, s, i)
        if made is not None:
            own.append(made)
    return sum([(k + 1) * (y * y).sum() for k, y in enumerate(own)]) / 1000


def write(module, a, b, target, index, s, i):
    target[index] = b[index]


def write_number(module, a, b, target, index, s, i):
    target[index] = s


def write_at_a_traced_place(module, a, b, target, index, s, i):
    target[i, 1:3] = b[i, 1:3] + a[:, i][0]


def add_to(module, a, b, target, index, s, i):
    target[index] += 0.5 * a[index]


def add_to_all(module, a, b, target, index, s, i):
    target += 0.5 * b


def multiply_all(module, a, b, target, index, s, i):
    target *= s


def write_from_view(module, a, b, target, index, s, i):
    part = a[index]
    target[index] = part * 0.5


def out(module, a, b, target, index, s, i):
    module.add(a, 0.25 * b, out=target)


def copied_to(module, a, b, target, index, s, i):
    module.copyto(target, b)


STEPS = {
    f.__name__: f
    for f in (
        write,
        write_number,
        write_at_a_traced_place,
        add_to,
        add_to_all,
        multiply_all,
        write_from_view,
        out,
        copied_to,
    )
} | {
    "copy": lambda module, a, *rest: a.copy(),
    "array": lambda module, a, *rest: module.array(a),
    "filled": lambda module, a, b, *rest: module.full(SHAPE, b),
    "made": lambda module, a, b, *rest: a * module.cos(b),
    "transposed": lambda module, a, *rest: a.T.copy().T.copy(),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_nested_traces_write_as_numpy_does(seed):
    steps = steps_of(seed)
    numbers = np.random.default_rng([seed]).integers(100, size=8)
    count = seed % 8
    x, s = np.linspace(-1, 2, 12).reshape(SHAPE), np.array([0.5, 1.5])

    def plain(x, s, i):
        return inner(np, steps, [y.copy() for y in outer(numbers, x, count)], s, i)

    expected = [plain(x, 0.5, 0), plain(x, 1.5, 1)]
    slope = (plain(x, 1.5 + 1e-6, 1) - plain(x, 1.5 - 1e-6, 1)) / 2e-6

    def nested(how):
        def f(x, s, i):
            given = outer(numbers, x, count)
            return how(lambda s, i: inner(fnp, steps, given, s, i), s, i)

        return jit(f)(x, s, np.array([0, 1]))

    def in_scan(g, s, i):
        return scan(lambda carry, row: (carry, g(*row)), 0.0, (s, i))[1]

    np.testing.assert_allclose(nested(lambda g, s, i: vmap(g)(s, i)), expected, rtol=1e-12)
    np.testing.assert_allclose(nested(in_scan), expected, rtol=1e-12)
    value, gradient = nested(lambda g, s, i: value_and_grad(g)(s[1], i[1]))
    np.testing.assert_allclose(value, expected[1], rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-6)

    def value_in_eager_traces(x):
        given = outer(numbers, x, count)
        return value_and_grad(lambda s: inner(fnp, steps, given, s, 1))(1.5)[0]

    step = 1e-6 * np.cos(x)
    slope = (plain(x + step, 1.5, 1) - plain(x - step, 1.5, 1)) / 2
    found = (grad(value_in_eager_traces)(x) * step).sum()
    np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-11)
