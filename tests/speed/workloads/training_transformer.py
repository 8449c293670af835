"""A training step of a causal transformer of two blocks with Adam, float32."""

import numpy

from tests.speed.training import optimisers_of, scaled, step_of, torch_step_of, with_state, zeros

SIZES = ((4, 16, 32, 2), (8, 64, 128, 4), (8, 128, 256, 8))  # batch, tokens, width, heads
TINY = ((1, 3, 4, 2),)
PEERS = ("jax", "torch")
BLOCKS, WORDS = 2, 64


def inputs(batch, tokens, width, heads):
    generator = numpy.random.default_rng(0)

    def norm():
        return {"scale": zeros(width) + 1, "bias": zeros(width)}

    blocks = [
        {
            "norm1": norm(),
            "qkv": scaled(generator, width, 3 * width),
            "out": scaled(generator, width, width),
            "norm2": norm(),
            "up": scaled(generator, width, 4 * width),
            "down": scaled(generator, 4 * width, width),
        }
        for _ in range(BLOCKS)
    ]
    parameters = {
        "words": scaled(generator, WORDS, width),
        "places": scaled(generator, tokens, width),
        "blocks": blocks,
        "last": scaled(generator, width, WORDS),
    }
    text = generator.integers(0, WORDS, (batch, tokens + 1))
    return with_state(parameters, text[:, :-1], text[:, 1:])


def derivative(library, batch, tokens, width, heads):
    nn, optim = library.nn, optimisers_of(library)

    def normed(params, x):
        return nn.standardize(x) * params["scale"] + params["bias"]

    def loss(parameters, text, following):
        x = parameters["words"][text] + parameters["places"]
        for block in parameters["blocks"]:
            parts = (normed(block["norm1"], x) @ block["qkv"]).reshape(
                batch, tokens, 3, heads, width // heads
            )
            q, k, v = parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]
            mixed = nn.dot_product_attention(q, k, v, is_causal=True)
            x = x + mixed.reshape(batch, tokens, width) @ block["out"]
            x = x + nn.gelu(normed(block["norm2"], x) @ block["up"]) @ block["down"]
        scores = x @ parameters["last"]
        return optim.softmax_cross_entropy_with_integer_labels(scores, following).mean()

    return step_of(library, loss)


def torch_derivative(torch, batch, tokens, width, heads):
    f = torch.nn.functional

    def normed(params, x):
        return f.layer_norm(x, (width,), params["scale"], params["bias"])

    def loss(parameters, text, following):
        x = parameters["words"][text] + parameters["places"]
        for block in parameters["blocks"]:
            parts = (normed(block["norm1"], x) @ block["qkv"]).reshape(
                batch, tokens, 3, heads, width // heads
            )
            q, k, v = parts.permute(2, 0, 3, 1, 4)
            mixed = f.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + mixed.transpose(1, 2).reshape(batch, tokens, width) @ block["out"]
            hidden = normed(block["norm2"], x) @ block["up"]
            x = x + f.gelu(hidden, approximate="tanh") @ block["down"]
        scores = x @ parameters["last"]
        return f.cross_entropy(scores.reshape(-1, WORDS), following.reshape(-1))

    return torch_step_of(torch, loss)
