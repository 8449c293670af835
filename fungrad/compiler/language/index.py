"""Index arithmetic: positions of elements as linear forms of loop indices, simplified by ranges.

Primitives write index arithmetic with sizes in it (`i * 512 + j`). A size above `LITERAL` must not
stand in a kernel's text, so it is a *size symbol*, whose value is known here: it decides how an
expression simplifies, and becomes a parameter where it remains.
"""

from weakref import WeakKeyDictionary

import numpy as np

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.literals import LITERAL
from fungrad.compiler.language.scalar import INDEX, call, constant, topological_order
from fungrad.core.digest import blake2b
from fungrad.core.open_values import OpenNumber
from fungrad.core.record import record


@record(frozen=True)
class Affine:
    """`offset + sum(coefficient * atom)`: the atoms are loop indices and what is not linear."""

    offset: int
    terms: tuple  # of (atom, coefficient)

    @property
    def coefficients(self):
        """The coefficients by atom."""
        return dict(self.terms)

    def __add__(self, other):
        terms = dict(self.terms)
        for atom, c in other.terms:
            terms[atom] = terms.get(atom, 0) + c
        return Affine(self.offset + other.offset, _without_zeros(terms))

    def scaled(self, factor):
        """The form times an integer."""
        return Affine(self.offset * factor, _without_zeros({a: c * factor for a, c in self.terms}))


def _without_zeros(terms):
    """The terms in an order that does not depend on how they came about."""
    kept = [(a, c) for a, c in terms.items() if c]
    return tuple(sorted(kept, key=lambda term: _rank(term[0])) if len(kept) > 1 else kept)


_digests: WeakKeyDictionary = WeakKeyDictionary()


def _rank(atom):
    """A text by which atoms are ordered: its length does not grow with what they share inside."""
    if not atom.operands:
        return repr(atom)
    for node in topological_order([atom]):
        if node not in _digests:
            inner = [_digests[x] for x in node.operands]
            what = node.attribute if isinstance(node.attribute, str | int) else ""
            own = f"{node.op} {node.dtype} {what}" if inner else repr(node)
            _digests[node] = blake2b(repr((own, inner)).encode(), digest_size=16).hexdigest()
    return f"{atom.op} {_digests[atom]}"


#: A status is the number of an error site in its lowest bits, and above them the integer at fault.
FAULT_BITS = 20
_MOST_FAULTY = 1 << 41


def as_fault(value):
    """A positive int64 expression for an integer at fault; its lowest bits are free."""
    shifted = (value + constant(_MOST_FAULTY, INDEX)) & constant(2 * _MOST_FAULTY - 1, INDEX)
    return shifted << constant(FAULT_BITS, INDEX)


def site_and_value(status):
    """The number of the error site of a status, and the integer at fault."""
    return status & ((1 << FAULT_BITS) - 1), (status >> FAULT_BITS) - _MOST_FAULTY


