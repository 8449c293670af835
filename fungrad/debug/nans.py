"""debug_nans and debug_infs: the first operation that makes a nan, by name, line and operands."""

from contextlib import contextmanager

import numpy as np

from fungrad.core.tracing import Recording, Tracer, state, user_line
from fungrad.core.types import type_of
from fungrad.debug.tracking import first_bad, origin_of
from fungrad.inspection.lines import place_of


class Examination:
    """A switch: with it on, results with a bad number raise FloatingPointError; see `debug_nans`."""

    def __init__(self, word, is_bad, description):
        self.word, self.is_bad = word, is_bad
        self.__doc__ = description

    @contextmanager
    def __call__(self, new_val=True):
        _note_lines()
        with _examining(self.examine if new_val else None):
            yield

    def enable(self):
        """Switch it on, in every thread, until `disable`."""
        type(state).examine = staticmethod(self.examine)
        _note_lines()

    def disable(self):
        """Switch it off again."""
        type(state).examine = None

    def examine(self, program, inputs, outputs):
        """Raise FloatingPointError for outputs with a bad number, naming where it comes from."""
        found = [(k, first_bad(y, self.is_bad)) for k, y in enumerate(outputs)]
        found = [(k, index) for k, index in found if index is not None]
        if not found or any(type(x) is Tracer for x in inputs):
            return
        with _examining(None), np.errstate(all="ignore"):
            origin = origin_of(program, inputs, self.is_bad)
        raise FloatingPointError(self._message(program, found[0], origin))

    def _message(self, program, first, origin):
        output, index = first
        if origin is None:
            return (
                f"{self.word} at index {index} of output {output} of {program.name}, which NumPy "
                "does not make of the same program: compiled code rounds differently there"
            )
        if origin.equation is None:
            type = origin.program.inputs[origin.number].type
            return (
                f"{self.word} in a result of {program.name} was there before: input "
                f"{origin.number} of the program, {type}, has it at index {origin.index}"
            )
        e = origin.equation
        place = place_of(e)
        way = "in the backward pass " if place and place.is_backward else ""
        where = f"at {place.path}:{place.line} in {place.function}" if place else "(line unknown)"
        lines = [f"{self.word} was made {way}by {e.primitive} {where}"]
        if place and place.text:
            lines.append(f"    {place.text}")
        at = f" at index {origin.index}" if origin.index else ""
        result = e.outputs[origin.number].type
        lines.append(f"  result {result}{at}; operands: {self._operands(origin)}")
        lines += [f"  in turn {turn} of {name}" for name, turn in origin.turns]
        return "\n".join(lines)

    def _operands(self, origin):
        """Each operand: its element at the index where it has the shape of the result."""
        shape = origin.equation.outputs[origin.number].type.shape
        shown = []
        for x in origin.operands:
            if not hasattr(x, "dtype"):
                shown.append(str(type_of(x)))
            elif np.ndim(x) == 0:
                shown.append(repr(np.asarray(x)[()].item()))
            elif np.shape(x) == shape:
                shown.append(repr(x[origin.index].item()))
            else:
                shown.append(
                    f"{type_of(x)} between {np.min(x):.3g} and {np.max(x):.3g}"
                    if np.size(x) and x.dtype.kind != "c"
                    else str(type_of(x))
                )
        return ", ".join(shown)


@contextmanager
def _examining(function):
    """A context in which this thread examines results by a function, or not at all."""
    kept = dict(state.__dict__)
    state.examine = function
    try:
        yield
    finally:
        if "examine" in kept:
            state.examine = kept["examine"]
        else:
            del state.examine


_record = Recording.record


def _note_lines():
    """Let eager recordings note the user's line of every equation, which costs microseconds each."""
    Recording.record = _noting


def _noting(self, primitive, inputs):
    first = len(self.values)
    outputs = _record(self, primitive, inputs)
    if state.examine is not None and not self.takes_constants:
        self.sources.setdefault(first, user_line())
    return outputs


debug_nans = Examination(
    "nan",
    np.isnan,
    """A context in which a result with a nan raises FloatingPointError and names its origin.

    `with debug_nans():` covers what transforms and jitted functions return in this thread;
    `debug_nans.enable()` and `debug_nans.disable()` switch it for the whole process.

    The error names the operation that made the nan, its line, whether that was in the backward
    pass, the element, the operands there, and the turn of a loop. Only nans that reach a result
    count, so the untaken arm of a `where` is no error. Compiled code runs at full speed; what made
    the nan is looked for in NumPy afterwards, with the same inputs.

    >>> from fungrad import grad
    >>> with debug_nans():
    ...     grad(lambda x: np.sqrt(x) * 2)(-1.0)
    Traceback (most recent call last):
        ...
    FloatingPointError: nan was made by sqrt ...
    """,
)
debug_infs = Examination(
    "inf",
    np.isinf,
    """A context in which a result with an infinite number raises; otherwise as `debug_nans`.

    >>> from fungrad import jit
    >>> with debug_infs():
    ...     jit(lambda x: 1 / x)(0.0)
    Traceback (most recent call last):
        ...
    FloatingPointError: inf was made by divide ...
    """,
)

__all__ = ["Examination", "debug_infs", "debug_nans"]
