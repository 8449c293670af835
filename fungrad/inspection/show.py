"""show: what becomes of a function, stage by stage."""

from dataclasses import dataclass, replace

from fungrad.api.jitting import Jitted, jit
from fungrad.api.titles import title_of
from fungrad.core.cost import total_bytes
from fungrad.core.program import Program, format_program, rows, subprograms
from fungrad.inspection.html import page
from fungrad.inspection.lines import place_of
from fungrad.inspection.residuals import active_inputs, residual_bytes, reverse_halves
from fungrad.inspection.tables import Table, bytes_text


@dataclass(frozen=True)
class Stage:
    """One stage: a program, or a text where there is no program any more.

    `summary` is for the one who does not look inside; a stage that `is_detail` stands in HTML only.
    """

    title: str
    content: object
    summary: str = ""
    is_detail: bool = False

    @property
    def text(self):
        """The stage as a terminal shows it."""
        body = self.content
        if isinstance(body, Program):
            body = format_program(body, note=note)
        return f"---- {self.title}{f' ({self.summary})' if self.summary else ''}\n{body}"


def note(equation):
    """What stands beside an equation: the bytes that it makes, and the user's line."""
    place = place_of(equation)
    made = bytes_text(total_bytes(equation.outputs))
    return made if place is None else f"{made:>8}  {place.name}  {place.text}".rstrip()


def show(fun):
    """A function of the same arguments that returns what becomes of `fun`, to be looked at.

    The program as recorded, what each pass of the optimiser changes, the derivative programs
    (forward mode, and both halves of reverse mode), the kernels, and the Numba source. Beside
    each equation stand the bytes that it makes and the user's line that it comes from. Printed in
    a terminal it is text; in a notebook it folds, and links equations to lines and back.

    `show(jit(fun, static_argnums=...))` shows a function of static arguments.

    Raises:
        The errors of tracing: UnknownValueError where Python asks for a value.

    >>> print(show(lambda x: 2 * x)(1.0))  # doctest: +ELLIPSIS
    ---- the program (1 equation, 8 B)
    ...
    """
    title_of("show", fun)
    jitted = fun if isinstance(fun, Jitted) else jit(fun)

    def stages(*args, **kwargs):
        stage = jitted.trace(*args, **kwargs)
        return Shown.of(stage.program, len(stage.captures))

    return stages


class Shown(str):
    """The stages of a program as text; `stages` holds them one by one."""

    def __new__(cls, stages):
        self = super().__new__(cls, "\n\n".join([s.text for s in stages if not s.is_detail]))
        self.stages = tuple(stages)
        return self

    @staticmethod
    def of(program, captured=0):
        """All stages of a program, whose first inputs are closed-over values."""
        from fungrad.compiler.assemble import assemble
        from fungrad.optimize import optimize

        better = optimize(program)
        return Shown(
            [
                Stage("the program", program, size_of(program)),
                *_passes(program),
                Stage("the program after optimisation", better, size_of(better)),
                *_derivatives(program, captured),
                Stage("the kernels", _kernels(better)),
                Stage("the Numba source", assemble(better).text),
            ]
        )

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return page(self.stages)


def size_of(program):
    """The number of equations, and the bytes of all that they make."""
    equations = [e for _, e in rows(program) if e is not None]
    made = total_bytes([v for e in program.equations for v in e.outputs])
    many = "equation" if len(equations) == 1 else "equations"
    return f"{len(equations)} {many}, {bytes_text(made)}"


def _passes(program):
    """A stage per pass that changes the program; details, and one table of them all."""
    from fungrad.optimize.passes import steps

    before, details, table = str(program), [], []
    count = len(program.equations)
    for change, program in steps(program):
        after = str(program)
        if after != before:
            name = change.__name__
            details.append(Stage(f"after {name}", program, size_of(program), True))
            table.append((name, f"{count} → {len(program.equations)}"))
        before, count = after, len(program.equations)
    if not table:
        return []
    return [Stage("the passes", Table(("pass", "equations"), table)), *details]


def _derivatives(program, captured):
    """Forward mode, and the halves of reverse mode, where something is differentiable."""
    from fungrad.optimize import optimize
    from fungrad.transforms.jvp import jvp

    forward, moving = jvp(program, active_inputs(program, captured))
    if not any(moving):
        return []
    halves = reverse_halves(program, captured)
    programs = {
        "forward mode: (x, dx) -> (y, dy)": optimize(forward),
        "reverse mode, the forward half: x -> (y, residuals)": optimize(halves.forward),
        "reverse mode, the backward half: (residuals, ct_y) -> ct_x": optimize(halves.backward),
    }
    stages = [Stage(title, p, size_of(p)) for title, p in programs.items()]
    kept = f"{stages[1].summary}; {bytes_text(residual_bytes(program, captured))} of residuals"
    return [stages[0], replace(stages[1], summary=kept), stages[2]]


def _kernels(program):
    """The steps of compiled code: which equations, and what they read and write."""
    from fungrad.compiler.fusion.groups import Group
    from fungrad.compiler.traffic import kernels

    table, scalars = [], 0
    for step in kernels(program):
        if not isinstance(step, Group) and step.is_local:
            scalars += 1
            continue
        equations = step.equations if isinstance(step, Group) else (step.equation,)
        inlined = len(getattr(step, "inlined", ()))
        what = " ".join([e.primitive.name for e in equations])
        if inlined:
            what += f" with {inlined} computed inside"
        inner = [len(p.equations) for e in equations for _, p in subprograms(e.primitive)]
        if inner:
            what += f" of {sum(inner)} equations"
        kind = "loop nest" if isinstance(step, Group) else "routine"
        table.append(
            (what, kind, bytes_text(total_bytes(step.reads)), bytes_text(total_bytes(step.outputs)))
        )
    if scalars:
        table.append((f"{scalars} equations on local variables", "scalars", "", ""))
    return Table(("step", "as", "reads", "makes"), table)


__all__ = ["Shown", "show"]
