"""A training step of a convolutional network with Adam, float32, channels last."""

import numpy

from tests.speed.training import optimisers_of, scaled, step_of, torch_step_of, with_state, zeros

SIZES = ((32, 8, 8), (64, 16, 16), (64, 28, 32))  # batch, side of the images, channels
TINY = ((2, 4, 3),)
PEERS = ("jax", "torch")


def inputs(batch, side, channels):
    generator = numpy.random.default_rng(0)
    parameters = {
        "first": {"w": scaled(generator, 3, 3, 1, channels), "b": zeros(channels)},
        "second": {"w": scaled(generator, 3, 3, channels, 2 * channels), "b": zeros(2 * channels)},
        "last": {"w": scaled(generator, (side // 4) ** 2 * 2 * channels, 10), "b": zeros(10)},
    }
    x = generator.normal(size=(batch, side, side, 1)).astype(numpy.float32)
    return with_state(parameters, x, generator.integers(0, 10, batch))


def derivative(library, batch, side, channels):
    nn, lax, optim = library.nn, library.lax, optimisers_of(library)
    layout = ("NHWC", "HWIO", "NHWC")

    def block(layer, x):
        y = lax.conv_general_dilated(x, layer["w"], (1, 1), "SAME", dimension_numbers=layout)
        y, window = nn.relu(y + layer["b"]), (1, 2, 2, 1)
        return lax.reduce_window(y, numpy.float32(-numpy.inf), lax.max, window, window, "VALID")

    def loss(parameters, x, y):
        x = block(parameters["second"], block(parameters["first"], x))
        scores = x.reshape(batch, -1) @ parameters["last"]["w"] + parameters["last"]["b"]
        return optim.softmax_cross_entropy_with_integer_labels(scores, y).mean()

    return step_of(library, loss)


def torch_derivative(torch, batch, side, channels):
    f = torch.nn.functional

    def block(layer, x):
        y = f.conv2d(x, layer["w"].permute(3, 2, 0, 1), layer["b"], padding=1)
        return f.max_pool2d(torch.relu(y), 2)

    def loss(parameters, x, y):
        x = x.permute(0, 3, 1, 2)
        x = block(parameters["second"], block(parameters["first"], x))
        x = x.permute(0, 2, 3, 1).reshape(batch, -1)
        return f.cross_entropy(torch.addmm(parameters["last"]["b"], x, parameters["last"]["w"]), y)

    return torch_step_of(torch, loss)
