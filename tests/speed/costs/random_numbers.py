"""Large draws, eager and compiled, beside NumPy's Philox generator: no slower than that."""

import numpy as np

import fungrad
from fungrad import random
from tests.speed.measure import installed, medians
from tests.speed.table import Row

SIZE = (1_000_000,)
KINDS = {  # name: (fungrad's and JAX's draw of a key and dtype, a generator's draw of a dtype)
    "uniform": (
        lambda random, key, dtype: random.uniform(key, SIZE, dtype),
        lambda generator, dtype: generator.random(SIZE, dtype),
    ),
    "normal": (
        lambda random, key, dtype: random.normal(key, SIZE, dtype),
        lambda generator, dtype: generator.standard_normal(SIZE, dtype),
    ),
    "exponential": (
        lambda random, key, dtype: random.exponential(key, SIZE, dtype),
        lambda generator, dtype: generator.standard_exponential(SIZE, dtype),
    ),
}
ONLY_DOUBLE = {
    "gamma(2.5)": (
        lambda random, key, dtype: random.gamma(key, 2.5, SIZE, dtype),
        lambda generator, dtype: generator.gamma(2.5, size=SIZE),
    ),
    "poisson(20)": (
        lambda random, key, dtype: random.poisson(key, 20.0, SIZE),
        lambda generator, dtype: generator.poisson(20.0, SIZE),
    ),
    "permutation": (
        lambda random, key, dtype: random.permutation(key, SIZE[0]),
        lambda generator, dtype: generator.permutation(SIZE[0]),
    ),
}
EXACT = ("uniform", "normal")  # those that have a goal


def rows():
    """A million numbers of each kind and dtype."""
    result = []
    for dtype in (np.float64, np.float32):
        kinds = KINDS | ONLY_DOUBLE if dtype is np.float64 else KINDS
        for name, (draw, of_generator) in kinds.items():
            seconds = medians(calls(draw, of_generator, dtype), seconds=1.0)
            eager = seconds.pop("eager")
            compiled = seconds.pop("compiled")
            goal = {"rival": "Philox", "at_most": 1.0} if name in EXACT else {}
            for mode, value in (("eager", eager), ("compiled", compiled)):
                what = f"{name}, a million of {np.dtype(dtype)}, {mode}"
                result.append(Row(what, value, seconds, **goal))
    return result


def calls(draw, of_generator, dtype):
    """The calls by name."""
    key = random.key(0)
    generator = np.random.Generator(np.random.Philox(0))
    compiled = fungrad.jit(lambda key: draw(random, key, dtype))
    found = {
        "eager": lambda: draw(random, key, dtype),
        "compiled": lambda: compiled(key),
        "Philox": lambda: of_generator(generator, dtype),
    }
    if "jax" in installed("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        compiled_by_jax = jax.jit(lambda key: draw(jax.random, key, dtype))
        found["jax"] = lambda: jax.block_until_ready(compiled_by_jax(jax.random.key(0)))
    return found
