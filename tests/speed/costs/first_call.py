"""The first call of the jitted MLP step in a fresh process, on a cold cache and on a warm one."""

from statistics import median

from tests.speed.costs.compilations import JAX, STEP
from tests.speed.measure import empty_cache, installation, installed, reported
from tests.speed.table import Row

ROUNDS = 3


def rows():
    """Cold: no slower than JAX. Warm: four times as fast."""
    cold, warm, theirs = [], [], []
    with installation() as environment:
        for _ in range(ROUNDS):
            for values, value in zip((cold, warm, theirs), figures(environment), strict=False):
                values.append(value)
    others = {"jax": median(theirs)} if theirs else {}
    return [
        Row("MLP step: first call, cold cache", median(cold), others, "s", "jax", 1.0),
        Row("MLP step: first call, warm cache", median(warm), others, "s", "jax", 0.25),
    ]


def figures(environment):
    """The first call on an empty cache, on the cache that it leaves, and with JAX if installed."""
    with empty_cache() as folder:
        cached = {**environment, "FUNGRAD_CACHE_DIR": folder}
        found = [reported(STEP, cached)["first call"] for _ in range(2)]
    return [*found, reported(JAX, environment)["first call"]] if installed("jax") else found
