"""custom_vjp and custom_gradient: functions with a reverse rule; forward mode transposes it.

Rules are recorded when the function is called inside a trace. The backward rule is recorded inside
the forward one, so that what it reads of it, and nothing else, becomes its residuals.
"""

from functools import update_wrapper

import numpy as np

from fungrad.api.closing import (
    Closed,
    close,
    finished,
    leaf_paths,
    operands_of,
    record_closed,
    with_captures_of,
)
from fungrad.api.custom_rules import (
    Arguments,
    arguments_first,
    attempt,
    checked,
    late_rule,
    positions_of,
    signature_of,
)
from fungrad.api.titles import function_name, title_of
from fungrad.api.zeros import float0
from fungrad.control.custom import CustomVjp
from fungrad.control.programs import rearranged
from fungrad.core.errors import CustomRuleError, TreeMismatchError
from fungrad.core.tracing import UNKNOWN, Recording, state
from fungrad.core.tree import LEAF, flatten
from fungrad.core.tree_structure import subtrees
from fungrad.core.types import ArrayType


class custom_vjp:
    """A function with a reverse rule of its own; forward mode transposes the rule.

    Args:
        fun: the function.
        nondiff_argnums, nondiff_argnames: positions and names of arguments without derivative;
            `fwd` gets them in place, `bwd` first.

    >>> from fungrad import grad, jvp
    >>> @custom_vjp
    ... def f(x):
    ...     return x * x
    >>> f.defvjp(lambda x: (f(x), x), lambda x, g: (100.0 * g,))
    >>> grad(f)(3.0), jvp(f, (3.0,), (1.0,))[1]
    (np.float64(100.0), np.float64(100.0))
    """

    def __init__(self, fun, nondiff_argnums=(), nondiff_argnames=()):
        title = title_of("custom_vjp", fun)
        update_wrapper(self, fun, updated=())
        self.fun, self._signature = fun, signature_of(fun)
        self.nondiff_argnums = positions_of(fun, nondiff_argnums, nondiff_argnames, title)
        self.fwd, self.bwd, self._asks = None, None, False

    def defvjp(self, fwd, bwd, symbolic_zeros=False, optimize_remat=False):
        """Set the rule: `fwd(*args) -> (output, residuals)`, `bwd(residuals, g) -> cotangents`.

        `bwd` returns a tuple with one cotangent (or None for zero) per differentiable argument.
        With `symbolic_zeros` the leaves that `fwd` gets are `CustomVJPPrimal`s of
        `fungrad.custom_derivatives`, with a `value` and whether it is `perturbed`. Such a rule is
        recorded when a derivative is taken, and knows no values; the cotangents are arrays.
        """
        self.fwd, self.bwd, self._asks = fwd, bwd, symbolic_zeros

    def __call__(self, *args, **kwargs):
        if state.recording is None:
            return self.fun(*args, **kwargs)
        name = function_name(self.fun)
        if self.fwd is None:
            raise CustomRuleError(f"custom_vjp of {name}: no rule was given; call {name}.defvjp")
        call = Arguments(self.fun, args, kwargs, self._signature, self.nondiff_argnums)
        static = [call.static[i] for i in sorted(call.static)]

        def forward(tracers, perturbed):
            given = call.primals(tracers, perturbed) if self._asks else call.full(tracers)
            result = self.fwd(*given)
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise CustomRuleError(
                    f"custom_vjp of {name}: fwd must return (output, residuals), got {result!r:.60}"
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
        return _with_backward(self, call, main, forward, self._asks)


def _with_backward(function, call, main, forward, asks=False):
    """Record a custom function whose forward rule returns the output and the backward function.

    `forward(tracers, perturbed)`: the marks of a rule that `asks` what is perturbed, or None.
    """
    name = function_name(function)
    rule = None if asks else attempt(function, lambda: _halves(name, call, main, forward))
    n, captures = len(call.types), main.captures
    if isinstance(rule, tuple):
        first, backward = rule
        (program, first), captures = with_captures_of(main, [first])
        program = arguments_first(program, len(captures), n)
        rule = (arguments_first(first, len(captures), n), backward)
    else:
        program = arguments_first(main.program, len(captures), n)
    if rule is None:

        def record(perturbed):
            first, backward = _halves(name, call, main, forward, perturbed)
            return first, (), (backward,)

        rule = late_rule(function, call, captures, record, asks)
    primitive = CustomVjp(program, rule, n, name)
    results = record_closed(primitive, [*call.operands, *captures], main)
    return main.tree.unflatten(finished(results, call.operands))


def _halves(name, call, main, forward, perturbed=None):
    """The forward rule, closed, and the backward rule over what it captures of the forward one."""
    title = f"the forward rule of {name}"
    recording = Recording(title)
    with recording:
        tracers = [
            recording.add_input(t, v, w)
            for t, v, w in zip(call.types, call.values, call.weak, strict=True)
        ]
        y, pull_back = forward(tracers, perturbed)
        leaves, tree = flatten(y)
        if tree != main.tree:
            raise CustomRuleError(
                f"{title} returned the structure {tree}; the function returns {main.tree}"
            )
        out = [
            checked(x, t, f"{title}: its output") for x, t in zip(leaves, main.types, strict=True)
        ]
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

    return close(run_rule, types, [False] * len(types), title, [UNKNOWN] * len(types))


def _cotangent_leaves(result, call, title):
    """The cotangents of the differentiable leaves.

    None stands for zeros of all below it; what stands where an argument has no leaves is dropped.
    """
    leaves = []
    for number, (argument, cotangent) in enumerate(zip(call.moving, result, strict=True)):
        given, tree = flatten(cotangent, is_leaf=lambda x: x is None)
        for c, part, path in zip(
            given, _parts(tree, argument, cotangent, title, number), leaf_paths(tree), strict=True
        ):
            place = path.removeprefix(" at ")
            for x in flatten(part)[0]:
                t = ArrayType(np.shape(x), operands_of([x])[1][0].dtype)
                if t.is_differentiable:
                    what = f"{title}: the cotangent of argument {number}{place}"
                    zero = np.zeros(t.shape, t.dtype)[()]
                    leaves.append(zero if c is None else checked(c, t, what))
    return leaves


def _parts(tree, argument, cotangent, title, number):
    """What of an argument stands at the leaves of its cotangent; CustomRuleError if nothing does."""
    try:
        parts = subtrees(tree, argument, title)
    except TreeMismatchError:
        parts = None
    given = flatten(cotangent, is_leaf=lambda x: x is None)[0]
    if parts is None or any(
        c is not None and flatten(p)[0] and flatten(p)[1] is not LEAF
        for c, p in zip(given, parts, strict=True)
    ):
        raise CustomRuleError(
            f"{title}: the cotangent of argument {number} has the structure "
            f"{flatten(cotangent)[1]}, the argument {flatten(argument)[1]}"
        )
    return parts


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

    title, signature = title_of("custom_gradient", fun), signature_of(fun)

    def pair(*args, **kwargs):
        result = fun(*args, **kwargs)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise CustomRuleError(
                f"{title}: the function must return (output, pull_back), got {result!r:.60}"
            )
        return result

    def wrapped(*args, **kwargs):
        if state.recording is None:
            return pair(*args, **kwargs)[0]
        call = Arguments(fun, args, kwargs, signature)

        def forward(tracers, perturbed):
            y, pull_back = pair(*call.full(tracers))

            def as_tuple(g):
                result = pull_back(g)
                single = len(call.moving) == 1 and not isinstance(result, tuple | list)
                return (result,) if single else result

            return y, as_tuple

        main = close(lambda *v: pair(*call.full(v))[0], call.types, call.weak, title, call.values)
        return _with_backward(fun, call, main, forward)

    return update_wrapper(wrapped, fun, updated=())


__all__ = ["custom_gradient", "custom_vjp"]
