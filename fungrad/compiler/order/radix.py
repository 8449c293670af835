"""Sorting by codes of elements, unsigned integers in their order: by ranks if few, else by digits.

The rank of an element is the number of those that come before it, which are counted by vectors.
Lines of moderate length are sorted by NumPy's vectorised sort of integers, places in their lowest
bits; where these took the room of the code's own, insertion mends the order.
Each digit takes one pass, lower ones first, which keeps the order of those before it: the sort is
stable, and takes a time proportional to the number of elements. Only as many of the upper digits
are taken as decide nearly every comparison, what is left is done by insertion: were the digits
independent, an element would share those taken with less than half another one. Where that proves
wrong, as the moves of the insertion show, all digits take their pass. Threads share the lines.
"""

from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.order.codes import filled, of_others, of_themselves
from fungrad.compiler.order.lines import as_lines

#: From so many elements along an axis on digits are faster than ranks.
_LEAST = 40
#: From so many elements on digits are faster than NumPy's sort of codes with places.
_MANY = 400
#: The most bits of a digit, and of lines that no cache of a core holds: there each of the places
#: that elements go to is in a page of memory of its own.
_MOST_BITS, _BITS_OF_LONG = 10, 8
_LONG = 1 << 19

#: Sorts the n items of a run; results go to y from `start` on, `after` apart. `a` and `b` hold
#: items: codes, above places in the lower half of an item where there is room; else `c` and `d`
#: hold the places. Codes have the upper bits from `width` on in common; the lowest digit may overlap
#: the one above. There is nothing to do where there are no descents.
_RUN = """
shared = float64(n)
for attempt in range(2):
    digits = 0
    shift = width
    while shift > 0 and shared > 0.5 and descents > 0:
        shift = max(shift - bits, 0)
        low = uint64(OFFSET + shift)
        base = digits * size
        for k in range(size):
            counts[base + k] = 0
        for i in range(n):
            k = base + int64(right_shift(a[i], low) & mask)
            counts[k] += 1
        squares = 0.0
        for k in range(size):
            count = float64(counts[base + k])
            squares += count * count
        shared *= squares / (float64(n) * float64(n))
        digits += 1
    for digit in range(digits - 1, -1, -1):
        low = uint64(OFFSET + max(width - (digit + 1) * bits, 0))
        base = digit * size
        if counts[base + int64(right_shift(a[0], low) & mask)] < n:
            total = 0
            for k in range(size):
                here = counts[base + k]
                counts[base + k] = total
                total += here
            for i in range(n):
                item = a[i]
                k = base + int64(right_shift(item, low) & mask)
                p = counts[k]
                counts[k] = p + 1
                b[p] = item
                MOVE_PLACE
            a, b = b, a
            SWAP_PLACES
    moves = 0
    last = uint64(0)
    for i in range(n):
        item = a[i]
        SAVE_PLACE
        code = OF_ITEM
        j = i
        if code < last:
            while j > 0 and OF_PREVIOUS > code:
                a[j] = a[j - 1]
                SHIFT_PLACE
                y[start + j * after] = y[start + (j - 1) * after]
                j -= 1
            a[j] = item
            STORE_PLACE
            moves += i - j
            if moves > n:
                break
        else:
            last = code
        y[start + j * after] = RESULT
    if moves <= n:
        break
    shared = inf
"""
SORT_RUN = {"SORT_RUN": _RUN.strip().splitlines()}
#: Sorts one line after another, codes counted from the lowest one.
_DIGITS = """
def {name}(x,GIVEN y, SCRATCH tallies, lines, n, after, bits, room, parts, operations):
    size = int64(left_shift(uint64(1), uint64(bits)))
    mask = uint64(size - 1)
    for part in range(parts):
        counts = offset(tallies, part * room)
        OPEN
        for line in range(lines * part // parts, lines * (part + 1) // parts):
            start = line // after * n * after + line % after
            lowest = ALL
            highest = uint64(0)
            for i in range(n):
                element = x[start + i * after]
                code = CODE
                lowest = min(lowest, code)
                highest = max(highest, code)
            last = uint64(0)
            descents = 0
            for i in range(n):
                element = x[start + i * after]
                code = (CODE) - lowest
                descents += int64(code < last)
                last = code
                a[i] = ITEM
                FIRST_PLACE
            highest -= lowest
            width = 0
            while width < WIDTH and right_shift(highest, uint64(width % 64)) > 0:
                width += 1
            SORT_RUN
    return 0
"""
#: Ranks one line after another; of equal codes, the earlier one comes first.
_RANKS = """
def {name}(x,GIVEN y, codes_of, ranks_of, lines, n, after, parts, operations):
    for part in range(parts):
        codes = offset(codes_of, part * n)
        ranks = offset(ranks_of, part * n)
        for line in range(lines * part // parts, lines * (part + 1) // parts):
            start = line // after * LENGTH * after + line % after
            for i in range(LENGTH):
                element = x[start + i * after]
                codes[i] = CODE
                ranks[i] = 0
            for j in range(LENGTH):
                code = codes[j]
                for i in range(LENGTH):
                    ranks[i] += int64((code < codes[i]) | ((code == codes[i]) & (j < i)))
            for i in range(LENGTH):
                y[start + ranks[i] * after] = RANKED
    return 0
"""
#: Sorts codes, counted from the least one, with places in the lower `bits`; what does not fit above
#: these is left out.
_PACKED = """
def {name}(x,GIVEN y, items_of, codes_of, lines, n, after, bits, parts, operations):
    low = left_shift(uint64(1), uint64(bits)) - uint64(1)
    for part in range(parts):
        items = offset(items_of, part * n)
        codes = offset(codes_of, part * n)
        for line in range(lines * part // parts, lines * (part + 1) // parts):
            start = line // after * n * after + line % after
            element = x[start]
            least = CODE
            most = least
            for i in range(n):
                element = x[start + i * after]
                code = CODE
                least = select(code < least, code, least)
                most = select(code > most, code, most)
                codes[i] = code
            room = bits
            while room > 0 and right_shift(most - least, uint64(64 - room)) > 0:
                room -= 1
            for i in range(n):
                upper = left_shift(codes[i] - least, uint64(room))
                items[i] = (upper & bitwise_not(low)) | uint64(i)
            sort_uint64(items, n)
            if room < bits:
                for i in range(1, n):
                    item = items[i]
                    code = codes[int64(item & low)]
                    j = i
                    while j > 0 and codes[int64(items[j - 1] & low)] > code:
                        items[j] = items[j - 1]
                        j -= 1
                    items[j] = item
            for i in range(n):
                place = int64(items[i] & low)
                y[start + i * after] = PICKED
    return 0
"""
#: What sorting an element is worth, in operations, where digits do it.
_WORK = 10


