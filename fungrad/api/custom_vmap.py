"""custom_vmap: a function with a rule of the user's own for `vmap`; and sequential_vmap."""

from functools import update_wrapper

from fungrad.api.closing import close, finished, operands_of, record_closed
from fungrad.api.custom_rules import Arguments, arguments_first, signature_of
from fungrad.api.loops import map as sequential_map
from fungrad.api.titles import function_name
from fungrad.control.custom_batch import CustomVmap
from fungrad.core.errors import CustomRuleError
from fungrad.core.tracer import type_of_value
from fungrad.core.tracing import state
from fungrad.core.tree import broadcast_prefix, flatten
from fungrad.core.types import ArrayType


class custom_vmap:
    """A function with a rule of its own for `vmap`.

    Args:
        fun: a function of positional arguments, arrays and pytrees.

    Derivatives are those of `fun`; where `vmap` has been applied before, those of the rule.

    >>> from fungrad import vmap
    >>> @custom_vmap
    ... def f(x):
    ...     return x + 1.0
    >>> @f.def_vmap
    ... def rule(axis_size, in_batched, x):
    ...     return x + 100.0, in_batched[0]
    >>> f(1.0), vmap(f)(np.array([1.0, 2.0]))
    (2.0, array([101., 102.]))
    """

    def __init__(self, fun):
        update_wrapper(self, fun, updated=())
        self.fun, self._signature, self.rule = fun, signature_of(fun), None

    def def_vmap(self, vmap_rule):
        """Set the rule: `rule(axis_size, in_batched, *args) -> (output, out_batched)`. Returns it.

        Arguments with the batch axis have it in front; `in_batched` has for each argument a pytree
        of its structure that says of each array whether it has the axis; `out_batched` says it of
        the output. The rule may be applied to traced values, and must not close over arrays.
        """
        self.rule = vmap_rule
        return vmap_rule

    def __call__(self, *args, **kwargs):
        if state.recording is None:
            return self.fun(*args, **kwargs)
        name = function_name(self.fun)
        if self.rule is None:
            raise CustomRuleError(f"custom_vmap of {name}: no rule was given; call {name}.def_vmap")
        call = Arguments(self.fun, args, kwargs, self._signature)
        title = f"custom_vmap of {name}"
        main = close(lambda *v: self.fun(*call.full(v)), call.types, call.weak, title, call.values)
        count = len(main.captures)
        program = arguments_first(main.program, count, len(call.types))
        rule = _Rule(self.rule, title, call.tree, main.tree, tuple(main.types))
        primitive = CustomVmap(program, rule, name)
        results = record_closed(primitive, [*call.operands, *main.captures], main)
        return main.tree.unflatten(finished(results, call.operands))


class _Rule:
    """The user's rule between flat operands and outputs."""

    def __init__(self, function, title, tree, out_tree, out_types):
        self.key = (function, title, tree, out_tree, out_types)

    def __eq__(self, other):
        return type(other) is _Rule and self.key == other.key

    def __hash__(self):
        return hash((self.key[0], self.key[1]))

    def __call__(self, size, batched, inputs):
        function, title, tree, out_tree, out_types = self.key
        n = tree.num_leaves
        if any(batched[n:]):
            raise CustomRuleError(
                f"{title} closes over a value that differs between the elements of vmap, which "
                "its rule does not get; pass the value as an argument"
            )
        arguments = tree.unflatten(list(inputs[:n]))
        marked = list(tree.unflatten(list(batched[:n])))
        result = function(size, marked, *arguments)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise CustomRuleError(
                f"the rule of {title} must return (output, out_batched), got {result!r:.60}"
            )
        leaves, found = flatten(result[0])
        if found != out_tree:
            raise CustomRuleError(
                f"the rule of {title} returned the structure {found}; the function returns "
                f"{out_tree}"
            )
        marks = tuple([bool(m) for m in broadcast_prefix(result[1], result[0])])
        operands, _, _ = operands_of(leaves)
        for x, is_batched, t in zip(operands, marks, out_types, strict=True):
            shape = (size, *t.shape) if is_batched else t.shape
            if type_of_value(x) != ArrayType(shape, t.dtype):
                raise CustomRuleError(
                    f"the rule of {title} returned {type_of_value(x)} where "
                    f"{ArrayType(shape, t.dtype)} is needed"
                )
        return tuple(operands), marks


def sequential_vmap(f):
    """`f`, which `vmap` applies to one element after the other, by `lax.map`.

    >>> from fungrad import vmap
    >>> vmap(sequential_vmap(lambda x, y: x * y), in_axes=(0, None))(np.array([1.0, 2.0]), 3.0)
    array([3., 6.])
    """
    function = custom_vmap(f)

    @function.def_vmap
    def one_by_one(axis_size, in_batched, *args):
        leaves, tree = flatten(args)
        marks = flatten(tuple(in_batched))[0]
        moving = [x for x, is_batched in zip(leaves, marks, strict=True) if is_batched]

        def element(values):
            given = iter(values)
            chosen = [next(given) if m else x for x, m in zip(leaves, marks, strict=True)]
            return f(*tree.unflatten(chosen))

        return sequential_map(element, moving), True

    return function


__all__ = ["custom_vmap", "sequential_vmap"]
