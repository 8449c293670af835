"""Copies: elements of one view written or added to another of the same shape, or one scalar."""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.language import transposing
from fungrad.compiler.language.kernel_writer import KernelArray, KernelWriter
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.statements import Call, Point, load
from fungrad.compiler.language.views import Buffer, View, whole

_MOST_FIELDS = 8


def copy(entry, source, target):
    """Write a call that copies the elements of a view to another one."""
    writer = KernelWriter("copy_kernel")
    source, target = joined(source, target)
    x = writer.pointer(source.buffer, source.offset)
    y = writer.pointer(target.buffer, target.offset, is_written=True)
    _copy_loops(writer, source, target, x, y)
    entry.call(writer)


def write_copy(writer, dtype, shape, source, target):
    """Write loops of a kernel that copy; source and target are (name of a pointer, strides)."""
    views = [View(Buffer("part", pointer, dtype, 0), 0, tuple(shape), tuple(strides))
             for pointer, strides in (source, target)]  # fmt: skip
    _copy_loops(writer, *joined(*views), source[0], target[0])


def _copy_loops(writer, source, target, x, y):
    """Loops over all elements; where the two lie across each other, over transposed matrices."""
    axes = _crossed_axes(source, target)
    if axes is None:
        source, target = _with_fields_last(source, target)
        x, y = KernelArray(writer, x, source), KernelArray(writer, y, target)
        _loops(writer, source.shape, y, lambda i: load(x.pointer, x.position(i), x.dtype))
        return
    order = [a for a in range(len(source.shape)) if a not in axes]
    with ExitStack() as stack:
        positions = [constant(0, INDEX)] * 2
        for a in order:
            i = stack.enter_context(writer.loop(writer.integer(source.shape[a])))
            positions = [
                at + i * writer.integer(v.strides[a])
                for at, v in zip(positions, (source, target), strict=True)
            ]
        names = []
        for name, at in zip((x, y), positions, strict=True):
            names.append(writer.fresh("matrix"))
            writer.write(Point(names[-1], f"offset({name}, {{}})", (at,)))
        rows, columns = axes
        writer.write(
            Call(
                transposing.name_of(source.buffer.dtype, prod(source.shape)),
                [
                    *[writer.integer(source.shape[a]) for a in axes],
                    names[0],
                    writer.integer(source.strides[rows]),
                    names[1],
                    writer.integer(target.strides[columns]),
                ],
            )
        )


def _with_fields_last(source, target):
    """The views with the axis last along which the source has a few neighbours, as fields of a row.

    LLVM then reads all fields of several places at once; field by field it would gather them.
    """
    strides, shape = source.strides, source.shape
    if len(shape) < 2 or 1 not in strides or not 1 < strides[-1] <= _MOST_FIELDS:
        return source, target
    a = strides.index(1)
    if shape[a] != strides[-1]:
        return source, target
    order = [*[b for b in range(len(shape)) if b != a], a]
    return [
        View(v.buffer, v.offset, *[tuple([n[b] for b in order]) for n in (v.shape, v.strides)])
        for v in (source, target)
    ]


def _crossed_axes(source, target):
    """The axis along which the target has neighbours and that along which the source has, or None.

    None also where they are so short that plain loops are as fast.
    """
    if not transposing.is_known(source.buffer.dtype):
        return None
    rows, columns = (
        next((a for a, s in enumerate(v.strides) if s == 1), None) for v in (target, source)
    )
    if rows is None or columns is None or rows == columns:
        return None
    shortest = min(source.shape[rows], source.shape[columns])
    return (rows, columns) if shortest >= transposing.SHORTEST else None


def add(entry, source, target):
    """Write a call that adds the elements of a view to another one, which may visit some again."""
    writer = KernelWriter("add_kernel")
    source, target = joined(source, target)
    x, y = writer.array(source), writer.array(target, is_written=True)
    _loops(writer, source.shape, y, lambda i: y.load(*i) + x.load(*i))
    entry.call(writer)


def fill(entry, scalar, target):
    """Write a call that writes one scalar of the entry to all elements of a view."""
    writer = KernelWriter("fill_kernel")
    (target,) = joined(target)
    value = writer.scalar(scalar)
    y = writer.array(target, is_written=True)
    _loops(writer, target.shape, y, lambda i: value)
    entry.call(writer)


def contiguous(entry, view):
    """A view of the same elements in row-major order: itself, or a copy."""
    if view.is_contiguous:
        return view
    target = whole(entry.workspace(view.buffer.dtype, _size(view.shape), "packed"), view.shape)
    copy(entry, view, target)
    return target


def _loops(writer, shape, y, value, index=()):
    if len(index) == len(shape):
        y.store(index, value(index))
        return
    with writer.loop(writer.integer(shape[len(index)])) as i:
        _loops(writer, shape, y, value, (*index, i))


def joined(*views):
    """Views with axes of size 1 removed and neighbours joined that all of them walk gaplessly."""
    shape, strides = [], [[] for _ in views]
    for a, n in enumerate(views[0].shape):
        if n == 1:
            continue
        here = [v.strides[a] for v in views]
        if shape and all(s[-1] == h * n for s, h in zip(strides, here, strict=True)):
            shape[-1] *= n
            for s, h in zip(strides, here, strict=True):
                s[-1] = h
        else:
            shape.append(n)
            for s, h in zip(strides, here, strict=True):
                s.append(h)
    return [
        View(v.buffer, v.offset, tuple(shape), tuple(s))
        for v, s in zip(views, strides, strict=True)
    ]


def _size(shape):
    size = 1
    for n in shape:
        size *= n
    return size
