"""What was measured of a workload at a size, the ratios of it, and the Markdown table of them."""

from dataclasses import asdict, dataclass, field
from math import exp, log

from tests.speed.table import shown

SMALLEST_MEMORY = 1_000_000  # bytes: below, pages and arenas are what is measured


@dataclass
class Figures:
    """Times in seconds and memory in bytes by library, of one workload at one size."""

    title: str
    is_small_loop: bool = False
    is_compiled: bool = True
    jax_to_cpp: float | None = None
    primal: dict = field(default_factory=dict)
    derivative: dict = field(default_factory=dict)
    cold: dict = field(default_factory=dict)
    warm: dict = field(default_factory=dict)
    memory: dict = field(default_factory=dict)

    def ratio(self, what, peer="jax"):
        """fungrad's figure over a peer's; None where one is not known."""
        found = getattr(self, what)
        if "fungrad" not in found or not found.get(peer):
            return None
        return found["fungrad"] / found[peer]

    @property
    def to_primal(self):
        """The time of the derivative over that of the primal."""
        ours = self.primal.get("fungrad"), self.derivative.get("fungrad")
        return ours[1] / ours[0] if all(ours) else None

    @property
    def to_cpp(self):
        """The time of the derivative over that of the best C++ code, by way of JAX's."""
        to_jax = self.ratio("derivative")
        return to_jax and self.jax_to_cpp and to_jax * self.jax_to_cpp

    @property
    def warm_to_cold(self):
        """The first call on a warm cache over JAX's first call."""
        ours, theirs = self.warm.get("fungrad"), self.cold.get("jax")
        return ours / theirs if ours and theirs else None

    @property
    def memory_ratio(self):
        """The memory over JAX's, where that is large enough to be known."""
        if self.memory.get("jax", 0) < SMALLEST_MEMORY:
            return None
        return max(self.memory["fungrad"], 1) / self.memory["jax"]

    def as_dict(self):
        """What JSON can hold."""
        return asdict(self)


COLUMNS = {
    "derivative / jax": lambda f: f.ratio("derivative"),
    "/ torch": lambda f: f.ratio("derivative", "torch"),
    "/ autograd": lambda f: f.ratio("derivative", "autograd"),
    "primal / jax": lambda f: f.ratio("primal"),
    "derivative / primal": lambda f: f.to_primal,
    "first call / jax": lambda f: f.ratio("cold"),
    "warm": lambda f: f.warm_to_cold,
    "memory / jax": lambda f: f.memory_ratio,
}
CPP = {"/ C++": lambda f: f.to_cpp}


def markdown(figures, is_one_core):
    """The table of all workloads, and geometric means below it."""
    columns = {**COLUMNS, **(CPP if is_one_core else {})}
    columns = {name: of for name, of in columns.items() if any(of(f) for f in figures)}
    head = ["workload", "primal", "derivative", *columns]
    lines = [_line(head), "|---" * len(head) + "|"]
    for f in figures:
        times = [shown(t["fungrad"], "s") if t else "" for t in (f.primal, f.derivative)]
        lines.append(_line([f.title, *times, *(_number(of(f)) for of in columns.values())]))
    groups = {"geometric mean": figures}
    loops = [f for f in figures if f.is_small_loop]
    if loops:
        groups["geometric mean, loops with small bodies"] = loops
    for title, members in groups.items():
        means = [_number(geometric_mean(map(of, members))) for of in columns.values()]
        lines.append(_line([title, "", "", *means]))
    return "\n".join(lines)


def geometric_mean(values):
    """The geometric mean of those that are known; None if there are none.

    >>> geometric_mean([0.5, None, 2.0])
    1.0
    """
    known = [log(v) for v in values if v]
    return exp(sum(known) / len(known)) if known else None


def _number(value):
    return "" if value is None else f"{value:.2f}"


def _line(cells):
    return f"| {' | '.join(cells)} |"
