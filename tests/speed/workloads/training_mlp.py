"""A training step of an MLP with Adam, float32: fungrad.nn and optim beside jax.nn and optax."""

import numpy

from tests.speed.training import optimisers_of, scaled, step_of, torch_step_of, with_state, zeros

SIZES = ((32, (64, 64, 10)), (128, (784, 256, 256, 10)), (256, (1024, 1024, 1024, 10)))
TINY = ((3, (4, 5, 2)),)
PEERS = ("jax", "torch")


def inputs(batch, sizes):
    generator = numpy.random.default_rng(0)
    parameters = [
        {"w": scaled(generator, m, n), "b": zeros(n)}
        for m, n in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    x = generator.normal(size=(batch, sizes[0])).astype(numpy.float32)
    return with_state(parameters, x, generator.integers(0, sizes[-1], batch))


def derivative(library, batch, sizes):
    nn, optim = library.nn, optimisers_of(library)

    def loss(parameters, x, y):
        for layer in parameters[:-1]:
            x = nn.relu(x @ layer["w"] + layer["b"])
        scores = x @ parameters[-1]["w"] + parameters[-1]["b"]
        return optim.softmax_cross_entropy_with_integer_labels(scores, y).mean()

    return step_of(library, loss)


def torch_derivative(torch, batch, sizes):
    f = torch.nn.functional

    def loss(parameters, x, y):
        for layer in parameters[:-1]:
            x = torch.relu(torch.addmm(layer["b"], x, layer["w"]))
        return f.cross_entropy(torch.addmm(parameters[-1]["b"], x, parameters[-1]["w"]), y)

    return torch_step_of(torch, loss)
