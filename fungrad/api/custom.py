"""Functions with derivative rules of the user's own: custom_jvp, custom_vjp, custom_gradient.

A rule given for one mode serves both. A forward rule is linear in the tangent, so its transpose is
the reverse rule; a backward rule is linear in the cotangent, so its transpose is the forward rule.
Rules are recorded when the function is called inside a trace, beside the function itself.
"""

import inspect
from functools import update_wrapper

import numpy as np

from fungrad.api.closing import Closed, close, operands_of, with_captures_of
from fungrad.api.control_flow import _finished
from fungrad.api.differentiate import float0, matching
from fungrad.api.recorded import function_name
from fungrad.control.custom import CustomJvp, CustomVjp, FailedRule
from fungrad.control.programs import rearranged
from fungrad.core import tree as trees
from fungrad.core.errors import CustomRuleError
from fungrad.core.tracing import DEFERRED, UNKNOWN, Recording, Tracer, run, state
from fungrad.core.tree import flatten
from fungrad.core.types import ArrayType


class _Arguments:
    """The arguments of one call: leaves of the differentiable ones, the others aside."""

    def __init__(self, fun, args, kwargs, nondiff):
        args = _positional(fun, args, kwargs)
        self.count = len(args)
        self.static = {i: args[i] for i in nondiff if i < len(args)}
        self.moving = tuple([x for i, x in enumerate(args) if i not in self.static])
        self.leaves, self.tree = flatten(self.moving)
        self.operands, self.types, self.weak = operands_of(self.leaves)
        self.values = []
        for x in self.operands:
            value = x.recording.values[x.id] if type(x) is Tracer else x
            self.values.append(x.value if value is DEFERRED else value)

    def full(self, tracers):
        """All arguments, with tracers for the leaves of the differentiable ones."""
        moving = iter(self.tree.unflatten(tracers))
        return [self.static[i] if i in self.static else next(moving) for i in range(self.count)]

    def tangent_types(self):
        """The types of the leaves that have tangents."""
        return [t for t in self.types if t.is_differentiable]

    def tangents(self, moving):
        """The pytree of tangents: given ones, float0 zeros for integers."""
        moving = iter(moving)
        leaves = [
            next(moving) if t.is_differentiable else np.zeros(t.shape, float0) for t in self.types
        ]
        return self.tree.unflatten(leaves)


def _positional(fun, args, kwargs):
    """The arguments with keywords moved to their positions, defaults filled in."""
    if not kwargs:
        return args
    try:
        bound = inspect.signature(fun).bind(*args, **kwargs)
    except ValueError:
        raise TypeError(f"{function_name(fun)}: keyword arguments need a signature") from None
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"{function_name(fun)} has a custom rule, which takes positional arguments only; "
            f"{', '.join(bound.kwargs)} cannot be passed by position"
        )
    return bound.args


def _numbers(nondiff_argnums):
    if isinstance(nondiff_argnums, int):
        return (nondiff_argnums,)
    return tuple(nondiff_argnums)


def _attempt(build):
    """What `build` returns, or its error kept for the time when the rule is needed."""
    try:
        return build()
    except Exception as error:
        return FailedRule(error)


def _record(primitive, operands, closed):
    """The equation of a custom function, with its values where the trace knows them."""
    values = closed.values
    recording = state.recording
    if any(v is UNKNOWN or v is DEFERRED for v in values) or recording.hides_values:
        return primitive(*operands)
    typed = [np.asarray(v)[()] for v in values]
    return recording.record_known(primitive, operands, typed)


