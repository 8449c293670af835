"""grad and value_and_grad."""

from functools import wraps

from fungrad.api.arguments import AllLeaves, OnlyLeaf, are_leaves, select_arguments
from fungrad.api.operands import operand_of, promoted_int
from fungrad.api.recorded import Recorded
from fungrad.api.titles import title_of
from fungrad.core.errors import (
    ComplexError,
    IntegerInputError,
    IntegerOutputError,
    NonScalarOutputError,
    TreeMismatchError,
)
from fungrad.core.types import ArrayType


def grad(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False, argnames=None):
    """The gradient of a function with a scalar output, by reverse mode.

    Args:
        fun: a function of arrays, numbers and pytrees of them that returns a real scalar (with
            `has_aux`, a pair of the scalar and a pytree that is passed through).
        argnums: the position(s) of the argument(s) to differentiate; a tuple gives a tuple.
        has_aux: whether `fun` returns `(output, aux)`; the result is then `(gradient, aux)`.
        holomorphic: whether `fun` is a holomorphic function of complex inputs.
        allow_int: whether integer inputs are accepted; their gradient is of dtype float0.
        argnames: the name(s) of argument(s) to differentiate instead of positions: a string, or
            a tuple of strings for a dict of gradients.

    Returns:
        A function of the same arguments. The gradient has the structure, shapes and dtypes of the
        argument; for a real function of complex inputs it is du/dx - i du/dy, JAX's convention.

    Raises:
        NonScalarOutputError, IntegerInputError, ComplexError.

    >>> grad(lambda x: x**2 + 3 * x)(1.0)
    np.float64(5.0)
    """
    derive = _derivation("grad", fun, argnums, has_aux, holomorphic, allow_int, argnames)

    @wraps(fun, assigned=("__name__", "__doc__"), updated=())
    def gradient(*args, **kwargs):
        _, aux, result = derive(args, kwargs)
        return (result, aux) if has_aux else result

    return gradient


def value_and_grad(
    fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False, argnames=None
):
    """The value and the gradient of a function with a scalar output, in one pass.

    Arguments as for `grad`. The result is `(value, gradient)`, or `((value, aux), gradient)`.

    >>> value_and_grad(lambda x: x**2 + 3 * x)(1.0)
    (np.float64(4.0), np.float64(5.0))
    """
    derive = _derivation("grad", fun, argnums, has_aux, holomorphic, allow_int, argnames)

    @wraps(fun, assigned=("__name__", "__doc__"), updated=())
    def both(*args, **kwargs):
        value, aux, result = derive(args, kwargs)
        return ((value, aux), result) if has_aux else (value, result)

    return both


def _derivation(transform, fun, argnums, has_aux, holomorphic, allow_int, argnames):
    """A function from (args, kwargs) to the value, what was passed through, and the gradient."""
    title = title_of(transform, fun)
    is_tuple = type(argnums) is tuple
    whole = len(argnums) if is_tuple else 1  # the number of arguments where all are differentiated
    expected = tuple(range(whole)) if is_tuple else 0
    if argnames is not None or type(argnums) not in (int, tuple) or argnums != expected:
        whole = None

    def derive(args, kwargs):
        if len(args) == whole and not kwargs and are_leaves(args):
            chosen = AllLeaves(args) if is_tuple else OnlyLeaf(args)
        else:
            chosen = select_arguments(fun, args, kwargs, argnums, argnames, title)
        recorded = None
        if not holomorphic:
            recorded = Recorded.plainly(fun, chosen.leaves, chosen.call, title)
        if recorded is None:
            operands, weak = differentiable(chosen, holomorphic, allow_int, title)
            recorded = Recorded.of(fun, operands, weak, chosen.call, title)
        if has_aux:
            aux_tree, count = split_aux(recorded, title)
        else:
            aux_tree, count = None, len(recorded.leaves)
        is_plain = count == 1 and recorded.is_numeric and not holomorphic
        if not is_plain or recorded.program.outputs[0].type not in _REAL_SCALARS:
            _require_scalar(recorded, count, holomorphic, title)
        outputs, leaves = recorded.gradient()
        aux = aux_tree.unflatten(recorded.outputs(outputs)[1:]) if has_aux else None
        return outputs[0], aux, chosen.rebuild(leaves)

    return derive


def differentiable(chosen, holomorphic, allow_int, title):
    """The chosen leaves as operands, and which are weak.

    Python ints become floats and integer arrays are refused, unless integers are allowed.
    """
    operands, weak = [], []
    for number, leaf in enumerate(chosen.leaves):
        x, is_weak = operand_of(leaf, title, lambda n=number: chosen.label(n))
        if x.dtype.kind not in "fc" and not allow_int:
            x = promoted_int(x, is_weak)
            if x.dtype.kind != "f":
                raise IntegerInputError(
                    f"{title}: {chosen.label(number)} has dtype {x.dtype}, which has no "
                    "derivative; pass floats (x.astype(float)), or allow_int=True"
                )
        if holomorphic and x.dtype.kind != "c":
            raise ComplexError(
                f"{title}: holomorphic=True needs complex inputs, {chosen.label(number)} has "
                f"dtype {x.dtype}"
            )
        operands.append(x)
        weak.append(is_weak)
    return operands, weak


def split_aux(recorded, title):
    """The structure of what is passed through, and the number of leaves of the output."""
    children = recorded.tree.children()
    if len(children) != 2 or not isinstance(recorded.tree.unflatten(recorded.leaves), tuple):
        raise TreeMismatchError(
            f"{title}: has_aux=True needs a function that returns a pair (output, aux), "
            f"got {recorded.tree}"
        )
    return children[1], children[0].num_leaves


_REAL_SCALARS = frozenset([ArrayType((), c) for c in "efd"])


def _require_scalar(recorded, count, holomorphic, title):
    """An error unless the output is one scalar of the right kind."""
    if count == 1 and (recorded.is_numeric or recorded.positions[0] is not None):
        out = recorded.program.outputs[0].type
        if not out.shape and out.dtype.kind == ("c" if holomorphic else "f"):
            return
        raise _unfit_output(out, holomorphic, title)
    if count != 1:
        returned = (
            f"{recorded.tree} with {count} leaves; use has_aux=True for extra outputs, or jacrev"
        )
        if recorded.tree.node_data() == (type(None), None):
            returned = "None; is a `return` missing?"
        raise NonScalarOutputError(
            f"{title}: the function must return one scalar, it returned {returned}"
        )
    leaf = recorded.leaves[0]
    raise NonScalarOutputError(
        f"{title}: the function must return a scalar, it returned {leaf!r:.60} of type "
        f"{type(leaf).__name__}"
    )


def _unfit_output(out, holomorphic, title):
    """The error for an output that is no real scalar (with `holomorphic`, no complex one)."""
    if out.shape:
        return NonScalarOutputError(
            f"{title}: the function must return a scalar, it returned shape {out.shape}; "
            "sum it, or use jacrev, vjp or elementwise_grad"
        )
    if not out.is_differentiable:
        return IntegerOutputError(
            f"{title}: the output has dtype {out.dtype}, whose derivative is zero everywhere; "
            "return a float"
        )
    if holomorphic:
        return ComplexError(f"{title}: holomorphic=True needs a complex output, not {out.dtype}")
    return ComplexError(
        f"{title}: the output has dtype {out.dtype}; return a real number (such as abs(z)), "
        "or pass holomorphic=True"
    )


__all__ = ["grad", "value_and_grad"]
