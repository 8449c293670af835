"""One step of gradient descent of a causal transformer of two blocks, float32."""

import numpy

SIZES = ((2, 16, 32, 2), (8, 64, 128, 4), (8, 128, 256, 8))  # batch, tokens, width, heads
TINY = ((1, 3, 4, 2),)
PEERS = ("jax", "torch")
BLOCKS, WORDS, RATE = 2, 64, 0.01


def inputs(batch, tokens, width, heads):
    generator = numpy.random.default_rng(0)

    def normal(*shape):
        return (generator.normal(size=shape) / numpy.sqrt(shape[0])).astype(numpy.float32)

    ones = numpy.ones(width, numpy.float32)
    blocks = [
        {
            "attention": normal(width, 3 * width),
            "projection": normal(width, width),
            "up": normal(width, 4 * width),
            "down": normal(4 * width, width),
            "scale1": ones,
            "scale2": ones,
        }
        for _ in range(BLOCKS)
    ]
    parameters = {"words": normal(WORDS, width), "places": normal(tokens, width), "blocks": blocks}
    text = generator.integers(0, WORDS, (batch, tokens + 1))
    return parameters, text[:, :-1], text[:, 1:]


def loss_of(np, batch, tokens, width, heads):
    """The loss in terms of a namespace."""
    mask = numpy.triu(numpy.full((tokens, tokens), -1e9, numpy.float32), 1)

    def normalised(x, scale):
        x = x - np.mean(x, -1)[..., None]
        return scale * x / np.sqrt(np.mean(x * x, -1)[..., None] + 1e-5)

    def softmax(x):
        e = np.exp(x - np.amax(x, -1)[..., None])
        return e / np.sum(e, -1)[..., None]

    def attention(x, block):
        size = width // heads
        parts = (x @ block["attention"]).reshape(batch, tokens, 3, heads, size)
        q, k, v = parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]
        scores = np.einsum("bthd,bshd->bhts", q, k) / size**0.5 + np.asarray(mask)
        mixed = np.einsum("bhts,bshd->bthd", softmax(scores), v)
        return mixed.reshape(batch, tokens, width) @ block["projection"]

    def loss(parameters, text, following):
        x = parameters["words"][text] + parameters["places"]
        for block in parameters["blocks"]:
            x = x + attention(normalised(x, block["scale1"]), block)
            hidden = normalised(x, block["scale2"]) @ block["up"]
            x = x + np.maximum(hidden, np.zeros_like(hidden)) @ block["down"]
        s = np.einsum("btd,wd->btw", x, parameters["words"])
        s = s - np.amax(s, -1)[..., None]
        s = s - np.log(np.sum(np.exp(s), -1))[..., None]
        rows, columns = numpy.arange(batch)[:, None], numpy.arange(tokens)
        return -np.mean(s[np.asarray(rows), np.asarray(columns), following])

    return loss


def primal(library, *size):
    return loss_of(library.numpy, *size)


def derivative(library, *size):
    gradient = library.grad(primal(library, *size))

    def step(parameters, text, following):
        change = gradient(parameters, text, following)
        return library.tree.map(lambda p, g: p - RATE * g, parameters, change)

    return step


def torch_primal(torch, *size):
    return loss_of(torch, *size)


def torch_derivative(torch, *size):
    loss = torch_primal(torch, *size)
    tree = torch.utils._pytree

    def step(parameters, text, following):
        leaves, structure = tree.tree_flatten(parameters)
        leaves = [p.detach().requires_grad_() for p in leaves]
        value = loss(tree.tree_unflatten(leaves, structure), text, following)
        gradient = torch.autograd.grad(value, leaves)
        with torch.no_grad():
            changed = [p - RATE * g for p, g in zip(leaves, gradient, strict=True)]
        return tree.tree_unflatten(changed, structure)

    return step