class custom_jvp:
    """A function with a forward rule of its own; reverse mode transposes the rule.

    Args:
        fun: the function.
        nondiff_argnums: positions of arguments without derivative; rules get them first.

    >>> from fungrad import grad
    >>> @custom_jvp
    ... def f(x):
    ...     return x * x
    >>> @f.defjvp
    ... def f_jvp(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return f(x), 100.0 * t
    >>> grad(f)(3.0)
    np.float64(100.0)
    """

    def __init__(self, fun, nondiff_argnums=()):
        update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = _numbers(nondiff_argnums)
        self.rule = None

    def defjvp(self, jvp, symbolic_zeros=False):
        """Set the rule: `jvp(primals, tangents) -> (output, tangent)`. Returns `jvp`."""
        if symbolic_zeros:
            raise ValueError("custom_jvp: symbolic_zeros=True is not supported; tangents are arrays")
        self.rule = jvp
        return jvp

    def defjvps(self, *jvps):
        """Set one rule per argument: `jvp(tangent, output, *primals)`; None for a zero one."""

        def jvp(*arguments):
            *static, primals, tangents = arguments
            y = self(*_merged(static, primals, self.nondiff_argnums))
            terms = [
                rule(t, y, *primals)
                for rule, t in zip(jvps, tangents, strict=True)
                if rule is not None
            ]
            if not terms:
                return y, trees.map(lambda v: v * 0, y)
            total = terms[0]
            for term in terms[1:]:
                total = trees.map(lambda a, b: a + b, total, term)
            return y, total

        self.rule = jvp

    def __call__(self, *args, **kwargs):
        if state.recording is None:
            return self.fun(*args, **kwargs)
        name = function_name(self.fun)
        if self.rule is None:
            raise CustomRuleError(f"custom_jvp of {name}: no rule was given; call {name}.defjvp")
        call = _Arguments(self.fun, args, kwargs, self.nondiff_argnums)
        title = f"custom_jvp of {name}"
        main = close(
            lambda *v: self.fun(*call.full(v)), call.types, call.weak, title, call.values
        )
        rule = _attempt(lambda: self._rule(call, main, f"the rule of custom_jvp of {name}"))
        n, k = len(call.types), 0
        if isinstance(rule, FailedRule):
            captures = main.captures
            program = _arguments_first(main.program, len(captures), n)
            rule_program = rule
        else:
            (program, rule_program), captures = with_captures_of(main, [rule])
            k = len(captures)
            program = _arguments_first(program, k, n)
            rule_program = rearranged(
                rule_program,
                (*range(k, k + n), *range(k), *range(k + n, len(rule_program.inputs))),
            )
        primitive = CustomJvp(program, rule_program, n, name)
        results = _record(primitive, [*call.operands, *captures], main)
        return main.tree.unflatten(_finished(results))

    def _rule(self, call, main, title):
        n = len(call.types)

        def run_rule(*v):
            primals = call.tree.unflatten(v[:n])
            static = [call.static[i] for i in sorted(call.static)]
            result = self.rule(*static, primals, call.tangents(v[n:]))
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise CustomRuleError(f"{title} must return (output, tangent), got {result!r:.60}")
            y, y_tree = flatten(result[0])
            dy, dy_tree = flatten(result[1])
            if y_tree != main.tree or dy_tree != main.tree:
                raise CustomRuleError(
                    f"{title} returned the structures {y_tree} and {dy_tree}; the function "
                    f"returns {main.tree}"
                )
            out = [_checked(x, t, f"{title}: its output") for x, t in zip(y, main.types, strict=True)]
            moved = [
                _checked(x, t, f"{title}: its tangent")
                for x, t in zip(dy, main.types, strict=True)
                if t.is_differentiable
            ]
            return [*out, *moved]

        tangents = call.tangent_types()
        return close(
            run_rule,
            [*call.types, *tangents],
            [*call.weak, *[False] * len(tangents)],
            title,
            [*call.values, *[UNKNOWN] * len(tangents)],
        )


def _checked(x, type, what):
    try:
        return matching(x, type, what)
    except TypeError as error:
        raise CustomRuleError(str(error)) from None


def _merged(static, primals, numbers):
    """All arguments in their positions: the non-differentiable ones have the given numbers."""
    rest, kept = iter(primals), iter(static)
    total = len(static) + len(primals)
    return [next(kept) if i in numbers else next(rest) for i in range(total)]


def _arguments_first(program, captures, arguments):
    """The program with its arguments before what it closes over."""
    if not captures:
        return program
    return rearranged(program, (*range(captures, captures + arguments), *range(captures)))


