"""Where values live: buffers, and views of them; which equations only move elements."""

from functools import lru_cache

import numpy as np

from fungrad.compiler.language.index import IndexBuilder
from fungrad.compiler.language.scalar import INDEX, topological_order
from fungrad.core.primitive import Pointwise
from fungrad.core.program import Equation, Variable
from fungrad.core.record import record


class Buffer:
    """A piece of memory with a name in the entry: `size` elements of a dtype.

    `kind` is "argument", "output", "workspace" (the memory plan finds its place) or "part"
    (inside `parent`, at a place that is known at run time only). `first` and `last` are the times
    of its first and last use.
    """

    __slots__ = ("dtype", "first", "kind", "last", "name", "parent", "size", "slot")

    def __init__(self, kind, name, dtype, size, parent=None):
        self.kind, self.name, self.dtype, self.size = kind, name, np.dtype(dtype), size
        self.parent = parent
        self.first = self.last = None
        self.slot = None

    @property
    def nbytes(self):
        """The size in bytes."""
        return self.size * self.dtype.itemsize

    def use(self, time):
        """Note a use at a time, also of the buffer that this one is part of."""
        buffer = self
        while buffer is not None:
            buffer.first = time if buffer.first is None else min(buffer.first, time)
            buffer.last = time if buffer.last is None else max(buffer.last, time)
            buffer = buffer.parent

    def __repr__(self):
        return f"<{self.kind} {self.name}: {self.dtype}[{self.size}]>"


@record(frozen=True)
class View:
    """Elements of a buffer: element `index` stands at `offset + sum(index * strides)`."""

    buffer: Buffer
    offset: int
    shape: tuple
    strides: tuple

    @property
    def is_contiguous(self):
        """Whether the elements stand one after another in row-major order."""
        return all(
            n == 1 or s == c
            for n, s, c in zip(self.shape, self.strides, row_major(self.shape), strict=True)
        )


def row_major(shape):
    """The strides, in elements, of an array without gaps."""
    strides, size = [], 1
    for n in reversed(shape):
        strides.append(size)
        size *= n
    return tuple(reversed(strides))


def whole(buffer, shape):
    """The view of a whole buffer as an array."""
    return View(buffer, 0, tuple(shape), row_major(shape))


# ---- how an equation reads its inputs


@record(frozen=True)
class Read:
    """One read of an input for one output element, at an index over the output's axes."""

    input: int
    axes: tuple | None  # the output's axis along each axis (None: size 1), if it is so simple
    rows: int  # so many leading axes are the output's own, at its own index
    is_identity: bool  # at the output's own index, in the output's own shape
    is_flat: bool  # at the output's own position in row-major order, in an array of its size
    is_affine: bool  # at a linear function of the output's index, perhaps within bounds
    is_guarded: bool  # within bounds that the output's index may exceed
    is_dynamic: bool  # at a place that depends on data
    repeats: bool  # outer loops read an input element again (inner ones keep it)


@record(frozen=True)
class Reading:
    """How one output element comes from elements of the inputs."""

    reads: tuple
    cost: int  # of the arithmetic, an addition being 1
    is_movement: bool  # the output element is an input's element as it is


def reading(equation):
    """The reading of a Pointwise equation."""
    types = tuple([v.type for v in equation.inputs])
    return _reading(equation.primitive, types, equation.outputs[0].type)


@lru_cache(maxsize=20_000)
def _reading(primitive, types, output):
    build = IndexBuilder()
    index = tuple([build.index(f"i{k}", n) for k, n in enumerate(output.shape)])
    inputs = tuple([Variable(t) for t in types])
    found = []

    def read(number, at):
        symbol = build.symbol(f"r{len(found)}", types[number].dtype)
        found.append((number, tuple(at), symbol))
        return symbol

    element = build.element(Equation(primitive, inputs, (Variable(output),)), index, read)
    symbols = {symbol for _, _, symbol in found}
    reads = [_read(build, number, at, index, types[number], output) for number, at, _ in found]
    is_movement = element in symbols and len(found) == 1 and not build.checks
    return Reading(tuple(reads), cost_of([element]), is_movement)