def serves(dtype, n, value_dtype=None):
    """Whether lines of n elements of a dtype are sorted by codes here, or values in their order."""
    is_small = value_dtype is None or value_dtype.itemsize <= 4
    return dtype.kind in "biuf" and (n < _LEAST or n < 2**32 and is_small)


def sort_codes(build, view, target, axis, is_descending=False, values=None):
    """Write the positions that sort the elements of a view along an axis; or `values` so ordered.

    With the view itself as values, they are made of its codes.
    """
    before, n, after = as_lines(view, axis).shape
    lines, dtype = before * after, view.buffer.dtype
    if values is view:
        form = of_themselves(dtype)
    else:
        form = of_others(dtype, is_descending, None if values is None else values.buffer.dtype)
    given = (view,) if values is None or values is view else (view, values)
    parts = PARTS if lines >= PARTS else 1
    sizes, shared = (lines, n, after), (parts, lines * n * _WORK)
    if n < _LEAST:
        text = filled(_RANKS, form | {"LENGTH": str(n) if n <= 16 else "n"})
        scratch = [build.temporary(dtype, (parts * n,)) for dtype in ("uint64", "int64")]
        shared = parts, lines * n * n
    elif n < _MANY:
        text = filled(_PACKED, form)
        sizes = *sizes, (n - 1).bit_length()
        scratch = [build.temporary("uint64", (parts * n,)) for _ in range(2)]
    else:
        text = filled(filled(_DIGITS, SORT_RUN), form)
        bits, room = digits_of(dtype, n)
        sizes = *sizes, bits, room
        scratch = scratch_for(build, form, n, parts, room)
    writer = build.kernel("sort_kernel")
    writer.in_parts = True
    for v in (*given, target, *scratch):
        writer.pointer(v.buffer, v.offset, v not in given)
    for size in (*sizes, *shared):
        writer.parameter(size)
    writer.text = text
    build.call(writer)


def digits_of(dtype, n):
    """The bits of a digit for n elements, and how many counts there are for all digits."""
    bits = _BITS_OF_LONG if n > _LONG else min(n.bit_length() // 2 + 2, _MOST_BITS)
    return bits, -(-8 * max(dtype.itemsize, 4) // bits) << bits


def scratch_for(build, form, n, parts, room):
    """The memory in which each of some parts sorts n items: two halves of items, and counts."""
    scratch = [build.temporary("uint64", (parts * n,)) for _ in range(2)]
    has_places = bool(form["FIRST_PLACE"])
    scratch += [build.temporary("uint32", (parts * n,)) for _ in range(2 * has_places)]
    return [*scratch, build.temporary("int64", (parts * room,))]
