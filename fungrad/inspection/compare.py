"""compare_modes: the same derivative by every mode, with what each costs."""

from dataclasses import asdict, dataclass

import numpy as np

from fungrad.api.gradient import grad
from fungrad.api.jacobians import jacfwd, jacrev, prefers_forward
from fungrad.api.jitting import jit
from fungrad.api.titles import function_name, title_of
from fungrad.core.errors import ComplexError, IntegerInputError
from fungrad.core.tree import flatten
from fungrad.flatten_util import ravel_pytree
from fungrad.inspection.cost import cost_of
from fungrad.inspection.measuring import (
    complex_step,
    finite_differences,
    median_seconds,
    why_not_complex,
)
from fungrad.inspection.residuals import residual_bytes
from fungrad.inspection.sizes import Sizes
from fungrad.inspection.tables import Table, bytes_text, count_text, seconds_text

_MOST_BYTES = 1 << 30  # what one derivative may take
_MOST_COLUMNS = 512  # of finite differences
_LARGEST_HESSIAN = 256


@dataclass(frozen=True)
class Row:
    """One derivative by one method.

    `value` is a gradient, a Jacobian (outputs by inputs) or a Hessian, None where it was not
    computed (`note` says why); `error` its largest difference from the reference of that
    derivative, relative to the largest element; `calls` how often a difference method calls.
    """

    derivative: str
    method: str
    value: object = None
    error: float | None = None
    agrees: bool | None = None
    calls: int | None = None
    equations: int | None = None
    flops: int | None = None
    bytes: int | None = None
    peak_bytes: int | None = None
    residual_bytes: int | None = None
    seconds: float | None = None
    compiled_seconds: float | None = None
    note: str = ""

    def cells(self):
        """The row as text."""

        def shown(value, text=str):
            return "" if value is None else text(value)

        agreement = self.note if self.error is None else f"{self.error:.1e}"
        return (
            f"{self.derivative}: {self.method}",
            agreement + ("" if self.agrees in (None, True) else " (disagrees)"),
            shown(self.equations),
            shown(self.flops, count_text),
            shown(self.bytes, bytes_text),
            shown(self.residual_bytes, bytes_text),
            shown(self.seconds, seconds_text),
            shown(self.compiled_seconds, seconds_text),
        )


_TITLES = (
    "",
    "error",
    "equations",
    "operations",
    "traffic",
    "residuals",
    "eager",
    "compiled",
)


class Comparison:
    """What `compare_modes` found: `rows`, and the mode that `jacobian` takes by itself.

    `as_dict()` has every figure, `plot()` draws where each mode is the cheaper one; printing shows
    a table. `agrees` says whether all methods give the same derivatives.
    """

    def __init__(self, problem, rows):
        self.name, self.rows = problem.name, tuple(rows)
        self.input_size, self.output_size = problem.input_size, problem.output_size
        self._problem = problem

    @property
    def mode(self):
        """The mode of `jacobian(mode="auto")`: "fwd" or "rev"."""
        return "fwd" if prefers_forward(self.input_size, self.output_size) else "rev"

    @property
    def reason(self):
        """Why it takes that mode, as a sentence."""
        n, m = self.input_size, self.output_size
        if self.mode == "fwd":
            return (
                f'jacobian(mode="auto") goes forward: {_many(n, "pass")} for {_many(n, "input")}, '
                f"not more than backward for {_many(m, 'output')}"
            )
        return (
            f'jacobian(mode="auto") goes backward: {_many(m, "pass")} for {_many(m, "output")}, '
            f"fewer than forward for {_many(n, 'input')}"
        )

    @property
    def agrees(self):
        """Whether all that was computed agrees."""
        return all(row.agrees is not False for row in self.rows)

    def __getitem__(self, key):
        """The row of a (derivative, method) pair: `["jacobian", "reverse"]`."""
        for row in self.rows:
            if (row.derivative, row.method) == tuple(key):
                return row
        names = [(row.derivative, row.method) for row in self.rows]
        raise KeyError(f"no row {key!r}; the rows are {names}")

    def as_dict(self):
        """Every figure: {derivative: {method: {figure: value}}}, and sizes, mode and reason."""
        found = {
            "name": self.name,
            "input_size": self.input_size,
            "output_size": self.output_size,
            "mode": self.mode,
            "reason": self.reason,
            "agrees": self.agrees,
        }
        for row in self.rows:
            figures = asdict(row)
            del figures["derivative"], figures["method"]
            found.setdefault(row.derivative, {})[row.method] = figures
        return found

    def table(self):
        """The rows as a `Table`."""
        sizes = f"{_many(self.input_size, 'input')}, {_many(self.output_size, 'output')}"
        rows = [row.cells() for row in self.rows]
        return Table(_TITLES, rows, f"{self.name}: {sizes}. {self.reason}.")

    def sizes(self, most=64, measured=False):
        """What both modes cost for more or fewer inputs and outputs: a `Sizes`."""
        return Sizes.of(self._problem, most, measured)

    def plot(self, most=None, measured=False):
        """Draw, over numbers of inputs and outputs, what both modes cost and where they cross.

        Predicted arithmetic operations, or times with `measured`. Returns the matplotlib figure.
        """
        most = most or max(self.input_size, self.output_size, 16)
        return self.sizes(most, measured).plot()

    def __repr__(self):
        return str(self.table())

    def _repr_html_(self):
        return self.table().html()


