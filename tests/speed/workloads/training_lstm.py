"""A training step of an LSTM over characters with Adam, float32."""

import numpy

from tests.speed.training import optimisers_of, scaled, step_of, torch_step_of, with_state, zeros

SIZES = ((16, 16, 32), (32, 32, 128), (64, 64, 256))  # batch, time, hidden
TINY = ((2, 3, 4),)
PEERS = ("jax", "torch")
LETTERS = 32


def inputs(batch, time, hidden):
    generator = numpy.random.default_rng(0)
    parameters = {
        "letters": scaled(generator, LETTERS, hidden),
        "wx": scaled(generator, hidden, 4 * hidden),
        "wh": scaled(generator, hidden, 4 * hidden),
        "b": zeros(4 * hidden),
        "out": scaled(generator, hidden, LETTERS),
    }
    text = generator.integers(0, LETTERS, (time + 1, batch))
    return with_state(parameters, text[:-1], text[1:])


def derivative(library, batch, time, hidden):
    np, nn, lax, optim = library.numpy, library.nn, library.lax, optimisers_of(library)

    def loss(parameters, text, following):
        inputs = parameters["letters"][text] @ parameters["wx"] + parameters["b"]

        def step(carry, x):
            h, c = carry
            i, f, o, g = np.split(x + h @ parameters["wh"], 4, axis=-1)
            c = nn.sigmoid(f) * c + nn.sigmoid(i) * np.tanh(g)
            h = nn.sigmoid(o) * np.tanh(c)
            return (h, c), h

        start = np.zeros((batch, hidden), numpy.float32)
        _, outputs = lax.scan(step, (start, start), inputs)
        scores = outputs @ parameters["out"]
        return optim.softmax_cross_entropy_with_integer_labels(scores, following).mean()

    return step_of(library, loss)


def torch_derivative(torch, batch, time, hidden):
    f = torch.nn.functional

    def loss(parameters, text, following):
        x = parameters["letters"][text]
        h, c = torch.zeros(1, batch, hidden), torch.zeros(1, batch, hidden)
        # PyTorch's gates are i, f, g, o.
        order = torch.cat([torch.arange(hidden) + k * hidden for k in (0, 1, 3, 2)])
        weights = [
            parameters["wx"][:, order].T.contiguous(),
            parameters["wh"][:, order].T.contiguous(),
            parameters["b"][order],
            torch.zeros(4 * hidden),
        ]
        outputs, _, _ = torch.lstm(x, (h, c), weights, True, 1, 0.0, True, False, False)
        scores = outputs @ parameters["out"]
        return f.cross_entropy(scores.reshape(-1, LETTERS), following.reshape(-1))

    return torch_step_of(torch, loss)
