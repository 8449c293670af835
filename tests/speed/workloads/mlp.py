"""One step of gradient descent of an MLP with softmax and cross-entropy, float32."""

import numpy

SIZES = ((16, (64, 64, 64, 10)), (128, (784, 512, 512, 10)), (512, (1024, 1024, 1024, 10)))
TINY = ((3, (4, 5, 2)),)
PEERS = ("jax", "torch")
RATE = 0.01


def inputs(batch, sizes):
    generator = numpy.random.default_rng(0)
    parameters = [
        (
            (generator.normal(size=(m, n)) / numpy.sqrt(m)).astype(numpy.float32),
            numpy.zeros(n, numpy.float32),
        )
        for m, n in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    x = generator.uniform(0, 1, (batch, sizes[0])).astype(numpy.float32)
    y = numpy.eye(sizes[-1], dtype=numpy.float32)[generator.integers(0, sizes[-1], batch)]
    return parameters, x, y


def primal(library, batch, sizes):
    np = library.numpy

    def loss(parameters, x, y):
        *hidden, (w, b) = parameters
        for weights, bias in hidden:
            x = np.maximum(x @ weights + bias, 0)
        s = x @ w + b
        s = s - s.max(axis=1, keepdims=True)
        return -((s - np.log(np.exp(s).sum(axis=1, keepdims=True))) * y).sum() / batch

    return loss


def derivative(library, batch, sizes):
    gradient = library.grad(primal(library, batch, sizes))

    def step(parameters, x, y):
        change = gradient(parameters, x, y)
        return library.tree.map(lambda p, g: p - RATE * g, parameters, change)

    return step


def torch_primal(torch, batch, sizes):
    def loss(parameters, x, y):
        *hidden, (w, b) = parameters
        for weights, bias in hidden:
            x = torch.relu(x @ weights + bias)
        return -(torch.log_softmax(x @ w + b, dim=1) * y).sum() / batch

    return loss


def torch_derivative(torch, batch, sizes):
    loss = torch_primal(torch, batch, sizes)

    def step(parameters, x, y):
        pairs = [[p.detach().requires_grad_() for p in pair] for pair in parameters]
        leaves = [p for pair in pairs for p in pair]
        gradient = iter(torch.autograd.grad(loss(pairs, x, y), leaves))
        with torch.no_grad():
            return [tuple([p - RATE * next(gradient) for p in pair]) for pair in parameters]

    return step
