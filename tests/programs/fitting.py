"""A whole training as one compiled call: shuffling by key, minibatches by index, an optimiser."""

import numpy as np

import fungrad.numpy as fnp
from fungrad import jit, lax, optim, random, value_and_grad


def fit(loss, optimiser, params, data, *, epochs, batch, seed=0):
    """Trained parameters and the mean loss of each epoch.

    `loss(params, key, *rows)` is that of some rows of the arrays in `data`; its key is for what it
    draws. The loops over epochs and batches are inside jit.
    """
    count = len(data[0])
    steps = count // batch

    def step(carry, chosen):
        params, state, data = carry
        rows, key = chosen
        value, gradient = value_and_grad(loss)(params, key, *[x[rows] for x in data])
        updates, state = optimiser.update(gradient, state, params)
        return (optim.apply_updates(params, updates), state, data), value

    def epoch(carry, key):
        for_order, for_steps = random.split(key)
        order = random.permutation(for_order, count)[: steps * batch]
        batches = fnp.reshape(order, (steps, batch))
        carry, values = lax.scan(step, carry, (batches, random.split(for_steps, steps)))
        return carry, fnp.mean(values)

    @jit
    def run(params, data, keys):
        carry, values = lax.scan(epoch, (params, optimiser.init(params), data), keys)
        return carry[0], values

    return run(params, tuple(data), random.split(random.key(seed), epochs))


def held_out(*arrays, share=0.25, seed=0):
    """Each array in two parts, of the same rows in random order: to learn from, and to test on."""
    order = np.random.default_rng(seed).permutation(len(arrays[0]))
    first = int(len(order) * share)
    return [x[order[first:]] for x in arrays], [x[order[:first]] for x in arrays]


def standardized(x):
    """Features with mean 0 and variance 1, in float32."""
    return ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)).astype(np.float32)
