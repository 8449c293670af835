"""What custom rules share: the arguments of a call, and rules recorded beside the function."""

import inspect
import threading
from contextlib import contextmanager

import numpy as np

from fungrad.api.arguments import parameter_positions
from fungrad.api.closing import known_values, operands_of
from fungrad.api.linear_maps import matching
from fungrad.api.symbolic_zeros import CustomVJPPrimal, SymbolicZero
from fungrad.api.titles import function_name
from fungrad.api.zeros import float0
from fungrad.control.custom import FailedRule, LateRule
from fungrad.control.programs import rearranged
from fungrad.core.errors import CustomRuleError, LeakedTracerError
from fungrad.core.running import run
from fungrad.core.tracing import UNKNOWN, Recording
from fungrad.core.tree import flatten


class Arguments:
    """The arguments of one call: leaves of the differentiable ones, the others aside."""

    def __init__(self, fun, args, kwargs, signature=None, nondiff=()):
        args = _positional(fun, args, kwargs, signature)
        self.count = len(args)
        self.static = {i: args[i] for i in nondiff if i < len(args)}
        self.moving = tuple([x for i, x in enumerate(args) if i not in self.static])
        self.leaves, self.tree = flatten(self.moving)
        self.operands, self.types, self.weak = operands_of(self.leaves)
        self.values = known_values(self.operands)

    def full(self, tracers):
        """All arguments, with tracers for the leaves of the differentiable ones."""
        moving = iter(self.tree.unflatten(tracers))
        return [self.static[i] if i in self.static else next(moving) for i in range(self.count)]

    def tangent_types(self):
        """The types of the leaves that have tangents."""
        return [t for t in self.types if t.is_differentiable]

    def tangents(self, moving, perturbed=None):
        """The pytree of tangents: given ones, float0 zeros for integers.

        Where leaves that are `perturbed` are marked, the others have symbolic zeros.
        """
        moving = iter(moving)
        leaves = [
            next(moving) if t.is_differentiable else np.zeros(t.shape, float0) for t in self.types
        ]
        if perturbed is not None:
            marked = zip(leaves, self.types, perturbed, strict=True)
            leaves = [x if is_moving else SymbolicZero(t) for x, t, is_moving in marked]
        return self.tree.unflatten(leaves)

    def primals(self, tracers, perturbed):
        """All arguments, with the leaves of the differentiable ones marked as `CustomVJPPrimal`."""
        marked = [CustomVJPPrimal(*leaf) for leaf in zip(tracers, perturbed, strict=True)]
        return self.full(marked)


def signature_of(fun):
    """The signature of a function, or None where Python does not know it."""
    try:
        return inspect.signature(fun)
    except (TypeError, ValueError):
        return None


def _positional(fun, args, kwargs, signature):
    """The arguments with keywords moved to their positions, defaults filled in."""
    if not kwargs and (signature is None or len(args) == len(signature.parameters)):
        return args
    if signature is None:
        raise TypeError(f"{function_name(fun)}: keyword arguments need a signature")
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs and kwargs:
        raise TypeError(
            f"{function_name(fun)} has a custom rule, which takes positional arguments only; "
            f"{', '.join(bound.kwargs)} cannot be passed by position"
        )
    return bound.args


def positions_of(fun, argnums, argnames, title):
    """The positions of arguments chosen by number and by name, in order."""
    numbers = {argnums} if isinstance(argnums, int) else set(argnums)
    places = parameter_positions(fun)
    for name in (argnames,) if isinstance(argnames, str) else argnames:
        if name not in places:
            raise ValueError(f"{title}: nondiff_argnames names {name!r}, which is not a parameter")
        numbers.add(places[name])
    if any(n < 0 for n in numbers):
        raise ValueError(f"{title}: nondiff_argnums={argnums!r} must count from the front")
    return tuple(sorted(numbers))


class _Active(threading.local):
    """The custom functions whose rules this thread is recording."""

    functions = ()


_active = _Active()


@contextmanager
def recording_rule_of(function):
    """While this lasts, calls of the function inside its own rule record their rule late."""
    before = _active.functions
    _active.functions = (*before, function)
    try:
        yield
    finally:
        _active.functions = before


def attempt(function, build):
    """What `build` returns, or its error kept for the time when the rule is needed.

    None inside the rule of the function itself, where it must be recorded late.
    """
    if any(f is function for f in _active.functions):
        return None
    try:
        with recording_rule_of(function):
            return build()
    except Exception as error:
        return FailedRule(error)


def late_rule(function, call, captures, record, asks=False):
    """A rule recorded when it is needed, over the arguments and what the function closes over.

    `record(perturbed)` returns the rule closed, the types of its further arguments, and further
    programs; `perturbed` marks the leaves that have a tangent, if the rule `asks` for them.
    """

    def programs(perturbed):
        call.values = [UNKNOWN] * len(call.values)
        title = f"the rule of {function_name(function)}"
        why = "asks what is perturbed" if asks else "calls the function itself"
        closes = f"{title} {why} and closes over a traced value; pass the value as an argument"
        recording = Recording(title, hides_values=True, takes_constants=True)
        with recording, recording_rule_of(function):
            arguments = [recording.add_input(t) for t in call.types]
            for captured in captures:
                recording.stand_in(captured)
            try:
                closed, types, others = record(perturbed)
            except LeakedTracerError as error:
                raise CustomRuleError(closes) from error
            arguments += [recording.add_input(t) for t in types]
            outputs = run(closed.program, [*closed.captures, *arguments])
            program = recording.finish(outputs, function_name(function))
        if recording.captures:
            raise CustomRuleError(closes)
        return (program, *others)

    return LateRule(programs, asks)


def checked(x, type, what):
    try:
        return matching(x, type, lambda: what)
    except TypeError as error:
        raise CustomRuleError(str(error)) from None


def arguments_first(program, captures, arguments):
    """The program with its arguments before what it closes over."""
    if not captures:
        return program
    return rearranged(program, (*range(captures, captures + arguments), *range(captures)))
