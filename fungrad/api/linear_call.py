"""linear_call: a linear function with a transpose of the user's own."""

from fungrad.api.closing import close, finished, leaf_paths, operands_of, with_captures_of
from fungrad.api.linear_maps import matching
from fungrad.api.titles import title_of
from fungrad.control.linear_call import LinearCall
from fungrad.core.errors import TreeMismatchError
from fungrad.core.tracing import state
from fungrad.core.tree import flatten


def linear_call(fun, fun_transpose, residual_args, linear_args):
    """`fun(residual_args, linear_args)`, linear in the latter, with its transpose given.

    Reverse mode calls `fun_transpose(residual_args, cotangent)` instead of transposing `fun`; the
    transpose of that is `fun` again. Both are trusted to be linear, and each other's transpose.

    Args:
        fun: a function of two pytrees, linear in the second.
        fun_transpose: a function of the first pytree and one like the output of `fun`; it returns
            one like `linear_args`.
        residual_args, linear_args: pytrees of arrays.

    Raises:
        TreeMismatchError, TangentMismatchError: `fun_transpose` returns something unlike
            `linear_args`.

    >>> from fungrad import grad
    >>> def halved(x):
    ...     return linear_call(lambda r, x: x / r, lambda r, y: y / r, 2.0, x)
    >>> halved(3.0), grad(halved)(3.0)
    (1.5, np.float64(0.5))
    """
    if state.recording is None:
        return fun(residual_args, linear_args)
    title = title_of("linear_call", fun)
    kept, kept_tree = flatten(residual_args)
    given, tree = flatten(linear_args)
    kept, kept_types, kept_weak = operands_of(kept, f"{title}: residual_args", kept_tree)
    given, types, weak = operands_of(given, f"{title}: linear_args", tree)
    count = len(kept)

    def forward(*v):
        return fun(kept_tree.unflatten(v[:count]), tree.unflatten(v[count:]))

    def backward(*v):
        result = fun_transpose(kept_tree.unflatten(v[:count]), main.tree.unflatten(v[count:]))
        leaves, found = flatten(result)
        if found != tree:
            raise TreeMismatchError(
                f"{title}: fun_transpose returned the structure {found}; linear_args have {tree}"
            )
        where = [f"{title}: the result of fun_transpose{path}" for path in leaf_paths(tree)]
        return [
            matching(x, t, lambda text=text: text)
            for x, t, text in zip(leaves, types, where, strict=True)
        ]

    main = close(forward, [*kept_types, *types], [*kept_weak, *weak], title)
    back_types = [*kept_types, *main.types]
    back = close(backward, back_types, [False] * len(back_types), f"the transpose of {title}")
    (program, transposed), captures = with_captures_of(main, [back])
    primitive = LinearCall(program, transposed, len(captures) + count)
    operands = [*captures, *kept, *given]
    return main.tree.unflatten(finished(primitive(*operands), operands))


__all__ = ["linear_call"]
