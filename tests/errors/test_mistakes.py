"""Common mistakes, as users make them: the text says what was given and what to write instead."""

import math

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, jvp, lax, vjp, vmap

X = np.arange(3.0)
KEPT = []


def absolute(x):
    return x if x > 0 else -x


def repeated(x):
    total = 0.0
    for _ in range(x):
        total = total + x
    return total


def kept(x):
    KEPT.append(x)
    return x * 2


def read_after(transform):
    transform(kept)(1.0)
    return KEPT[-1] + 1


class Model:
    weight = 1.0

    def __call__(self, x):
        self.weight = x
        return x * 2


def attribute_after():
    model = Model()
    jit(model)(1.0)
    return model.weight + 1


def written_argument(x):
    x[0] = 1.0
    return x.sum()


MISTAKES = {
    "if": (lambda: jit(absolute)(1.0), "jit of absolute", "greater", "test_mistakes.py", "where"),
    "if in vmap": (lambda: vmap(absolute)(X), "vmap of absolute", "in_axes=None"),
    "and": (lambda: jit(lambda x: (x > 0) and (x < 1))(1.0), "& and |"),
    "max": (lambda: jit(lambda x: max(x, 0.0))(1.0), "numpy.maximum"),
    "sorted": (lambda: jit(sorted)(X), "numpy.sort"),
    "count": (lambda: jit(repeated)(3), "range(n)", "fori_loop", "static_argnums"),
    "count that is differentiated": (lambda: grad(repeated)(3), "range(n)", "argument 0", "int(x)"),
    "math": (lambda: grad(math.sin)(1.0), "drop the derivative", "np.sin(x) for math.sin(x)"),
    "zeros": (lambda: jit(lambda n: np.zeros(n))(3), "argument 0", "static_argnums"),
    "arange": (lambda: jit(lambda n: fnp.arange(n))(3), "argument 0", "static_argnums"),
    "leak": (lambda: read_after(grad), "grad of kept (defined at", "has_aux=True"),
    "leak from jit": (lambda: read_after(jit), "jit of kept (defined at", "has_aux=True"),
    "leak into an attribute": (attribute_after, "jit of Model", "has_aux=True"),
    "array of traced values": (
        lambda: grad(lambda x: np.array([x[0], x[1]]).sum())(X),
        "fungrad.numpy.asarray or array",
        "numpy.stack",
    ),
    "argument written": (lambda: grad(written_argument)(X), "y = y.copy()", "at[index].set"),
    "no return": (lambda: grad(lambda x: None)(1.0), "returned None", "`return` missing"),
    "text returned": (lambda: grad(lambda x: "a")(1.0), "'a' of type str"),
    "called with the value": (lambda: grad(np.sin(1.0)), "expected a function, got np.float64"),
    "argnums": (lambda: grad(lambda x: x, 1)(1.0), "argnums=1", "1 positional argument"),
    "text as argument": (lambda: grad(lambda p: p["a"])({"a": 1.0, "n": "x"}), "['n'] is 'x'"),
    "cotangent of another tree": (
        lambda: vjp(lambda x: {"a": x, "b": x}, 1.0)[1]({"a": 1.0}),
        "{'a': *, 'b': *}",
        "one cotangent for every leaf",
    ),
    "tangents without a tuple": (lambda: jvp(np.sin, X, X), "tuples or lists", "ndarray"),
    "in_axes": (
        lambda: vmap(np.add, in_axes=(0,))(X, X),
        "in_axes=(0,) has 1 entry",
        "2 positional",
    ),
    "a scalar in vmap": (lambda: vmap(np.sin)(1.0), "shape ()", "in_axes=None"),
    "static list": (lambda: jit(lambda x, n: x, static_argnums=1)(1.0, [1]), "[1]", "tuple"),
    "branches": (
        lambda: jit(lambda x: lax.cond(x > 0, lambda x: x, lambda x: (x, x), x))(1.0),
        "true_fun returns",
        "false_fun",
    ),
    "mask": (lambda: jit(lambda x: x[x > 0])(X), "boolean mask of shape (3,)", "where"),
    "size of a slice": (lambda: jit(lambda x, n: x[:n])(X, 2), "slice bound", "dynamic_slice"),
    "format": (lambda: jit(lambda x: f"{x:.2f}")(1.0), "format '.2f'", "debug.print"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_text_helps(mistake):
    call, *parts = MISTAKES[mistake]
    with pytest.raises((TypeError, ValueError, RuntimeError, IndexError)) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)
