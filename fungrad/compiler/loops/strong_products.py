"""Products that drop (0 times inf is 0) inside of loops: checked once per turn instead of each.

A strong product is a plain one unless that is nan. So a run of scalar statements is written with
plain products, and what it makes is asked for nan, of which no statement in between loses any:

    z = v * y                           for z = strong_multiply(v, y)
    q = z * x                           and q = strong_multiply(z, x), which is read later
    if isnan(q):
        ... the same with strong products, which sets q anew

The branch is hardly ever taken and costs nothing, where each strong product compares, joins two
truth values and selects: one turn of a particle in a field with its tangents, twelve such products,
takes 12 ns instead of 21. Loops over arrays keep theirs: vectors have no branches.
"""

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import BOOL, Scalar, call, substitute
from fungrad.compiler.language.scalar import topological_order as nodes_of
from fungrad.compiler.language.statements import (
    If,
    Let,
    Loop,
    Repeat,
    Set,
    bodies,
    expressions,
    walk,
)

_build = Builder()
_PLAIN = {"strong_multiply": "multiply", "strong_divide": "divide"}
#: Words whose result is nan where an operand is.
_PASSES_NAN = frozenset(
    """add subtract multiply divide strong_multiply strong_divide negative absolute fma sqrt rsqrt
    convert exp exp2 expm1 log log1p sin cos tan arctan sinh cosh tanh arcsinh logistic erf""".split()
)
_FEWEST = 2  # strong products in a run
_LONGEST = 400  # statements of a run: it is written twice


def check_at_once(body, unique):
    """The statements of an entry with the strong products of its loops checked once per run.

    `unique(name)` gives a name that is not in use.
    """
    loops = [s for s in walk(body) if isinstance(s, Loop | Repeat)]
    if not any(map(_is_strong, _nodes(walk(loops)))):
        return body
    uses = {}
    for statement in walk(body):
        _count(uses, [statement])
    return _rewritten(body, uses, unique, False)


def _rewritten(body, uses, unique, is_in_loop):
    """A block with the runs in it rewritten; inner blocks are changed in place."""
    result, run = [], []
    for statement in body:
        if is_in_loop and isinstance(statement, Let):
            run.append(statement)
            continue
        result += _checked(run, uses, unique)
        run = []
        inside = is_in_loop or isinstance(statement, Loop | Repeat)
        for inner in bodies(statement):
            inner[:] = _rewritten(inner, uses, unique, inside)
        result.append(statement)
    return result + _checked(run, uses, unique)


def _nodes(statements):
    return nodes_of([x for s in statements for x in expressions(s)])


def _count(uses, statements):
    """Add in how many statements each name is read."""
    for statement in statements:
        for node in nodes_of(expressions(statement)):
            if node.op == "symbol":
                uses[node.attribute] = uses.get(node.attribute, 0) + 1


def _is_strong(node):
    return node.op in _PLAIN and node.dtype.kind == "f"


def _is_float(name, run):
    return run[name].value.dtype.kind == "f"


def _checked(run, uses, unique):
    """The statements of a run of `Let`s, with a check where that pays and is possible."""
    affected, strong = _affected(run)
    if strong < _FEWEST or len(affected) > _LONGEST:
        return run
    inside = {}
    _count(inside, run)
    live = [name for name in affected if uses.get(name, 0) > inside.get(name, 0)]
    suspects = _suspects(affected, live)
    return run if suspects is None else _Twice(run, affected, live, suspects, unique).statements()


def _affected(run):
    """The statements that depend on strong products, by name, and how many of these there are."""
    affected, strong = {}, 0
    for statement in run:
        nodes = nodes_of([statement.value])
        strong += sum(map(_is_strong, nodes))
        if any(_is_strong(x) or x.op == "symbol" and x.attribute in affected for x in nodes):
            affected[statement.name] = statement
    return affected, strong


def _suspects(affected, live):
    """The names one of which is nan if a product is; None if some nan could get lost."""
    suspects = dict.fromkeys([name for name in live if _is_float(name, affected)])
    shown = set(suspects)  # a nan in these is seen
    for name, statement in reversed(affected.items()):
        reached = _reached(statement.value)
        strong = [x for x in nodes_of([statement.value]) if _is_strong(x)]
        if not reached.issuperset(strong):
            return None
        if strong and name not in shown:
            suspects[name] = None
            shown.add(name)
        if name in shown:
            shown.update([x.attribute for x in reached if x.op == "symbol"])
    return list(suspects)


def _reached(root):
    """The nodes of an expression that make it nan if they are."""
    reached, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if node not in reached and node.dtype.kind == "f":
            reached.add(node)
            waiting += node.operands if node.op in _PASSES_NAN else ()
    return reached


class _Twice:
    """A run with plain products, and once more with strong ones for where that is nan."""

    def __init__(self, run, affected, live, suspects, unique):
        self.run, self.affected, self.live, self.suspects = run, affected, set(live), suspects
        self.unique = unique

    def statements(self):
        """What stands for the run."""
        quick = self._written("quick", _plain)
        check = If(self._has_nan(quick))
        for statements in self._written("strong", _same).values():
            check.body += statements
        first = [x for s in self.run for x in quick.get(s.name, [s])]
        return [*first, check]

    def _written(self, suffix, rebuild):
        """By the name of a statement: it and, for what is read later, its variable's new value."""
        names, written = {}, {}

        def renamed(node, operands):
            if node.op == "symbol" and node.attribute in names:
                return _build.symbol(names[node.attribute], node.dtype)
            return rebuild(node, operands)

        for name, statement in self.affected.items():
            (value,) = substitute([statement.value], renamed)
            is_same = suffix == "quick" and name not in self.live
            names[name] = name if is_same else self.unique(f"{name}_{suffix}")
            written[name] = [Let(names[name], value, statement.remark)]
            if name in self.live:
                written[name].append(Set(name, _build.symbol(names[name], value.dtype)))
        return written

    def _has_nan(self, quick):
        """Whether one of the suspects is nan: their sum is, then."""
        sums = {}
        for name in self.suspects:
            first = quick[name][0]
            x = _build.symbol(first.name, first.value.dtype)
            sums[x.dtype] = sums[x.dtype] + x if x.dtype in sums else x
        found = None
        for total in sums.values():
            is_nan = call("isnan", BOOL, total)
            found = is_nan if found is None else call("logical_or", BOOL, found, is_nan)
        return found


def _same(node, operands):
    return Scalar(node.op, node.dtype, operands, node.attribute) if operands else node


def _plain(node, operands):
    if _is_strong(node):
        return call(_PLAIN[node.op], node.dtype, *operands)
    return _same(node, operands)