def _many(n, word):
    plural = word + ("es" if word.endswith("s") else "s")
    return f"{n} {word if n == 1 else plural}"


def _residual_bytes(stage):
    return residual_bytes(stage.program, len(stage.captures))


class Problem:
    """A function as one of a flat vector, at a point."""

    def __init__(self, fun, args, argnums, title):
        self.name = function_name(fun)
        chosen = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in argnums)
        self.x, unravel = ravel_pytree(chosen)
        if self.x.dtype.kind == "c":
            raise ComplexError(f"{title}: an input is complex; give real ones")
        if self.x.dtype.kind != "f":
            raise IntegerInputError(f"{title}: the inputs have dtype {self.x.dtype}; pass floats")

        def flat(v):
            parts, moved = unravel(v), list(args)
            if isinstance(argnums, int):
                moved[argnums] = parts
            else:
                for i, part in zip(argnums, parts, strict=True):
                    moved[i] = part
            out = fun(*moved)
            leaves = flatten(out)[0]
            if len(leaves) == 1 and not np.shape(leaves[0]):
                return leaves[0]
            return ravel_pytree(out)[0]

        flat.__name__ = self.name
        self.function = flat
        stage = jit(flat).trace(self.x)
        self.program, self.residual_bytes = stage.program, _residual_bytes(stage)
        (out,) = self.program.output_types
        self.is_scalar = not out.shape
        self.input_size, self.output_size = self.x.size, out.size


def compare_modes(fun, *args, argnums=0, compiled=True, hessian=None, budget=0.05):
    """The derivatives of a function by every mode, whether they agree, and what each costs.

    Args:
        fun: a function of arrays and pytrees with real outputs.
        args: where to compare.
        argnums: which arguments to differentiate, as for `grad`.
        compiled: whether to measure compiled derivatives too (it takes a compilation for each).
        hessian: whether to compare Hessians; None: for a scalar output and up to 256 inputs.
        budget: seconds for each measurement of time.

    Returns:
        A `Comparison` with a row per derivative (gradient or jacobian, hessian) and method:
        forward and reverse mode, finite differences, a complex step where the function is
        analytic, and for the Hessian the four compositions. Arguments and outputs count as flat
        vectors. A derivative that would take more than 1 GiB is predicted, not computed.

    Raises:
        The errors of `jacfwd`, and those of tracing where Python asks for a value.

    >>> found = compare_modes(lambda x: np.sum(np.sin(x)), np.ones(3), compiled=False)
    >>> found.agrees, found.mode, found["gradient", "forward"].value
    (True, 'rev', array([0.54030231, 0.54030231, 0.54030231]))
    """
    title = title_of("compare_modes", fun)
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not args or any(not -len(args) <= i < len(args) for i in numbers):
        raise ValueError(f"{title}: argnums={argnums!r} does not fit the {len(args)} arguments")
    problem = Problem(fun, args, argnums, title)
    measure = _Measurement(problem, compiled, budget)
    rows = measure.first_order()
    if hessian is None:
        hessian = problem.is_scalar and problem.input_size <= _LARGEST_HESSIAN
    if hessian:
        rows += measure.second_order()
    return Comparison(problem, rows)


