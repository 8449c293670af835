"""vmap: a function of one element, over a whole axis."""

import operator
from functools import wraps

import numpy as np

from fungrad.api.closing import leaf_paths
from fungrad.api.operands import is_numeric, operand_of
from fungrad.api.ownership import owned
from fungrad.api.titles import title_of
from fungrad.core.errors import AxesError
from fungrad.core.running import run
from fungrad.core.tracer import type_of_value
from fungrad.core.tracing import Recording, Tracer
from fungrad.core.tree import broadcast_prefix, flatten, flatten_with_path, keystr
from fungrad.core.types import ArrayType
from fungrad.primitives.movement import Transpose, front
from fungrad.transforms.batch import BatchAxis, batch


def _is_axis(x):
    return x is None or isinstance(x, int | np.integer)


def vmap(fun, in_axes=0, out_axes=0, axis_name=None, axis_size=None):
    """The function over an axis of its arguments, all elements at once.

    Args:
        fun: a function of arrays and pytrees.
        in_axes: which axis of each argument to go over: an int, None for an argument that all
            elements share, or a tuple with one entry per argument, each an int, None or a pytree
            prefix of the argument. Keyword arguments always go over axis 0.
        out_axes: where the axis stands in the outputs: an int, None for outputs that are the same
            for all elements, or a pytree prefix of the output.
        axis_name: a name by which `lax.psum` and its relatives refer to the axis.
        axis_size: the size of the axis, needed only when no argument has it.

    Raises:
        AxesError: sizes differ, an axis does not exist, or in_axes does not fit the arguments.

    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(np.arange(3.0), 2.0)
    array([0., 2., 4.])
    """
    title = title_of("vmap", fun)

    @wraps(fun, assigned=("__name__", "__doc__"), updated=())
    def mapped(*args, **kwargs):
        leaves, tree = flatten((args, kwargs))
        axes = _flat_axes(in_axes, args, kwargs, title)
        operands = [
            leaf
            if a is None
            else operand_of(leaf, title, lambda i=i: argument_label((args, kwargs), i))[0]
            for i, (leaf, a) in enumerate(zip(leaves, axes, strict=True))
        ]
        size = _size(operands, axes, axis_size, (args, kwargs), title)
        rows = []
        for x, a in zip(operands, axes, strict=True):
            if a is not None:
                rows.append(front(x, a % np.ndim(x), 0) if np.ndim(x) > 1 else x)
        axis = BatchAxis(size, axis_name)
        return _run(fun, tree, leaves, axes, rows, axis, out_axes, title)

    return mapped


def _run(fun, tree, leaves, axes, rows, axis, out_axes, title):
    recording = Recording(title)
    recording.axis = axis
    with recording:
        types = [type_of_value(x) for x in rows]
        elements = iter([recording.add_input(ArrayType(t.shape[1:], t.dtype)) for t in types])
        values = [
            leaf if a is None else next(elements) for leaf, a in zip(leaves, axes, strict=True)
        ]
        args, kwargs = tree.unflatten(values)
        outputs, out_tree = flatten(fun(*args, **kwargs))
        positions = [i for i, leaf in enumerate(outputs) if is_numeric(leaf)]
        program = recording.finish([outputs[i] for i in positions], title.rpartition(" ")[2])
    out = _flat_out_axes(out_axes, out_tree, title)
    captures = recording.captures
    marks = (True,) * len(rows) + (False,) * len(captures)
    forced = tuple([out[i] is not None for i in positions])
    batched, has_axis = batch(program, marks, axis, forced)
    results = run(batched, [*rows, *captures])
    for i, y, has in zip(positions, results, has_axis, strict=True):
        a = out[i]
        if a is None and has:
            raise AxesError(
                f"{title}: out_axes is None for the output{leaf_paths(out_tree)[i]}, which differs "
                "between elements; give it an axis"
            )
        outputs[i] = _placed(y, a, f"{title}: out_axes {a}", leaf_paths(out_tree)[i])
    if not any(type(y) is Tracer for y in outputs):
        numbers = owned([outputs[i] for i in positions], rows)
        for i, y in zip(positions, numbers, strict=True):
            outputs[i] = y
    return out_tree.unflatten(outputs)


def _placed(y, axis, what, path):
    """The result with its batch axis moved from the front."""
    if axis in (None, 0):
        return y
    if not -y.ndim <= axis < y.ndim:
        raise AxesError(
            f"{what} does not fit the output{path}, which has the shape {y.shape} with the axis "
            "in front"
        )
    order = list(range(1, y.ndim))
    order.insert(axis % y.ndim, 0)
    return Transpose(tuple(order))(y)


def _flat_axes(in_axes, args, kwargs, title):
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        entries = f"{len(in_axes)} {'entry' if len(in_axes) == 1 else 'entries'}"
        raise AxesError(
            f"{title}: in_axes={in_axes} has {entries}, the call {len(args)} positional "
            "arguments; give one int for all or one entry for each, None where all elements share "
            "it (keyword arguments go along axis 0)"
        )
    try:
        axes = broadcast_prefix(in_axes, args, is_leaf=_is_axis, title=f"{title}: in_axes")
    except TypeError as error:
        raise AxesError(str(error)) from None
    _require_axes(axes, f"{title}: an entry of in_axes")
    return [*axes, *([0] * len(flatten(kwargs)[0]))]


def _require_axes(axes, what):
    for a in axes:
        if not _is_axis(a):
            raise AxesError(f"{what} is {a!r:.60}; it must be an int or None")


def _flat_out_axes(out_axes, out_tree, title):
    full = out_tree.unflatten(list(range(out_tree.num_leaves)))
    if isinstance(out_axes, list):
        out_axes = tuple(out_axes)
    try:
        axes = broadcast_prefix(out_axes, full, is_leaf=_is_axis, title=f"{title}: out_axes")
    except TypeError as error:
        raise AxesError(str(error)) from None
    _require_axes(axes, f"{title}: an entry of out_axes")
    return axes


def _size(operands, axes, axis_size, arguments, title):
    sizes = {}
    for number, (x, a) in enumerate(zip(operands, axes, strict=True)):
        if a is None:
            continue
        if not -np.ndim(x) <= a < np.ndim(x):
            raise AxesError(
                f"{title}: in_axes {a} does not fit {argument_label(arguments, number)} of shape "
                f"{np.shape(x)}; give in_axes=None for arguments that all elements share"
            )
        sizes.setdefault(np.shape(x)[a], number)
    if axis_size is not None:
        sizes.setdefault(operator.index(axis_size), None)
    if not sizes:
        raise AxesError(f"{title}: no argument has a batch axis; give axis_size")
    if len(sizes) > 1:
        listed = [
            f"{'axis_size' if number is None else argument_label(arguments, number)} has {n}"
            for n, number in sizes.items()
        ]
        raise AxesError(
            f"{title}: sizes of the batch axis differ: {', '.join(listed)}; give arguments of one "
            "size, or in_axes=None for those that all elements share"
        )
    return next(iter(sizes))


def argument_label(arguments, number):
    """How a leaf of (args, kwargs) is named in texts: "argument 0['w']"."""
    path, _ = flatten_with_path(arguments)[0][number]
    if path[0].idx == 0:
        return f"argument {keystr(path[1:2]).strip('[]')}{keystr(path[2:])}"
    return f"argument {keystr(path[1:2])}{keystr(path[2:])}"


__all__ = ["vmap"]
