"""Totals of joined arrays, carried in parts.

    total = total + concatenate(a, b)    becomes    first = first + a
                                                    second = second + b

and the parts are joined after the loop. So the derivative in a vector of parameters, of which the
body reads slices, adds to each slice where its derivative is made, without building the vector.
"""

from fungrad.control.programs import recorded
from fungrad.control.stack import COUNT, stacked_type
from fungrad.core.program import Equation, Literal, Program, Variable, derived, live
from fungrad.core.record import record
from fungrad.primitives.elementwise import add
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.movement import Reshape
from fungrad.transforms.interpret import zeros

_MOST_PARTS = 64  # of one total: each is a value that the loop carries


@record(frozen=True, eq=False)
class _Part:
    """A value added to a part of a total; or, with a primitive, what it makes of other parts."""

    value: object
    primitive: object = None
    parts: tuple = ()

    def leaves(self):
        """The parts that values are added to."""
        if self.primitive is None:
            return [self]
        return [leaf for part in self.parts for leaf in part.leaves()]

    def joined(self, values):
        """The whole, from the values of the leaves by part."""
        if self.primitive is None:
            return values[self]
        parts = [part.joined(values) for part in self.parts]
        if isinstance(self.primitive, Pad):
            parts.append(self.value.type.dtype.type(0))
        return self.primitive(*parts)


def parted(scan, is_zero):
    """A program on the operands of a scan that carries totals in parts, or None if there are none.

    `is_zero` marks the operands that are 0 everywhere. A total that begins so is never -0, so what
    is added to it need not be rid of that.
    """
    plan = _plan(scan.body, scan.constant_count, scan.carry_count, tuple(scan.parts(is_zero)[2]))
    if not plan:
        return None
    types = list(scan.body.input_types)
    rows = scan.constant_count + scan.carry_count
    types[rows:] = [stacked_type(t, scan.length) for t in types[rows:]]
    if scan.length is None:
        types.insert(0, COUNT)
    return recorded(lambda *operands: _parted(scan, plan, operands), types, scan.body.name)


@derived
def _plan(body, constant_count, carry_count, is_zero):
    """The parts of each carry that is such a total, by its number."""
    maker = {v: e for e in body.equations for v in e.outputs}
    readers = {}
    for v in (*(v for e in body.equations for v in e.inputs), *body.outputs):
        readers[v] = readers.get(v, 0) + 1
    carry = body.inputs[constant_count:][:carry_count]
    found = {}
    for k, (v, result) in enumerate(zip(carry, body.outputs, strict=False)):
        made = maker.get(result)
        is_total = made is not None and made.primitive is add and v in made.inputs
        if not is_zero[k] or not is_total or readers[v] > 1 or readers[result] > 1:
            continue
        (added,) = [u for u in made.inputs if u is not v]
        part = _part(added, maker, readers)
        if 1 <= len(part.leaves()) <= _MOST_PARTS and _is_joined(part):
            found[k] = part
    return found


def _part(v, maker, readers):
    made = maker.get(v)
    if made is None or readers[v] > 1:
        return _Part(v)
    p, inputs = made.primitive, made.inputs
    if p is add and any(map(_is_zero, inputs)):
        (rest,) = [u for u in inputs if not _is_zero(u)] or inputs[:1]
        return _part(rest, maker, readers) if rest.type is v.type else _Part(v)
    is_surrounded = isinstance(p, Pad) and _is_zero(inputs[1]) and not any(p.interior)
    if is_surrounded and min(*p.low, *p.high) >= 0:
        inputs = inputs[:1]
    elif not isinstance(p, Concatenate | Reshape):
        return _Part(v)
    return _Part(v, p, tuple([_part(u, maker, readers) for u in inputs]))


def _is_zero(v):
    return type(v) is Literal and not v.value


def _is_joined(part):
    """Whether it is more than a value in another shape."""
    is_whole = part.primitive is None or isinstance(part.primitive, Reshape)
    return not is_whole or any(map(_is_joined, part.parts))


def _parted(scan, plan, operands):
    """The loop with its totals in parts, and these joined."""
    count, constants, carry, xs = scan.parts(operands)
    leaves = [leaf for part in plan.values() for leaf in part.leaves()]
    staying = [k for k in range(scan.carry_count) if k not in plan]
    loop = scan.replace(
        body=_body(scan, leaves, staying), carry_count=len(staying) + len(leaves)
    )
    begins = [carry[k] for k in staying] + [zeros(leaf.value.type) for leaf in leaves]
    results = loop(*count, *constants, *begins, *xs)
    n, m = len(staying), len(staying) + len(leaves)
    ends = dict(zip(staying, results[:n], strict=True))
    values = dict(zip(leaves, results[n:m], strict=True))
    ends.update({k: part.joined(values) for k, part in plan.items()})
    return [*(ends[k] for k in range(scan.carry_count)), *results[m:]]


def _body(scan, leaves, staying):
    body, a, n = scan.body, scan.constant_count, scan.carry_count
    carry, totals = body.inputs[a : a + n], [Variable(leaf.value.type) for leaf in leaves]
    sums = [
        Equation(add, (total, leaf.value), (Variable(total.type),))
        for total, leaf in zip(totals, leaves, strict=True)
    ]
    inputs = (*body.inputs[:a], *(carry[k] for k in staying), *totals, *body.inputs[a + n :])
    results = (*(body.outputs[k] for k in staying), *(e.outputs[0] for e in sums))
    outputs = (*results, *body.outputs[n:])
    return live(Program(inputs, (*body.equations, *sums), outputs, body.name))
