"""Sorting along an axis: merge sort, stable, nan last."""

from fungrad.compiler.cumulative import as_lines

#: Sorts one line after another: its elements (`keys`), with or without their positions. `spare`
#: and `spots` are the other halves of the scratch memory. Runs of up to 16 are sorted by insertion.
_SOURCE = """
def {name}(x, y, keys, spare{arguments}, before, n, after):
    for line in range(before * after):
        start = line // after * n * after + line % after
        for i in range(n):
            keys[i] = x[start + i * after]
            {number}
        for low in range(0, n, 16):
            for i in range(low + 1, min(low + 16, n)):
                p = keys[i]
                {keep}
                j = i
                while j > low:
                    q = keys[j - 1]
                    if not ({p_before_q}):
                        break
                    keys[j] = q
                    {shift}
                    j -= 1
                keys[j] = p
                {insert}
        a, b = keys, spare
        {name_places}
        width = 16
        while width < n:
            for low in range(0, n, 2 * width):
                middle = min(low + width, n)
                high = min(low + 2 * width, n)
                i, j = low, middle
                for k in range(low, high):
                    if i < middle and j < high:
                        q, p = a[i], a[j]
                        takes = {p_before_q}
                    else:
                        takes = i >= middle
                    t = int64(takes)
                    source = i + t * (j - i)
                    b[k] = a[source]
                    {move}
                    i += 1 - t
                    j += t
            a, b = b, a
            {exchange}
            width *= 2
        for i in range(n):
            y[start + i * after] = {result}
    return 0
"""

#: What is added where positions are sorted along.
_WITH_PLACES = {
    "arguments": ", places, spots",
    "number": "places[i] = i",
    "keep": "place = places[i]",
    "shift": "places[j] = places[j - 1]",
    "insert": "places[j] = place",
    "name_places": "c, d = places, spots",
    "move": "d[k] = c[source]",
    "exchange": "c, d = d, c",
    "result": "c[i]",
}
_WITHOUT_PLACES = {**dict.fromkeys(_WITH_PLACES, ""), "result": "a[i]"}


def sort(build, primitive, inputs, outputs):
    """Write a sort of the elements along an axis."""
    _sorted(build, inputs, outputs, primitive.axis, False, _WITHOUT_PLACES)


def argsort(build, primitive, inputs, outputs):
    """Write a search for the positions that sort the elements."""
    _sorted(build, inputs, outputs, primitive.axis, primitive.descending, _WITH_PLACES)


def _sorted(build, inputs, outputs, axis, is_descending, parts):
    view = build.contiguous(inputs[0])
    target = build.output(outputs[0])
    before, n, after = as_lines(view, axis).shape
    dtypes = [view.buffer.dtype] * 2 + ["int64"] * (2 if parts is _WITH_PLACES else 0)
    scratch = [build.temporary(dtype, (n,)) for dtype in dtypes]
    writer = build.kernel("sort_kernel")
    for v in (view, target, *scratch):
        writer.pointer(v.buffer, v.offset, v is not view)
    for size in (before, n, after):
        writer.parameter(size)
    p_before_q = _before("p", "q", view.buffer.dtype.kind, is_descending)
    lines = _SOURCE.format(name="{name}", p_before_q=p_before_q, **parts).splitlines()
    writer.text = "\n".join([line for line in lines if line.strip()]) + "\n"
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