def _read(build, number, at, index, source, output):
    forms = [build.affine(i) for i in at]
    atoms = {a for form in forms for a, _ in form.terms}
    loops = {i for i in index if not i.is_constant}
    inner_words = topological_order(list(atoms))
    inner = {x for x in inner_words if not x.operands}
    is_dynamic = any(x.op == "symbol" and x not in build.extents for x in inner - set(build.sizes))
    used = inner & loops
    return Read(
        number,
        _chosen_axes(at, index, source),
        _own_rows(at, index, source, output),
        source.shape == output.shape and at == index,
        not is_dynamic and _is_flat(build, at, index, source, output),
        not any(x.op in _DIVISIONS for x in inner_words),
        not is_dynamic and any(x.op in ("minimum", "maximum") for x in inner_words),
        is_dynamic,
        source.size < output.size if is_dynamic else _is_repeated(index, used),
    )


def _own_rows(at, index, source, output):
    rows = 0
    for a, (i, own) in enumerate(zip(at, index, strict=False)):
        if i is not own or source.shape[a] != output.shape[a]:
            break
        rows += 1
    return rows


def _is_flat(build, at, index, source, output):
    """Whether a read is at the output's own position, counted in row-major order."""
    if source.shape == output.shape:
        return at == index
    if source.size != output.size:
        return False
    places = [build.position(i, row_major(t.shape)) for i, t in ((at, source), (index, output))]
    return places[0] == places[1]


def _chosen_axes(at, index, source):
    """The output's axis along each axis of the input, or None where it is not one of them."""
    axes = []
    for i, n in zip(at, source.shape, strict=True):
        if n != 1 and i not in index:
            return None
        axes.append(index.index(i) if n != 1 else None)
    return tuple(axes)


def _is_repeated(index, used):
    """Whether a loop that the place does not depend on stands outside one that it depends on."""
    loops = [i in used for i in index if not i.is_constant]
    return any(not a and any(loops[k + 1 :]) for k, a in enumerate(loops))


def cost_of(roots):
    """What the distinct operations of some expressions cost, an addition being 1."""
    return sum(
        _COSTS.get(x.op, 1)
        for x in topological_order(roots)
        if x.operands and (x.dtype != INDEX or x.op not in _INDEX_WORDS)
    )


_DIVISIONS = {"index_divide", "index_remainder", "floor_divide", "remainder"}
_INDEX_WORDS = {"add", "subtract", "multiply", "minimum", "maximum"}
_COSTS = {"load": 0, "convert": 1, "divide": 5, "sqrt": 6, "reciprocal": 5, "rsqrt": 8}
_COSTS.update(dict.fromkeys("remainder floor_divide fmod hypot".split(), 8))
_COSTS.update(
    dict.fromkeys(
        """exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh
        arcsinh arccosh arctanh logistic erf erfc erfinv lgamma digamma power arctan2 logaddexp
        cbrt""".split(),
        20,
    )
)


# ---- movements as views


def source_of(v, is_stored, maker):
    """Where the elements of `v` stand: (stored variable, offset, strides), or None.

    Follows movements from `v` back to a variable for which `is_stored` holds; `maker` maps
    variables to equations. None where something is computed or the place is not linear.
    """
    build = IndexBuilder()
    index = tuple([build.index(f"i{k}", n) for k, n in enumerate(v.type.shape)])
    at = index
    while not is_stored(v):
        equation = maker.get(v)
        if equation is None or not isinstance(equation.primitive, Pointwise):
            return None
        if not reading(equation).is_movement:
            return None
        found = []
        build.element(equation, at, lambda i, at: found.append((i, at)) or at)  # noqa: B023
        ((number, at),) = found
        v = equation.inputs[number]
    if not isinstance(v, Variable):
        return None
    form = build.position(at, row_major(v.type.shape))
    strides = form.coefficients
    if not set(strides) <= set(index):
        return None
    return v, form.offset, tuple([strides.get(i, 0) for i in index])
