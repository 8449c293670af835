"""Sorting by codes of elements, unsigned integers in their order: by ranks if few, else by digits.

The rank of an element is the number of those that come before it, which are counted by vectors.
Lines of moderate length are sorted by NumPy's vectorised sort of integers, places in their lowest
bits; where these took the room of the code's own, insertion mends the order.
Each digit takes one pass, lower ones first, which keeps the order of those before it: the sort is
stable, and takes a time proportional to the number of elements. Only as many of the upper digits
are taken as decide nearly every comparison, what is left is done by insertion: were the digits
independent, an element would share those taken with less than half another one. Where that proves
wrong, as the moves of the insertion show, all digits take their pass.
"""

from fungrad.compiler.order.cumulative import as_lines

#: From so many elements along an axis on digits are faster than ranks.
_LEAST = 40
#: From so many elements on digits are faster than NumPy's sort of codes with places.
_MANY = 400
#: A digit has at most so many bits: elements go to 2**9 places, each in a page of memory of its own.
_MOST_BITS = 9

#: Sorts one line after another. `a` and `b` hold items: codes, above places in the lower half of an
#: item where there is room; else `c` and `d` hold the places. Codes are counted from the lowest,
#: digits from the upper bit of the highest; the lowest digit may overlap the one above.
_SOURCE = """
def {name}(x,GIVEN y, SCRATCH counts, before, n, after, bits):
    size = int64(left_shift(uint64(1), uint64(bits)))
    mask = uint64(size - 1)
    for line in range(before * after):
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
    return 0
"""
#: Ranks one line after another; of equal codes, the earlier one comes first.
_RANKS = """
def {name}(x,GIVEN y, codes, ranks, before, n, after):
    for line in range(before * after):
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
def {name}(x,GIVEN y, items, codes, before, n, after, bits):
    low = left_shift(uint64(1), uint64(bits)) - uint64(1)
    for line in range(before * after):
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
            MEND
        for i in range(n):
            place = int64(items[i] & low)
            y[start + i * after] = PICKED
    return 0
"""
_MEND = """
for i in range(1, n):
    item = items[i]
    code = codes[int64(item & low)]
    j = i
    while j > 0 and codes[int64(items[j - 1] & low)] > code:
        items[j] = items[j - 1]
        j -= 1
    items[j] = item
"""


def serves(dtype, n, value_dtype=None):
    """Whether lines of n elements of a dtype are sorted by codes here, or values in their order."""
    is_small = value_dtype is None or value_dtype.itemsize <= 4
    return dtype.kind in "biuf" and (n < _LEAST or n < 2**32 and is_small)


