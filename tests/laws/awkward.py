"""Awkward functions: what users write and transforms have to survive.

Each takes a pytree of floats, then arrays of integers, and returns a pytree. `plain` is the same
in NumPy, for differences, where the function itself uses transforms or works on traced values only.
"""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np

import fungrad.numpy as fnp
from fungrad import checkpoint, custom_jvp, custom_vjp, grad, jit, jvp, lax, vjp, vmap

Pair = namedtuple("Pair", "left right")
X = np.array([0.5, -1.2, 0.8])
WEIGHTS = np.array([[0.3, -0.5, 0.2], [0.7, 0.1, -0.4], [0.2, 0.6, 0.9]])


@dataclass(frozen=True)
class Awkward:
    """A function with its first argument, further integer arguments, and its NumPy form."""

    function: object
    x: object
    rest: tuple = ()
    plain: object = None
    needs_values: bool = False  # looks at values: neither jit nor vmap can trace it

    @property
    def reference(self):
        """The function for differences."""
        return self.plain or self.function

    @property
    def name(self):
        """What pytest prints."""
        return self.function.__name__


CORPUS = []


def awkward(x, *rest, plain=None, needs_values=False):
    """Decorate a function that belongs to the corpus."""

    def added(function):
        CORPUS.append(Awkward(function, x, rest, plain, needs_values))
        return function

    return added


# ---- closures and nested transforms


@awkward(X, plain=lambda x: 2 * np.sin(x) ** 2 * x)
def closure_over_traced_values(x):
    scale = fnp.sin(x)
    return scale * grad(lambda y: (scale * y * y).sum())(x)


@awkward(1.5, plain=lambda x: {"a": x, "b": 3 * x**3, "c": x * x * np.cos(x)})
def nested_gradients(x):
    """The cases in which perturbations are confused by careless implementations."""
    a = x * grad(lambda y: x + y)(1.0)
    b = x * grad(lambda y: x * y**3)(x) / x
    c = x * jvp(lambda y: fnp.sin(x) * y, (x,), (1.0,))[1]
    return {"a": a, "b": b, "c": c - x * fnp.sin(x) + x * x * fnp.cos(x)}


@awkward(0.7, plain=lambda x: 6 * x * np.cos(x) - x**3 * np.cos(x) - 6 * x**2 * np.sin(x))
def second_derivative_inside(x):
    return grad(grad(lambda y: y**3 * fnp.cos(y)))(x)


@awkward(X, plain=lambda x: (np.tanh(x) * x, (1 - np.tanh(x) ** 2) * x + np.tanh(x)))
def pull_back_used_twice(x):
    y, pull_back = vjp(lambda v: fnp.tanh(v) * v, x)
    half, other = pull_back(0.5 * fnp.ones(3))[0], pull_back(0.5 * fnp.ones(3))[0]
    return y, half + other


@awkward(X, plain=lambda x: [np.outer(x, x), np.sin(x).sum() * x])
def batched_closure(x):
    table = vmap(lambda a: a * x)(x)
    return [table, vmap(lambda a: fnp.sin(x).sum() * a)(x)]


@awkward(X, plain=lambda x: np.exp(-x * x) * np.sin(x).sum())
def compiled_and_checkpointed_inside(x):
    total = jit(lambda v: fnp.sin(v).sum())(x)
    return checkpoint(lambda v: fnp.exp(-v * v) * total)(x)


# ---- Python


@awkward(X, needs_values=True)
def python_branches(x):
    total = 0.0
    for value in x:
        if value > 0:
            total = total + np.sin(value)
        elif value < -1 and value != 0:
            total = total - value**2
    return total if total > 0 else [total, -total]


@awkward(1.3, needs_values=True)
def newton_in_a_while_loop(x):
    guess, steps = x, 0
    while abs(guess**3 - x) > 1e-9 and steps < 50:
        guess = guess - (guess**3 - x) / (3 * guess**2)
        steps += 1
    return guess


@awkward(X)
def python_loops(x):
    rows = []
    for k in range(3):
        x = fnp.sin(x) * (k + 1) + x[::-1]
        rows.append(x.sum())
    return fnp.stack(rows), sum(rows)


# ---- structures


@awkward({"w": WEIGHTS[:2], "pair": Pair(0.5, [X, None])})
def pytrees(tree):
    hidden = np.tanh(tree["w"] @ tree["pair"].right[0] + tree["pair"].left)
    return Pair({"hidden": hidden}, (hidden.sum(), None, [tree["pair"].left * 2]))


@awkward(X, np.array([2, 0, 0]), np.array(3))
def integers_mixed_in(x, index, n):
    return x[index] * n + index, (x * index).sum() ** 2


