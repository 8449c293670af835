"""gradient_flow: the gradient of a loss, leaf by leaf, and what is wrong with it."""

from dataclasses import asdict, dataclass

import numpy as np

from fungrad.api.gradient import value_and_grad
from fungrad.api.titles import title_of
from fungrad.core.tree import flatten, flatten_with_path, keystr
from fungrad.debug.dependence import Dependence
from fungrad.inspection.tables import Table, pyplot

#: Gradients that are smaller than this share of the largest one, times the resolution of their
#: dtype, are made of rounding errors.
_ROUNDING = 45


@dataclass(frozen=True)
class Leaf:
    """The gradient of one leaf of the parameters.

    `dtype` is that of the gradient; `mean` and `maximum` are of the absolute values of the finite
    elements, `norm` is the Euclidean norm, `zeros` the share of exact zeros, `nans` the share of
    elements that are not finite, `rms` the root of the mean square; `size_rms` is that of the
    parameter itself.
    """

    path: str
    shape: tuple
    dtype: str
    mean: float
    maximum: float
    norm: float
    rms: float
    size_rms: float
    zeros: float
    nans: float

    @staticmethod
    def of(path, parameter, gradient):
        """The figures of a gradient beside its parameter."""
        size = np.abs(np.asarray(gradient, np.float64)).ravel()
        finite = size[np.isfinite(size)]
        norm = float(np.linalg.norm(finite))
        own = np.abs(np.asarray(parameter, np.float64)).ravel()
        count = max(size.size, 1)
        return Leaf(
            path or "(whole)",
            np.shape(gradient),
            np.asarray(gradient).dtype.name,
            float(finite.mean()) if finite.size else 0.0,
            float(np.max(finite, initial=0.0)),
            norm,
            norm / max(finite.size, 1) ** 0.5,
            float(np.linalg.norm(own)) / max(own.size, 1) ** 0.5,
            float(np.count_nonzero(size == 0)) / count,
            float(size.size - finite.size) / count,
        )


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: its `kind`, the leaf (or "" for none), and a sentence.

    Kinds: "nan", "exploding", "vanishing", "independent" (the loss does not use the leaf),
    "silent zero" (it does, through operations without a derivative), "stopped" (one path is),
    "dead units".
    """

    kind: str
    path: str
    text: str


class Flow:
    """What `gradient_flow` found: `value` of the loss, `leaves`, and `findings`."""

    def __init__(self, name, value, leaves, findings):
        self.name, self.value = name, value
        self.leaves, self.findings = tuple(leaves), tuple(findings)

    def __getitem__(self, path):
        """The `Leaf` at a path, as it is printed."""
        for leaf in self.leaves:
            if leaf.path == path:
                return leaf
        raise KeyError(f"no leaf {path!r}; the leaves are {[leaf.path for leaf in self.leaves]}")

    def of_kind(self, kind):
        """The paths that a kind of finding names."""
        return [f.path for f in self.findings if f.kind == kind]

    def as_dict(self):
        """All figures as a dict: the value, the leaves by path, the findings."""
        leaves = {leaf.path: asdict(leaf) for leaf in self.leaves}
        return {
            "value": float(self.value),
            "leaves": leaves,
            "findings": [asdict(f) for f in self.findings],
        }

    def table(self):
        """The leaves as a `Table`."""
        rows = []
        for leaf in self.leaves:
            kinds = dict.fromkeys(f.kind for f in self.findings if f.path == leaf.path)
            numbers = [f"{x:.2e}" for x in (leaf.mean, leaf.maximum, leaf.norm)]
            shares = f"{leaf.zeros:.0%}", f"{leaf.nans:.0%}" if leaf.nans else "no"
            rows.append((leaf.path, leaf.shape, *numbers, *shares, ", ".join(kinds)))
        titles = ("leaf", "shape", "mean |g|", "max |g|", "norm", "zeros", "nan", "")
        return Table(titles, rows, f"gradient of {self.name}, which is {self.value:.6g}")

    def plot(self):
        """The mean and the largest absolute gradient of each leaf, on a logarithmic scale."""
        plt = pyplot("Flow.plot")
        count = len(self.leaves)
        height = max(2.0, 0.32 * count + 1)
        figure, axes = plt.subplots(figsize=(7, height), layout="constrained")
        flagged = {f.path for f in self.findings}
        floor = min([leaf.mean for leaf in self.leaves if leaf.mean > 0], default=1.0) / 10
        for k, leaf in enumerate(self.leaves):
            colour = "tab:red" if leaf.path in flagged else "tab:blue"
            axes.plot([max(leaf.mean, floor), max(leaf.maximum, floor)], [k, k], color=colour)
            axes.plot(max(leaf.mean, floor), k, "o", color=colour)
            axes.plot(max(leaf.maximum, floor), k, "|", color=colour, markersize=10)
        axes.set_xscale("log")
        axes.set_yticks(range(count), [leaf.path for leaf in self.leaves])
        axes.invert_yaxis()
        axes.set_xlabel("absolute gradient: mean ● to maximum | (red: something was found)")
        axes.set_ylabel("parameters")
        axes.set_title(f"gradient flow of {self.name}")
        axes.grid(axis="x", alpha=0.3)
        return figure

    def __repr__(self):
        return "\n".join([str(self.table()), *[f"- {f.text}" for f in self.findings]])

    def _repr_html_(self):
        from html import escape

        found = "".join(f"<li>{escape(f.text)}</li>" for f in self.findings)
        return f"{self.table().html()}<ul>{found}</ul>"


def gradient_flow(loss, params, *args, vanishing=1e-3, exploding=1e2, **kwargs):
    """The gradient of a loss in each leaf of the parameters, and what is wrong with it.

    Args:
        loss: a function of the parameters and further arguments that returns a real scalar.
        params: a pytree of arrays, the first argument; its order is taken for that of the layers.
        args, kwargs: the other arguments of the loss.
        vanishing: a leaf whose gradient (root mean square) is smaller than this share of the
            largest one vanishes.
        exploding: a leaf whose gradient is larger than this many times the leaf itself explodes
            (than the median leaf, where the leaf is smaller: a bias that starts at 0).

    Returns:
        A `Flow`: per leaf the mean and maximum of the absolute gradient, its norm, the share of
        zeros, whether there are nans; and the findings: vanishing and exploding leaves, units that
        get no gradient (and those that a ReLU keeps at 0 for every sample), leaves that the loss
        does not depend on, derivatives that are 0 in silence (round, casts to integers, argmax)
        with the line that loses them. It prints as a table and plots.

    Raises:
        The errors of `grad`.

    >>> flow = gradient_flow(lambda p: p["a"] ** 2 + np.round(p["b"]), {"a": 3.0, "b": 2.0})
    >>> flow["['a']"].norm, flow.of_kind("silent zero")
    (6.0, ["['b']"])
    """
    title = title_of("gradient_flow", loss)
    if not flatten(params)[0]:
        raise ValueError(f"{title}: the parameters {params!r:.60} have no leaves")
    value, gradient = value_and_grad(loss)(params, *args, **kwargs)
    paths = [keystr(path) for path, _ in flatten_with_path(params)[0]]
    pairs = list(zip(flatten(params)[0], flatten(gradient)[0], strict=True))
    leaves = [Leaf.of(path, *pair) for path, pair in zip(paths, pairs, strict=True)]
    dependence = Dependence(loss, (params, *args), kwargs, len(paths), title)
    names = [leaf.path for leaf in leaves]
    findings = [
        *_of_sizes(leaves, dependence, vanishing, exploding),
        *_of_structure(names, dependence),
        *_of_units(names, [g for _, g in pairs], dependence),
    ]
    return Flow(title.rpartition(" ")[2], value, leaves, findings)


def _of_sizes(leaves, dependence, vanishing, exploding):
    """Leaves with nans, and those that explode or vanish beside the others."""
    found, sound = [], []
    typical = float(np.median([leaf.size_rms for leaf in leaves]))
    for k, leaf in enumerate(leaves):
        if leaf.nans:
            text = f"{leaf.path}: {leaf.nans:.0%} of the gradient is not finite"
            found.append(Finding("nan", leaf.path, f"{text}; debug_nans finds where it comes from"))
        elif leaf.rms > exploding * max(leaf.size_rms, typical, 1e-2):
            text = f"{leaf.path} explodes: its gradient of {leaf.rms:.1e} is {exploding:g} times"
            found.append(Finding("exploding", leaf.path, f"{text} the parameter and more"))
        elif dependence.has_derivative(k):
            sound.append(leaf)
    largest = max([leaf.rms for leaf in sound], default=0.0)
    for leaf in sound:
        if leaf.rms < vanishing * largest:
            found.append(Finding("vanishing", leaf.path, _vanishing(leaf, largest)))
    return found


def _vanishing(leaf, largest):
    """What it means that a gradient is so much smaller than the largest one."""
    if not leaf.rms:
        return (
            f"{leaf.path} vanishes: its gradient is exactly 0 here, for what depends on it is not "
            "taken (an arm of a where), is 0, or does not change any more (saturated, clipped)"
        )
    if leaf.rms < _ROUNDING * np.finfo(leaf.dtype).eps * largest:
        return (
            f"{leaf.path} vanishes: its gradient is 0 but for rounding, for the loss does not change "
            "with it: what it adds cancels (as a bias does before a normalisation, or a shift of all "
            "logits of a softmax)"
        )
    text = f"{leaf.path} vanishes: its gradient of {leaf.rms:.1e} is {leaf.rms / largest:.0e}"
    return f"{text} of the largest"


def _of_structure(paths, dependence):
    """Leaves that the loss does not use, or only through what has no derivative."""
    found = []
    for k, path in enumerate(paths):
        if not dependence.is_used(k):
            found.append(Finding("independent", path, f"the loss does not depend on {path}"))
            continue
        is_lost = not dependence.has_derivative(k)
        stops = dependence.stops(k, asked=is_lost)
        listed = "; ".join(dict.fromkeys(stops))
        if is_lost:
            text = f"{path} has derivative 0 although the loss uses it: {listed or 'unknown'}"
            found.append(Finding("silent zero", path, text))
        elif stops:
            text = f"the derivative in {path} is lost on one of its ways: {listed}"
            found.append(Finding("stopped", path, text))
    return found


def _of_units(paths, gradients, dependence):
    """Last-axis units of a leaf without any gradient, and what a ReLU keeps at 0."""
    found = []
    for k, (path, g) in enumerate(zip(paths, gradients, strict=True)):
        if np.ndim(g) < 1 or not dependence.has_derivative(k):
            continue
        is_dead = ~np.any(g, axis=tuple(range(np.ndim(g) - 1)))
        if is_dead.any() and np.size(g):
            text = f"{path}: {np.count_nonzero(is_dead)} of {is_dead.size} units get no gradient"
            found.append(Finding("dead units", path, text))
    found += [
        Finding("dead units", "", text) for text in dict.fromkeys(dependence.dead_rectifiers())
    ]
    return found


__all__ = ["Finding", "Flow", "Leaf", "gradient_flow"]