class _Measurement:
    """Computes the rows of a comparison."""

    def __init__(self, problem, compiled, budget):
        self.problem, self.compiled, self.budget = problem, compiled, budget
        self.f, self.x = problem.function, problem.x
        eps = np.finfo(self.x.dtype).eps
        self.exact, self.rough = 3e3 * eps**0.8, 30 * eps**0.5

    def first_order(self):
        name = "gradient" if self.problem.is_scalar else "jacobian"
        backward = grad(self.f) if self.problem.is_scalar else jacrev(self.f)
        saved = self.problem.residual_bytes
        n, m = self.problem.input_size, self.problem.output_size
        reverse = self._row(name, "reverse", backward, None, saved, m)
        forward = self._row(name, "forward", jacfwd(self.f), reverse.value, 0, n)
        reference = forward.value if reverse.value is None else reverse.value
        return [forward, reverse, *self._differences(name, reference)]

    def second_order(self):
        first = grad if self.problem.is_scalar else jacrev
        compositions = {
            "forward over reverse": jacfwd(first(self.f)),
            "reverse over forward": jacrev(jacfwd(self.f)),
            "forward over forward": jacfwd(jacfwd(self.f)),
            "reverse over reverse": jacrev(first(self.f)),
        }
        saved = {
            "forward over reverse": self.problem.residual_bytes,
            "reverse over forward": self._residuals_through(jacfwd(self.f)),
            "forward over forward": 0,
            "reverse over reverse": self._residuals_through(first(self.f)),
        }
        rows, reference = [], None
        for method, function in compositions.items():
            n = self.problem.input_size
            rows.append(self._row("hessian", method, function, reference, saved[method], n))
            reference = rows[0].value
        return [*rows, self._finite("hessian", first(self.f), reference)]

    def _residuals_through(self, derivative):
        return _residual_bytes(jit(derivative).trace(self.x))

    def _row(self, derivative, method, function, reference, saved, passes):
        """The row of a derivative that takes so many passes at once."""
        seeds = passes * passes * self.x.dtype.itemsize
        if seeds > _MOST_BYTES:
            note = f"not run: {count_text(passes)} passes at once start from {bytes_text(seeds)}"
            return Row(derivative, method, residual_bytes=saved, note=note)
        jitted = jit(function)
        both = cost_of(jitted.trace(self.x).program)
        found, needed = both.compiled, max(both.peak_bytes, both.uncompiled.peak_bytes)
        figures = {
            "equations": found.equations,
            "flops": found.flops,
            "bytes": found.bytes,
            "peak_bytes": found.peak_bytes,
            "residual_bytes": saved,
        }
        if needed > _MOST_BYTES:
            note = f"not run: it needs {bytes_text(needed)}"
            return Row(derivative, method, **figures, note=note)
        value = np.asarray(function(self.x))
        seconds = median_seconds(lambda: function(self.x), self.budget)
        fast = None
        if self.compiled:
            jitted(self.x)
            fast = median_seconds(lambda: jitted(self.x), self.budget)
        error, agrees = self._compared(value, value if reference is None else reference, self.exact)
        return Row(
            derivative,
            method,
            value,
            error,
            agrees,
            **figures,
            seconds=seconds,
            compiled_seconds=fast,
        )

    def _compared(self, value, reference, tolerance):
        """The error relative to the largest element, and whether it is small; nan equals nan."""
        scale = np.max(np.abs(reference), initial=0, where=np.isfinite(reference)) or 1.0
        with np.errstate(invalid="ignore"):
            distance = np.where(value == reference, 0, np.abs(value - reference))
        distance = np.where(np.isnan(value) & np.isnan(reference), 0, distance)
        error = float(np.max(distance, initial=0) / scale)
        return error, bool(error <= tolerance)

    def _differences(self, name, reference):
        rows = [self._finite(name, self.f, reference)]
        reason = why_not_complex(self.f, self.x)
        if reason is not None:
            return [*rows, Row(name, "complex step", note=reason)]
        return [*rows, self._by_calls(name, "complex step", complex_step, self.f, reference, 1)]

    def _finite(self, name, function, reference):
        method = "finite differences"
        return self._by_calls(name, method, finite_differences, function, reference, 4)

    def _by_calls(self, name, method, differentiate, function, reference, per_input):
        """A row of a method that calls the function so many times per input."""
        if self.x.size > _MOST_COLUMNS or reference is None:
            return Row(name, method, note=f"not run for {self.x.size} inputs")
        value = differentiate(function, self.x)
        calls = per_input * self.x.size
        tolerance = self.exact if method == "complex step" else self.rough
        error, agrees = self._compared(value, reference, tolerance)
        seconds = median_seconds(lambda: differentiate(function, self.x), self.budget)
        one = cost_of(jit(function).trace(self.x).program).compiled
        return Row(
            name,
            method,
            value,
            error,
            agrees,
            calls,
            equations=one.equations,
            flops=calls * one.flops,
            bytes=calls * one.bytes,
            residual_bytes=0 if name != "hessian" else None,
            seconds=seconds,
        )


__all__ = ["Comparison", "compare_modes"]
