"""The problems of GradBench at tiny sizes: closed forms, and finite differences of the primal.

They are the workloads that `tests/speed` measures; see there for what each one computes.
"""

import numpy as np
import pytest

import fungrad
from fungrad import jit, tree
from tests.speed.workload import load

PROBLEMS = "hello lse llsq gmm kmeans ba ht lstm det ode particle saddle".split()
CASES = [(name, size) for name in PROBLEMS for size in load(name).module.TINY]
IDS = [" ".join([name, *map(str, size)]) for name, size in CASES]
RUNS = {"eager": lambda f: f, "jit": jit}


def functions(name, size):
    module = load(name).module
    primal = module.primal(fungrad, *size)
    if hasattr(module, "derivative"):
        return primal, module.derivative(fungrad, *size)
    count = len(module.inputs(*size))
    return primal, fungrad.grad(primal, tuple(range(count)) if count > 1 else 0)


def runs_of(name, size):
    """Eager, except for minimisers of 50 000 steps; compiled, large programs at one size only."""
    if name in ("particle", "saddle"):
        return ["jit"]
    is_first = size == load(name).module.TINY[0]
    return ["eager", "jit"] if is_first or name not in ("ba", "ht", "lstm") else ["eager"]


def pytest_generate_tests(metafunc):
    if "run" in metafunc.fixturenames:
        wanted = [
            pytest.param(name, size, run, id=f"{title} {run}")
            for (name, size), title in zip(CASES, IDS, strict=True)
            for run in runs_of(name, size)
            if metafunc.function.__name__ in TESTS_OF.get(name, ("test_gradient",))
        ]
        metafunc.parametrize("name, size, run", wanted)


TESTS_OF = {
    **dict.fromkeys("hello lse llsq det particle saddle".split(), ("test_closed_form",)),
    "kmeans": ("test_closed_form",),
    "ba": ("test_sparse_jacobian",),
    "ht": ("test_dense_jacobian",),
    "lstm": ("test_gradient_in_parameters",),
    "ode": ("test_gradient_of_last_component",),
}


def test_closed_form(name, size, run):
    """The derivative is what is known of it."""
    workload = load(name)
    arguments = workload.inputs(size)
    found = RUNS[run](functions(name, size)[1])(*arguments)
    for x, y in zip(*map(tree.leaves, (found, workload.expected(size, arguments))), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)


def along(f, arguments, directions, eps=1e-6):
    """The derivative of a function along a direction, by central differences."""
    ahead, behind = [
        f(*[x + sign * eps * d for x, d in zip(arguments, directions, strict=True)])
        for sign in (1, -1)
    ]
    return tree.map(lambda a, b: (a - b) / (2 * eps), ahead, behind)


def directions_of(arguments):
    generator = np.random.default_rng(5)
    return [generator.normal(size=x.shape) for x in arguments]


def test_gradient(name, size, run):
    """The gradient's product with a direction is the slope along it."""
    primal, gradient = functions(name, size)
    arguments = load(name).inputs(size)
    found = RUNS[run](gradient)(*arguments)
    found = found if isinstance(found, tuple) else (found,)
    directions = directions_of(arguments)
    product = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    value = lambda *x: fungrad.jvp(primal, x, x)[0]  # noqa: E731  y.at needs traced arrays
    assert product == pytest.approx(along(value, arguments, directions), rel=1e-6)


def test_gradient_in_parameters(name, size, run):
    """The same for the first two arguments, with the parts of the gradient in one vector."""
    primal, gradient = functions(name, size)
    main, extra, state, sequence = load(name).inputs(size)
    found = RUNS[run](gradient)(main, extra, state, sequence)
    directions = directions_of((main, extra))
    product = found @ np.concatenate([d.reshape(-1) for d in directions])
    slope = along(lambda m, e: primal(m, e, state, sequence), (main, extra), directions)
    assert product == pytest.approx(slope, rel=1e-6)


def test_gradient_of_last_component(name, size, run):
    """The gradient of the last component of a vector; it is not zero where n <= 4 s."""
    primal, gradient = functions(name, size)
    arguments = load(name).inputs(size)
    found = RUNS[run](gradient)(*arguments)
    assert np.any(found != 0)
    directions = directions_of(arguments)
    slope = along(primal, arguments, directions, 1e-4)[-1]
    assert np.sum(found * directions[0]) == pytest.approx(slope, rel=1e-6)


def test_sparse_jacobian(name, size, run):
    """The sparse matrix times a direction is the slope of both kinds of residuals."""
    primal, jacobian = functions(name, size)
    *arguments, features = load(name).inputs(size)
    rows, columns, values = RUNS[run](jacobian)(*arguments, features)
    n, m, p = size
    assert len(rows) == 3 * p + 1 and len(values) == len(columns) == rows[-1] == 31 * p
    directions = directions_of(arguments)
    flat = np.concatenate([d.reshape(-1) for d in directions])
    product = np.add.reduceat(values * flat[columns], rows[:-1])
    errors, weights = along(lambda *a: primal(*a, features), arguments, directions)
    np.testing.assert_allclose(product[: 2 * p], errors.reshape(-1), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(product[2 * p :], weights, rtol=1e-6)


def test_dense_jacobian(name, size, run):
    """Every column by central differences; those of u stand in front."""
    primal, jacobian = functions(name, size)
    theta, points, *u = load(name).inputs(size)
    found = RUNS[run](jacobian)(theta, points, *u)
    columns = [
        along(lambda x: primal(theta, points, x), u, [np.zeros_like(u[0]) + d])
        for d in np.eye(2)
        if u
    ]
    columns += [along(lambda t: primal(t, points, *u), (theta,), [d]) for d in np.eye(len(theta))]
    expected = np.stack([c.reshape(-1) for c in columns], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