def sort_codes(build, view, target, axis, is_descending=False, values=None):
    """Write the positions that sort the elements of a view along an axis; or `values` so ordered.

    With the view itself as values, they are made of its codes.
    """
    sizes = as_lines(view, axis).shape
    dtype, n = view.buffer.dtype, sizes[1]
    if values is view:
        form = _of_themselves(dtype)
    else:
        form = _of_others(dtype, is_descending, None if values is None else values.buffer.dtype)
    if n < _LEAST:
        text = filled(_RANKS, form | {"LENGTH": str(n) if n <= 16 else "n"})
        scratch = [build.temporary(dtype, (n,)) for dtype in ("uint64", "int64")]
    elif n < _MANY:
        text = filled(_PACKED, form)
        sizes = *sizes, (n - 1).bit_length()
        scratch = [build.temporary("uint64", (n,)) for _ in range(2)]
    else:
        text = filled(_SOURCE, form)
        bits = min((n.bit_length() + 2) // 2, _MOST_BITS)
        sizes = *sizes, bits
        scratch = [build.temporary("uint64", (n,)) for _ in range(2)]
        scratch += [build.temporary("uint32", (n,)) for _ in range(2 * bool(form["FIRST_PLACE"]))]
        scratch.append(build.temporary("int64", (-(-8 * dtype.itemsize // bits) << bits,)))
    writer = build.kernel("sort_kernel")
    given = (view,) if values is None or values is view else (view, values)
    for v in (*given, target, *scratch):
        writer.pointer(v.buffer, v.offset, v not in given)
    for size in sizes:
        writer.parameter(size)
    writer.text = text
    build.call(writer)


def _of_themselves(dtype):
    """The forms of a sort of the elements."""
    return _forms(
        dtype,
        CODE=code_of(dtype, keeps_zeros=True),
        RESULT=element_of(dtype, "(item + lowest)"),
        TAKEN="x[start + {} * after]",
        has_places=False,
    )


def _of_others(dtype, is_descending, value_dtype):
    """The forms of a sort of positions, or of values of a dtype."""
    place, result, taken = "i", "int64({})", "{}"
    if value_dtype is not None:
        taken = "v[start + {} * after]"
        place = f"bitcast_uint32({_widened(taken.format('i'), value_dtype)})"
        result = _narrowed("{}", value_dtype)
    is_wide = dtype.itemsize == 8
    return _forms(
        dtype,
        CODE=code_of(dtype, is_descending),
        RESULT=result.format("place" if is_wide else "item & uint64(0xFFFFFFFF)"),
        TAKEN=taken,
        PLACE=place,
        GIVEN="" if value_dtype is None else "v,",
    )


def _forms(dtype, CODE, RESULT, TAKEN, PLACE="", GIVEN="", has_places=True):
    """What stands for the names of the sources: codes and places share an item if they fit."""
    is_shared = has_places and dtype.itemsize < 8
    is_apart = has_places and not is_shared
    key = "right_shift({}, uint64(32))" if is_shared else "{}"
    return {
        "GIVEN": GIVEN,
        "SCRATCH": "a, b, c, d," if is_apart else "a, b,",
        "OF_ITEM": key.format("item"),
        "OF_PREVIOUS": key.format("a[j - 1]"),
        "CODE": CODE,
        "ALL": _ALL[8],
        "OFFSET": "32" if is_shared else "0",
        "WIDTH": str(8 * max(dtype.itemsize, 4)),
        "ITEM": f"left_shift(code, uint64(32)) | uint64({PLACE})" if is_shared else "code",
        "RESULT": RESULT,
        "RANKED": TAKEN.format("i"),
        "PICKED": TAKEN.format("place"),
        "MEND": _MEND.strip().splitlines(),
        "FIRST_PLACE": [f"c[i] = uint32({PLACE})"] * is_apart,
        "MOVE_PLACE": ["d[p] = c[i]"] * is_apart,
        "SWAP_PLACES": ["c, d = d, c"] * is_apart,
        "SAVE_PLACE": ["place = c[i]"] * is_apart,
        "SHIFT_PLACE": ["c[j] = c[j - 1]"] * is_apart,
        "STORE_PLACE": ["c[j] = place"] * is_apart,
    }


def filled(source, forms):
    """The source with forms in place of their names: texts, or lists of lines for whole lines."""
    lines = []
    for line in source.strip().splitlines():
        form = forms.get(line.strip(), [line.strip()])
        indent = line[: len(line) - len(line.lstrip())]
        lines += [indent + each for each in form]
    text = "\n".join(lines)
    for name, form in forms.items():
        if isinstance(form, str):
            text = text.replace(name, form)
    return text


_ALL = {4: "uint64(0xFFFFFFFF)", 8: "bitwise_not(uint64(0))"}


def code_of(dtype, is_descending=False, keeps_zeros=False):
    """The code of `element`, a uint64: nan is the largest.

    -0.0 and 0.0 are equal, or with `keeps_zeros` next to each other.
    """
    code = _ascending_code(dtype, keeps_zeros)
    return f"{_ALL[max(dtype.itemsize, 4)]} ^ ({code})" if is_descending else code


def _ascending_code(dtype, keeps_zeros):
    bits = 8 * dtype.itemsize
    if dtype.kind in "bu":
        return "uint64(element)"
    if dtype.kind == "i":
        if bits == 64:
            return "bitcast_uint64(element) ^ left_shift(uint64(1), uint64(63))"
        return f"uint64(int64(element) + {1 << bits - 1})"
    whole = f"bitcast_int{bits}(element{'' if keeps_zeros else f' + float{bits}(0.0)'})"
    mask = f"right_shift({whole}, int{bits}({bits - 1}))"
    ordered = f"bitcast_uint{bits}({whole} ^ ({mask} | {_sign(bits)}))"
    return f"select(element != element, {_ALL[dtype.itemsize]}, uint64({ordered}))"


def element_of(dtype, code="code"):
    """The element of a code."""
    bits = 8 * dtype.itemsize
    if dtype.kind in "bu":
        return f"{dtype.name}({code})"
    if dtype.kind == "i":
        if bits == 64:
            return f"bitcast_int64({code} ^ left_shift(uint64(1), uint64(63)))"
        return f"{dtype.name}(int64({code}) - {1 << bits - 1})"
    whole = f"bitcast_int{bits}(uint{bits}({code}))"
    mask = f"bitwise_not(right_shift({whole}, int{bits}({bits - 1})))"
    return f"bitcast_float{bits}({whole} ^ ({mask} | {_sign(bits)}))"


def _sign(bits):
    return f"left_shift(int{bits}(1), int{bits}({bits - 1}))"


def _widened(x, dtype):
    """A number of at most 4 bytes as 4 bytes."""
    if dtype.itemsize == 4:
        return x
    return f"uint32({x})" if dtype.kind in "bu" else f"int32({x})"


def _narrowed(x, dtype):
    """A number of at most 4 bytes from these bytes, in the lower half of x."""
    word = f"uint32({x})"
    if dtype.itemsize == 4:
        return f"bitcast_{dtype.name}({word})"
    return f"{dtype.name}({word})"
