"""Totals of joined arrays, carried in parts.

    total = total + concatenate(a, b)    becomes    first = first + a
                                                    second = second + b

and the parts are joined after the loop; so are sums of arrays that zeros surround. The derivative
in a vector of parameters of which the body reads slices thus adds to each slice where its derivative
is made, without building the vector.
"""

from fungrad.control.programs import recorded
from fungrad.control.stack import COUNT, stacked_type
from fungrad.core.program import Equation, Literal, Program, Variable, derived, live, reader_counts
from fungrad.core.record import record
from fungrad.primitives.elementwise import add
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.movement import Reshape
from fungrad.transforms.interpret import zeros

_MOST_PARTS = 128  # of one total: each is a value that the loop carries


@record(frozen=True, eq=False)
class _Part:
    """A part of a total.

    One without a primitive is carried: `values` are added to it in every turn, and where there are
    none, it is zero. Others are what their primitive makes of smaller parts.
    """

    type: object
    values: tuple = ()
    primitive: object = None
    parts: tuple = ()

    def leaves(self):
        """The parts that values are added to."""
        return [self] if self.values else [leaf for part in self.parts for leaf in part.leaves()]

    def joined(self, ends):
        """The whole, from the last values of the leaves."""
        if self.values:
            return ends[self]
        if self.primitive is None:
            return zeros(self.type)
        return self.primitive(*[part.joined(ends) for part in self.parts])


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
    search = _Search(body)
    carry = body.inputs[constant_count:][:carry_count]
    found = {}
    for k, (v, result) in enumerate(zip(carry, body.outputs, strict=False)):
        made = search.made(result)
        is_total = made is not None and made.primitive is add and v in made.inputs
        if not is_zero[k] or not is_total or search.readers[v] > 1:
            continue
        (added,) = [u for u in made.inputs if u is not v]
        part = search.part(added)
        if len(part.leaves()) <= _MOST_PARTS and _is_joined(part):
            found[k] = part
    return found


class _Search:
    """Finds the parts of what is added to a total."""

    def __init__(self, body):
        self.maker = {v: e for e in body.equations for v in e.outputs}
        self.readers = reader_counts(body)

    def part(self, v):
        """The part that a value is added to."""
        made = self.made(v)
        if made is not None and isinstance(made.primitive, Concatenate | Reshape):
            return _Part(v.type, (), made.primitive, tuple(map(self.part, made.inputs)))
        terms = self._terms(v)
        boxes = [self._box(term) for term in terms]
        if None not in boxes:
            whole = self._region((0,) * v.type.ndim, v.type, boxes)
            if whole is not None:
                return whole
        return self.part(terms[0]) if terms != [v] and len(terms) == 1 else _Part(v.type, (v,))

    def made(self, v):
        """The equation that makes a value for one reader, or None."""
        return self.maker.get(v) if self.readers.get(v) == 1 else None

    def _terms(self, v):
        """What a value is the sum of, without zeros."""
        terms, waiting = [], [v]
        while waiting:
            u = waiting.pop()
            made = self.made(u)
            if made is not None and made.primitive is add:
                waiting += [x for x in made.inputs if not _is_zero(x)] or made.inputs[:1]
            else:
                terms.append(u)
        return terms

    def _box(self, v):
        """Where a value is not zero: (where that begins, what stands there); None if everywhere."""
        made = self.made(v)
        if made is None or not isinstance(made.primitive, Pad) or not _is_zero(made.inputs[1]):
            return None
        p = made.primitive
        return None if any(p.interior) or min(*p.low, *p.high) < 0 else (p.low, made.inputs[0])

    def _region(self, start, type, boxes):
        """The part that such values are added to, in a region; None where they overlap."""
        if all(x.type.shape == type.shape for _, x in boxes):
            values = tuple([x for _, x in boxes])
            return self.part(values[0]) if len(values) == 1 else _Part(type, values)
        for axis, (begin, size) in enumerate(zip(start, type.shape, strict=True)):
            spans = sorted({(low[axis], low[axis] + x.type.shape[axis]) for low, x in boxes})
            ends = [begin, *(end for _, end in spans)]
            is_cut = spans != [(begin, begin + size)]
            if is_cut and all(a >= e for (a, _), e in zip(spans, ends, strict=False)):
                return self._cut(axis, spans, start, type, boxes)
        return None

    def _cut(self, axis, spans, start, type, boxes):
        """A region cut along an axis at the ends of spans."""
        parts, here = [], start[axis]
        for begin, end in (*spans, (start[axis] + type.shape[axis],) * 2):
            if begin > here:
                parts.append(_Part(_resized(type, axis, begin - here)))
            if end > begin:
                corner = (*start[:axis], begin, *start[axis + 1 :])
                inside = [box for box in boxes if box[0][axis] == begin]
                parts.append(self._region(corner, _resized(type, axis, end - begin), inside))
            here = end
        return None if None in parts else _Part(type, (), Concatenate(axis), tuple(parts))


def _resized(type, axis, size):
    return type.with_shape((*type.shape[:axis], size, *type.shape[axis + 1 :]))


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
    loop = scan.replace(body=_body(scan, leaves, staying), carry_count=len(staying) + len(leaves))
    begins = [carry[k] for k in staying] + [zeros(leaf.type) for leaf in leaves]
    results = loop(*count, *constants, *begins, *xs)
    n, m = len(staying), len(staying) + len(leaves)
    ends = dict(zip(staying, results[:n], strict=True))
    values = dict(zip(leaves, results[n:m], strict=True))
    ends.update({k: part.joined(values) for k, part in plan.items()})
    return [*(ends[k] for k in range(scan.carry_count)), *results[m:]]


def _body(scan, leaves, staying):
    body, a, n = scan.body, scan.constant_count, scan.carry_count
    carry, totals = body.inputs[a : a + n], [Variable(leaf.type) for leaf in leaves]
    inputs = (*body.inputs[:a], *(carry[k] for k in staying), *totals, *body.inputs[a + n :])
    sums, results = [], [body.outputs[k] for k in staying]
    for total, leaf in zip(totals, leaves, strict=True):
        for value in leaf.values:
            sums.append(Equation(add, (total, value), (Variable(total.type),)))
            total = sums[-1].outputs[0]
        results.append(total)
    outputs = (*results, *body.outputs[n:])
    return live(Program(inputs, (*body.equations, *sums), outputs, body.name))
