"""A file of `workloads/` as an object, with its defaults filled in."""

import importlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "workloads"


def names():
    """The names of all workloads."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem[0] != "_")


def load(name):
    """The workload of a name."""
    return Workload(name, importlib.import_module(f"tests.speed.workloads.{name}"))


@dataclass(frozen=True)
class Workload:
    """The functions, sizes and peers that a file defines; `workloads/__init__.py` lists them."""

    name: str
    module: object

    @property
    def sizes(self):
        """The sizes that are measured."""
        return self.module.SIZES

    def title(self, size):
        """The name with a size, as the table shows it."""
        return " ".join([self.name, ", ".join(map(str, size))])

    def inputs(self, size):
        """The arguments, as NumPy arrays."""
        return self.module.inputs(*size)

    def of(self, name, library, size):
        """The primal and the derivative for a library; what there is none of is None.

        A function whose name begins with that of the library is preferred to the general one.
        """
        primal, derivative = [
            getattr(self.module, f"{name}_{what}", getattr(self.module, what, None))
            for what in ("primal", "derivative")
        ]
        return [f and f(library, *size) for f in (primal, derivative)]

    def peers(self, size):
        """The libraries that it is measured beside."""
        found = getattr(self.module, "PEERS", ("jax",))
        limits = [(p, getattr(self.module, f"{p.upper()}_SIZES", None)) for p in found]
        return [peer for peer, sizes in limits if sizes is None or size in sizes]

    def is_eager(self, size):
        """Whether this size runs without jit."""
        return size in getattr(self.module, "EAGER", ())

    def is_small_loop(self, size):
        """Whether this size is a loop with a small body."""
        return size in getattr(self.module, "SMALL_LOOP", ())

    def jax_to_cpp(self, size):
        """How many times as long as the best C++ code JAX takes on one core; None if unknown."""
        return getattr(self.module, "CPP", {}).get(size)

    def expected(self, size, arguments):
        """The derivative in closed form; None if there is none."""
        expected = getattr(self.module, "expected", None)
        return None if expected is None else expected(size, *arguments)
