"""What the laws are checked on: a program with sample inputs."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from fungrad.core.errors import FungradError
from fungrad.core.evaluation import evaluate
from fungrad.core.program import Equation, Program, Variable, check, derived, infer_outputs
from fungrad.core.running import run
from fungrad.core.tracing import state, trace
from fungrad.core.types import ArrayType, type_of
from fungrad.testing.comparison import precision
from fungrad.testing.numerical import directions_like, widened, widened_type
from fungrad.transforms.batch import BatchAxis, batch
from fungrad.transforms.jvp import jvp
from fungrad.transforms.vjp import vjp

_MOST_SUBSETS_OF = 3


def one_equation(primitive, types):
    """The program that applies a primitive to inputs of the given types."""
    inputs = tuple([Variable(t) for t in types])
    outputs = tuple([Variable(t) for t in infer_outputs(primitive, types)])
    return Program(inputs, (Equation(primitive, inputs, outputs),), outputs, primitive.name)


def subsets(members):
    """The nonempty subsets; of many members, only those of one, of all but one, and of all."""
    n = len(members)
    sizes = range(1, n + 1) if n <= _MOST_SUBSETS_OF else sorted({1, n - 1, n})
    return [chosen for size in sizes for chosen in combinations(members, size)]


def varied(values, number):
    """Other values of the same types and about the same domain: rolled, and nearer to zero."""
    result = []
    for x in values:
        y = np.roll(x, number)
        if x.dtype.kind in "fc":
            with np.errstate(invalid="ignore"):
                y = y * np.asarray(1 - number / 32).astype(x.dtype)
        elif not x.shape:
            y = y ^ bool(number % 2) if x.dtype.kind == "b" else np.where(x > number, x - number, x)
        result.append(np.asarray(y).astype(x.dtype)[()])
    return tuple(result)


def marks_of(positions, count):
    """One truth value per input: whether its position is among the given ones."""
    return tuple([i in positions for i in range(count)])


def by_output(values, present):
    """The values in the places that are marked, None in the others."""
    rest = iter(values)
    return [next(rest) if p else None for p in present]


@dataclass(frozen=True)
class Subject:
    """A program, sample inputs for it, and the same program in double precision if there is one.

    With a named `axis` the laws hold inside `vmap` with that axis, over inputs that have it in
    front. `variants` are further inputs of the same types, for batches.
    """

    title: str
    program: Program
    inputs: tuple
    wide: Program | None
    variants: tuple
    axis: BatchAxis | None = None

    @classmethod
    def of_primitive(cls, primitive, inputs, variants=(), axis=None):
        """The subject of one primitive; sample inputs and variants are frozen copies."""
        inputs = frozen(inputs)
        lead = 0 if axis is None else 1
        types = [type_of(x).with_shape(np.shape(x)[lead:]) for x in inputs]
        program = check(one_equation(primitive, types))
        variants = tuple(map(frozen, variants)) or (varied(inputs, 1), varied(inputs, 2))
        return cls(str(primitive), program, inputs, _wide(primitive, types), variants, axis)

    def pushed_forward(self, active):
        """The subject of the program's jvp, with random tangents for the active inputs."""
        marks = tuple([i in active for i in range(len(self.inputs))])
        generator = np.random.default_rng(7)
        tangents = tuple(directions_like(generator, [self.inputs[i] for i in active]))
        wide = None if self.wide is None else jvp(self.wide, marks)[0]
        variants = tuple([(*v, *varied(tangents, k)) for k, v in enumerate(self.variants, start=1)])
        return Subject(
            f"jvp of {self.title}",
            jvp(self.program, marks)[0],
            (*self.inputs, *tangents),
            wide,
            variants,
            self.axis,
        )

    @cached_property
    def pulled_back(self):
        """Reverse mode in one program, (x, ct_y) -> ct_x, and the types of ct_y as it is run."""
        count, types = len(self.inputs), self.program.output_types
        wanted = tuple([t.is_differentiable for t in types])
        halves = vjp(self.program, marks_of(self.differentiable, count), wanted)

        def both(*values):
            results = run(halves.forward, values[:count])
            return run(halves.backward, [*results[len(types) :], *values[count:]])

        given = [t for t, g in zip(types, halves.given, strict=True) if g]
        program, _ = trace(both, [*self.program.input_types, *given], f"vjp of {self.title}")
        return program, [self.outside(t) for t in given]

    def outside(self, kind):
        """The type of the arrays that stand for a variable: with the named axis, if there is one."""
        return kind if self.axis is None else kind.with_shape((self.axis.size, *kind.shape))

    @cached_property
    def outputs(self):
        """The outputs of the program on the sample inputs."""
        return self.run(self.program, self.inputs)

    @cached_property
    def differentiable(self):
        """The positions of the inputs that may have a tangent."""
        return [i for i, t in enumerate(self.program.input_types) if t.is_differentiable]

    @property
    def batch_position(self):
        """Where `vmap` puts its axis in arrays: behind the named axis."""
        return 0 if self.axis is None else 1

    def run(self, program, inputs):
        """The outputs of a program derived from this one."""
        return evaluate(self.placed(program), list(inputs))

    def placed(self, program):
        """The program, checked, as it can be evaluated: over the named axis, if there is one."""
        if self.axis is None:
            return checked(program)
        marks, forced = (True,) * len(program.inputs), (True,) * len(program.outputs)
        return checked(batch(checked(program), marks, self.axis, forced)[0])

    def reference(self):
        """The program, inputs and precision with which derivatives are approximated."""
        program = self.program if self.wide is None else self.wide
        inputs = self.inputs if self.wide is None else [widened(x) for x in self.inputs]
        return program, inputs, precision(dtypes_of(program))


@derived
def checked(program):
    """The same program; ProgramError where it is not legal (unless recording checked it)."""
    return program if state.checks_programs else check(program)


def _wide(primitive, types):
    wide = [widened_type(t) for t in types]
    try:
        return check(one_equation(primitive, wide))
    except (FungradError, TypeError, ValueError):  # made for one dtype: its own differences
        return None


def frozen(values):
    """Copies of the values that cannot be written to."""
    result = []
    for x in values:
        x = np.array(x)
        x.flags.writeable = False
        result.append(x if x.ndim else x[()])
    return tuple(result)


def dtypes_of(program):
    """The dtypes of all arrays of a program."""
    values = [*program.inputs, *(v for e in program.equations for v in e.outputs)]
    return [v.type.dtype for v in values if isinstance(v.type, ArrayType)]
