"""Tracing: a Python function runs on tracers, and the recording keeps what it did.

There is one kind of tracer. In an eager transform it carries a value, so that `if x > 0` works and
the forward pass is paid once; under `jit` and inside `vmap` it carries none. Slots of a recording
are numbered in the order in which they are made: inputs, captured values, outputs of equations.

What is recorded is also the structural key of the program: the second recording of the same
equations finds the program of the first, and with it all that was derived from it.
"""

from bisect import bisect_right
from types import MappingProxyType

import numpy as np

from fungrad.core.errors import FungradError, LeakedTracerError
from fungrad.core.evaluation import evaluator, is_deferred, slot_types, slots
from fungrad.core.origins import definition_line, describe_slot, user_line
from fungrad.core.program import Literal, Program, infer_outputs
from fungrad.core.program_table import INPUT, programs, recorded_program
from fungrad.core.simple_numbers import is_simple
from fungrad.core.thread_state import examinations, recordings, state
from fungrad.core.tracer import DEFERRED, UNKNOWN, Tracer, type_of_value
from fungrad.core.types import type_of

_new = object.__new__
EMPTY = MappingProxyType({})


class Recording:
    """The equations of one trace as they are recorded, with their values where these are known.

    `title` names transform and function for error texts: "grad of loss". With `hides_values`,
    values of enclosing recordings are not looked at (under jit a program must not depend on them).
    A recording in which a transform rewrites a program `takes_constants`: what rules make of
    literals alone is recorded too, since programs hold no arrays.
    """

    hides_values = takes_constants = is_open = False
    axis = None  # the batch axis of a vmap
    parent = None
    source = None  # the line of the equation that a transform is rewriting
    last_effect = None  # what the next ordered effect comes after
    refusal = None  # the last error for a value that does not exist
    is_questioned = False  # somebody has asked whether a value is known
    learned = None  # of a call that is to be remembered: see `fungrad.numpy.remembered`
    captured = inferred = sources = types = EMPTY

    def __init__(self, title, hides_values=False, takes_constants=False, function=None):
        self.title = title
        self.function = function  # the user's function, for error texts
        self.is_evaluated = True  # every value is known
        self.values = []
        self.input_types = []
        self.entries = []  # (primitive or program, input ids): the structural key
        self.firsts = []  # the first output slot of each entry
        self.captures = []  # outer tracers and arrays, in the order of their capture slots
        if hides_values:
            self.hides_values = True
        if takes_constants:
            self.takes_constants = True

    def __enter__(self):
        self.parent = state.recording
        state.recording = self
        recordings.append(None)
        self.is_open = True
        return self

    def __exit__(self, kind, error, traceback):
        state.recording = self.parent
        recordings.pop()
        self.is_open = False
        if kind is None:
            return
        if kind is ValueError and isinstance(error.__cause__, FungradError):
            raise error.__cause__.with_traceback(traceback) from None  # NumPy hid what we said
        if kind is TypeError and self.refusal is not None and "got 'Traced(" in str(error):
            raise self.refusal.with_traceback(traceback) from None  # as numpy.zeros(n) does

    # ---- slots

    @property
    def input_count(self):
        """The number of inputs that are not captured."""
        return len(self.input_types)

    def add_input(self, type, value=UNKNOWN, weak=False):
        """A tracer for a new input of the program."""
        slot = len(self.input_types)
        self.input_types.append(type)
        self.values.append(value)
        if value is UNKNOWN or value is DEFERRED:
            self._note([type], slot)
        return Tracer(self, slot, weak)

    def add_operands(self, operands, weak):
        """Tracers for new inputs whose values are given, or those of tracers of other recordings."""
        values, types, tracers = self.values, self.input_types, []
        for x, is_weak in zip(operands, weak):
            if type(x) is Tracer:
                value = x.recording.values[x.id]
                value = x.value if value is DEFERRED else value
                tracers.append(self.add_input(x.type, value, is_weak))
                continue
            tracers.append(Tracer(self, len(types), is_weak))
            values.append(x)
            types.append(type_of(x))
        return tracers

    def _note(self, types, first):
        """Keep the types of slots without a value."""
        if self.is_evaluated:
            self.is_evaluated, self.types, self.sources, self.inferred = False, {}, {}, {}
        self.types.update(enumerate(types, first))

    def type_of(self, id):
        """The type of a slot."""
        value = self.values[id]
        return self.types[id] if value is UNKNOWN or value is DEFERRED else type_of(value)

    def capture(self, outer):
        """The slot of a value from outside: a tracer of an enclosing recording, or an array."""
        if type(outer) is not Tracer:
            slot = self.captured.get(id(outer))
            if slot is not None:
                return slot
            value = UNKNOWN if self.hides_values else outer
            return self._captured(id(outer), type_of(outer), value, outer)
        outer = self._standing_for(outer)
        if outer.recording is self:
            return outer.id
        outer.recording.require_open(outer)
        key = (id(outer.recording), outer.id)
        slot = self.captured.get(key)
        if slot is not None:
            return slot
        value = UNKNOWN if self.hides_values else outer.recording.values[outer.id]
        value = outer.value if value is DEFERRED else value
        return self._captured(key, outer.type, value, frozen(outer))

    def capture_number(self, value, key):
        """The slot of a NumPy scalar, one for all that have the key."""
        slot = self.captured.get(key)
        return self._captured(key, type_of(value), value, value) if slot is None else slot

    def _begin_captures(self):
        if self.captured is EMPTY:
            self.captured = {}

    def _captured(self, key, kind, value, kept):
        if self.captured is EMPTY:
            self.captured = {}
        slot = self.captured[key] = len(self.values)
        self.values.append(value)
        if value is UNKNOWN:
            self._note([kind], slot)
        self.captures.append(kept)
        self.entries.append((INPUT, kind))
        self.firsts.append(slot)
        return slot

    def _enter(self, entry, first):
        self.entries.append(entry)
        self.firsts.append(first)

    def stand_in(self, outer):
        """A new input that stands for a traced value or an array wherever it is used inside."""
        key = (id(outer.recording), outer.id) if type(outer) is Tracer else id(outer)
        tracer = self.add_input(type_of_value(outer))
        self._begin_captures()
        self.captured[key] = tracer.id
        return tracer

    def _standing_for(self, outer):
        """The tracer that stands for one of a recording that has ended, if there is one."""
        recording = self
        while recording is not None and not outer.recording.is_open:
            slot = recording.captured.get((id(outer.recording), outer.id))
            if slot is not None:
                return Tracer(recording, slot)
            recording = recording.parent
        return outer

    def id_of(self, x):
        """The slot or literal that stands for an operand of a primitive."""
        if type(x) is Tracer:
            return x.id if x.recording is self and self.is_open else self.capture(x)
        if type(x) is np.ndarray:
            return self.capture(x)
        return x if type(x) is Literal else constant(self, x)

    def require_open(self, tracer):
        """Raise LeakedTracerError when a tracer of this recording is used after its end."""
        if not self.is_open:
            raise LeakedTracerError(
                f"{describe_slot(self, tracer.id)} was used after {self.title}"
                f"{definition_line(self.function)} had ended. "
                "Return it from the function as an output (has_aux=True carries extra outputs) "
                "instead of storing it"
            )

    # ---- recording

    def record(self, primitive, inputs):
        """Record `primitive(*inputs)`; return the tracer of its output, or a tuple of them."""
        values = self.values
        if len(inputs) == 1:  # written out: much of what an eager derivative costs is here
            (x,) = inputs
            i = x.id if type(x) is Tracer and x.recording is self else self.id_of(x)
            ids, operands = (i,), (values[i] if type(i) is int else i.value,)
        elif len(inputs) == 2:
            x, y = inputs
            i = x.id if type(x) is Tracer and x.recording is self else self.id_of(x)
            j = y.id if type(y) is Tracer and y.recording is self else self.id_of(y)
            left = values[i] if type(i) is int else i.value
            right = values[j] if type(j) is int else j.value
            ids, operands = (i, j), (left, right)
        else:
            ids = tuple([self.id_of(x) for x in inputs])
            operands = [values[i] if type(i) is int else i.value for i in ids]
        entry = (primitive, ids)
        first = len(values)
        if not self.is_evaluated or primitive.is_deferred:
            is_deferred_too = primitive.is_deferred or primitive.is_creation
            without = [v for v in operands if v is UNKNOWN or v is DEFERRED]
            if without or is_deferred_too:
                value = UNKNOWN if UNKNOWN in without else DEFERRED
                return self._record_unevaluated(entry, first, value)
        try:
            result = primitive.evaluate(*operands)
        except (TypeError, ValueError):
            infer_outputs(primitive, [type_of(v) for v in operands])  # raises in fungrad's terms
            raise
        if not primitive.has_many_outputs:
            return self.append(primitive, ids, result)
        self._enter(entry, first)
        values.extend(result)
        return tuple([Tracer(self, i) for i in range(first, len(values))])

    def append(self, primitive, ids, value):
        """Record an equation with one output whose value is known; return its tracer."""
        values = self.values
        first = len(values)
        self.entries.append((primitive, ids))
        self.firsts.append(first)
        values.append(value)
        tracer = _new(Tracer)  # without the call of __init__
        tracer.recording = self
        tracer.id = first
        tracer.weak = False
        tracer.origin = tracer.views = None
        return tracer

    def record_effect(self, primitive, inputs):
        """Record what is to happen whenever the program runs, although all is known now."""
        ids = tuple([self.id_of(x) for x in inputs])
        return self._record_unevaluated((primitive, ids), len(self.values), UNKNOWN)

    def _record_unevaluated(self, entry, first, value):
        primitive, ids = entry
        types = [i.type if type(i) is Literal else self.type_of(i) for i in ids]
        key = (primitive, *types)
        outputs = self.inferred.get(key)
        if outputs is None:
            outputs = infer_outputs(primitive, types)
        self._enter(entry, first)
        self._note(outputs, first)
        self.inferred[key] = outputs
        self.values.extend([value] * len(outputs))
        if value is UNKNOWN:
            self.sources[first] = self.source if self.takes_constants else user_line()
        tracers = tuple([Tracer(self, first + i) for i in range(len(outputs))])
        return tracers if primitive.has_many_outputs else tracers[0]

    def record_known(self, primitive, inputs, outputs):
        """Record a primitive with many outputs whose values are known already."""
        ids = tuple([self.id_of(x) for x in inputs])
        first = len(self.values)
        self._enter((primitive, ids), first)
        self.values.extend(outputs)
        return tuple([Tracer(self, i) for i in range(first, len(self.values))])

    def inline(self, program, inputs, values=None):
        """Record a whole program at once; return a function from its slots to tracers.

        `values` are the values of all its slots after the inputs, where they are known already.
        """
        ids = tuple([self.id_of(x) for x in inputs])
        first = len(self.values)
        if values is None:
            operands = [i.value if type(i) is Literal else self.values[i] for i in ids]
            count = len(slot_types(program)) - len(ids)
            if self.is_evaluated and not is_deferred(program):
                values = evaluator(program, True)(*operands)
            elif any(v is UNKNOWN for v in operands):
                values = [UNKNOWN] * count
            elif is_deferred(program) or any(v is DEFERRED for v in operands):
                values = [DEFERRED] * count
            else:
                values = evaluator(program, True)(*operands)
        self._enter((program, ids), first)
        for v in values:
            if v is UNKNOWN or v is DEFERRED:
                self._note(slot_types(program)[len(ids) :], first)
                break
        self.values.extend(values)
        inner = first - len(ids)

        def at(slot):
            if slot >= len(ids):
                return Tracer(self, inner + slot)
            given = ids[slot]
            return given.value if type(given) is Literal else Tracer(self, given)

        return at

    def inline_outputs(self, program, inputs, values=None):
        """Record a whole program at once; its outputs, and the function that `inline` returns."""
        at, where = self.inline(program, inputs, values), slots(program)
        return [v.value if type(v) is Literal else at(where[v]) for v in program.outputs], at

    def force(self, id):
        """Compute a deferred value, and those that it needs."""
        k = bisect_right(self.firsts, id) - 1
        (what, ids), first = self.entries[k], self.firsts[k]
        operands = []
        for i in ids:
            value = i.value if type(i) is Literal else self.values[i]
            operands.append(self.force(i) if value is DEFERRED else value)
        if isinstance(what, Program):
            results = evaluator(what, True)(*operands)
        else:
            results = what.evaluate(*operands)
            results = results if what.has_many_outputs else (results,)
        self.values[first : first + len(results)] = results
        return self.values[id]

    # ---- the end of a trace

    def finish(self, outputs, name="f"):
        """The program of what was recorded, with the given tracers and values as outputs.

        Its inputs are the recording's inputs, then the captured values (`captures`).
        """
        if len(outputs) == 1 and type(outputs[0]) is Tracer and outputs[0].recording is self:
            ids = (outputs[0].id,)
        else:
            ids = tuple([self.id_of(x) for x in outputs])
        lines = None
        if self.hides_values or (examinations and state.examine is not None):
            lines = (name, *self.sources.values())
        key = (tuple(self.input_types), tuple(self.entries), ids, lines)
        program = programs.get(key)
        if program is None:
            program = recorded_program(key, name, self.firsts, self.sources, self.types)
        return program


def frozen(tracer):
    """A copy of the tracer as it is now: later item assignment does not move it."""
    return Tracer(tracer.recording, tracer.id, tracer.weak)


def constant(recording, x):
    """The literal or captured slot of a plain value."""
    if type(x) in _PYTHON_NUMBERS:
        x = np.asarray(x)[()]
    if isinstance(x, np.generic):
        if recording.hides_values or is_simple(x):
            return Literal(x)
        return recording.capture(x)
    return recording.capture(x)


_PYTHON_NUMBERS = frozenset({bool, int, float, complex})


def trace(function, types, title, hides_values=True, weak=None):
    """Record `function` on tracers of the given types: (program, captured values).

    `function` takes the tracers and returns a sequence of tracers and arrays.
    """
    recording = Recording(title, hides_values)
    with recording:
        weak = weak or [False] * len(types)
        tracers = [recording.add_input(t, weak=w) for t, w in zip(types, weak, strict=True)]
        outputs = function(*tracers)
        program = recording.finish(outputs, title.rpartition(" ")[2])
    return program, recording.captures
