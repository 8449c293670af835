"""The third part: what one training step costs, compiled, eager, and in NumPy by hand."""

import time

import numpy as np

from fungrad import jit, tree
from fungrad.demo import training
from fungrad.demo.function import table

ROUNDS = 30


def step_by_hand(state, images, labels, learning_rate):
    """`training.step` in plain NumPy, the backward pass written out layer by layer."""
    parameters, means, squares, count = state
    activations = [images]
    for layer in parameters[:-1]:
        activations.append(np.maximum(activations[-1] @ layer["w"] + layer["b"], 0))
    s = activations[-1] @ parameters[-1]["w"] + parameters[-1]["b"]
    s -= s.max(axis=1, keepdims=True)
    exponentials = np.exp(s)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = np.mean(np.log(sums[:, 0]) - s[rows, labels])
    delta = exponentials / sums
    delta[rows, labels] -= 1
    delta /= np.float32(len(labels))
    gradient = [None] * len(parameters)
    for i in reversed(range(len(parameters))):
        gradient[i] = {"w": activations[i].T @ delta, "b": delta.sum(axis=0)}
        if i:
            delta = (delta @ parameters[i]["w"].T) * (activations[i] > 0)
    return adam_by_hand(state, gradient, learning_rate), loss


def adam_by_hand(state, gradient, learning_rate):
    """`training.adam` on plain arrays."""
    parameters, means, squares, count = state
    decay, square_decay = np.float32(training.DECAY), np.float32(training.SQUARE_DECAY)
    count = count + np.float32(1)
    rate = learning_rate * np.sqrt(1 - square_decay**count) / (1 - decay**count)
    layers = []
    for p, g, m, v in zip(parameters, gradient, means, squares, strict=True):
        m = {name: decay * m[name] + (1 - decay) * g[name] for name in p}
        v = {name: square_decay * v[name] + (1 - square_decay) * g[name] ** 2 for name in p}
        p = {n: p[n] - rate * m[n] / (np.sqrt(v[n]) + np.float32(training.TINY)) for n in p}
        layers.append((p, m, v))
    return *(list(part) for part in zip(*layers, strict=True)), count


def report(state, data, options):
    """A table of the median time of a step in each way, and how far the results are apart."""
    batch = slice(options.batch_size)
    rate = np.float32(options.learning_rate)
    images, labels = data.images[batch], data.labels[batch]
    ways = {
        "compiled by jit": jit(training.step),
        "eager, without jit": training.step,
        "NumPy by hand": step_by_hand,
    }
    calls = {name: (lambda f=f: f(state, images, labels, rate)) for name, f in ways.items()}
    results = {name: call() for name, call in calls.items()}
    seconds = medians(calls, ROUNDS)
    epochs = time_in_an_epoch(state, data, options)
    expected = results["NumPy by hand"]
    rows = [("", "time per step", "against NumPy", "largest difference")]
    by_hand = seconds["NumPy by hand"]
    rows.append(("compiled, in the epoch's loop", *cells(epochs, by_hand), ""))
    for name, found in results.items():
        gap = "" if found is expected else f"{largest_difference(found, expected):.0e}"
        rows.append((name, *cells(seconds[name], by_hand), gap))
    return table(rows)


def cells(seconds, reference):
    """A time and its ratio to another, as text."""
    return f"{1e6 * seconds:.0f} us", f"{seconds / reference:.2f}"


def medians(calls, rounds):
    """The median time of each call in seconds; the calls take turns."""
    found = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in found.items()}


def time_in_an_epoch(state, data, options):
    """The time of a whole jitted epoch, over the number of its steps."""
    generator = np.random.default_rng(options.seed)
    order = training.batches_in_random_order(generator, len(data.images), options.batch_size)
    rate = np.float32(options.learning_rate)

    def whole():
        training.epoch(state, data.images, data.labels, order, rate)

    return medians({"epoch": whole}, 5)["epoch"] / len(order)


def largest_difference(found, expected):
    """The largest difference between two pytrees of arrays."""
    gaps = tree.map(lambda a, b: float(np.max(np.abs(a - b))), found, expected)
    return max(tree.leaves(gaps))
