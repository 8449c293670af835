"""Codes of elements: unsigned integers in the order of the elements, in the source of kernels.

Where a sort moves codes, it moves with each one a place, or a value of up to 4 bytes: together they
are an item.
"""


def of_themselves(dtype):
    """The forms of a sort of the elements."""
    return _forms(
        dtype,
        CODE=code_of(dtype, keeps_zeros=True),
        RESULT=element_of(dtype, "(item + lowest)"),
        TAKEN="x[start + {} * after]",
        has_places=False,
    )


def of_others(dtype, is_descending, value_dtype):
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
    opened = {"a": "items", "b": "others"} | ({"c": "places", "d": "spots"} if is_apart else {})
    return {
        "GIVEN": GIVEN,
        "SCRATCH": "items, others, places, spots," if is_apart else "items, others,",
        "OPEN": [f"{name} = offset({whole}, part * n)" for name, whole in opened.items()],
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
        "FIRST_PLACE": [f"c[i] = uint32({PLACE})"] * is_apart,
        "KEEP_PLACE": ["c[kept] = uint32(i)"] * is_apart,
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


def comes_before(p, q, kind, is_descending=False):
    """The condition under which p comes strictly before q: nan is the largest of all."""
    if is_descending:
        p, q = q, p
    if kind == "c":
        real = comes_before(f"{p}.real", f"{q}.real", "f")
        other = comes_before(f"{q}.real", f"{p}.real", "f")
        imag = comes_before(f"{p}.imag", f"{q}.imag", "f")
        return f"({real}) or (not ({other}) and ({imag}))"
    if kind == "f":
        return f"({p} < {q}) or ({q} != {q} and {p} == {p})"
    return f"{p} < {q}"
