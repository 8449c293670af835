"""Forward mode split in two: what depends on the values, and what is linear in the tangents."""

from fungrad.core.evaluation import slots
from fungrad.core.primitive import Pointwise
from fungrad.core.program import Equation, Literal, Program, Variable, derived, live
from fungrad.core.record import record
from fungrad.core.running import run
from fungrad.transforms.jvp import record_jvp
from fungrad.transforms.residuals import cheapest_to_keep


@record(frozen=True)
class Split:
    """A primitive that contains programs, split by `split(known)` in two primitives.

    `known` computes the outputs marked in `known_outputs` from the known inputs, then residuals; it
    may also be a program, whose equations are then put in its place.
    `unknown` takes the residuals, then the unknown inputs, and computes the other outputs. A
    residual is ("output", k), output k of `known`, or ("input", i), input i of the whole. With
    `order`, operand j of `unknown` is entry `order[j]` of the residuals and unknown inputs. With
    `known_inputs`, fewer inputs than were offered go to `known`: all others count as unknown.
    """

    known: object
    unknown: object
    known_outputs: tuple
    residuals: tuple
    order: tuple | None = None
    known_inputs: tuple | None = None


@record(frozen=True)
class Linearized:
    """The two halves of a derivative.

    `forward` is x -> (y, residuals); `linear` is (residuals, dx) -> dy. Where `slots` is not None,
    `forward` computes what the program computed anyway, and residual k is slot `slots[k]` of it.
    """

    forward: Program
    linear: Program
    slots: tuple | None
    residual_count: int
    out_active: tuple

    def push_forward(self, residuals, tangents, run=run):
        """The tangents of the outputs, None where there is none, from those of active inputs."""
        pushed = iter(run(self.linear, [*residuals, *tangents]))
        return [next(pushed) if has else None for has in self.out_active]


@derived
def linearize(program, active):
    """x -> (y, residuals) and (residuals, dx) -> dy.

    Residuals are values that the program computes anyway; factors such as cos(x) are computed in
    the linear half, once, where they are needed.
    """
    whole, where, out_active = record_jvp(program, active)
    count = len(program.inputs)
    order = [v for v, _ in sorted(slots(whole).items(), key=lambda item: item[1])]
    images = {order[i] for i in where.values() if type(i) is not Literal}
    known, unknown, replaced, is_split = partition(whole.equations, set(whole.inputs[count:]))
    y = [replaced.get(v, v) for v in whole.outputs[: len(program.outputs)]]
    dy = whole.outputs[len(program.outputs) :]
    unknown = live(Program((), tuple(unknown), dy, program.name)).equations
    saved = images | set(replaced.values()) | {v for e in known if e.residual for v in e.outputs}
    residuals, linear_equations = recompute(known, unknown, saved, dy, set(whole.inputs[count:]))
    linear = Program((*residuals, *whole.inputs[count:]), tuple(linear_equations), dy, program.name)
    if is_split:
        equations = tuple([e.equation for e in known])
        forward = Program(whole.inputs[:count], equations, (*y, *residuals), program.name)
        return Linearized(live(forward), linear, None, len(residuals), out_active)
    back = {order[i]: v for v, i in where.items() if type(i) is not Literal}
    own = [back[v] for v in residuals]
    forward = program.replace(outputs=(*program.outputs, *own))
    numbers = slots(program)
    return Linearized(forward, linear, tuple([numbers[v] for v in own]), len(residuals), out_active)


@derived
def split(program, known, forced_unknown=None, loop=None):
    """A program split by which inputs are known: the programs of a `Split`, and its other fields.

    The first takes the known inputs and returns the known outputs, then new residuals; the second
    takes all residuals and the unknown inputs and returns the unknown outputs. Outputs marked in
    `forced_unknown` count as unknown. None when nothing would be gained. Of the body of a loop,
    `loop` are the kinds of the inputs ("fixed", "carry" or "rows"), the number of steps, and what an
    equation costs (see `residuals`).
    """
    unknown_inputs = [v for v, k in zip(program.inputs, known, strict=True) if not k]
    first, second, replaced, _ = partition(program.equations, set(unknown_inputs))
    outputs = [replaced.get(v, v) for v in program.outputs]
    depends = set(unknown_inputs) | {v for e in second for v in e.outputs}
    known_outputs = tuple(
        [
            v not in depends and not (forced_unknown is not None and forced_unknown[k])
            for k, v in enumerate(outputs)
        ]
    )
    kept = [v for v, k in zip(outputs, known_outputs, strict=True) if k]
    rest = [v for v, k in zip(outputs, known_outputs, strict=True) if not k]
    needed = _needed(first, kept)
    wanted = _wanted(second, rest, unknown_inputs)
    saved = worth_saving(first, needed, wanted)
    if loop is not None:
        kinds = dict(zip(program.inputs, loop[0], strict=True))
        saved = cheapest_to_keep(first, wanted, saved, needed, kinds, *loop[1:])
    residuals, completed = recompute(first, second, saved, rest, set(unknown_inputs))
    positions = {v: i for i, v in enumerate(program.inputs)}
    sources, made = [], []
    for v in residuals:
        if v in positions:
            sources.append(("input", positions[v]))
        else:
            sources.append(("output", len(kept) + len(made)))
            made.append(v)
    known_inputs = tuple([v for v, k in zip(program.inputs, known, strict=True) if k])
    equations = tuple([e.equation for e in first])
    return (
        live(Program(known_inputs, equations, (*kept, *made), program.name)),
        Program((*residuals, *unknown_inputs), tuple(completed), tuple(rest), program.name),
        known_outputs,
        tuple(sources),
    )


