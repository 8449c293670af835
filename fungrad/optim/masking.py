"""Transformations of part of the leaves: by mask, by label; and weight decay, which has a mask."""

from typing import NamedTuple

from fungrad.core import tree
from fungrad.core.tree_structure import subtrees
from fungrad.nn.checking import require
from fungrad.optim.checking import fitting
from fungrad.optim.scaling import times
from fungrad.optim.transformation import (
    GradientTransformationExtraArgs,
    set_to_zero,
    stateless,
    with_extra_args_support,
)


class MaskedNode(NamedTuple):
    """Stands where a mask hides a leaf: a container of nothing."""


class MaskedState(NamedTuple):
    """The state of the masked transformation, made for the leaves that the mask lets through."""

    inner_state: object


class PartitionState(NamedTuple):
    """The state of each transformation, by label."""

    inner_states: dict


def spread(name, prefix, whole):
    """One value per leaf of `whole`; `prefix` is a tree, or the top of one, or a function of it."""
    found, structure = tree.flatten(prefix(whole) if callable(prefix) else prefix)
    below = subtrees(structure, whole, f"{name}: the parameters do not fit the mask or labels")
    return [v for v, sub in zip(found, below, strict=True) for _ in tree.leaves(sub)]


def masked(inner, mask):
    """The transformation `inner` of the leaves where the mask is True; others pass unchanged.

    `mask` is a tree of booleans like the parameters, or the top part of one, or a function from
    the parameters to it.

    >>> from fungrad.optim import scale
    >>> t = masked(scale(10.0), {"w": True, "b": False})
    >>> t.update({"w": 1.0, "b": 1.0}, t.init({"w": 0.0, "b": 0.0}))[0]
    {'b': 1.0, 'w': np.float64(10.0)}
    """
    inner = with_extra_args_support(inner)

    def hidden(updates):
        leaves, structure = tree.flatten(updates)
        shown = spread("masked", mask, updates)
        kept = [x if s else MaskedNode() for x, s in zip(leaves, shown, strict=True)]
        return structure.unflatten(kept), leaves, structure, shown

    def init(params):
        return MaskedState(inner.init(hidden(params)[0]))

    def update(updates, state, params=None, **extra):
        part, leaves, structure, shown = hidden(updates)
        own = None if params is None else hidden(params)[0]
        part, inner_state = inner.update(part, state.inner_state, own, **extra)
        changed = iter(tree.leaves(part))
        merged = [next(changed) if s else x for x, s in zip(leaves, shown, strict=True)]
        return structure.unflatten(merged), MaskedState(inner_state)

    return GradientTransformationExtraArgs(init, update)


def freeze(mask):
    """Updates of 0 for the leaves where the mask is True.

    >>> freeze({"w": True, "b": False}).update({"w": 1.0, "b": 1.0}, MaskedState(()))[0]
    {'b': 1.0, 'w': np.float64(0.0)}
    """
    return masked(set_to_zero(), mask)


def partition(transforms, param_labels):
    """Another transformation for each group of leaves.

    Args:
        transforms: a dict from labels to transformations.
        param_labels: a tree of labels like the parameters, or the top part of one, or a function
            from the parameters to it.

    >>> from fungrad.optim import sgd
    >>> t = partition({"slow": sgd(0.1), "fast": sgd(1.0)}, {"w": "slow", "b": "fast"})
    >>> params = {"w": 0.0, "b": 0.0}
    >>> t.update({"w": 1.0, "b": 1.0}, t.init(params))[0]
    {'b': np.float64(-1.0), 'w': np.float64(-0.1)}
    """

    def labels(params):
        found = spread("partition", param_labels, params)
        unknown = sorted(set(found) - set(transforms), key=str)
        if unknown:
            raise ValueError(
                f"partition: the labels {unknown} have no transformation; there are those for "
                f"{sorted(transforms, key=str)}"
            )
        return tree.unflatten(tree.structure(params), found)

    def of(label):
        return lambda params: tree.map(lambda found: found == label, labels(params))

    groups = {label: masked(t, of(label)) for label, t in transforms.items()}

    def init(params):
        return PartitionState({label: t.init(params) for label, t in groups.items()})

    def update(updates, state, params=None, **extra):
        states = {}
        for label, t in groups.items():
            own = state.inner_states[label]
            updates, states[label] = t.update(updates, own, params, **extra)
        return updates, PartitionState(states)

    return GradientTransformationExtraArgs(init, update)


multi_transform = partition


def add_decayed_weights(weight_decay=0.0, mask=None):
    """Updates plus `weight_decay` times the parameters, where the mask (if any) is True.

    After the optimiser's own scaling this is decoupled weight decay (Loshchilov and Hutter, 2019);
    before it, L2 regularisation. Raises ValueError where `update` gets no parameters.

    >>> from fungrad.optim import EmptyState
    >>> add_decayed_weights(0.1).update(1.0, EmptyState(), 2.0)[0]
    np.float64(1.2)
    """
    require("add_decayed_weights", "weight_decay", weight_decay, 0)

    def decayed(updates, params):
        if params is None:
            raise ValueError("add_decayed_weights: call update(updates, state, params)")
        given, structure = tree.flatten(updates)
        weights = tree.leaves(params)
        fitting("add_decayed_weights", params, updates, "the updates do not fit the parameters")
        return structure.unflatten(
            [u + times(weight_decay, p) for u, p in zip(given, weights, strict=True)]
        )

    plain = stateless(decayed)
    return plain if mask is None else masked(plain, mask)
