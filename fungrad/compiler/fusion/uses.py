"""What an equation reads, and at which of its loops: this decides which loop nest it joins."""

from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.language.views import reading
from fungrad.core.primitive import Pointwise, Reduction
from fungrad.core.program import Literal

_OPERATIONS = 8  # that take the time of clearing and adding an element
_FEW = 4  # elements of a target for which there is one in each part, among this many updates


def own_axes(shape):
    """The axes of a domain as its own values have them: None where there is one element."""
    return tuple([a if n != 1 else None for a, n in enumerate(shape)])


def long_axes(axes):
    """The axes without those of one element."""
    return tuple([a for a in axes if a is not None])


#: The axes of a read at the loop's own place in an array of as many elements as the domain has.
FLAT = "flat"


class Uses:
    """What an equation reads, and along which axes of its domain.

    `stored` maps stored variables to the set of axes along which they are read (None: elsewhere),
    `inlined` are the variables that are computed on the way, `begins` is what an equation that
    lands its values begins with.
    """

    def __init__(self, domain):
        self.own = own_axes(domain)
        self.domain = domain
        self.stored, self.inlined, self.begins = {}, {}, {}
        self.at_index, self.seen = set(), set()

    @property
    def elsewhere(self):
        """The stored variables that are read at another index than the loop's own."""
        return {v for v, found in self.stored.items() if any(not self._is_own(v, a) for a in found)}

    def _is_own(self, v, axes):
        return axes is FLAT or (v.type.shape == self.domain and axes == self.own)

    def inner(self, axes, read, v):
        """The axes of a read that an equation makes whose output `v` is read along `axes`."""
        if read.is_flat and self._is_own(v, axes):
            return FLAT
        if axes is FLAT:
            is_one = read.axes is not None and not long_axes(read.axes)
            return read.axes if is_one else None
        return _composed(axes, read.axes)

    def follow(self, v, axes, maker, stored):
        """Note a read of `v`, and what is read to compute it, back to what is stored."""
        waiting = [(v, axes)]
        while waiting:
            v, axes = waiting.pop()
            if type(v) is Literal:
                continue
            if axes is FLAT and v.type.shape == self.domain:
                axes = self.own
            if (v, axes) in self.seen:
                continue
            self.seen.add((v, axes))
            if self._is_own(v, axes):
                self.at_index.add(v)
            if v in stored:
                self.stored.setdefault(v, set()).add(axes)
                continue
            self.inlined[v] = None
            equation = maker[v]
            if isinstance(equation.primitive, Reduction):  # of a row, in an unrolled group
                waiting.append((equation.inputs[0], None))
                continue
            for read in reversed(reading(equation).reads):
                waiting.append((equation.inputs[read.input], self.inner(axes, read, v)))


def _composed(axes, chosen):
    if axes is None or chosen is None:
        return None
    return tuple([None if k is None else axes[k] for k in chosen])


def lands(equation):
    """Whether an equation computes updates and writes each to where it belongs: a scatter."""
    return hasattr(equation.primitive, "landing")


def domain_of(equation):
    """The index space that an equation needs a loop nest over."""
    if isinstance(equation.primitive, Reduction):
        return equation.inputs[0].type.shape
    return (equation.inputs[1] if lands(equation) else equation.outputs[0]).type.shape


def uses_of(equation, maker, stored, domain=None):
    """What a kernel of this equation reads and computes.

    With a `domain` of as many elements as its own, the loops are over that one.
    """
    uses = Uses(domain_of(equation) if domain is None else domain)
    if isinstance(equation.primitive, Reduction):
        uses.follow(equation.inputs[0], uses.own, maker, stored)
    elif lands(equation):
        _follow_landing(uses, equation, maker, stored)
    else:
        (v,) = equation.outputs
        axes = uses.own if v.type.shape == uses.domain else FLAT
        for read in reading(equation).reads:
            uses.follow(equation.inputs[read.input], uses.inner(axes, read, v), maker, stored)
    return uses


def _follow_landing(uses, equation, maker, stored):
    operand, updates, *indices = equation.inputs
    is_own = updates.type.shape == uses.domain
    uses.follow(updates, uses.own if is_own else FLAT, maker, stored)
    for index in indices:
        rank = index.type.ndim
        front = uses.own[:rank] if is_own else FLAT if rank == updates.type.ndim else None
        uses.follow(index, front, maker, stored)
    begin = Uses(())
    begin.follow(operand, None, maker, stored)
    uses.begins.update(begin.stored)


def filling(v, maker):
    """The scalar that all elements of a variable are, where its maker says so; or None."""
    equation = maker.get(v)
    if equation is None or not isinstance(equation.primitive, Pointwise):
        return None
    is_filled = len(equation.inputs) == 1 and reading(equation).is_movement
    return equation.inputs[0] if is_filled and not equation.inputs[0].type.shape else None


def has_room_for_parts(equation, work=0):
    """Whether each part of the loops may add its updates to zeros of its own.

    What an equation writes to is then small beside what it writes, or beside the `work`: so many
    operations are done in the loops.
    """
    target, updates, *_ = equation.inputs
    if equation.primitive.combine != "add":
        return False
    return _FEW * PARTS * target.type.size <= max(updates.type.size, work // _OPERATIONS)
