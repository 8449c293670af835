"""debug_nans and debug_infs: the first operation that makes a nan, by name, line and operands."""

import sys
from contextlib import contextmanager

import numpy as np

from fungrad.api.operands import operand_of
from fungrad.core.primitive import Primitive
from fungrad.core.program import Equation, Program, Variable
from fungrad.core.thread_state import examinations
from fungrad.core.tracing import Recording, Tracer, state, user_line
from fungrad.core.types import type_of
from fungrad.debug.tracking import first_bad, origin_of
from fungrad.inspection.lines import place_at, place_of
from fungrad.numpy import dispatch

_VALUES = np.ndarray | np.generic | bool | int | float | complex | list
_PUBLIC = ("fungrad.numpy.public", "fungrad.numpy.dispatch", "fungrad.numpy.ufuncs")
_LAX = ("fungrad.lax.", "fungrad.numpy.", "fungrad.api.loops", "fungrad.api.conditionals")


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
        self.disable()
        type(state).examine = staticmethod(self.examine)
        examinations.append(Examination)
        _note_lines()

    def disable(self):
        """Switch it off again."""
        type(state).examine = None
        examinations[:] = [reason for reason in examinations if reason is not Examination]

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
        result = e.outputs[origin.number].type
        made = _made(f"{self.word} was made {way}by {e.primitive}", place)
        lines = _lines(*made, result, origin.index, origin.operands)
        return "\n".join([*lines, *[f"  in turn {turn} of {name}" for name, turn in origin.turns]])

    def examine_call(self, name, operands, result):
        """Raise FloatingPointError where a function called on plain values makes a bad number."""
        for y in result if isinstance(result, tuple | list) else (result,):
            index = first_bad(y, self.is_bad)
            if index is None or any(first_bad(x, self.is_bad) is not None for x in operands):
                continue
            made = _made(f"{self.word} was made by {name}", place_at(user_line() or ""))
            raise FloatingPointError("\n".join(_lines(*made, type_of(y), index, operands)))


def _made(what, place):
    """What was made and where, and the line of the user's code."""
    if place is None:
        return f"{what} (line unknown)", ""
    return f"{what} at {place.address} in {place.function}", place.text


def _lines(made, text, result, index, operands):
    """What made a number, the line of the user, and the element with its operands."""
    at = f" at index {index}" if index else ""
    shown = _described(operands, result.shape, index)
    return [
        made,
        *([f"    {text}"] if text else []),
        f"  result {result}{at}; operands: {', '.join(shown)}",
    ]


def _described(operands, shape, index):
    """Each operand: its element at the index where it has the shape of the result."""
    shown = []
    for x in operands:
        if not hasattr(x, "dtype"):
            shown.append(str(type_of(x)))
        elif np.ndim(x) == 0:
            shown.append(repr(np.asarray(x)[()].item()))
        elif np.shape(x) == shape:
            shown.append(repr(x[index].item()))
        else:
            has_range = np.size(x) and x.dtype.kind != "c"
            range = f" between {np.min(x):.3g} and {np.max(x):.3g}" if has_range else ""
            shown.append(f"{type_of(x)}{range}")
    return shown


@contextmanager
def _examining(function):
    """A context in which this thread examines results by a function, or not at all."""
    kept = dict(state.__dict__)
    state.examine = function
    examinations.append(function)
    try:
        yield
    finally:
        examinations.remove(function)
        if "examine" in kept:
            state.examine = kept["examine"]
        else:
            del state.examine


_record, _append, _call = Recording.record, Recording.append, Primitive.__call__


def _note_lines():
    """Let eager recordings note the user's line of every equation, which costs microseconds each.

    And let functions of `fungrad.numpy` and `fungrad.lax` have their results looked at where the
    user calls them on plain values.
    """
    Recording.record, Recording.append, Primitive.__call__ = _noting, _appending, _calling
    dispatch.watch = _watching


def _noting(self, primitive, inputs):
    first = len(self.values)
    outputs = _record(self, primitive, inputs)
    _note_line(self, first)
    return outputs


def _appending(self, primitive, ids, value):
    output = _append(self, primitive, ids, value)
    _note_line(self, output.id)
    return output


def _note_line(recording, slot):
    if state.examine is not None and not recording.takes_constants:
        recording.sources = {slot: user_line(), **recording.sources}


def _watching(function, args, kwargs):
    """What a function of NumPy returns; looked at where the user has called it."""
    result = function(*args, **kwargs)
    if _looks_at_calls() and _is_called_by_user(sys._getframe(1), _PUBLIC):
        operands = [np.asarray(x) for x in args if isinstance(x, _VALUES)]
        state.examine.__self__.examine_call(function.__name__, operands, result)
    return result


def _calling(self, *inputs):
    """What a primitive returns; looked at where a function of `fungrad.lax` calls it, or the user."""
    result = _call(self, *inputs)
    if _looks_at_calls() and _is_called_by_user(sys._getframe(1), _LAX):
        outputs = result if self.has_many_outputs else (result,)
        if not any(type(x) is Tracer for x in (*inputs, *outputs)):
            operands = [operand_of(x)[0] for x in inputs]
            is_bad = state.examine.__self__.is_bad
            if all(first_bad(x, is_bad) is None for x in operands):
                state.examine(_program_of(self, operands), operands, outputs)
    return result


def _is_called_by_user(frame, between):
    """Whether between a frame and the user there is nothing but functions of these modules."""
    module = _module(frame)
    while module.startswith(between):
        frame = frame.f_back
        module = _module(frame)
    return not module.startswith("fungrad.")


def _looks_at_calls():
    return state.recording is None and state.examine is not None


def _module(frame):
    return frame.f_globals.get("__name__", "")


def _program_of(primitive, inputs):
    """The program that applies a primitive once."""
    variables = tuple([Variable(type_of(x)) for x in inputs])
    types = primitive.infer(*[v.type for v in variables])
    outputs = tuple([Variable(t) for t in (types if primitive.has_many_outputs else (types,))])
    equation = Equation(primitive, variables, outputs, user_line())
    return Program(variables, (equation,), outputs, primitive.name)


debug_nans = Examination(
    "nan",
    np.isnan,
    """A context in which a result with a nan raises FloatingPointError and names its origin.

    `with debug_nans():` covers what transforms and jitted functions return in this thread, and what
    functions of `fungrad.numpy` and `fungrad.lax` return that are called on plain arrays;
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
