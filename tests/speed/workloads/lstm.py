"""A language model of diagonal LSTM layers over a long text (GradBench's lstm)."""

import numpy

SIZES = ((2, 1024), (4, 1024), (6, 4096))
TINY = ((1, 3), (2, 5))
PEERS = ("jax", "torch")
TORCH_SIZES = ((2, 1024),)
SMALL_LOOP = SIZES
CPP = {(2, 1024): 1.41, (6, 4096): 2.17}
BITS = 14


def inputs(layers, characters):
    generator = numpy.random.default_rng(31337)
    main = generator.uniform(size=(2 * layers, 4 * BITS))
    extra = generator.uniform(size=(3, BITS))
    state = generator.uniform(size=(2 * layers, BITS))
    return main, extra, state, generator.integers(0, 2, (characters, BITS)).astype(float)


def loss_of(np, scan, layers, characters):
    """The loss, in terms of a namespace and a scan."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def layer(x, h, cell, weights, biases):
        forget = sigmoid(x * weights[0] + biases[0])
        ingate = sigmoid(h * weights[1] + biases[1])
        outgate = sigmoid(x * weights[2] + biases[2])
        change = np.tanh(h * weights[3] + biases[3])
        cell = cell * forget + ingate * change
        return outgate * np.tanh(cell), cell

    def loss(main, extra, state, sequence):
        parameters = main.reshape(layers, 2, 4, BITS)

        def step(carry, pair):
            states, total = carry
            now, after = pair
            x, new = now * extra[0], []
            for number, (h, cell) in enumerate(states):
                x, cell = layer(x, h, cell, *parameters[number])
                new.append((x, cell))
            y = x * extra[1] + extra[2]
            total = total + np.sum(after * (y - np.log(2 + np.sum(np.exp(y)))))
            return (tuple(new), total), None

        states = tuple([(state[2 * i], state[2 * i + 1]) for i in range(layers)])
        (_, total), _ = scan(step, (states, 0.0), (sequence[:-1], sequence[1:]))
        return -total / (BITS * (characters - 1))

    return loss


def primal(library, layers, characters):
    return loss_of(library.numpy, library.lax.scan, layers, characters)


def derivative(library, layers, characters):
    np = library.numpy
    gradient = library.grad(primal(library, layers, characters), (0, 1))

    def flat(main, extra, state, sequence):
        return np.concatenate([g.reshape(-1) for g in gradient(main, extra, state, sequence)])

    return flat


def torch_primal(torch, layers, characters):
    def scan(step, carry, pairs):
        for pair in zip(*pairs, strict=True):
            carry, _ = step(carry, pair)
        return carry, None

    return loss_of(torch, scan, layers, characters)


def torch_derivative(torch, layers, characters):
    loss = torch_primal(torch, layers, characters)

    def flat(main, extra, state, sequence):
        leaves = [x.detach().requires_grad_() for x in (main, extra)]
        gradient = torch.autograd.grad(loss(*leaves, state, sequence), leaves)
        return torch.cat([g.reshape(-1) for g in gradient])

    return flat
