"""cond and switch: one of several functions, chosen by a value."""

from functools import wraps

import numpy as np

from fungrad.api.closing import (
    close,
    converting,
    finished,
    leaf_paths,
    operands_of,
    promoted,
    with_captures_of,
)
from fungrad.api.operands import operand_of
from fungrad.api.titles import title_of
from fungrad.api.uncompiled import is_known
from fungrad.control.call import settings
from fungrad.control.cond import Cond
from fungrad.core.errors import BranchTypeError
from fungrad.core.tracer import type_of_value
from fungrad.core.tree import flatten
from fungrad.primitives.elementwise import Convert

INT64 = np.dtype(np.int64)
_NO_OPERAND = object()


def cond(pred, true_fun, false_fun, *operands, operand=_NO_OPERAND):
    """`true_fun(*operands)` where `pred` is true, else `false_fun(*operands)`.

    Args:
        pred: a boolean scalar (a number counts as true unless it is 0).
        true_fun, false_fun: functions that return the same pytree of the same types.
        operands: pytrees of arrays; `operand` is another spelling for one.

    `cond(pred, a, f, b, g)` is `f(a)` where `pred` is true, else `g(b)`: the older form of JAX.
    Only the chosen branch is computed, also under `vmap` with one predicate per row.

    Raises:
        BranchTypeError: the branches return different types.

    >>> cond(True, lambda x: x + 1, lambda x: x - 1, 3.0)
    np.float64(4.0)
    """
    if operand is not _NO_OPERAND:
        operands = (*operands, operand)
    if len(operands) == 2 and not callable(true_fun) and callable(operands[1]):
        true_fun, false_fun, operands = _with_own_operands(true_fun, false_fun, *operands)
    p, _ = operand_of(pred)
    if np.shape(p):
        raise TypeError(f"cond: pred must be a scalar, it has shape {np.shape(p)}; use where")
    if p.dtype.kind != "b":
        p = p != 0
    if not settings.is_compiled and is_known(p):
        return (true_fun if p else false_fun)(*operands)
    names = ("false_fun", "true_fun")
    return _choose(Convert(INT64)(p), (false_fun, true_fun), operands, "cond", names)


def _with_own_operands(true_operand, true_fun, false_operand, false_fun):
    """Functions of both operands that look at their own, and the operands."""
    title_of("cond", true_fun)
    first = wraps(true_fun, updated=())(lambda a, b: true_fun(a))
    second = wraps(false_fun, updated=())(lambda a, b: false_fun(b))
    return first, second, (true_operand, false_operand)


def switch(index, branches, *operands, operand=_NO_OPERAND):
    """`branches[index](*operands)`; an index outside is moved to the nearest branch.

    >>> switch(1, [lambda x: x, lambda x: x * x], 3.0)
    np.float64(9.0)
    """
    branches = tuple(branches)
    if not branches:
        raise ValueError("switch: there are no branches")
    if operand is not _NO_OPERAND:
        operands = (*operands, operand)
    i, _ = operand_of(index)
    if np.shape(i) or i.dtype.kind not in "iu":
        raise TypeError(f"switch: index must be an integer scalar, it is {type_of_value(i)}")
    if not settings.is_compiled and is_known(i):
        return branches[min(max(int(i), 0), len(branches) - 1)](*operands)
    names = [f"branch {k}" for k in range(len(branches))]
    return _choose(
        i if i.dtype == INT64 else Convert(INT64)(i), branches, operands, "switch", names
    )


def _choose(index, branches, operands, name, names):
    """What the branch at an index returns; `names` are those of the branches in errors."""
    titles = [f"a branch of {title_of(name, b)}" for b in branches]
    leaves, tree = flatten(operands)
    values, types, weak = operands_of(leaves, f"{name}: the operand", tree)

    def body(branch):
        return lambda *v: branch(*tree.unflatten(v))

    closed = [close(body(b), types, weak, title) for b, title in zip(branches, titles, strict=True)]
    first = closed[0]
    dtypes = [t.dtype for t in first.types]
    loose = list(first.weak)
    for k, other in enumerate(closed[1:], 1):
        if other.tree != first.tree:
            raise BranchTypeError(
                f"{name}: {names[k]} returns the structure {other.tree}, {names[0]} {first.tree}; "
                "return the same pytree from every branch"
            )
        paths = leaf_paths(first.tree)
        for i, (a, b) in enumerate(zip(first.types, other.types, strict=True)):
            common = promoted(a.with_dtype(dtypes[i]), loose[i], b, other.weak[i])
            if common is None:
                raise BranchTypeError(
                    f"{name}: the output{paths[i]} of {names[k]} is {b}, of {names[0]} {a}; return "
                    "the same shapes and dtypes from every branch (.astype converts)"
                )
            loose[i] = loose[i] and other.weak[i]
            dtypes[i] = common.dtype
    programs, captures = with_captures_of(first, closed[1:])
    programs = tuple([converting(p, dtypes) for p in programs])
    inputs = [*captures, *values]
    return first.tree.unflatten(finished(Cond(programs)(index, *inputs), inputs))


__all__ = ["cond", "switch"]
