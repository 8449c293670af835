"""Optimisers: chains of transformations under their published names."""

from fungrad.nn.checking import require
from fungrad.optim.masking import add_decayed_weights
from fungrad.optim.moments import (
    scale_by_adam,
    scale_by_lion,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    trace,
)
from fungrad.optim.scaling import scale_by_learning_rate
from fungrad.optim.transformation import chain


def _downhill(name, learning_rate):
    """`scale_by_learning_rate`, which refuses a rate under the optimiser's name."""
    require(name, "the learning rate", learning_rate, 0)
    return scale_by_learning_rate(learning_rate)


def sgd(learning_rate, momentum=None, nesterov=False, accumulator_dtype=None):
    """Gradient descent, with momentum (Polyak, 1964) or Nesterov's (Sutskever et al., 2013).

    Args:
        learning_rate: a number, or a schedule: a function of the number of updates so far.
        momentum: the decay of the sum of past gradients; None for plain descent.
        nesterov: whether the momentum looks ahead.
        accumulator_dtype: the dtype of that sum, by default the parameters'.

    Raises ValueError where a number is out of range; `update` raises where the gradients do not
    fit the state, and names the leaf.

    >>> from fungrad.optim import apply_updates
    >>> optimiser = sgd(0.5)
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> state = optimiser.init(params)
    >>> updates, state = optimiser.update({"w": np.array([1.0, -1.0])}, state, params)
    >>> apply_updates(params, updates)
    {'w': array([0.5, 2.5])}
    """
    rate = _downhill("sgd", learning_rate)
    return rate if momentum is None else chain(trace(momentum, nesterov, accumulator_dtype), rate)


def adam(
    learning_rate,
    b1=0.9,
    b2=0.999,
    eps=1e-8,
    eps_root=0.0,
    mu_dtype=None,
    *,
    nesterov=False,
):
    """Adam (Kingma and Ba, 2015): means of the gradients over roots of their mean squares.

    >>> optimiser = adam(0.1)
    >>> optimiser.update(np.array([5.0]), optimiser.init(np.zeros(1)))[0].round(6)
    array([-0.1])
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        _downhill("adam", learning_rate),
    )


def adamw(
    learning_rate,
    b1=0.9,
    b2=0.999,
    eps=1e-8,
    eps_root=0.0,
    mu_dtype=None,
    weight_decay=1e-4,
    mask=None,
    *,
    nesterov=False,
):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), where `mask` is True.

    `update` needs the parameters.

    >>> optimiser = adamw(0.1, weight_decay=0.5)
    >>> params = np.array([2.0])
    >>> optimiser.update(np.array([5.0]), optimiser.init(params), params)[0].round(6)
    array([-0.2])
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        _downhill("adamw", learning_rate),
    )


def nadam(learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, mu_dtype=None):
    """Adam with Nesterov's momentum (Dozat, 2016).

    >>> optimiser = nadam(0.1)
    >>> optimiser.update(np.array([5.0]), optimiser.init(np.zeros(1)))[0].round(6)
    array([-0.147368])
    """
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=True)


def nadamw(
    learning_rate,
    b1=0.9,
    b2=0.999,
    eps=1e-8,
    eps_root=0.0,
    mu_dtype=None,
    weight_decay=1e-4,
    mask=None,
):
    """`adamw` with Nesterov's momentum.

    >>> optimiser = nadamw(0.1, weight_decay=0.0)
    >>> optimiser.update(np.array([5.0]), optimiser.init(np.zeros(1)), np.zeros(1))[0].round(6)
    array([-0.147368])
    """
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=True)


def rmsprop(
    learning_rate,
    decay=0.9,
    eps=1e-8,
    initial_scale=0.0,
    eps_in_sqrt=True,
    centered=False,
    momentum=None,
    nesterov=False,
    bias_correction=False,
):
    """RMSProp (Tieleman and Hinton, 2012), with Graves's (2013) `centered` form and momentum.

    >>> optimiser = rmsprop(0.1, eps=0.0)
    >>> optimiser.update(np.array([5.0]), optimiser.init(np.zeros(1)))[0].round(6)
    array([-0.316228])
    """
    if centered:
        scaling = scale_by_stddev(decay, eps, initial_scale, eps_in_sqrt, bias_correction)
    else:
        scaling = scale_by_rms(decay, eps, initial_scale, eps_in_sqrt, bias_correction)
    rate = _downhill("rmsprop", learning_rate)
    return chain(scaling, rate, *([] if momentum is None else [trace(momentum, nesterov)]))


def adagrad(learning_rate, initial_accumulator_value=0.1, eps=1e-7):
    """Adagrad (Duchi, Hazan and Singer, 2011): gradients over the root of all their squares.

    >>> optimiser = adagrad(0.1, initial_accumulator_value=0.0, eps=0.0)
    >>> optimiser.update(np.array([5.0]), optimiser.init(np.zeros(1)))[0]
    array([-0.1])
    """
    return chain(
        scale_by_rss(initial_accumulator_value, eps),
        _downhill("adagrad", learning_rate),
    )


def lion(learning_rate, b1=0.9, b2=0.99, mu_dtype=None, weight_decay=1e-3, mask=None):
    """Lion (Chen et al., 2023): steps of one size along signs, with decoupled weight decay.

    >>> optimiser = lion(0.1, weight_decay=0.0)
    >>> optimiser.update(np.array([5.0]), optimiser.init(np.zeros(1)), np.zeros(1))[0]
    array([-0.1])
    """
    return chain(
        scale_by_lion(b1, b2, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        _downhill("lion", learning_rate),
    )