class custom_vjp:
    """A function with a reverse rule of its own; forward mode transposes the rule.

    Args:
        fun: the function.
        nondiff_argnums: positions of arguments without derivative; `fwd` gets them in place, `bwd`
            first.

    >>> from fungrad import grad, jvp
    >>> @custom_vjp
    ... def f(x):
    ...     return x * x
    >>> f.defvjp(lambda x: (f(x), x), lambda x, g: (100.0 * g,))
    >>> grad(f)(3.0), jvp(f, (3.0,), (1.0,))[1]
    (np.float64(100.0), np.float64(100.0))
    """

    def __init__(self, fun, nondiff_argnums=()):
        update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = _numbers(nondiff_argnums)
        self.fwd = self.bwd = None

    def defvjp(self, fwd, bwd, symbolic_zeros=False, optimize_remat=False):
        """Set the rule: `fwd(*args) -> (output, residuals)`, `bwd(residuals, g) -> cotangents`.

        `bwd` returns a tuple with one cotangent (or None for zero) per differentiable argument.
        """
        if symbolic_zeros:
            raise ValueError("custom_vjp: symbolic_zeros=True is not supported; cotangents are arrays")
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args, **kwargs):
        if state.recording is None:
            return self.fun(*args, **kwargs)
        name = function_name(self.fun)
        if self.fwd is None:
            raise CustomRuleError(f"custom_vjp of {name}: no rule was given; call {name}.defvjp")
        call = _Arguments(self.fun, args, kwargs, self.nondiff_argnums)
        static = [call.static[i] for i in sorted(call.static)]

        def forward(tracers):
            result = self.fwd(*call.full(tracers))
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise CustomRuleError(
                    f"custom_vjp of {name}: fwd must return (output, residuals), "
                    f"got {result!r:.60}"
                )
            y, residuals = result
            return y, lambda g: self.bwd(*static, residuals, g)

        main = close(
            lambda *v: self.fun(*call.full(v)),
            call.types,
            call.weak,
            f"custom_vjp of {name}",
            call.values,
        )
        return _with_backward(name, call, main, forward)


def _with_backward(name, call, main, forward):
    """Record a custom function whose forward rule returns the output and the backward function."""
    halves = _attempt(lambda: _halves(name, call, main, forward))
    n = len(call.types)
    if isinstance(halves, FailedRule):
        captures = main.captures
        program = _arguments_first(main.program, len(captures), n)
        primitive = CustomVjp(program, halves, halves, n, name)
    else:
        first, backward = halves
        (program, fwd), captures = with_captures_of(main, [first])
        program = _arguments_first(program, len(captures), n)
        fwd = _arguments_first(fwd, len(captures), n)
        primitive = CustomVjp(program, fwd, backward, n, name)
    results = _record(primitive, [*call.operands, *captures], main)
    return main.tree.unflatten(_finished(results))


def _halves(name, call, main, forward):
    """The forward rule, closed, and the backward rule over what it captures of the forward one."""
    title = f"the forward rule of {name}"
    recording = Recording(title)
    with recording:
        tracers = [
            recording.add_input(t, v, w)
            for t, v, w in zip(call.types, call.values, call.weak, strict=True)
        ]
        y, pull_back = forward(tracers)
        leaves, tree = flatten(y)
        if tree != main.tree:
            raise CustomRuleError(
                f"{title} returned the structure {tree}; the function returns {main.tree}"
            )
        out = [_checked(x, t, f"{title}: its output") for x, t in zip(leaves, main.types, strict=True)]
        backward = _backward(name, call, main, pull_back)
        residuals = backward.captures
        program = recording.finish([*out, *residuals], name)
    n, k = len(call.types), len(recording.captures)
    if k:
        program = rearranged(program, (*range(n, n + k), *range(n)))
    return Closed(program, tuple(recording.captures), tree, ()), backward.program


