"""Sorting along an axis, nan last: by NumPy, by codes, or positions by merging."""

from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.order import radix
from fungrad.compiler.order.codes import comes_before
from fungrad.compiler.order.lines import as_lines

#: From so many elements on digits are faster than NumPy's sort, also where that has vectors (which
#: take 80 ns an element on some processors, 10 ns on others; digits take 6 to 8 ns).
_MANY = 400

#: What sorting an element is worth, in operations.
_WORK = 10
#: Sorts rows in the memory of the result, or lines in scratch memory; threads share them.
_ROWS = """
def {name}(x, y, before, n, operations):
    for line in range(before):
        row = offset(y, line * n)
        for i in range(n):
            row[i] = x[line * n + i]
        sort_DTYPE(row, n)
    return 0
"""
_LINES = """
def {name}(x, y, scratch, lines, n, after, parts, operations):
    for part in range(parts):
        keys = offset(scratch, part * n)
        for line in range(lines * part // parts, lines * (part + 1) // parts):
            start = line // after * n * after + line % after
            for i in range(n):
                keys[i] = x[start + i * after]
            sort_DTYPE(keys, n)
            for i in range(n):
                y[start + i * after] = keys[i]
    return 0
"""

#: Sorts one line after another: its elements (`keys`) with their positions. `spare` and `spots`
#: are the other halves of the scratch memory. Runs of up to 16 are sorted by insertion.
_SOURCE = """
def {name}(x, y, keys, spare, places, spots, before, n, after):
    for line in range(before * after):
        start = line // after * n * after + line % after
        for i in range(n):
            keys[i] = x[start + i * after]
            places[i] = i
        for low in range(0, n, 16):
            for i in range(low + 1, min(low + 16, n)):
                p = keys[i]
                place = places[i]
                j = i
                while j > low:
                    q = keys[j - 1]
                    if not (P_BEFORE_Q):
                        break
                    keys[j] = q
                    places[j] = places[j - 1]
                    j -= 1
                keys[j] = p
                places[j] = place
        a, b = keys, spare
        c, d = places, spots
        width = 16
        while width < n:
            for low in range(0, n, 2 * width):
                middle = min(low + width, n)
                high = min(low + 2 * width, n)
                i, j = low, middle
                for k in range(low, high):
                    if i < middle and j < high:
                        q, p = a[i], a[j]
                        takes = P_BEFORE_Q
                    else:
                        takes = i >= middle
                    t = int64(takes)
                    source = i + t * (j - i)
                    b[k] = a[source]
                    d[k] = c[source]
                    i += 1 - t
                    j += t
            a, b = b, a
            c, d = d, c
            width *= 2
        for i in range(n):
            y[start + i * after] = c[i]
    return 0
"""

#: Takes the elements of each line from places of the line.
_TAKE = """
def {name}(x, y, places, before, n, after):
    for line in range(before * after):
        start = line // after * n * after + line % after
        for i in range(n):
            y[start + i * after] = x[start + places[start + i * after] * after]
    return 0
"""


def sort(build, primitive, inputs, outputs):
    """Write a sort of the elements along an axis."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    before, n, after = as_lines(view, primitive.axis).shape
    if n >= _MANY and radix.serves(view.buffer.dtype, n):
        radix.sort_codes(build, view, target, primitive.axis, values=view)
    elif after == 1:
        _write(build, _ROWS, view, target, (), (before, n, before * n * _WORK), in_parts=True)
    else:
        lines = before * after
        parts = PARTS if lines >= PARTS else 1
        scratch = [build.temporary(view.buffer.dtype, (parts * n,))]
        sizes = lines, n, after, parts, lines * n * _WORK
        _write(build, _LINES, view, target, scratch, sizes, in_parts=True)


def argsort(build, primitive, inputs, outputs):
    """Write a search for the positions that sort the elements."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    _argsort(build, view, target, primitive.axis, primitive.descending)


def sort_by(build, primitive, inputs, outputs):
    """Write a sort of elements by the keys of others."""
    keys, values = map(build.contiguous, inputs)
    target = build.output(outputs[0])
    sizes = as_lines(keys, primitive.axis).shape
    if radix.serves(keys.buffer.dtype, sizes[1], values.buffer.dtype):
        radix.sort_codes(build, keys, target, primitive.axis, values=values)
        return
    places = build.temporary("int64", keys.shape)
    _argsort(build, keys, places, primitive.axis, False)
    _write(build, _TAKE, values, target, [places], sizes)


def _argsort(build, view, target, axis, is_descending):
    before, n, after = as_lines(view, axis).shape
    dtype = view.buffer.dtype
    if radix.serves(dtype, n):
        radix.sort_codes(build, view, target, axis, is_descending)
        return
    scratch = [build.temporary(d, (n,)) for d in (dtype, dtype, "int64", "int64")]
    p_before_q = comes_before("p", "q", dtype.kind, is_descending)
    source = _SOURCE.replace("P_BEFORE_Q", p_before_q)
    _write(build, source, view, target, scratch, (before, n, after))


def _write(build, source, view, target, scratch, sizes, in_parts=False):
    writer = build.kernel("sort_kernel")
    writer.in_parts = in_parts
    for v in (view, target, *scratch):
        writer.pointer(v.buffer, v.offset, v is not view)
    for size in sizes:
        writer.parameter(size)
    writer.text = source.replace("DTYPE", view.buffer.dtype.name).lstrip()
    build.call(writer)