def _needed(known, kept):
    """What has to be computed for the known outputs."""
    needed = set()
    for k in reversed(known):
        if any(v in needed or v in kept for v in k.outputs):
            needed.update(k.equation.inputs)
    needed.update(kept)
    return needed


def _wanted(unknown, rest, unknown_inputs):
    """The known values that the second half reads or returns, in order."""
    made = {v for e in unknown for v in e.outputs} | set(unknown_inputs)
    read = (*(v for e in unknown for v in e.inputs), *rest)
    return dict.fromkeys(v for v in read if type(v) is not Literal and v not in made)


def worth_saving(known, needed, wanted):
    """Known values to keep as residuals rather than to compute again where they are wanted.

    A value that only the second half needs is computed there, if that takes no more residuals; so
    is one that costs nothing. What the first half has to compute anyway is kept.
    """
    maker = {v: k for k in known for v in k.outputs}

    def is_cheap(v):
        made = maker[v]
        primitive = made.equation.primitive
        if made.residual or not isinstance(primitive, Pointwise):
            return False
        return v not in needed or primitive.is_free

    def sources(v, found):
        if type(v) is Literal:
            return
        if v in maker and is_cheap(v) and v not in saved:
            for u in maker[v].equation.inputs:
                sources(u, found)
        else:
            found.add(v)

    saved = {v for k in known if k.residual for v in k.outputs}
    saved |= {v for v in wanted if v in maker and not is_cheap(v)}
    present = {v for v in wanted if v not in maker} | saved
    for v in wanted:
        if v in saved or v not in maker:
            continue
        found = set()
        sources(v, found)
        new = found - present
        if len(new) <= 1:
            saved |= {u for u in new if u in maker}
            present |= new
        else:
            saved.add(v)
            present.add(v)
    return saved


@record(frozen=True)
class Known:
    """An equation of the known half; `residual` where it is the first half of a split one."""

    equation: Equation
    residual: bool

    @property
    def outputs(self):
        return self.equation.outputs


def partition(equations, unknown):
    """Equations that do not depend on the unknown variables, those that do, and replacements.

    An equation with a `split` rule that depends on them in part goes to both sides; variables of
    its known outputs are replaced by new ones.
    """
    known_half, unknown_half, replaced, is_split = [], [], {}, False
    unknown = set(unknown)
    for e in equations:
        inputs = tuple([replaced.get(v, v) for v in e.inputs])
        known = tuple([v not in unknown for v in inputs])
        if all(known):
            known_half.append(Known(Equation(e.primitive, inputs, e.outputs, e.source), False))
            continue
        splitter = getattr(e.primitive, "split", None)
        split = splitter(known) if splitter and any(known) else None
        if split is None:
            unknown_half.append(Equation(e.primitive, inputs, e.outputs, e.source))
            unknown.update(e.outputs)
            continue
        is_split = True
        firsts, made, second = split_equation(e, inputs, known, split)
        known_half += [Known(first, True) for first in firsts]
        unknown_half.append(second)
        unknown.update(second.outputs)
        made = iter(made)
        for v, is_known in zip(e.outputs, split.known_outputs, strict=True):
            if is_known:
                replaced[v] = next(made)
    return known_half, unknown_half, replaced, is_split


def split_equation(e, inputs, known, split):
    """The known half of a split equation: its equations and outputs; and the other equation."""
    known = known if split.known_inputs is None else split.known_inputs
    known_inputs = tuple([v for v, k in zip(inputs, known, strict=True) if k])
    unknown_inputs = tuple([v for v, k in zip(inputs, known, strict=True) if not k])
    firsts, made = known_equations(split.known, known_inputs, e.source)
    residuals = tuple([made[k] if kind == "output" else inputs[k] for kind, k in split.residuals])
    operands = (*residuals, *unknown_inputs)
    if split.order is not None:
        operands = tuple([operands[i] for i in split.order])
    rest = tuple([v for v, k in zip(e.outputs, split.known_outputs, strict=True) if not k])
    return firsts, made, Equation(split.unknown, operands, rest, e.source)


def known_equations(known, inputs, source):
    """One equation for a primitive, those of a program; and the variables of the outputs."""
    if not isinstance(known, Program):
        made = tuple([Variable(t) for t in known.infer(*[v.type for v in inputs])])
        return [Equation(known, inputs, made, source)], made
    environment = dict(zip(known.inputs, inputs, strict=True))
    equations = []
    for e in known.equations:
        outputs = tuple([Variable(v.type) for v in e.outputs])
        operands = tuple([environment.get(v, v) for v in e.inputs])
        equations.append(Equation(e.primitive, operands, outputs, e.source or source))
        environment.update(zip(e.outputs, outputs, strict=True))
    return equations, tuple([environment.get(v, v) for v in known.outputs])


def recompute(known, unknown, saved, outputs, tangents):
    """The residuals that the unknown equations need, and these equations completed.

    Known values that are not in `saved` are recomputed from those that are.
    """
    maker = {v: k.equation for k in known for v in k.outputs}
    residuals, pulled, done = {}, [], set()

    def need(v):
        if type(v) is Literal or v in tangents or v in done:
            return
        e = maker.get(v)
        if e is None or v in saved:
            residuals[v] = None
            return
        for u in e.inputs:
            need(u)
        if e.outputs[0] not in done:
            pulled.append(e)
            done.update(e.outputs)

    made = {v for e in unknown for v in e.outputs}
    for e in unknown:
        for v in e.inputs:
            if v not in made:
                need(v)
    for v in outputs:
        if v not in made:
            need(v)
    return tuple(residuals), [*pulled, *unknown]
