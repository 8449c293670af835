"""A training step with Adam, of one loss for fungrad (nn, optim) and for JAX (jax.nn, optax)."""

import importlib

import numpy

RATE, B1, B2, EPS = 1e-3, 0.9, 0.999, 1e-8


def optimisers_of(library):
    """`fungrad.optim`, or optax for JAX: the same names."""
    return importlib.import_module("optax" if library.__name__ == "jax" else "fungrad.optim")


def with_state(parameters, *batch):
    """The arguments of a step: parameters, the state of Adam after two steps, the batch."""

    def filled(tree, value):
        if isinstance(tree, dict):
            return {k: filled(v, value) for k, v in tree.items()}
        if isinstance(tree, list):
            return [filled(v, value) for v in tree]
        return numpy.full_like(tree, value)

    state = (numpy.int32(2), filled(parameters, 0.0), filled(parameters, 1e-4))
    return parameters, state, *batch


def step_of(library, loss):
    """One step, of `loss(parameters, *batch)`."""
    optim = optimisers_of(library)
    optimiser = optim.adam(RATE, B1, B2, EPS)
    gradient = library.grad(loss)

    def step(parameters, state, *batch):
        full = (optim.ScaleByAdamState(*state), optim.EmptyState())
        updates, full = optimiser.update(gradient(parameters, *batch), full, parameters)
        return optim.apply_updates(parameters, updates), tuple(full[0])

    return step


def torch_step_of(torch, loss):
    """The same with PyTorch's multi-tensor operations, as its own Adam uses them."""
    pytree = torch.utils._pytree

    def step(parameters, state, *batch):
        leaves, structure = pytree.tree_flatten(parameters)
        leaves = [p.detach().requires_grad_() for p in leaves]
        value = loss(pytree.tree_unflatten(leaves, structure), *batch)
        gradient = torch.autograd.grad(value, leaves)
        with torch.no_grad():
            count, mu, nu = state
            count = count + 1
            mu, nu = pytree.tree_leaves(mu), pytree.tree_leaves(nu)
            mu = torch._foreach_lerp(mu, gradient, 1 - B1)
            nu = torch._foreach_addcmul(torch._foreach_mul(nu, B2), gradient, gradient, 1 - B2)
            n = int(count)
            root = torch._foreach_sqrt(nu)
            torch._foreach_div_(root, (1 - B2**n) ** 0.5)
            torch._foreach_add_(root, EPS)
            changed = torch._foreach_addcdiv(leaves, mu, root, -RATE / (1 - B1**n))
        rebuilt = [pytree.tree_unflatten(x, structure) for x in (changed, mu, nu)]
        return rebuilt[0], (count, rebuilt[1], rebuilt[2])

    return step


def scaled(generator, *shape):
    """Weights, float32, of variance 1 / inputs."""
    fan = numpy.prod(shape[:-1])
    return (generator.normal(size=shape) / numpy.sqrt(fan)).astype(numpy.float32)


def zeros(*shape):
    """Zeros, float32."""
    return numpy.zeros(shape, numpy.float32)