def _backward(name, call, main, pull_back):
    title = f"the backward rule of {name}"
    types = [t for t in main.types if t.is_differentiable]

    def run_rule(*cotangents):
        given = iter(cotangents)
        leaves = [
            next(given) if t.is_differentiable else np.zeros(t.shape, float0) for t in main.types
        ]
        result = pull_back(main.tree.unflatten(leaves))
        if isinstance(result, list):
            result = tuple(result)
        if not isinstance(result, tuple) or len(result) != len(call.moving):
            got = f"{len(result)}" if isinstance(result, tuple) else f"{result!r:.60}"
            raise CustomRuleError(
                f"{title} must return a tuple with one cotangent per argument, {len(call.moving)}, "
                f"got {got}"
            )
        return _cotangent_leaves(result, call, title)

    return close(
        run_rule, types, [False] * len(types), title, [UNKNOWN] * len(types)
    )


def _cotangent_leaves(result, call, title):
    """The cotangents of the differentiable leaves; None stands for zeros of a whole argument."""
    leaves = []
    for number, (argument, cotangent) in enumerate(zip(call.moving, result, strict=True)):
        own, tree = flatten(argument)
        types = [ArrayType(np.shape(x), operands_of([x])[1][0].dtype) for x in own]
        if cotangent is None:
            leaves += [np.zeros(t.shape, t.dtype)[()] for t in types if t.is_differentiable]
            continue
        given, given_tree = flatten(cotangent, is_leaf=lambda x: x is None)
        if given_tree != tree:
            raise CustomRuleError(
                f"{title}: the cotangent of argument {number} has the structure {given_tree}, the "
                f"argument {tree}"
            )
        for c, t in zip(given, types, strict=True):
            if t.is_differentiable:
                zero = np.zeros(t.shape, t.dtype)[()]
                what = f"{title}: the cotangent of argument {number}"
                leaves.append(zero if c is None else _checked(c, t, what))
    return leaves


def custom_gradient(fun):
    """A function from one that returns its output and its own backward function.

    `fun(*args)` returns `(output, pull_back)`; `pull_back(g)` returns the cotangents of the
    arguments, as a tuple for several.

    >>> from fungrad import grad
    >>> @custom_gradient
    ... def f(x):
    ...     return x * x, lambda g: 100.0 * g
    >>> grad(f)(3.0)
    np.float64(100.0)
    """

    def wrapped(*args, **kwargs):
        if state.recording is None:
            return fun(*args, **kwargs)[0]
        call = _Arguments(fun, args, kwargs, ())
        name = function_name(fun)

        def forward(tracers):
            y, pull_back = fun(*call.full(tracers))

            def as_tuple(g):
                result = pull_back(g)
                single = len(call.moving) == 1 and not isinstance(result, tuple | list)
                return (result,) if single else tuple(result)

            return y, as_tuple

        main = close(
            lambda *v: fun(*call.full(v))[0],
            call.types,
            call.weak,
            f"custom_gradient of {name}",
            call.values,
        )
        return _with_backward(name, call, main, forward)

    return update_wrapper(wrapped, fun, updated=())


def closure_convert(fun, *example_args):
    """`fun` without closed-over traced values, and these values to pass after its arguments.

    >>> f, values = closure_convert(lambda x: x * 2.0, 1.0)
    >>> f(3.0, *values)
    np.float64(6.0)
    """
    leaves, tree = flatten(example_args)
    _, types, weak = operands_of(leaves)
    closed = close(
        lambda *v: fun(*tree.unflatten(v)), types, weak, f"closure_convert of {function_name(fun)}"
    )
    traced = [i for i, c in enumerate(closed.captures) if type(c) is Tracer]
    hoisted = [closed.captures[i] for i in traced]

    def converted(*args_and_values):
        args = args_and_values[: len(example_args)]
        values = iter(args_and_values[len(example_args) :])
        captures = [next(values) if i in traced else c for i, c in enumerate(closed.captures)]
        operands, _, _ = operands_of(flatten(args)[0])
        return closed.tree.unflatten(_finished(run(closed.program, [*captures, *operands])))

    return converted, hoisted


__all__ = ["closure_convert", "custom_gradient", "custom_jvp", "custom_vjp"]
