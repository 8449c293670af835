"""cost: what a call takes, predicted from shapes."""

from dataclasses import asdict, dataclass

from fungrad.api.jitting import Jitted, jit
from fungrad.api.titles import title_of
from fungrad.core.cost import bytes_moved, count_equations, flops_of, peak_bytes, total_bytes
from fungrad.inspection.tables import Table, bytes_text, count_text


@dataclass(frozen=True)
class Work:
    """What one way of running a program takes.

    `equations`, `flops` (arithmetic operations; a multiply-add counts two, an elementary function
    one), `bytes` read and written, and `peak_bytes`, the most that is alive at once, arguments and
    results included.
    """

    equations: int
    flops: int
    bytes: int
    peak_bytes: int


@dataclass(frozen=True)
class Cost:
    """What a call takes, compiled (`flops`, `bytes`, `peak_bytes`) and in NumPy (`uncompiled`).

    `argument_bytes` and `result_bytes` are those of what goes in and comes out. Where a loop
    decides at run time how often it turns, `is_exact` is False and one turn is counted.
    """

    name: str
    compiled: Work
    uncompiled: Work
    argument_bytes: int
    result_bytes: int
    is_exact: bool

    @property
    def flops(self):
        """Arithmetic operations of the compiled program."""
        return self.compiled.flops

    @property
    def bytes(self):
        """Bytes that the compiled program reads and writes."""
        return self.compiled.bytes

    @property
    def peak_bytes(self):
        """The memory of a compiled call: arguments, results and workspace."""
        return self.compiled.peak_bytes

    def as_dict(self):
        """All figures as a dict of dicts."""
        return asdict(self)

    def table(self):
        """The figures as a `Table`."""
        a, b = self.compiled, self.uncompiled
        at_least = "" if self.is_exact else "≥ "
        rows = [
            ("equations", a.equations, b.equations),
            ("operations", at_least + count_text(a.flops), at_least + count_text(b.flops)),
            ("read and written", at_least + bytes_text(a.bytes), at_least + bytes_text(b.bytes)),
            ("peak memory", bytes_text(a.peak_bytes), bytes_text(b.peak_bytes)),
            ("of it arguments", *[bytes_text(self.argument_bytes)] * 2),
            ("of it results", *[bytes_text(self.result_bytes)] * 2),
        ]
        return Table((f"cost of {self.name}", "compiled", "by NumPy"), rows)

    def __repr__(self):
        return str(self.table())

    def _repr_html_(self):
        return self.table().html()


def cost(fun):
    """A function of the same arguments that predicts what a call of `fun` takes; it runs nothing.

    Args:
        fun: a function, jitted or not. Arguments of the result are arrays, numbers or
            `ShapeDtypeStruct`s: only shapes and dtypes matter.

    Returns:
        A function that returns a `Cost`: arithmetic operations, bytes read and written, and peak
        memory, compiled and in NumPy one equation after another.

    Raises:
        The errors of tracing: UnknownValueError where Python asks for a value.

    >>> cost(lambda w, x: w @ x)(np.ones((100, 50)), np.ones(50)).flops
    10000
    """
    title_of("cost", fun)
    jitted = fun if isinstance(fun, Jitted) else jit(fun)

    def predicted(*args, **kwargs):
        return cost_of(jitted.trace(*args, **kwargs).program)

    return predicted


def cost_of(program):
    """The `Cost` of a program."""
    from fungrad.compiler.assemble import assemble
    from fungrad.compiler.traffic import memory_traffic
    from fungrad.optimize import optimize

    better = optimize(program)
    arguments, results = total_bytes(better.inputs), total_bytes(better.outputs)
    flops, is_certain = flops_of(better)
    workspace = assemble(better).workspace
    compiled = Work(
        count_equations(better), flops, memory_traffic(better), arguments + results + workspace
    )
    uncompiled = Work(
        count_equations(program), flops_of(program)[0], bytes_moved(program), peak_bytes(program)
    )
    return Cost(program.name, compiled, uncompiled, arguments, results, is_certain)


__all__ = ["Cost", "cost"]
