"""Sorting along an axis: merge sort, stable, nan last."""

from fungrad.compiler.cumulative import as_lines

#: Sorts positions by the keys of one line after another. `order` and `spare` hold one line each.
_SOURCE = """
def {name}(x, y, order, spare, before, n, after):
    for line in range(before * after):
        start = line // after * n * after + line % after
        for i in range(n):
            order[i] = i
        source, target, width = order, spare, 1
        while width < n:
            low = 0
            while low < n:
                middle = min(low + width, n)
                high = min(low + 2 * width, n)
                i, j, k = low, middle, low
                while i < middle and j < high:
                    a = x[start + source[i] * after]
                    b = x[start + source[j] * after]
                    if {comes_first}:
                        target[k] = source[j]
                        j += 1
                    else:
                        target[k] = source[i]
                        i += 1
                    k += 1
                while i < middle:
                    target[k] = source[i]
                    i += 1
                    k += 1
                while j < high:
                    target[k] = source[j]
                    j += 1
                    k += 1
                low += 2 * width
            source, target = target, source
            width *= 2
        for i in range(n):
            y[start + i * after] = {result}
    return 0
"""


def sort(build, primitive, inputs, outputs):
    """Write a sort of the elements along an axis."""
    _sorted(build, inputs, outputs, primitive.axis, False, "x[start + source[i] * after]")


def argsort(build, primitive, inputs, outputs):
    """Write a search for the positions that sort the elements."""
    _sorted(build, inputs, outputs, primitive.axis, primitive.descending, "source[i]")


def _sorted(build, inputs, outputs, axis, is_descending, result):
    view = build.contiguous(inputs[0])
    target = build.output(outputs[0])
    before, n, after = as_lines(view, axis).shape
    order, spare = (build.temporary("int64", (n,)) for _ in range(2))
    writer = build.kernel("sort_kernel")
    for v in (view, target, order, spare):
        writer.pointer(v.buffer, v.offset, v is not view)
    for size in (before, n, after):
        writer.parameter(size)
    comes_first = _before("b", "a", view.buffer.dtype.kind, is_descending)
    writer.text = _SOURCE.format(name="{name}", comes_first=comes_first, result=result)
    build.call(writer)


def _before(p, q, kind, is_descending):
    """The condition under which p comes strictly before q: nan is the largest of all."""
    if is_descending:
        p, q = q, p
    if kind == "c":
        real = _before(f"{p}.real", f"{q}.real", "f", False)
        other = _before(f"{q}.real", f"{p}.real", "f", False)
        imag = _before(f"{p}.imag", f"{q}.imag", "f", False)
        return f"({real}) or (not ({other}) and ({imag}))"
    if kind == "f":
        return f"({p} < {q}) or ({q} != {q} and {p} == {p})"
    return f"{p} < {q}"
