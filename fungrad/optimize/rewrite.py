"""What passes share: a program rebuilt equation by equation."""

from operator import is_

from fungrad.core.program import Equation, Literal, Program, Variable, subprograms


def with_inputs(equation, inputs):
    """The equation with other inputs; itself, where they are the ones that it has."""
    if inputs == equation.inputs:
        return equation
    return Equation(equation.primitive, inputs, equation.outputs, equation.source)


class Rebuilding:
    """A program in the making: `value(v)` is what stands for a variable of the old program."""

    def __init__(self, program):
        self.program = program
        self.equations = []
        self.made_by = {}  # new variable -> the equation that makes it
        self._new = {}

    def value(self, v):
        """The variable or literal of the new program for one of the old."""
        return self._new.get(v, v)

    def values(self, variables):
        """The same for several."""
        if not self._new:
            return variables
        return tuple([self._new.get(v, v) for v in variables])

    def add(self, primitive, inputs, source=None):
        """Append `primitive(*inputs)`; return its output, or a tuple of them."""
        inferred = primitive.infer(*[v.type for v in inputs])
        types = inferred if primitive.has_many_outputs else (inferred,)
        outputs = tuple([Variable(t) for t in types])
        self.append(Equation(primitive, tuple(inputs), outputs, source))
        return outputs if primitive.has_many_outputs else outputs[0]

    def append(self, equation):
        """Append an equation of the new program."""
        self.equations.append(equation)
        for v in equation.outputs:
            self.made_by[v] = equation

    def replace(self, old, new):
        """Let a value of the new program stand for a variable of the old one."""
        self._new[old] = new

    def finish(self):
        """The new program; the old one, where nothing has changed."""
        old, outputs = self.program, self.values(self.program.outputs)
        is_same = len(self.equations) == len(old.equations) and outputs == old.outputs
        if is_same and all(map(is_, self.equations, old.equations)):
            return old
        return old.replace(equations=tuple(self.equations), outputs=outputs)


def with_literals(program, values):
    """The program with scalars in place of the inputs whose positions are among `values`."""
    known = {v: Literal(values[i]) for i, v in enumerate(program.inputs) if i in values}
    equations = tuple([
        with_inputs(e, tuple([known.get(v, v) for v in e.inputs])) for e in program.equations
    ])  # fmt: skip
    return program.replace(
        inputs=tuple([v for v in program.inputs if v not in known]),
        equations=equations,
        outputs=tuple([known.get(v, v) for v in program.outputs]),
    )


def with_subprograms(primitive, change):
    """The primitive with `change` applied to each program among its fields."""
    if not subprograms(primitive):
        return primitive
    changed = {}
    for name in primitive.fields:
        value = getattr(primitive, name)
        if isinstance(value, Program):
            changed[name] = change(value)
        elif isinstance(value, tuple) and any(isinstance(v, Program) for v in value):
            changed[name] = tuple([change(v) if isinstance(v, Program) else v for v in value])
    return primitive.replace(**changed)


def rewritten(program, rule):
    """The program in which `rule(equation, inputs, result)` stands for the outputs it knows.

    The rule sees the equations in order with their new inputs, may append to the `Rebuilding`
    result, and returns a variable or literal of it, or None where the equation stays.
    """
    result = Rebuilding(program)
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        value = rule(equation, inputs, result)
        if value is None:
            result.append(with_inputs(equation, inputs))
        else:
            result.replace(equation.outputs[0], value)
    return result.finish()
