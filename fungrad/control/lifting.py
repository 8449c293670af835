"""What leaves the body of a scan: values that are the same in every step, and products.

Three rewrites, of a body that is optimised already:

- what is computed from constants alone is computed once, before the loop;
- a product of a scanned value by a constant is one product of all steps, before the loop; if the
  loop only returns it, its other factor is stacked instead and the product comes after the loop;
- a sum over the steps of products of two values that change is one contraction of the stacked
  values after the loop, whose contracted labels take in the steps.

Products that are written out in the body count as such, too (see `small_products`).

Memory: what is stacked for that purpose fits into `_SMALL_STACK` bytes, or is no more than what the
loop stacks anyway. Products with `_ENOUGH` rows to each step (or terms to each element of a sum)
stay: BLAS is at its limit there already, and the result is still in the cache where it is read.
"""

from fungrad.control.programs import recorded
from fungrad.control.small_products import (
    FEWEST_TURNS,
    LOCAL_SIZE,
    better_written_out,
    is_layout,
    with_contractions,
)
from fungrad.control.stack import StackType, stacked_type
from fungrad.core.primitive import Pointwise
from fungrad.core.program import Equation, Program, Variable, acts, live, reader_counts
from fungrad.core.record import record
from fungrad.core.running import run
from fungrad.optimize.contractions import simplify_contractions
from fungrad.primitives.contraction import Contract
from fungrad.primitives.elementwise import add, subtract
from fungrad.transforms.batch import BatchAxis, batch

_SMALL_STACK = 16 << 20
_ENOUGH = 256
_EXPENSIVE = 20  # an elementary function; what is cheaper is computed where it is read


@record
class Plan:
    """What is to leave a body, in terms of its variables."""

    fixed: list = list  # computed once, further constants
    before: list = list  # of all steps, further xs
    after: set = set  # numbers of outputs that are products
    sums: dict = dict  # number of a carry: its products, its other terms

    def __bool__(self):
        return bool(self.fixed or self.before or self.after or self.sums)


def lifted(scan):
    """A program on the operands of a scan of known length that does less inside of the loop.

    None if nothing leaves the loop.
    """
    if any(isinstance(v.type, StackType) for v in (*scan.body.inputs, *scan.body.outputs)):
        return None
    is_long = scan.length >= FEWEST_TURNS
    constants = scan.body.inputs[: scan.constant_count] if is_long else ()
    is_better = bool(better_written_out(scan.body, constants))
    scan = scan.replace(body=with_contractions(scan.body, constants))
    search = _Search(scan)
    plan = search.plan()
    if plan or is_better:
        return _Rewriting(scan, search, plan).program()
    return None


