"""The gradient through 1000 RK4 steps of Lorenz, float64: at most a tenth of JAX's time."""

import os

os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np  # noqa: E402

from tests.speed.measure import installed, medians  # noqa: E402
from tests.speed.table import Row  # noqa: E402

STEPS, H = 1000, 0.002
START, PARAMETERS = np.array([1.0, 1.0, 1.0]), np.array([10.0, 28.0, 8 / 3])


def rows():
    """The value and the gradient in start and parameters, by scan over a 3-vector."""
    import fungrad
    import fungrad.numpy as fnp

    f = end_in(fnp, fungrad.lax)
    values = {"fungrad": fungrad.jit(f)}
    gradients = {"fungrad": fungrad.jit(fungrad.grad(f, (0, 1)))}
    calls = {"value": {}, "gradient": {}}
    if "jax" in installed("jax"):
        import jax

        f = end_in(jax.numpy, jax.lax)
        values["jax"], gradients["jax"] = jax.jit(f), jax.jit(jax.grad(f, (0, 1)))
        points = [jax.numpy.asarray(a) for a in (START, PARAMETERS)]
        wait = jax.block_until_ready
        calls["value"]["jax"] = lambda: wait(values["jax"](*points))
        calls["gradient"]["jax"] = lambda: wait(gradients["jax"](*points))
        found = gradients["fungrad"](START, PARAMETERS), calls["gradient"]["jax"]()
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    calls["value"]["fungrad"] = lambda: values["fungrad"](START, PARAMETERS)
    calls["gradient"]["fungrad"] = lambda: gradients["fungrad"](START, PARAMETERS)
    result = []
    for what, goal in (("value", None), ("gradient", 0.1)):
        seconds = medians(calls[what])
        ours = seconds.pop("fungrad")
        result.append(Row(f"Lorenz, 1000 RK4 steps, {what}", ours, seconds, "s", "jax", goal))
    return result


def end_in(namespace, lax):
    """The square of the distance from the origin after all steps."""

    def field(state, p):
        x, y, z = state[0], state[1], state[2]
        return namespace.stack([p[0] * (y - x), x * (p[1] - z) - y, x * y - p[2] * z])

    def end(start, p):
        def step(state, _):
            k1 = field(state, p)
            k2 = field(state + H / 2 * k1, p)
            k3 = field(state + H / 2 * k2, p)
            k4 = field(state + H * k3, p)
            return state + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        state, _ = lax.scan(step, start, None, length=STEPS)
        return (state**2).sum()

    return end
