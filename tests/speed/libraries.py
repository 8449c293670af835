"""fungrad, JAX, PyTorch and autograd under the same few names, each on its own arrays."""

import importlib
import os
from types import SimpleNamespace

import numpy as np

NAMES = ("fungrad", "jax", "torch", "autograd")


def load(name):
    """The library behind a name, ready for float64."""
    return {"fungrad": Fungrad, "jax": Jax, "torch": Torch, "autograd": Autograd}[name]()


class Fungrad:
    """fungrad, which takes and returns NumPy's arrays."""

    def __init__(self):
        import fungrad
        import fungrad.numpy
        from fungrad import grad, jit  # noqa: F401  # as a program that uses them begins

        self.module = fungrad

    def functions(self, workload, size):
        """The primal (or None) and the derivative, by default the gradient in all arguments."""
        return with_gradient(self.module, *workload.of("fungrad", self.module, size))

    def compiled(self, f, arguments):
        """The function compiled, before its first run."""
        return self.module.jit(f).lower(*arguments).compile()

    def call(self, f, arguments, is_eager=False):
        """A call without arguments."""
        return _call(f if is_eager else self.module.jit(f), arguments)

    def moved(self, tree):
        """The arguments as the library takes them."""
        return tree


class Jax:
    """JAX with float64; a call waits for its results."""

    def __init__(self):
        os.environ["JAX_ENABLE_X64"] = "1"
        import jax

        jax.config.update("jax_enable_x64", True)
        self.module = jax
        jax.block_until_ready(jax.numpy.zeros(3))  # starts the runtime

    def functions(self, workload, size):
        return with_gradient(self.module, *workload.of("jax", self.module, size))

    def compiled(self, f, arguments):
        return self.module.jit(f).lower(*arguments).compile()

    def call(self, f, arguments, is_eager=False):
        f, wait = f if is_eager else self.module.jit(f), self.module.block_until_ready
        call = _call(f, arguments)
        return lambda: wait(call())

    def moved(self, tree):
        return self.module.tree.map(self.module.numpy.asarray, tree)


class Torch:
    """PyTorch, eager."""

    def __init__(self):
        import torch

        self.module = torch

    def functions(self, workload, size):
        primal, derivative = workload.of("torch", self.module, size)
        return self._without_recording(primal), derivative or self._gradient(primal)

    def _without_recording(self, f):
        if f is None:
            return None

        def primal(*arguments):
            with self.module.no_grad():
                return f(*arguments)

        return primal

    def _gradient(self, f):
        """The gradient in all arguments."""
        torch = self.module

        def gradient(*arguments):
            leaves = [x.detach().requires_grad_() for x in arguments]
            found = torch.autograd.grad(f(*leaves), leaves)
            return found[0] if len(leaves) == 1 else found

        return gradient

    def call(self, f, arguments, is_eager=False):
        return _call(f, arguments)

    def moved(self, tree):
        return mapped(self.module.as_tensor, tree)


class Autograd:
    """HIPS autograd, which runs loops in Python."""

    def __init__(self):
        import autograd

        self.module = SimpleNamespace(
            numpy=importlib.import_module("autograd.numpy"),
            grad=lambda f, argnums=0: autograd.grad(f, argnums),
            lax=SimpleNamespace(scan=scan_in_python, fori_loop=fori_loop_in_python),
        )

    def functions(self, workload, size):
        return with_gradient(self.module, *workload.of("autograd", self.module, size))

    def call(self, f, arguments, is_eager=False):
        return _call(f, arguments)

    def moved(self, tree):
        return tree


def with_gradient(library, primal, derivative):
    """The primal and the derivative; without one, the gradient in all arguments."""

    def gradient(*arguments):
        if len(arguments) == 1:
            return library.grad(primal)(*arguments)
        return library.grad(primal, tuple(range(len(arguments))))(*arguments)

    return primal, derivative or gradient


def scan_in_python(f, init, xs, reverse=False):
    """The carry after a loop over one array; the outputs are left out."""
    for x in xs[::-1] if reverse else xs:
        init, _ = f(init, x)
    return init, None


def fori_loop_in_python(lower, upper, body, init):
    """The value after a loop over integers."""
    for i in range(lower, upper):
        init = body(i, init)
    return init


def _call(f, arguments):
    """The call without arguments, with as little around it as can be."""
    if len(arguments) == 1:
        (x,) = arguments
        return lambda: f(x)
    return lambda: f(*arguments)


def mapped(f, tree):
    """The nested tuples, lists and dicts with a function applied to each leaf."""
    if isinstance(tree, dict):
        return {key: mapped(f, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)([mapped(f, value) for value in tree])
    return f(tree)


def leaves_of(tree):
    """The leaves of nested tuples, lists and dicts (by sorted key), as NumPy arrays."""
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in leaves_of(tree[key])]
    if isinstance(tree, tuple | list):
        return [x for value in tree for x in leaves_of(value)]
    return [np.asarray(tree.detach() if hasattr(tree, "detach") else tree)]
