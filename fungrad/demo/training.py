"""The second part: a classifier trained by Adam, a whole epoch per call of one jitted function."""

import sys
import time

import numpy as np

import fungrad.numpy as fnp
from fungrad import jit, lax, tree, value_and_grad
from fungrad.demo.digits import CLASSES, PIXELS

DECAY, SQUARE_DECAY, TINY = 0.9, 0.999, 1e-8  # of Adam, as published


# ---- the model


def initial_parameters(hidden, generator):
    """Weights and biases of each layer, float32, by the rule of He et al. (2015)."""
    sizes = [PIXELS, *hidden, CLASSES]
    layers = []
    for rows, columns in zip(sizes[:-1], sizes[1:], strict=True):
        weights = generator.normal(size=(rows, columns)) * np.sqrt(2 / rows)
        layers.append({"w": weights.astype(np.float32), "b": np.zeros(columns, np.float32)})
    return layers


def scores(parameters, images):
    """One number per image and class, the largest for the class that the network believes in."""
    *hidden, last = parameters
    x = images
    for layer in hidden:
        x = fnp.maximum(x @ layer["w"] + layer["b"], 0)
    return x @ last["w"] + last["b"]


def cross_entropy(parameters, images, labels):
    """The mean negative logarithm of the probability that the network gives to the labels."""
    s = scores(parameters, images)
    s = s - fnp.max(s, axis=1, keepdims=True)
    of_label = fnp.take_along_axis(s, labels[:, None], axis=1)[:, 0]
    return fnp.mean(fnp.log(fnp.sum(fnp.exp(s), axis=1)) - of_label)


# ---- the optimiser


def initial_state(hidden, seed):
    """Parameters, the two moments of Adam, and the number of steps taken."""
    parameters = initial_parameters(hidden, np.random.default_rng(seed))
    zeros = tree.map(np.zeros_like, parameters)
    return parameters, zeros, tree.map(np.copy, zeros), np.float32(0)


def adam(state, gradient, learning_rate):
    """The state after one step of Adam (Kingma and Ba, 2015)."""
    parameters, means, squares, count = state
    count = count + 1
    means = tree.map(lambda m, g: DECAY * m + (1 - DECAY) * g, means, gradient)
    squares = tree.map(
        lambda v, g: SQUARE_DECAY * v + (1 - SQUARE_DECAY) * g * g, squares, gradient
    )
    rate = learning_rate * fnp.sqrt(1 - SQUARE_DECAY**count) / (1 - DECAY**count)
    parameters = tree.map(
        lambda p, m, v: p - rate * m / (fnp.sqrt(v) + TINY), parameters, means, squares
    )
    return parameters, means, squares, count


def step(state, images, labels, learning_rate):
    """The state after one step on a batch, and the loss before it."""
    loss, gradient = value_and_grad(cross_entropy)(state[0], images, labels)
    return adam(state, gradient, learning_rate), loss


# ---- the epoch


@jit
def epoch(state, images, labels, batches, learning_rate):
    """The state after one step per row of `batches` (indices of images), and the mean loss."""

    def body(state, rows):
        return step(state, images[rows], labels[rows], learning_rate)

    state, losses = lax.scan(body, state, batches)
    return state, fnp.mean(losses)


@jit
def accuracy(parameters, images, labels):
    """The part of the images that the network classifies as labelled."""
    return fnp.mean(fnp.argmax(scores(parameters, images), axis=1) == labels)


def batches_in_random_order(generator, count, batch_size):
    """Indices of images in a new order, one row per batch; what fills no batch is left out."""
    whole = count // batch_size * batch_size
    return generator.permutation(count)[:whole].reshape(-1, batch_size)


def run(state, data, options):
    """Train, and print what happens; returns the accuracy on the images held out."""
    generator = np.random.default_rng(options.seed + 1)
    rate = np.float32(options.learning_rate)
    sizes = "-".join(map(str, [PIXELS, *options.hidden, CLASSES]))
    print(
        f"{len(data.images)} images to learn from, {len(data.held_out_images)} held out; "
        f"layers {sizes}; batches of {options.batch_size}; Adam with rate {options.learning_rate:g}"
    )
    display = Display(options.epochs)
    seconds = []
    for number in range(1, options.epochs + 1):
        order = batches_in_random_order(generator, len(data.images), options.batch_size)
        start = time.perf_counter()
        state, loss = epoch(state, data.images, data.labels, order, rate)
        seconds.append(time.perf_counter() - start)
        found = accuracy(state[0], data.held_out_images, data.held_out_labels)
        display.show(number, loss, found)
    display.close()
    print(f"\nheld-out accuracy {found:.2%} after {options.epochs} epochs")
    if len(seconds) > 1:
        print(
            f"first epoch, with tracing and compilation: {seconds[0]:.2f} s; "
            f"each of the others: {1e3 * np.median(seconds[1:]):.1f} ms"
        )
    return float(found)


class Display:
    """One line per epoch: on a terminal each overwrites the last, elsewhere they follow."""

    def __init__(self, epochs, stream=None):
        self.epochs, self.stream = epochs, stream or sys.stdout
        self.is_terminal = self.stream.isatty()
        full, empty = "█", "░"
        try:
            (full + empty).encode(self.stream.encoding or "ascii")
        except UnicodeEncodeError:
            full, empty = "#", "."
        self.full, self.empty = full, empty

    def line(self, number, loss, found):
        """The text for an epoch."""
        width = 24
        done = round(width * number / self.epochs)
        bar = self.full * done + self.empty * (width - done)
        epoch = f"{number:>{len(str(self.epochs))}}/{self.epochs}"
        return f"epoch {epoch}  {bar}  loss {loss:.4f}  held-out accuracy {found:7.2%}"

    def show(self, number, loss, found):
        """Print the line of an epoch."""
        text = self.line(number, loss, found)
        self.stream.write(f"\r{text}" if self.is_terminal else f"{text}\n")
        self.stream.flush()

    def close(self):
        """End the line that was written last."""
        if self.is_terminal:
            self.stream.write("\n")
