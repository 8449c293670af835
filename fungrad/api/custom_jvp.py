"""custom_jvp: a function with a forward rule of the user's own; reverse mode transposes it.

Rules are recorded when the function is called inside a trace, beside the function itself.
"""

from functools import update_wrapper

from fungrad.api.closing import Closed, close, finished, record_closed, with_captures_of
from fungrad.api.custom_rules import (
    Arguments,
    arguments_first,
    attempt,
    checked,
    late_rule,
    positions_of,
    signature_of,
)
from fungrad.api.symbolic_zeros import without_symbols
from fungrad.api.titles import function_name, title_of
from fungrad.control.custom import CustomJvp
from fungrad.control.programs import rearranged
from fungrad.core import tree as trees
from fungrad.core.errors import CustomRuleError
from fungrad.core.tracing import UNKNOWN, state
from fungrad.core.tree import flatten


class custom_jvp:
    """A function with a forward rule of its own; reverse mode transposes the rule.

    Args:
        fun: the function.
        nondiff_argnums, nondiff_argnames: positions and names of arguments without derivative;
            rules get them first.

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

    def __init__(self, fun, nondiff_argnums=(), nondiff_argnames=()):
        title = title_of("custom_jvp", fun)
        update_wrapper(self, fun, updated=())
        self.fun, self._signature = fun, signature_of(fun)
        self.nondiff_argnums = positions_of(fun, nondiff_argnums, nondiff_argnames, title)
        self.rule, self._asks = None, False

    def defjvp(self, jvp, symbolic_zeros=False):
        """Set the rule: `jvp(primals, tangents) -> (output, tangent)`. Returns `jvp`.

        With `symbolic_zeros` the tangents of arguments that are not differentiated are
        `fungrad.custom_derivatives.SymbolicZero`; the rule may return them in either case. Such a
        rule is recorded when a derivative is taken, and knows no values.

        >>> from fungrad import grad
        >>> from fungrad.custom_derivatives import SymbolicZero
        >>> @custom_jvp
        ... def f(x, y):
        ...     return x * y
        >>> def rule(primals, tangents):
        ...     (x, y), (dx, dy) = primals, tangents
        ...     if type(dy) is not SymbolicZero:
        ...         raise ValueError("f has no derivative in y")
        ...     return x * y, y * dx
        >>> f.defjvp(rule, symbolic_zeros=True) is rule
        True
        >>> grad(f)(3.0, 2.0)
        np.float64(2.0)
        """
        self.rule, self._asks = jvp, symbolic_zeros
        return jvp

    def defjvps(self, *jvps):
        """Set one rule per argument: `jvp(tangent, output, *primals)`; None for a zero one."""

        def jvp(*arguments):
            *static, primals, tangents = arguments
            if len(jvps) != len(primals):
                raise CustomRuleError(
                    f"custom_jvp of {function_name(self.fun)}: defjvps got {len(jvps)} rules for "
                    f"{len(primals)} arguments; give one per argument, None for a zero derivative"
                )
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

        self.rule, self._asks = jvp, False

    def __call__(self, *args, **kwargs):
        if state.recording is None:
            return self.fun(*args, **kwargs)
        name = function_name(self.fun)
        if self.rule is None:
            raise CustomRuleError(f"custom_jvp of {name}: no rule was given; call {name}.defjvp")
        call = Arguments(self.fun, args, kwargs, self._signature, self.nondiff_argnums)
        title = f"custom_jvp of {name}"
        main = close(lambda *v: self.fun(*call.full(v)), call.types, call.weak, title, call.values)
        title = f"the rule of custom_jvp of {name}"
        rule = None if self._asks else attempt(self, lambda: self._rule(call, main, title))
        n, captures = len(call.types), main.captures
        if isinstance(rule, Closed):
            (program, rule), captures = with_captures_of(main, [rule])
            k = len(captures)
            program = arguments_first(program, k, n)
            rest = range(k + n, len(rule.inputs))
            rule = (rearranged(rule, (*range(k, k + n), *range(k), *rest)),)
        else:
            program = arguments_first(main.program, len(captures), n)
        if rule is None:
            types = call.tangent_types()
            record = lambda perturbed: (self._rule(call, main, title, perturbed), types, ())
            rule = late_rule(self, call, captures, record, self._asks)
        primitive = CustomJvp(program, rule, n, name)
        results = record_closed(primitive, [*call.operands, *captures], main)
        return main.tree.unflatten(finished(results, call.operands))

    def _rule(self, call, main, title, perturbed=None):
        n = len(call.types)

        def run_rule(*v):
            primals = call.tree.unflatten(v[:n])
            static = [call.static[i] for i in sorted(call.static)]
            result = self.rule(*static, primals, call.tangents(v[n:], perturbed))
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise CustomRuleError(f"{title} must return (output, tangent), got {result!r:.60}")
            y, y_tree = flatten(result[0])
            dy, dy_tree = flatten(without_symbols(result[1]))
            if y_tree != main.tree or dy_tree != main.tree:
                raise CustomRuleError(
                    f"{title} returned the structures {y_tree} and {dy_tree}; the function "
                    f"returns {main.tree}"
                )
            out = [
                checked(x, t, f"{title}: its output") for x, t in zip(y, main.types, strict=True)
            ]
            moved = [
                checked(x, t, f"{title}: its tangent")
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


def _merged(static, primals, numbers):
    """All arguments in their positions: the non-differentiable ones have the given numbers."""
    rest, kept = iter(primals), iter(static)
    total = len(static) + len(primals)
    return [next(kept) if i in numbers else next(rest) for i in range(total)]


__all__ = ["custom_jvp"]
