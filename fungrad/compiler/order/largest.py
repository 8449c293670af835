"""The positions of the k largest elements of lines: kept in order if few, else by digits.

The uppermost digit of the codes (see `codes`) says how many elements are certainly among the
largest, and which others may be; only these are sorted. Threads share the lines.
"""

from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.order.codes import comes_before, filled, of_others
from fungrad.compiler.order.lines import as_lines
from fungrad.compiler.order.radix import SORT_RUN, digits_of, scratch_for, serves

#: As many are kept in order while all elements are looked at.
_FEW = 64
#: What looking at an element is worth, in operations.
_WORK = 5

#: Keeps the k best elements of a line in order; most elements are only compared with the worst.
_KEEP = """
def {name}(x, y, all_keys, all_places, lines, n, after, k, parts, operations):
    for part in range(parts):
        keys = offset(all_keys, part * k)
        places = offset(all_places, part * k)
        for line in range(lines * part // parts, lines * (part + 1) // parts):
            start = line // after * n * after + line % after
            target = line // after * k * after + line % after
            count = 0
            for i in range(n):
                p = x[start + i * after]
                j = count
                if count == k:
                    q = keys[k - 1]
                    if P_BEFORE_Q:
                        j = k - 1
                else:
                    count += 1
                if j < k:
                    while j > 0:
                        q = keys[j - 1]
                        if not (P_BEFORE_Q):
                            break
                        keys[j] = q
                        places[j] = places[j - 1]
                        j -= 1
                    keys[j] = p
                    places[j] = i
            for j in range(k):
                y[target + j * after] = places[j]
    return 0
"""
#: Sorts those elements of a line whose uppermost digit is not above that of the kth one.
_SELECT = """
def {name}(x, z, found, SCRATCH tallies, lines, length, step, wanted, bits, room, parts, operations):
    size = int64(left_shift(uint64(1), uint64(bits)))
    mask = uint64(size - 1)
    start = 0
    after = 1
    for part in range(parts):
        n = length
        counts = offset(tallies, part * room)
        y = offset(found, part * length)
        OPEN
        for line in range(lines * part // parts, lines * (part + 1) // parts):
            origin = line // step * length * step + line % step
            lowest = ALL
            highest = uint64(0)
            for i in range(length):
                element = x[origin + i * step]
                code = CODE
                lowest = min(lowest, code)
                highest = max(highest, code)
            highest -= lowest
            width = 0
            while width < WIDTH and right_shift(highest, uint64(width % 64)) > 0:
                width += 1
            upper = uint64(max(width - bits, 0))
            for k in range(size):
                counts[k] = 0
            for i in range(length):
                element = x[origin + i * step]
                counts[int64(right_shift((CODE) - lowest, upper))] += 1
            last_digit = 0
            total = counts[0]
            while total < wanted:
                last_digit += 1
                total += counts[last_digit]
            kept = 0
            for i in range(length):
                element = x[origin + i * step]
                code = (CODE) - lowest
                a[kept] = ITEM
                KEEP_PLACE
                kept += int64(int64(right_shift(code, upper)) <= last_digit)
            n = kept
            descents = 1
            SORT_RUN
            target = line // step * wanted * step + line % step
            for j in range(wanted):
                z[target + j * step] = y[j]
    return 0
"""


def top_k(build, primitive, inputs, outputs):
    """Write a search for the positions of the largest elements."""
    view, target = build.contiguous(inputs[0]), build.output(outputs[0])
    dtype, k = view.buffer.dtype, primitive.k
    before, n, after = as_lines(view, primitive.axis).shape
    lines = before * after
    parts = PARTS if lines >= PARTS else 1
    sizes, shared = (lines, n, after, k), (parts, lines * n * _WORK)
    if k > _FEW and serves(dtype, n):
        form = of_others(dtype, True, None)
        digits = digits_of(dtype, n)
        scratch = [build.temporary("int64", (parts * n,))]
        scratch += scratch_for(build, form, n, parts, digits[1])
        text, sizes = filled(filled(_SELECT, SORT_RUN), form), (*sizes, *digits)
    else:
        text = _KEEP.replace("P_BEFORE_Q", comes_before("p", "q", dtype.kind, True)).lstrip()
        scratch = [build.temporary(d, (parts * k,)) for d in (dtype, "int64")]
    writer = build.kernel("top_k_kernel")
    writer.in_parts = True
    for v in (view, target, *scratch):
        writer.pointer(v.buffer, v.offset, v is not view)
    for size in (*sizes, *shared):
        writer.parameter(size)
    writer.text = text
    build.call(writer)
