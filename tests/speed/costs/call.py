"""What a call of a jitted function costs: at most 2 us on a scalar."""

import numpy as np

import fungrad
from tests.speed.measure import installed, medians
from tests.speed.table import Row


def rows():
    """A scalar, three small arrays, and a pytree of sixty arrays."""
    import fungrad.numpy as fnp

    def affine(x):
        return 2.0 * x + 1.0

    def of_three(x, y, z):
        return x * y + z

    def of_many(tree):
        return [x + 1.0 for x in tree["layers"]]

    three = [np.arange(4.0) + i for i in range(3)]
    many = {"layers": [np.arange(4.0) + i for i in range(60)]}
    cases = (
        ("jitted call, a Python float", affine, (1.5,), 2e-6),
        ("jitted call, a NumPy scalar", affine, (np.float64(1.5),), 2e-6),
        ("jitted call, three arrays of 4", of_three, three, None),
        ("jitted call, a pytree of 60 arrays of 4", of_many, (many,), None),
        ("jitted grad of tanh, a Python float", fungrad.grad(fnp.tanh), (1.5,), 2e-6),
    )
    result = []
    for what, f, arguments, goal in cases:
        calls = {"fungrad": called(fungrad.jit(f), arguments)}
        if "jax" in installed("jax") and "tanh" not in what:
            import jax

            compiled, moved = jax.jit(f), jax.tree.map(jax.numpy.asarray, arguments)
            calls["jax"] = lambda g=compiled, a=moved: jax.block_until_ready(g(*a))
        seconds = medians(calls, seconds=1.0)
        value = seconds.pop("fungrad")
        result.append(Row(what, value, seconds, at_most=goal))
    return result


def called(f, arguments):
    """The call without arguments, with as little around it as can be."""
    if len(arguments) == 1:
        (x,) = arguments
        return lambda: f(x)
    x, y, z = arguments
    return lambda: f(x, y, z)
