"""The elements at given ranks of lines: by the digits of codes (see `codes`), or of sorted lines."""

from fungrad.compiler.order import radix
from fungrad.compiler.order.codes import code_of, element_of, filled
from fungrad.compiler.order.lines import as_lines

#: From so many elements on a line is not sorted, if few of them are wanted.
_LEAST, _MOST_RANKS = 512, 16
_MOST_BITS = 11

#: Of the elements that share the digits of the one in question so far, the next digit is counted;
#: then only those are kept that share it, too.
_BY_DIGITS = """
def {name}(x, ranks, y, a, b, whole, counts, before, n, k, bits):
    size = int64(left_shift(uint64(1), uint64(bits)))
    mask = uint64(size - 1)
    for line in range(before):
        start = line * n
        lowest = bitwise_not(uint64(0))
        greatest = uint64(0)
        for i in range(n):
            element = x[start + i]
            code = CODE
            lowest = min(lowest, code)
            greatest = max(greatest, code)
        for i in range(n):
            element = x[start + i]
            a[i] = (CODE) - lowest
        greatest -= lowest
        width = 0
        while width < 64 and right_shift(greatest, uint64(width % 64)) > 0:
            width += 1
        highest = max(width - bits, 0)
        for d in range(size):
            whole[d] = 0
        for i in range(n):
            whole[int64(right_shift(a[i], uint64(highest)) & mask)] += 1
        for r in range(k):
            rank = ranks[line * k + r]
            shift = width
            count = n
            code = a[0]
            while shift > 0 and count > 1:
                shift = max(shift - bits, 0)
                low = uint64(shift)
                if count < n:
                    for d in range(size):
                        counts[d] = 0
                    for i in range(count):
                        counts[int64(right_shift(b[i], low) & mask)] += 1
                else:
                    for d in range(size):
                        counts[d] = whole[d]
                digit = 0
                while rank >= counts[digit]:
                    rank -= counts[digit]
                    digit += 1
                kept = 0
                if count < n:
                    for i in range(count):
                        code = b[i]
                        b[kept] = code
                        kept += int64(int64(right_shift(code, low) & mask) == digit)
                else:
                    for i in range(n):
                        code = a[i]
                        b[kept] = code
                        kept += int64(int64(right_shift(code, low) & mask) == digit)
                count = kept
                code = b[0]
            code += lowest
            y[line * k + r] = ELEMENT
    return 0
"""
_PICK = """
def {name}(x, ranks, y, before, n, k):
    for line in range(before):
        for r in range(k):
            y[line * k + r] = x[line * n + ranks[line * k + r]]
    return 0
"""
_OF_SORTED = """
def {name}(x, ranks, y, line_of, before, n, k):
    for line in range(before):
        for i in range(n):
            line_of[i] = x[line * n + i]
        sort_DTYPE(line_of, n)
        for r in range(k):
            y[line * k + r] = line_of[ranks[line * k + r]]
    return 0
"""


def order_statistic(build, primitive, inputs, outputs):
    """Write a search for elements at ranks."""
    view, ranks = map(build.contiguous, inputs)
    target = build.output(outputs[0])
    axis = len(view.shape) - 1
    before, n, _ = as_lines(view, axis).shape
    k, dtype = ranks.shape[-1], view.buffer.dtype
    sizes, scratch = (before, n, k), []
    has_digits = dtype.kind in "biuf" and n >= _LEAST
    if has_digits and k > _MOST_RANKS:
        given, view = view, build.temporary(dtype, view.shape)
        radix.sort_codes(build, given, view, axis, values=given)
        text = _PICK.lstrip()
    elif has_digits:
        bits = min((n.bit_length() + 2) // 2, _MOST_BITS)
        sizes = *sizes, bits
        scratch = [build.temporary("uint64", (n,)) for _ in range(2)]
        scratch += [build.temporary("int64", (1 << bits,)) for _ in range(2)]
        forms = {"CODE": code_of(dtype, keeps_zeros=True), "ELEMENT": element_of(dtype)}
        text = filled(_BY_DIGITS, forms)
    else:
        scratch = [build.temporary(dtype, (n,))]
        text = _OF_SORTED.replace("DTYPE", dtype.name).lstrip()
    writer = build.kernel("order_statistic_kernel")
    for v in (view, ranks, target, *scratch):
        writer.pointer(v.buffer, v.offset, v not in (view, ranks))
    for size in sizes:
        writer.parameter(size)
    writer.text = text
    build.call(writer)