@awkward(X)
def constants_only(x):
    return fnp.ones(2), 3.0, WEIGHTS[0]


@awkward((X, 2.0, np.ones((2, 2))))
def unused_inputs(x):
    first, _, _ = x
    return {"used": first**2, "constant": np.arange(3.0), "product": 0.0 * first}


@awkward(X)
def repeated_inputs(x):
    return [x * x, x @ x, fnp.concatenate([x, x, x * 2]), fnp.where(x > 0, x, x)]


@awkward(X)
def identity(x):
    return x


@awkward(X)
def duplicated_outputs(x):
    y = np.cos(x)
    return y, y, x, {"again": y, "twice": [x, x]}


# ---- arrays


@awkward((np.zeros((0, 2)), X))
def empty_arrays(x):
    nothing, some = x
    empty = fnp.concatenate([nothing, nothing]) * 2
    return empty, some[3:], empty.sum() + some.sum() ** 2, fnp.exp(nothing).sum(axis=0)


@awkward((1.5, np.float64(0.5), np.array(0.25)))
def weak_and_strong_scalars(x):
    weak, strong, array = x
    return weak * 2, 3 * strong**2 / weak, array * weak + 1, 2.0**weak, fnp.stack([weak, strong])


@awkward(X)
def complex_inside(x):
    z = np.exp(1j * x) * (1 + 2j * x)
    return (z * np.conj(z)).real, z.imag, abs(z), fnp.angle(z[:1] + 3)


def _assigned(x):
    y = np.zeros(3)
    y[0] = x[1] * x[2]
    y[1:] += x[:2] ** 2
    y *= 2
    y[y > 0.7] = 0.5 * x[0]
    return y, y[:2].sum()


@awkward(X, plain=_assigned)
def items_assigned(x):
    y = fnp.zeros(3)
    y[0] = x[1] * x[2]
    y[1:] += x[:2] ** 2
    y *= 2
    y = fnp.where(y > 0.7, 0.5 * x[0], y)
    return y, y[:2].sum()


@awkward(WEIGHTS + 2 * np.eye(3))
def linear_algebra(x):
    symmetric = x @ x.T
    return fnp.einsum("ij,jk,k->i", x, symmetric, x[0]), fnp.linalg.cholesky(symmetric)


@awkward(X)
def untaken_arms(x):
    root = fnp.where(x > 0, fnp.sqrt(fnp.where(x > 0, x, 1.0)), x**3)
    return root, fnp.maximum(x, 0.1).sum() * fnp.sort(x)


@awkward(X, np.array([[0, 2], [1, 1]]))
def indices_everywhere(x, index):
    table = fnp.at(fnp.zeros((3, 2)))[:, 1].add(x)
    table = fnp.at(table)[index[0], 0].set(x[:2] ** 2)
    return table, x[index], fnp.take(x, index[1]).prod(), fnp.cumsum(x[::-1])


# ---- control flow


def _loops(x):
    total, history = 0.0, []
    for v in x:
        total = np.sin(total + v)
        history.append(total * v)
    y = x
    for k in range(3):
        y = y * 0.5 + k * x
    z = x.sum()
    while z < 10:
        z = z * z + 1.1
    return total, np.stack(history), y, z


@awkward(X, plain=_loops)
def loops(x):
    def step(carry, v):
        carry = fnp.sin(carry + v)
        return carry, carry * v

    total, history = lax.scan(step, 0.0, x)
    y = lax.fori_loop(0, 3, lambda k, y: y * 0.5 + k * x, x)
    z = lax.while_loop(lambda z: z < 10, lambda z: z * z + 1.1, x.sum())
    return total, history, y, z


@awkward(X, plain=lambda x: (x**2 if x[0] > 0 else -x, np.cos(x) * x.sum()))
def branches(x):
    first = lax.cond(x[0] > 0, lambda v: v**2, lambda v: -v, x)
    second = lax.switch(1, [fnp.sin, lambda v: fnp.cos(v) * x.sum(), fnp.exp], x)
    return first, second


# ---- custom rules


@custom_jvp
def stable_softplus(x):
    return fnp.logaddexp(x, 0.0)


@stable_softplus.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return stable_softplus(x), t / (1 + fnp.exp(-x))


@custom_vjp
def cubed(x):
    return x**3


cubed.defvjp(lambda x: (x**3, x), lambda x, c: (3 * x * x * c,))


@awkward(X, plain=lambda x: (np.logaddexp(x, 0.0) * x, (x**3).sum() + x**6))
def custom_rules(x):
    return stable_softplus(x) * x, cubed(x).sum() + cubed(x) ** 2
