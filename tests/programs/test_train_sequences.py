"""Recurrent networks and a transformer on sequences, each to a stated figure under its seed."""

import numpy as np
from fitting import fit

import fungrad.numpy as fnp
from fungrad import jit, lax, nn, optim, random
from fungrad.nn.layers import (
    dense,
    embedding,
    gru,
    layer_norm,
    lstm,
    multi_head_attention,
    residual,
)

cross_entropy = optim.softmax_cross_entropy_with_integer_labels

#: The seed texts' network of two weights in their own characters: forward, backward, update.
TEXT = (
    "z1 = w1×x + b1 = 0.5×2 + 0.1 = 1.1; h1 = relu(z1) = 1.1; "
    "z2 = w2×h1 + b2 = 0.3×1.1 + 0.2 = 0.53; y = sigmoid(z2) = 0.629; loss = -log(y) = 0.464; "
    "∂L/∂z2 = -0.371; ∂L/∂w2 = ∂L/∂z2 × h1 = -0.408; ∂L/∂h1 = ∂L/∂z2 × w2 = -0.111; "
    "∂L/∂w1 = ∂L/∂z1 × x = -0.222; w1 = w1 - rate × ∂L/∂w1. "
)
ALPHABET = sorted(set(TEXT))
CODES = np.array([ALPHABET.index(c) for c in TEXT])


def windows(length):
    """Every stretch of the text, read in a circle, with what follows each character."""
    places = (np.arange(len(CODES))[:, None] + np.arange(length + 1)) % len(CODES)
    return CODES[places[:, :-1]], CODES[places[:, 1:]]


def test_lstm_continues_a_sine():
    """From the last value it learns to give the next, and then runs on by itself."""
    generator = np.random.default_rng(0)
    phase = generator.uniform(0, 2 * np.pi, (64, 1))
    waves = np.sin(phase + 0.3 * np.arange(41)).astype(np.float32)
    keys = random.split(random.key(1))
    params = {
        "cell": lstm.init(keys[0], 1, 16, dtype=np.float32),
        "out": dense.init(keys[1], 16, 1, dtype=np.float32),
    }

    def predictions(params, x):
        hidden, state = lstm.apply(params["cell"], fnp.expand_dims(x.T, -1))
        return dense.apply(params["out"], hidden)[:, :, 0].T, state

    def loss(params, key, waves):
        found = predictions(params, waves[:, :-1])[0][:, 5:]
        return optim.mean_squared_error(found, waves[:, 6:])

    optimiser = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-2))
    params, losses = fit(loss, optimiser, params, (waves,), epochs=150, batch=32)
    assert losses[-1] < 2e-3 < 0.1 < losses[0]

    @jit
    def run_on(params, start):
        first, state = predictions(params, start)

        def body(carry, _):
            state, x = carry
            state, hidden = lstm.step(params["cell"], state, x)
            y = dense.apply(params["out"], hidden)
            return (state, y), y[0, 0]

        return lax.scan(body, (state, first[:, -1:]), None, length=20)[1]

    times = 0.3 * np.arange(40)
    found = run_on(params, np.sin(times[None]).astype(np.float32))
    expected = np.sin(0.3 * np.arange(41, 61))
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.25


def test_gru_learns_a_text_by_heart():
    x, y = windows(24)
    keys = random.split(random.key(2), 3)
    size = len(ALPHABET)
    params = {
        "letters": embedding.init(keys[0], size, 16, dtype=np.float32),
        "cell": gru.init(keys[1], 16, 64, dtype=np.float32),
        "out": dense.init(keys[2], 64, size, dtype=np.float32),
    }

    def scores(params, x):
        vectors = embedding.apply(params["letters"], fnp.swapaxes(x, 0, 1))
        hidden, _ = gru.apply(params["cell"], vectors)
        return fnp.swapaxes(dense.apply(params["out"], hidden), 0, 1)

    def loss(params, key, x, y):
        return fnp.mean(cross_entropy(scores(params, x), y))

    optimiser = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-2))
    params, losses = fit(loss, optimiser, params, (x, y), epochs=30, batch=36)
    assert losses[0] > 2 > 0.4 > losses[-1]
    last = np.argmax(jit(scores)(params, x), axis=-1)[:, -1]
    assert np.mean(last == y[:, -1]) > 0.97


def transformer(key, size, width, heads, depth, length):
    keys = random.split(key, 2 * depth + 3)
    blocks = [
        {
            "norm": layer_norm.init(None, width, dtype=np.float32),
            "attention": multi_head_attention.init(keys[2 * i], width, heads, dtype=np.float32),
            "feed": residual.init(keys[2 * i + 1], width, 4 * width, dtype=np.float32),
        }
        for i in range(depth)
    ]
    small = nn.initializers.normal(0.1)
    return {
        "letters": embedding.init(keys[-3], size, width, table=small, dtype=np.float32),
        "places": embedding.init(keys[-2], length, width, table=small, dtype=np.float32),
        "blocks": blocks,
        "norm": layer_norm.init(None, width, dtype=np.float32),
        "out": dense.init(keys[-1], width, size, dtype=np.float32),
    }


def scores_of_transformer(params, x):
    h = embedding.apply(params["letters"], x) + params["places"]["table"][: x.shape[1]]
    for block in params["blocks"]:
        normed = layer_norm.apply(block["norm"], h)
        h = h + multi_head_attention.apply(block["attention"], normed, is_causal=True)
        h = residual.apply(block["feed"], h, activation=nn.gelu)
    return dense.apply(params["out"], layer_norm.apply(params["norm"], h))


def test_transformer_learns_a_text_by_heart():
    x, y = windows(16)
    params = transformer(random.key(3), len(ALPHABET), 32, 4, 2, 16)

    def loss(params, key, x, y):
        return fnp.mean(cross_entropy(scores_of_transformer(params, x), y))

    steps = 25 * (len(x) // 36)
    schedule = optim.warmup_cosine_decay_schedule(0.0, 1e-2, steps // 10, steps)
    optimiser = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(schedule))
    params, losses = fit(loss, optimiser, params, (x, y), epochs=25, batch=36)
    assert losses[0] > 2 > 0.7 > losses[-1]
    last = np.argmax(jit(scores_of_transformer)(params, x), axis=-1)[:, -1]
    assert np.mean(last == y[:, -1]) > 0.97
