"""Both modes over numbers of inputs and outputs: what they cost, and where they cross."""

from dataclasses import dataclass

import numpy as np

from fungrad.api.jitting import jit
from fungrad.api.products import jvp, vjp
from fungrad.api.vectorize import vmap
from fungrad.core.cost import flops_of
from fungrad.inspection.measuring import median_seconds
from fungrad.inspection.tables import pyplot


@dataclass(frozen=True)
class Sizes:
    """What k tangents (forward) and k cotangents (reverse) cost at once, for each k in `counts`.

    A Jacobian takes a tangent per input or a cotangent per output. `unit` is "operations" or
    "seconds". Each cost is close to a line; `crossover(outputs)` is where the lines meet.
    """

    name: str
    unit: str
    counts: np.ndarray
    forward: np.ndarray
    reverse: np.ndarray
    here: tuple  # (inputs, outputs) of the function

    @staticmethod
    def of(problem, most=64, measured=False):
        """The costs for powers of two up to `most`."""
        counts = [1]
        while 2 * counts[-1] <= most:
            counts.append(2 * counts[-1])
        f, x = problem.function, problem.x
        push = jit(lambda x, t: vmap(lambda t: jvp(f, (x,), (t,))[1])(t))
        pull = jit(lambda x, c: vmap(vjp(f, x)[1])(c))
        out = () if problem.is_scalar else (problem.output_size,)
        costs = [[], []]
        for k in counts:
            seeds = (
                np.ones((k, *x.shape), x.dtype),
                np.ones((k, *out), problem.program.output_types[0].dtype),
            )
            for found, function, seed in zip(costs, (push, pull), seeds, strict=True):
                found.append(_cost(function, x, seed, measured))
        unit = "seconds" if measured else "operations"
        here = problem.input_size, problem.output_size
        return Sizes(problem.name, unit, np.array(counts), *map(np.array, costs), here)

    def lines(self):
        """(cost of none, cost of each one) of forward and of reverse mode, by least squares."""
        return tuple(
            np.polynomial.polynomial.polyfit(self.counts, cost, 1, w=1 / np.maximum(cost, 1e-12))
            for cost in (self.forward, self.reverse)
        )

    def crossover(self, outputs=None):
        """The number of inputs from which on reverse mode is cheaper, for a number of outputs."""
        outputs = self.here[1] if outputs is None else outputs
        (a, b), (c, d) = self.lines()
        return float((c + d * outputs - a) / b)

    def plot(self):
        """Both costs over the number of passes, and over inputs and outputs which mode is cheaper."""
        plt = pyplot("Comparison.plot")
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
        self._plot_costs(left)
        self._plot_map(right, figure)
        return figure

    def _plot_costs(self, axes):
        scale, unit = (1e6, "time / µs") if self.unit == "seconds" else (1, "arithmetic operations")
        axes.loglog(self.counts, scale * self.forward, "o-", label="forward: tangents")
        axes.loglog(self.counts, scale * self.reverse, "s--", label="reverse: cotangents")
        axes.set_xlabel("number of tangents or cotangents")
        axes.set_ylabel(unit)
        axes.set_title(f"what k passes of {self.name} cost")
        axes.legend()

    def _plot_map(self, axes, figure):
        (a, b), (c, d) = self.lines()
        most = max(self.counts[-1], *self.here)
        n = np.geomspace(1, most, 60)
        forward, reverse = a + b * n[None, :], c + d * n[:, None]
        ratio = np.log2(np.maximum(forward, 1e-12) / np.maximum(reverse, 1e-12))
        limit = max(float(np.max(np.abs(ratio))), 1.0)
        colours = axes.pcolormesh(n, n, ratio, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(colours, ax=axes, label="log2 (cost forward / cost reverse)")
        axes.contour(n, n, ratio, levels=[0.0], colors="black", linewidths=1.5)
        axes.plot(*self.here, "k*", markersize=12)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("number of inputs")
        axes.set_ylabel("number of outputs")
        axes.set_title(f"blue: forward is cheaper, red: reverse; ★ {self.name}")


def _cost(function, x, seed, measured):
    if not measured:
        from fungrad.optimize import optimize

        return flops_of(optimize(function.trace(x, seed).program))[0]
    function(x, seed)
    return median_seconds(lambda: function(x, seed), 0.02)
