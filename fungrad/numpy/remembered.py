"""Calls of NumPy's functions in eager code that were made before: their equations, all at once.

What a function records depends on the types of its arguments and on settings such as an axis, not
on values. So a rule runs once per types and settings, on values that it cannot see, and gives a
program. Later calls skip the rule: they evaluate the program as straight-line code and record it as
one entry. Where a rule takes a branch by a value (`holds`), the answer is looked at again; a rule
that looks at values in another way, or that refuses its arguments, runs every time.
"""

import numpy as np

from fungrad.core.evaluation import evaluate, evaluator, is_deferred
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
_new = object.__new__


def remembered(rule):
    """The rule, quicker where it was called before with arguments of the same types."""
    calls = {}

    def call(*args, **kwargs):
        recording = state.recording
        if recording is None or not recording.is_evaluated or examinations:
            return rule(*args, **kwargs)
        values = recording.values
        x = args[0] if args else None
        if len(args) == 1 and not kwargs and type(x) is Tracer and x.recording is recording:
            value = values[x.id]  # written out: most calls are these
            key, ids = (value.shape, value.dtype.num, x.weak), (x.id,)
        else:
            key, ids = _described(args, kwargs, recording)
            if key is None:
                return rule(*args, **kwargs)
        known = calls.get(key)
        if type(known) is not Known or state.wrap_evaluator is not None:
            if known is not _AGAIN:
                if len(calls) >= _MOST:
                    calls.clear()
                is_second = known is _ONCE  # many a call comes once
                calls[key] = _learned(rule, args, kwargs, ids, recording) if is_second else _ONCE
            return rule(*args, **kwargs)
        made = known.evaluate(*[values[i] for i in ids])
        for place, predicate, answer in known.checks:
            if predicate(made[place]) is not answer:
                return rule(*args, **kwargs)
        first = len(values)
        recording.entries.append((known.program, ids))
        recording.firsts.append(first)
        values += made
        if known.single is None:
            return _whole(known, recording, ids, first, args, kwargs)
        tracer = _new(Tracer)  # without the call of __init__
        tracer.recording = recording
        tracer.id = first + known.single
        tracer.weak = False
        tracer.origin = tracer.views = None
        return tracer

    call.__name__, call.__doc__ = rule.__name__, rule.__doc__
    return call


def _described(args, kwargs, recording):
    """What tells a call from others, and the slots of its arrays; None twice where nothing does."""
    key, ids = [], []
    for x in args:
        if not _describe(x, recording, key, ids):
            return None, None
    for name, x in kwargs.items():
        key.append(name)
        if not _describe(x, recording, key, ids):
            return None, None
    return tuple(key), tuple(ids)


def _describe(x, recording, key, ids):
    """Whether an argument can be told from others; how, in the key, and its arrays' slots."""
    kind = type(x)
    if kind is Tracer and x.recording is recording:
        value = recording.values[x.id]
        key += value.shape, value.dtype.num, x.weak
        ids.append(x.id)
        return True
    if kind is Tracer or (kind is np.ndarray and x.dtype.kind in "fc"):
        ids.append(recording.id_of(x))
        key += x.shape, x.dtype.num, kind is Tracer and x.weak
        return recording.is_evaluated
    if kind in _SETTINGS:
        key += kind, x
    elif kind is int or kind is float:
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
    the leaves in the form of `tree`, or where it is one new value, what stands in place `single`.
    """

    program: object
    evaluate: object
    checks: list
    leaves: list
    single: object
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
    is_one = tree is LEAF and made[0] == (made[0][0], False, None) and made[0][0] >= len(inputs)
    single = made[0][0] - len(inputs) if is_one else None
    return Known(program, evaluator(program, True), places, made, single, tree)


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
    count, operands, leaves = len(ids), _operands((*args, *kwargs.values())), []
    for slot, weak, origin in known.leaves:
        if origin is SAME:
            leaves.append(operands[slot])
            continue
        x = Tracer(recording, ids[slot] if slot < count else first + slot - count, weak)
        if type(origin) is tuple:
            x = as_view(x, operands[origin[0]], origin[1])
        else:
            x.origin = origin
        leaves.append(x)
    return known.tree.unflatten(leaves)
