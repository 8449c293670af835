"""Calls of NumPy's functions in eager code that were made before: their equations, all at once.

What a function records depends on the types of its arguments and on settings such as an axis, not
on values. So a rule runs once per types and settings, on values that it cannot see, and gives a
program. Later calls skip the rule: they evaluate the program as straight-line code and record it as
one entry. Where a rule takes a branch by a value (`holds`), the answer is looked at again; a rule
that looks at values in another way, or that refuses its arguments, runs every time.
"""

import numpy as np

from fungrad.core.evaluation import evaluate, is_deferred, slot_evaluator
from fungrad.core.program import has_effects
from fungrad.core.record import record
from fungrad.core.simple_numbers import SIMPLE
from fungrad.core.thread_state import examinations
from fungrad.core.tracing import Recording, Tracer, state
from fungrad.core.tree import LEAF, flatten
from fungrad.core.types import type_of
from fungrad.numpy.writing import View, as_view

_MOST = 1024  # calls per rule
_SETTINGS = frozenset([type(None), bool, str, type, type(Ellipsis), type(np._NoValue)])
_ONCE = object()  # in the place of a call that was made once
_AGAIN = object()  # in the place of a call whose rule runs every time
SAME = "same"
_WHOLE = frozenset([int, type(None)])
ndarray, new = np.ndarray, object.__new__


def remembered(rule):
    """The rule, quicker where it was called before with arguments of the same types.

    Its attribute `of_one` is the same for calls with one traced value and nothing else, and
    `recall(recording, key, ids)` is what a call gives that was made before and has one new value;
    None otherwise.
    """
    calls = {}

    def call(*args, **kwargs):
        recording = state.recording
        if recording is None or not recording.is_evaluated or examinations:
            return rule(*args, **kwargs)
        key, ids = _described(args, kwargs, recording)
        if key is None:
            return rule(*args, **kwargs)
        known = calls.get(key)
        if type(known) is Known and state.wrap_evaluator is None:
            result = _recalled(known, recording, ids)
            if result is None:
                return rule(*args, **kwargs)
            if known.single is None:
                return _whole(known, recording, ids, result.id, args, kwargs)
            return result if known.view is None else _seen(result, known.view, args, kwargs)
        if known is not _AGAIN:
            if len(calls) >= _MOST:
                calls.clear()
            is_second = known is _ONCE  # many a call comes once
            calls[key] = _learned(rule, args, kwargs, ids, recording) if is_second else _ONCE
        return rule(*args, **kwargs)

    def of_one(x):
        recording = x.recording
        if recording is not state.recording or not recording.is_evaluated or examinations:
            return call(x)
        value = recording.values[x.id]
        known = calls.get(((value.shape, value.dtype.num, x.weak),))
        if type(known) is not Known or known.single is None or known.view is not None:
            return call(x)
        result = _recalled(known, recording, (x.id,)) if state.wrap_evaluator is None else None
        return call(x) if result is None else result

    def recall(recording, key, ids):
        known = calls.get(key)
        if type(known) is not Known or known.single is None or known.view is not None:
            return None
        return _recalled(known, recording, ids) if state.wrap_evaluator is None else None

    call.__name__, call.__doc__ = rule.__name__, rule.__doc__
    call.of_one, call.recall = of_one, recall
    return call


def _recalled(known, recording, ids):
    """Record a call that was made before: the tracer of its one new value, else of the first.

    None where a check does not hold.
    """
    values = recording.values
    made = known.evaluate(values, ids)
    for place, predicate, answer in known.checks:
        if predicate(made[place]) is not answer:
            return None
    first = len(values)
    recording.entries.append((known.program, ids))
    recording.firsts.append(first)
    values += made
    tracer = new(Tracer)  # without the call of __init__
    tracer.recording, tracer.id, tracer.weak = recording, first + (known.single or 0), False
    tracer.origin = tracer.views = None
    return tracer


def _seen(result, origin, args, kwargs):
    """A result as a view of the operand with a number, at an index."""
    number, index = origin
    if not number and args and type(args[0]) is Tracer:
        return as_view(result, args[0], index)
    return as_view(result, _operands((*args, *kwargs.values()))[number], index)


def _described(args, kwargs, recording):
    """What tells a call from others, and the slots of its arrays; None twice where nothing does."""
    key, ids, values = [], [], recording.values
    if kwargs:
        key.append(tuple(kwargs))
        args = (*args, *kwargs.values())
    for x in args:
        kind = type(x)
        if kind is Tracer and x.recording is recording:  # as `_describe` does, without calls
            value = values[x.id]
            key.append((value.shape, value.dtype.num, x.weak))
            ids.append(x.id)
        elif kind is int or kind is bool:
            key += kind, x
            if x not in SIMPLE:
                return None, None
        elif kind is ndarray:
            dtype = x.dtype
            if dtype.kind not in "fc" or recording.hides_values:  # also those of plain arrays
                return None, None
            ids.append(recording.capture(x))
            key.append((x.shape, dtype.num, False))
        elif not _describe(x, recording, key, ids):
            return None, None
    return tuple(key), tuple(ids)


