"""One step of gradient descent of an LSTM layer that classifies sequences, float32."""

import numpy

SIZES = ((16, 20, 8, 32), (32, 50, 32, 128), (64, 50, 64, 256))  # batch, steps, inputs, hidden
TINY = ((2, 3, 2, 4),)
PEERS = ("jax", "torch")
CLASSES, RATE = 10, 0.01


def inputs(batch, steps, features, hidden):
    generator = numpy.random.default_rng(0)

    def normal(*shape):
        return (generator.normal(size=shape) / numpy.sqrt(shape[0])).astype(numpy.float32)

    parameters = {
        "x": normal(features, 4 * hidden),
        "h": normal(hidden, 4 * hidden),
        "b": numpy.zeros(4 * hidden, numpy.float32),
        "out": normal(hidden, CLASSES),
    }
    x = generator.normal(size=(steps, batch, features)).astype(numpy.float32)
    y = numpy.eye(CLASSES, dtype=numpy.float32)[generator.integers(0, CLASSES, batch)]
    return parameters, x, y


def loss_of(np, scan, batch, hidden):
    """The loss in terms of a namespace and a scan."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def loss(parameters, xs, y):
        def cell(carry, x):
            h, c = carry
            z = x @ parameters["x"] + h @ parameters["h"] + parameters["b"]
            i, f = sigmoid(z[:, :hidden]), sigmoid(z[:, hidden : 2 * hidden])
            o, g = sigmoid(z[:, 2 * hidden : 3 * hidden]), np.tanh(z[:, 3 * hidden :])
            c = f * c + i * g
            return (o * np.tanh(c), c), None

        zero = np.zeros((batch, hidden), dtype=np.float32)
        (h, _), _ = scan(cell, (zero, zero), xs)
        s = h @ parameters["out"]
        s = s - np.log(np.sum(np.exp(s), 1)[:, None])
        return -np.sum(s * y) / batch

    return loss


def primal(library, batch, steps, features, hidden):
    return loss_of(library.numpy, library.lax.scan, batch, hidden)


def derivative(library, *size):
    gradient = library.grad(primal(library, *size))

    def step(parameters, x, y):
        change = gradient(parameters, x, y)
        return library.tree.map(lambda p, g: p - RATE * g, parameters, change)

    return step


def torch_primal(torch, batch, steps, features, hidden):
    def scan(f, carry, xs):
        for x in xs:
            carry, _ = f(carry, x)
        return carry, None

    return loss_of(torch, scan, batch, hidden)


def torch_derivative(torch, *size):
    loss = torch_primal(torch, *size)

    def step(parameters, x, y):
        leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
        gradient = torch.autograd.grad(loss(leaves, x, y), list(leaves.values()))
        with torch.no_grad():
            pairs = zip(parameters.items(), gradient, strict=True)
            return {name: p - RATE * g for (name, p), g in pairs}

    return step
