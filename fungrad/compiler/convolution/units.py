"""What the kernels of convolutions by tiles share: parts, their images or bands, and pointers.

A kernel is a loop over parts, which threads share. Each part has memory of its own and works on
its share of the units, which are images, or bands of images where there are few.
"""

from fungrad.compiler.language import parts
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.statements import Point

AT_A_TIME = 12  # products that take as long as one operation of other kernels
#: So much more than what is worth waking a thread is divided: each part clears memory of its own,
#: and of few images each band copies all of one.
_LEAST = 3


class Units:
    """How the work on images is divided: `count` images in `bands` each, over `parts`.

    `lines` is how many lines along their first axis images can be divided into.
    """

    def __init__(self, count, lines, products, most_parts=parts.PARTS):
        self.count = count
        self.operations = products // AT_A_TIME
        self.parts = most_parts if self.operations > _LEAST * parts.WORTH_WAKING else 1
        self.bands = max(1, min(lines, -(-self.parts // max(count, 1))))

    def begin(self, writer):
        """Say what a kernel has to do; returns the loop over parts, which yields their number."""
        writer.in_parts = True
        writer.integers.append((parts.WORK, self.operations))
        return writer.loop(writer.parameter(self.parts), "part")

    def memory(self, build, writer, part, dtype, size):
        """The name of a pointer to memory of a part."""
        view = build.temporary(dtype, (self.parts * size,))
        pointer = writer.pointer(view.buffer, 0, is_written=True)
        return moved(writer, pointer, part * writer.integer(size), "own")

    def of_part(self, writer, part):
        """The first unit of a part, and how many there are."""
        first, last = share(writer, part, self.count * self.bands, self.parts)
        return first, last - first

    def decoded(self, writer, unit, sizes):
        """The index of a unit's image in each of several labels, and the number of its band."""
        bands = writer.integer(self.bands)
        rest = writer.let(call("index_divide", INDEX, unit, bands), "at")
        band = writer.let(call("index_remainder", INDEX, unit, bands), "band")
        index = {}
        for label, size in reversed(sizes.items()):
            n = writer.integer(size)
            index[label] = writer.let(call("index_remainder", INDEX, rest, n), "at")
            rest = writer.let(call("index_divide", INDEX, rest, n), "at")
        return index, band

    def lines_of_band(self, writer, band, n):
        """The first of n lines that a band has, and how many."""
        if self.bands == 1:
            return constant(0, INDEX), writer.integer(n)
        first, last = share(writer, band, n, self.bands)
        return first, last - first


def share(writer, part, n, count):
    """Where the share of a part, of n things in `count` shares, begins and ends."""
    ends = [
        call(
            "index_divide",
            INDEX,
            (part + constant(k, INDEX)) * writer.integer(n),
            writer.integer(count),
        )
        for k in (0, 1)
    ]
    return tuple([writer.let(end, "share") for end in ends])


def moved(writer, pointer, position, name):
    """The name of a pointer further on."""
    name = writer.fresh(name)
    writer.write(Point(name, f"offset({pointer}, {{}})", (position,)))
    return name


def position(writer, index, v):
    """The place of the first element at an index of some labels, of a labelled view."""
    total = constant(0, INDEX)
    for i, at in index.items():
        if i in v.strides and v.sizes[i] > 1:
            total = total + at * writer.integer(v.strides[i])
    return total


def joined_step(labels, sizes, strides):
    """The stride of labels as one axis, or None where they are none."""
    wide = [i for i in labels if sizes[i] != 1]
    for i, j in zip(wide, wide[1:], strict=False):
        if strides[i] != strides[j] * sizes[j]:
            return None
    return strides[wide[-1]] if wide else 1


def sliding_places(work):
    """The places along which windows slide, where tiles can compute a convolution; else None."""
    groups = work.groups
    slides = [i for i in groups.left if work.slides(i)]
    if work.dtype.name not in ("float32", "float64") or not slides:
        return None
    if any(i >= 0 and work.slides(i) for i in (*groups.batch, *groups.contracted)):
        return None
    return slides