class _Search:
    """Finds what may leave, and what pays."""

    def __init__(self, scan):
        body, a, n = scan.body, scan.constant_count, scan.carry_count
        self.length, self.body, self.count = scan.length, body, n
        self.constants, self.carry = body.inputs[:a], body.inputs[a : a + n]
        self.rows = body.inputs[a + n :]
        self.maker = {v: e for e in body.equations for v in e.outputs}
        self.readers = reader_counts(body)
        self.fixed = self._computed_from(self.constants, object)
        self.independent = self._computed_from((*self.constants, *self.rows), Pointwise | Contract)
        self.stacked = set(_variables([*self.rows, *body.outputs[n:]]))
        self.budget = max(_SMALL_STACK, self._cost(self.stacked))

    def _computed_from(self, known, kinds):
        """The values computed from those known by primitives that cannot fail and do no more."""
        known = set(known)
        for e in self.body.equations:
            p = e.primitive
            is_bound = hasattr(p, "failure") or hasattr(p, "may_fail") or acts(e)
            if isinstance(p, kinds) and not is_bound and known.issuperset(_variables(e.inputs)):
                known.update(e.outputs)
        return known

    def plan(self):
        """What is to leave."""
        plan = Plan()
        self._find_before(plan)
        self._find_sums(plan)
        self._find_after(plan)
        self._find_fixed(plan)
        return plan

    # ---- memory

    def _cost(self, values):
        """The bytes of the values of all steps."""
        arrays = [v.type for v in values if not isinstance(v.type, StackType)]
        return self.length * sum(t.size * t.dtype.itemsize for t in arrays)

    def _afford(self, values):
        """Take memory for the values of all steps, if there is enough."""
        cost = self._cost(values)
        if cost > self.budget:
            return False
        self.budget -= cost
        self.stacked.update(values)
        return True

    def _is_stacked(self, v):
        return self.root(v) in self.stacked

    def root(self, v):
        """What `v` is a mere rearrangement of, if that is in memory for all steps; else `v`."""
        u = v
        while u in self.maker and u not in self.stacked:
            made = self.maker[u]
            changing = [x for x in _variables(made.inputs) if x not in self.fixed]
            if not _is_free(made) or len(changing) != 1:
                return v
            (u,) = changing
        return u if u in self.stacked else v

    # ---- before the loop

    def _find_before(self, plan):
        for e in self.body.equations:
            v = e.outputs[0] if e.outputs else None
            if v not in self.independent or v in self.fixed:
                continue
            factor = self._factor_of_fixed(e)
            if factor is None:
                continue
            new = [v] if self._is_stacked(factor) else [factor, v]
            if self._afford(new):
                plan.before += new

    def _factor_of_fixed(self, e):
        """The factor that changes of a product by a fixed one, where all steps are better."""
        p = e.primitive
        changing = [i for i, v in enumerate(e.inputs) if v not in self.fixed]
        if not isinstance(p, Contract) or p.groups.batch or len(changing) != 1:
            return None
        (i,) = changing
        own, labels = ((p.groups.left, p.left), (p.groups.right, p.right))[i]
        return e.inputs[i] if _size(own, labels, e.inputs[i]) < _ENOUGH else None

    # ---- after the loop

    def _find_sums(self, plan):
        for k, v in enumerate(self.carry):
            terms = self._terms(v, self.body.outputs[k])
            products = [t for t in terms if self._is_better_summed_at_once(t[1])]
            if products:
                plan.sums[k] = products, [t for t in terms if t not in products]

    def _terms(self, v, result):
        """What is added to a carry in every step, as (sign, value) pairs; empty if it is no sum."""
        if self.readers.get(v) != 1 or self.readers[result] != 1:
            return []
        terms, waiting, has_itself = [], [(1, result)], False
        while waiting:
            sign, u = waiting.pop()
            made = self.maker.get(u)
            if u is v and sign == 1:
                has_itself = True
            elif made and made.primitive in (add, subtract) and self.readers[u] == 1:
                x, y = made.inputs
                waiting += [(sign, x), (sign if made.primitive is add else -sign, y)]
            else:
                terms.append((sign, u))
        return terms if has_itself else []

    def _is_better_summed_at_once(self, v):
        made = self.maker.get(v)
        if made is None or not isinstance(made.primitive, Contract) or self.readers[v] != 1:
            return False
        groups = made.primitive.groups
        if groups.batch or v.type is not made.outputs[0].type:
            return False
        if any(x in self.fixed for x in made.inputs):
            return False
        if _size(groups.contracted, made.primitive.left, made.inputs[0]) >= _ENOUGH:
            return False
        missing = [x for x in dict.fromkeys(made.inputs) if not self._is_stacked(x)]
        computed = [x for x in missing if x not in self.independent]  # not from rows alone
        return len(computed) < 2 and self._afford(missing)

    def _find_after(self, plan):
        for k, v in enumerate(self.body.outputs[self.count :], self.count):
            made = self.maker.get(v)
            if made is None or self.readers[v] != 1 or v in plan.before:
                continue
            factor = self._factor_of_fixed(made)
            if factor is not None and (self._is_stacked(factor) or self._afford([factor])):
                plan.after.add(k)

    # ---- constants

    def _find_fixed(self, plan):
        """What is fixed, worth being kept, and read by what changes."""
        costs, wanted = {}, {}
        for e in self.body.equations:
            is_fixed = bool(e.outputs) and self.fixed.issuperset(e.outputs)
            for v in _variables(e.inputs):
                if v in costs and not is_fixed and self._is_worth_keeping(v, e, costs[v]):
                    wanted[v] = None
            if is_fixed:
                inner = sum(costs.get(v, 0) for v in e.inputs)
                costs.update(dict.fromkeys(e.outputs, inner + cost_of(e)))
        plan.fixed = list(wanted)

    def _is_worth_keeping(self, v, reader, cost):
        """Whether computing a fixed value anew for a reader takes longer than reading it."""
        made = self.maker[v]
        if is_layout(made, reader):
            return True
        # What is fixed and small is left to LLVM.
        if isinstance(made.primitive, Pointwise) and v.type.size <= LOCAL_SIZE:
            return False
        is_stored = not isinstance(reader.primitive, Pointwise) and not _is_free(made)
        return cost >= _EXPENSIVE or is_stored


def _variables(values):
    return [v for v in values if type(v) is Variable]


def _is_free(e):
    return isinstance(e.primitive, Pointwise) and e.primitive.is_free


def cost_of(e):
    """What an element of an equation's output costs, an addition being 1."""
    if not isinstance(e.primitive, Pointwise):
        return _EXPENSIVE
    from fungrad.compiler.language.views import reading

    return reading(e).cost


def _size(labels, order, v):
    size = 1
    for label, n in zip(order, v.type.shape, strict=True):
        size *= n if label in labels else 1
    return size