class IndexBuilder(Builder):
    """Makes the scalar expressions of one kernel, with what is known of its index arithmetic.

    `sizes` are the values of size symbols, `extents` the extents of loop indices, `checks` the
    faults that are 0 where a requirement holds (see `as_fault`), with their culprits, `breaks` the values of loop
    indices at which a comparison changes its result.
    """

    def __init__(self):
        self.sizes = {}
        self.extents = {}
        self.checks = {}
        self.breaks = {}
        self._affine = {}
        self._ranges = {}
        self._scopes = []
        self._symbols = {}

    # ---- leaves

    def index(self, name, extent):
        """The index of a loop; the constant 0 where the loop has one turn."""
        if extent == 1:
            return constant(0, INDEX)
        symbol = self.symbol(name, INDEX)
        self.extents[symbol] = extent
        return symbol

    def constant(self, value, dtype):
        """A constant; an int64 beyond `LITERAL` becomes a size symbol."""
        if dtype == INDEX:
            value = value if type(value) is OpenNumber else int(value)
            if abs(value) > LITERAL:
                return self.size(value)
        return super().constant(value, dtype)

    def size(self, value):
        """The symbol of an integer known now: one per use of a primitive, so equal uses share."""
        scope = self._scopes[-1] if self._scopes else []
        key = (*scope, value)
        if scope:
            scope[1] += 1
        symbol = self._symbols.get(key)
        if symbol is None:
            symbol = self._symbols[key] = self.symbol(f"size{len(self._symbols)}", INDEX)
            self.sizes[symbol] = value
        return symbol

    def element(self, equation, index, read):
        """The element of an equation's output at an index: calls the primitive's rule."""
        types = tuple([v.type for v in equation.inputs])
        rule, output = equation.primitive.element, equation.outputs[0].type
        return self._in_scope([equation.primitive, 0], rule, self, index, read, types, output)

    def landing(self, equation, index, read):
        """Where an equation writes its update at an index: calls the primitive's rule."""
        types = tuple([v.type for v in equation.inputs])
        rule = equation.primitive.landing
        return self._in_scope([equation.primitive, 0], rule, self, index, read, types)

    def _in_scope(self, scope, function, *arguments):
        """The function's value, where sizes are those of one use of a primitive."""
        self._scopes.append(scope)
        try:
            return function(*arguments)
        finally:
            self._scopes.pop()

    def require(self, condition, culprit, value=None):
        """Note that a condition must hold, or the call raises what `culprit.failure()` says.

        A culprit that wants to name the integer which is at fault gets it: `failure(value)`.
        """
        if condition.is_constant and condition.attribute:
            return
        zero = super().constant(0, INDEX)
        value = zero if value is None else self.cast(value, INDEX)
        self.checks.setdefault(self.select(condition, zero, as_fault(value)), culprit)

    # ---- simplification

    def call(self, word, dtype, *operands, attribute=None):
        """The word applied to operands; index arithmetic simplified by what ranges say."""
        if word in _SHORT_FORMS:
            return _SHORT_FORMS[word](*operands)
        if len(operands) == 2 and operands[0].dtype == INDEX and operands[1].dtype == INDEX:
            simple = self._simplified(word, *operands)
            if simple is not None:
                return simple
        return super().call(word, dtype, *operands, attribute=attribute)

    def _simplified(self, word, x, y):
        if word in ("floor_divide", "index_divide"):
            return self._quotient(x, y)
        if word in ("remainder", "index_remainder"):
            return self._remainder(x, y)
        if word in _COMPARED:
            result = _COMPARED[word](self.range(x), self.range(y), x, y)
            if result is None:
                self._note_break(word, x, y)
            return result
        return None

    def _note_break(self, word, x, y):
        """Note at which value of a loop index a comparison with a fixed value changes."""
        difference = self.affine(x) + self.affine(y).scaled(-1)
        if len(difference.terms) != 1 or word in ("equal", "not_equal"):
            return
        ((atom, factor),) = difference.terms
        if atom not in self.extents:
            return
        is_strict = (word in ("less_equal", "greater", "minimum")) == (factor > 0)
        offset = difference.offset
        place = -offset // factor + 1 if is_strict else -(offset // factor)
        if 0 < place < self.extents[atom]:
            self.breaks.setdefault(atom, set()).add(place)

    def _split(self, x, divisor):
        """x = divisor * quotient + rest, as affine forms, with a rest as small as possible."""
        form = self.affine(x)
        whole, rest = {}, {}
        for atom, c in form.terms:
            (rest if c % divisor else whole)[atom] = c
        offset, small = divmod(form.offset, divisor)
        quotient = Affine(offset, _without_zeros({a: c // divisor for a, c in whole.items()}))
        return quotient, Affine(small, _without_zeros(rest))

    def _quotient(self, x, y):
        divisor = self._divisor(x, y)
        if divisor is None:
            return None
        quotient, rest = self._split(x, divisor)
        low, high = self.range_of(rest)
        if 0 <= low and high < divisor:
            return self.expression(quotient)
        word = "index_divide" if low >= 0 else "floor_divide"
        return self.expression(quotient) + call(word, INDEX, self.expression(rest), y)

    def _remainder(self, x, y):
        divisor = self._divisor(x, y)
        if divisor is None:
            return None
        _, rest = self._split(x, divisor)
        low, high = self.range_of(rest)
        rest = self.expression(rest)
        if 0 <= low and high < divisor:
            return rest
        return call("index_remainder" if low >= 0 else "remainder", INDEX, rest, y)

    def _divisor(self, x, y):
        """The positive value of y, or None; None too where x is data, which may wrap around."""
        divisor = self.value_of(y)
        low, high = self.range(x)
        is_known = divisor is not None and divisor > 0 and high - low < np.inf
        return divisor if is_known else None

    def value_of(self, x):
        """The value of an expression that has no loop index in it, or None."""
        form = self.affine(x)
        return None if form.terms else form.offset

    # ---- linear forms

    def affine(self, x):
        """The linear form of an int64 expression."""
        form = self._affine.get(x)
        if form is None:
            form = self._affine[x] = self._linear_form(x)
        return form

    def _linear_form(self, x):
        if x.is_constant:
            return Affine(x.attribute, ())
        if x in self.sizes:
            return Affine(self.sizes[x], ())
        if x.op == "add":
            return self.affine(x.operands[0]) + self.affine(x.operands[1])
        if x.op == "subtract":
            return self.affine(x.operands[0]) + self.affine(x.operands[1]).scaled(-1)
        if x.op == "negative":
            return self.affine(x.operands[0]).scaled(-1)
        if x.op == "multiply":
            a, b = map(self.affine, x.operands)
            if not a.terms:
                return b.scaled(a.offset)
            if not b.terms:
                return a.scaled(b.offset)
        return Affine(0, ((x, 1),))

    def position(self, index, strides):
        """The linear form of an element's place in memory."""
        form = Affine(0, ())
        for i, stride in zip(index, strides, strict=True):
            form = form + self.affine(i).scaled(stride)
        return self._joined(form)

    def _joined(self, form):
        """With `m * c * (p // c) + m * (p % c)` put together to `m * p`."""
        rests = {(a.operands, c): a for a, c in form.terms if a.op in _REMAINDERS}
        for atom, c in form.terms:
            if atom.op not in _QUOTIENTS:
                continue
            divisor = self.value_of(atom.operands[1])
            if not divisor or c % divisor:
                continue
            rest = rests.get((atom.operands, c // divisor))
            if rest is None:
                continue
            joined = form + Affine(0, ((atom, -c), (rest, -(c // divisor))))
            return self._joined(joined + self.affine(atom.operands[0]).scaled(c // divisor))
        return form

    def expression(self, form):
        """The scalar expression of a linear form."""
        total = self._integer(form.offset)
        for atom, c in form.terms:
            total = total + (atom if c == 1 else atom * self._integer(c))
        return total

    def _integer(self, value):
        """An integer of a linear form: equal values share a symbol, so equal forms are one."""
        return self._in_scope([], self.constant, value, INDEX)

    # ---- ranges

    def range(self, x):
        """The least and the largest value of an int64 expression; infinite where unknown."""
        found = self._ranges.get(x)
        if found is None:
            found = self._ranges[x] = self._range(x)
        return found

    def _range(self, x):
        form = self.affine(x)
        if form.terms != ((x, 1),):
            return self.range_of(form)
        if x in self.extents:
            return 0, max(self.extents[x] - 1, 0)
        if x.op in _REMAINDERS:
            divisor = self.value_of(x.operands[1])
            return (0, divisor - 1) if divisor else _UNKNOWN
        if x.op in ("minimum", "maximum"):
            (a, b), (c, d) = map(self.range, x.operands)
            choose = min if x.op == "minimum" else max
            return choose(a, c), choose(b, d)
        if x.op in _QUOTIENTS:
            divisor = self.value_of(x.operands[1])
            low, high = self.range(x.operands[0])
            if divisor and _UNKNOWN[0] < low and high < _UNKNOWN[1]:
                return low // divisor, high // divisor
        if x.op == "select":
            (a, b), (c, d) = map(self.range, x.operands[1:])
            return min(a, c), max(b, d)
        return _UNKNOWN

    def range_of(self, form):
        """The same of a linear form."""
        low = high = form.offset
        for atom, c in form.terms:
            ends = [c * end for end in self.range(atom)]
            low, high = low + min(ends), high + max(ends)
        return low, high


#: Words of primitives that are no words of scalar expressions.
_SHORT_FORMS = {"stop_gradient": lambda x: x, "square": lambda x: x * x}
_UNKNOWN = (-np.inf, np.inf)
_QUOTIENTS = ("floor_divide", "index_divide")
_REMAINDERS = ("remainder", "index_remainder")


def _true_false(is_true, is_false):
    if is_true:
        return constant(True, np.dtype(bool))
    return constant(False, np.dtype(bool)) if is_false else None


def _is_one(p, q):
    """Whether two ranges are the same single value."""
    return p[0] == p[1] == q[0] == q[1]


_COMPARED = {
    "maximum": lambda p, q, x, y: x if p[0] >= q[1] else y if q[0] >= p[1] else None,
    "minimum": lambda p, q, x, y: x if p[1] <= q[0] else y if q[1] <= p[0] else None,
    "less": lambda p, q, x, y: _true_false(p[1] < q[0], p[0] >= q[1]),
    "less_equal": lambda p, q, x, y: _true_false(p[1] <= q[0], p[0] > q[1]),
    "greater": lambda p, q, x, y: _true_false(p[0] > q[1], p[1] <= q[0]),
    "greater_equal": lambda p, q, x, y: _true_false(p[0] >= q[1], p[1] < q[0]),
    "equal": lambda p, q, x, y: _true_false(_is_one(p, q), p[1] < q[0] or q[1] < p[0]),
    "not_equal": lambda p, q, x, y: _true_false(p[1] < q[0] or q[1] < p[0], _is_one(p, q)),
}
