"""Copies: elements of one view written or added to another of the same shape, or one scalar."""

from fungrad.compiler.kernel_writer import KernelWriter
from fungrad.compiler.statements import load
from fungrad.compiler.views import View, whole


def copy(entry, source, target):
    """Write a call that copies the elements of a view to another one."""
    writer = KernelWriter("copy_kernel")
    source, target = joined(source, target)
    x, y = writer.array(source), writer.array(target, is_written=True)
    _loops(writer, source.shape, y, lambda i: load(x.pointer, x.position(i), x.dtype))
    entry.call(writer)


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