def _describe(x, recording, key, ids):
    """Whether an argument can be told from others; how, in the key, and its arrays' slots."""
    kind = type(x)
    if kind is Tracer and x.recording is recording:
        value = recording.values[x.id]
        key.append((value.shape, value.dtype.num, x.weak))
        ids.append(x.id)
        return True
    if kind is int or kind is bool:
        key += kind, x
        return x in SIMPLE
    if kind is Tracer or (kind is np.ndarray and x.dtype.kind in "fc"):
        ids.append(recording.id_of(x))
        key.append((x.shape, x.dtype.num, kind is Tracer and x.weak))
        return recording.is_evaluated
    if kind in _SETTINGS:
        key += kind, x
    elif kind is float:
        key += kind, x
        return x in SIMPLE and (x != 0 or str(x)[0] != "-")
    elif kind is slice:
        key += slice, x.start, x.stop, x.step
        return _WHOLE.issuperset((type(x.start), type(x.stop), type(x.step)))
    elif kind is tuple and _WHOLE.issuperset(map(type, x)):
        key.append(x)
    elif kind is list or kind is tuple:
        key += kind, len(x)
        return all([type(v) is not float and _describe(v, recording, key, ids) for v in x])
    else:
        return False
    return True


# ---- what a rule records


@record
class Known:
    """The program of a call, and what it makes of its slots.

    `checks` are (place, predicate, answer), where places count what the equations make. `leaves`
    say of each tracer in the result its slot, whether it is weak, and its origin: `SAME` for an
    operand itself, (number, index) for a view of an operand, `COPY`, or None. The result is
    the leaves in the form of `tree`, or where it is one new value, what stands in place `single`,
    perhaps a `view` of an operand.
    """

    program: object
    evaluate: object
    checks: list
    leaves: list
    single: object
    view: object
    tree: object


def holds(predicate, x):
    """Whether a predicate holds for the value of a tracer; None where the value is not known.

    Where a rule is being remembered, the answer is kept and looked at again in later calls.
    """
    recording = x.recording
    if recording.learned is None:
        return predicate(x.value) if x.is_known else None
    operands, checks = recording.learned
    program = recording.finish([x])
    answer = predicate(evaluate(program, operands)[0])
    checks.append((x, predicate, answer))
    return answer


def _learned(rule, args, kwargs, ids, recording):
    """What a call records, or `_AGAIN` where that depends on more than the types."""
    operands = _operands((*args, *kwargs.values()))
    if not any([type(x) is Tracer for x in operands]):
        return _AGAIN
    inner = Recording(rule.__name__, hides_values=True)
    checks = []
    inner.learned = [recording.values[i] for i in ids], checks
    with inner:
        inputs = [
            inner.add_input(type_of(v), weak=type(x) is Tracer and x.weak)
            for x, v in zip(operands, inner.learned[0], strict=True)
        ]
        given = iter(inputs)
        try:
            result = rule(
                *[_with(x, given) for x in args],
                **{name: _with(x, given) for name, x in kwargs.items()},
            )
            leaves, tree = flatten(result)
            tracers = [x for x in leaves if type(x) is Tracer and x.recording is inner]
            inner.sources = {}  # whose line it is differs from call to call
            program = inner.finish([*tracers, *[x for x, _, _ in checks]], rule.__name__)
        except Exception:  # the rule needs values, or says again what is wrong with the arguments
            return _AGAIN
    is_whole = not inner.captures and not inner.is_questioned and len(tracers) == len(leaves)
    if not is_whole or not program.equations or has_effects(program) or is_deferred(program):
        return _AGAIN
    by_identity = {id(x): k for k, x in enumerate(inputs)}
    made = [_leaf(x, by_identity) for x in tracers]
    places = [(x.id - len(inputs), predicate, answer) for x, predicate, answer in checks]
    single = view = None
    if tree is LEAF and made[0][0] >= len(inputs) and not made[0][1]:
        slot, _, origin = made[0]
        if origin is None or type(origin) is tuple:
            single, view = slot - len(inputs), origin
    return Known(program, slot_evaluator(program), places, made, single, view, tree)


def _leaf(x, by_identity):
    """The slot of a tracer that a rule returns, whether it is weak, and what it shares."""
    if id(x) in by_identity:
        return by_identity[id(x)], x.weak, SAME
    if type(x.origin) is not View:
        return x.id, x.weak, x.origin
    base = by_identity.get(id(x.origin.base))
    return x.id, x.weak, None if base is None else (base, x.origin.index)


def _operands(arguments):
    """The arrays among arguments, in order."""
    found = []
    for x in arguments:
        if type(x) is Tracer or type(x) is np.ndarray:
            found.append(x)
        elif type(x) is list or type(x) is tuple:
            found += _operands(x)
    return found


def _with(x, given):
    """An argument with the next ones of `given` in the places of its arrays."""
    if type(x) is Tracer or type(x) is np.ndarray:
        return next(given)
    return type(x)([_with(v, given) for v in x]) if type(x) is list or type(x) is tuple else x


def _whole(known, recording, ids, first, args, kwargs):
    """The result of a call that was recorded, where it is more than one new value."""
    count, operands, leaves = len(ids), None, []
    for slot, weak, origin in known.leaves:
        x = Tracer(recording, ids[slot] if slot < count else first + slot - count, weak)
        if origin is not None and operands is None:
            operands = _operands((*args, *kwargs.values()))
        if origin is SAME:
            x = operands[slot]
        elif type(origin) is tuple:
            x = as_view(x, operands[origin[0]], origin[1])
        else:
            x.origin = origin
        leaves.append(x)
    return known.tree.unflatten(leaves)