class _Rewriting:
    """Builds the program that a plan describes."""

    def __init__(self, scan, search, plan):
        self.scan, self.search, self.plan = scan, search, plan
        self.axis = BatchAxis(scan.length)
        sums = plan.sums
        #: The numbers of the carries that stay, since something else is added to them.
        self.staying = [k for k in range(scan.carry_count) if k not in sums or sums[k][1]]

    def program(self):
        """The program on the operands of the scan."""
        s, name = self.search, self.search.body.name
        types = [v.type for v in (*s.constants, *s.carry)]
        types += [stacked_type(v.type, self.scan.length) for v in s.rows]
        return recorded(self._whole, types, name)

    def _whole(self, *operands):
        """Before, the loop, after."""
        s, scan, plan = self.search, self.scan, self.plan
        _, constants, carry, xs = scan.parts(operands)
        known = dict(zip(s.constants, constants, strict=True))
        outer = self._inner_program(s.constants, plan.fixed)
        known.update(zip(plan.fixed, run(outer, constants), strict=True))
        rows = dict(zip(s.rows, xs, strict=True))
        made = self._all_steps(plan.before, known, rows)
        rows.update(zip(plan.before, made, strict=True))
        body, fixed, given, kept = self._body(known, rows)
        loop = scan.replace(body=body, constant_count=len(fixed), carry_count=len(self.staying))
        moving = [carry[k] for k in self.staying]
        results = loop(*[known[v] for v in fixed], *moving, *[rows[v] for v in given])
        n = len(self.staying)
        ends = dict(zip(self.staying, results[:n], strict=True))
        rows.update(zip(kept, results[n:], strict=True))
        last = [self._end(k, ends.get(k, x), known, rows) for k, x in enumerate(carry)]
        return [*last, *self._all_steps(s.body.outputs[scan.carry_count :], known, rows)]

    def _inner_program(self, inputs, outputs):
        """What the body computes of `outputs`, from values that are given in place of others."""
        given = set(inputs)
        equations = [e for e in self.search.body.equations if given.isdisjoint(e.outputs)]
        body = self.search.body
        return live(Program(tuple(inputs), tuple(equations), tuple(outputs), body.name))

    def _all_steps(self, outputs, known, rows):
        """The values of all steps on top of each other."""
        program = self._inner_program((*known, *rows), outputs)
        marks = (False,) * len(known) + (True,) * len(rows)
        program, _ = batch(program, marks, self.axis, (True,) * len(outputs))
        return run(program, [*known.values(), *rows.values()])

    def _end(self, k, value, known, rows):
        """The last value of a carry, with the products that have left the loop."""
        for sign, v in self.plan.sums.get(k, ([], []))[0]:
            made = self.search.maker[v]
            p, new = made.primitive, max((*made.primitive.left, *made.primitive.right, -1)) + 1
            x, y = self._all_steps(made.inputs, known, rows)
            product = Contract((new, *p.left), (new, *p.right), p.out)(x, y)
            value = (add if sign > 0 else subtract)(value, product)
        return value

    def _body(self, known, rows):
        """The new body, the constants and rows that it reads, and what it returns of each step."""
        s, plan = self.search, self.plan
        more, results = [], []
        for k in self.staying:
            result = s.body.outputs[k]
            if k in plan.sums:
                result = s.carry[k]
                for sign, v in plan.sums[k][1]:
                    primitive = add if sign > 0 else subtract
                    more.append(Equation(primitive, (result, v), (Variable(result.type),)))
                    result = more[-1].outputs[0]
            results.append(result)
        kept = self._values_to_stack(known, rows)
        carry = [s.carry[k] for k in self.staying]
        given = set((*known, *rows))
        equations = [e for e in s.body.equations if given.isdisjoint(e.outputs)]
        outputs = (*results, *kept)
        body = live(Program((), (*equations, *more), outputs, s.body.name))
        used = {v for e in body.equations for v in e.inputs} | set(outputs)
        fixed, given = ([v for v in values if v in used] for values in (known, rows))
        body = body.replace(inputs=(*fixed, *carry, *given))
        constants = fixed if self.scan.length >= FEWEST_TURNS else ()
        body = simplify_contractions(body, better_written_out(body, constants))
        return body, fixed, given, kept

    def _values_to_stack(self, known, rows):
        """What the loop has to stack for its outputs and for the products that come after it."""
        s, plan = self.search, self.plan
        wanted = list(s.body.outputs[self.scan.carry_count :])
        products = [s.body.outputs[k] for k in plan.after]
        products += [v for products, _ in plan.sums.values() for _, v in products]
        for v in products:
            if v in wanted:
                wanted.remove(v)
            wanted += [s.root(x) for x in s.maker[v].inputs if x not in s.fixed]
        return [v for v in dict.fromkeys(_variables(wanted)) if v not in known and v not in rows]
