"""Where the expressions of a loop nest stand: as far out as they can, and in which phase."""

from fungrad.compiler.fusion.row_blocks import STEP
from fungrad.compiler.language.scalar import topological_order


class Standing:
    """The number of loops around every expression of a nest (`depth`) and its first phase (`since`).

    `order` has the expressions of the whole nest, `orders` those of the inner loops of each phase,
    operands first. `named` are those that get a name, with remarks; `checks` are those that may
    find a fault, by phase and depth.
    """

    def __init__(self, nest, places, spots, written, tiles):
        """`places` and `spots` say where roots are stored, through the pointers `written`."""
        self.nest, self.roots = nest, nest.roots
        self.border, self.phases = nest.row_depth(), nest.phases()
        self.places = places | {n: place for n, (_, place) in spots.items()}
        level = {axis.symbol: number + 1 for number, axis in enumerate(nest.axes)}
        if tiles is not None:
            level |= tiles.levels
        level[STEP] = len(nest.axes)
        rows = nest.row_phases
        self.depth, self.since = {}, {}
        self.order = topological_order(self._expressions(range(len(self.roots))))
        for node in self.order:
            inner = [self.depth[x] for x in node.operands]
            own = self.border if node in rows else level.get(node, 0)
            self.depth[node] = max([own, *inner])
            since = [self.since[x] for x in node.operands]
            self.since[node] = max([rows.get(node, 0), *since])
        self.named = self._named_nodes(written)
        self.checks, self.orders = self._place_checks(), {}
        for phase in self.phases:
            faults = [
                fault
                for (number, depth), found in self.checks.items()
                if number == phase and depth > self.border
                for fault, _ in found
            ]
            self.orders[phase] = topological_order(self._expressions(self._columnar(phase), faults))

    def _columnar(self, phase):
        """The numbers of the roots of a phase that stand in its inner loops."""
        return [n for n, r in enumerate(self.roots) if r.phase == phase and not r.is_over_rows]

    def _expressions(self, numbers, faults=None):
        found = [self.roots[n].value for n in numbers]
        conditions = [self.roots[n].is_there for n in numbers]
        found += [c for c in conditions if c is not None]
        found += [self.places[n] for n in numbers if n in self.places]
        return found + ([c for c, _ in self.nest.checks] if faults is None else faults)

    def _place_checks(self):
        """The checks by phase and by the number of loops around them: as few as they allow."""
        placed = {}
        for fault, culprit in self.nest.checks:
            phase, depth = self.since[fault], max(self.depth[fault], self.border)
            if depth > self.border:
                phase = next(p for p in self.phases if p >= phase and self._columnar(p))
            placed.setdefault((phase, depth), []).append((fault, culprit))
        return placed

    def _named_nodes(self, written):
        """What gets a name: what an inner loop reads, the values of equations, and what is read
        through a pointer that is also written, before that happens."""
        named = {}
        for node in self.order:
            if node.op == "load" and node.attribute in written:
                named[node] = ""
            for x in node.operands:
                if self.depth[x] < self.depth[node] and x.operands:
                    named.setdefault(x, "")
        nest = self.nest
        for (_, v, index), element in nest.elements.items():
            final = nest.final.get(element)
            is_made = index == nest.index and v in nest.lowering.schedule.maker
            if is_made and final is not None and final.operands and final.op != "load":
                named[final] = named.get(final) or nest.lowering.remark(v)
        return named
