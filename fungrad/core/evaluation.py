"""Programs run by NumPy: one line of Python per equation, and the numbers of a program's slots.

The slots of a program are its inputs, then the outputs of each equation.
"""

import numpy as np

from fungrad.core.program import Literal, Variable
from fungrad.core.thread_state import state
from fungrad.core.types import ArrayType


def slot_types(program):
    """The types of all slots of a program: its inputs, then the outputs of each equation."""
    try:
        return program.derived["slot_types"]
    except KeyError:
        types = [v.type for v in program.inputs]
        types += [v.type for e in program.equations for v in e.outputs]
        program.derived["slot_types"] = types
        return types


def slots(program):
    """Where each variable of the program stands: its slot number."""
    try:
        return program.derived["slots"]
    except KeyError:
        order = [*program.inputs, *(v for e in program.equations for v in e.outputs)]
        program.derived["slots"] = {v: i for i, v in enumerate(order)}
        return program.derived["slots"]


def is_deferred(program):
    """Whether some equation of the program is evaluated on demand only."""
    try:
        return program.derived["is_deferred"]
    except KeyError:
        found = any(e.primitive.is_deferred for e in program.equations)
        program.derived["is_deferred"] = found
        return found


def evaluate(program, inputs):
    """The outputs of a program on NumPy values, one equation at a time."""
    return evaluator(program, False)(*inputs)


def evaluator(program, all_slots):
    """A Python function that evaluates the program: its outputs, or all slots after the inputs."""
    key = ("evaluator", all_slots)
    try:
        function = program.derived[key]
    except KeyError:
        function = program.derived[key] = _build_evaluator(program, all_slots)
    if state.wrap_evaluator is not None:
        return state.wrap_evaluator(program, function)
    return function


def reader(program, places, kept):
    """A Python function of a list of values, of which input i of the program is `places[i]`.

    Inputs for which there is no place come in a second list. It returns two lists: the values in
    the places `kept`, and the outputs of the program.
    """
    needed = {v for e in program.equations for v in e.inputs}.union(program.outputs)
    sources = [f"values[{p}]" for p in places]
    sources += [f"given[{k}]" for k in range(len(program.inputs) - len(places))]
    read = [i for i, v in enumerate(program.inputs) if v in needed]
    lines = [f"a{i} = {sources[i]}" for i in read]
    beside = f"[{', '.join([f'values[{p}]' for p in kept])}], "
    return _build_evaluator(program, False, "values, given=()", lines, beside)


def slot_evaluator(program):
    """A Python function of a list of values, and of the places of the program's inputs in it.

    It returns the values of all slots after the inputs.
    """
    lines = [f"a{i} = values[ids[{i}]]" for i in range(len(program.inputs))]
    return _build_evaluator(program, True, "values, ids", lines)


def may_share(program, variables):
    """The numbers of those variables that may share memory: views, inputs, what stands there twice.

    All others are arrays that NumPy made for them.
    """
    made = [e for e in program.equations if getattr(e.primitive, "makes_new", False)]
    new = {v for e in made for v in e.outputs}
    return [k for k, v in enumerate(variables) if v not in new or variables.count(v) > 1]


#: What the texts of `expression` rules may name.
NAMES = {
    "add_reduce": np.add.reduce,
    "multiply_reduce": np.multiply.reduce,
    "add_accumulate": np.add.accumulate,
    "multiply_accumulate": np.multiply.accumulate,
    "maximum_reduce": np.maximum.reduce,
    "minimum_reduce": np.minimum.reduce,
    "where": np.where,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}
_MOST_CONSTANT = 1 << 16  # bytes of an array that is kept because it depends on nothing


def _build_evaluator(program, all_slots, parameters=None, reads=(), beside=""):
    """One line of Python per equation; each variable is dropped after its last use.

    A primitive may have the rule `expression(*types)`: the text of its value, with {0}, {1} for
    its operands, or None; or `evaluation(*types)`: what `evaluate` is for these types; and
    `unrepeated(*types)`, the text of an operand which NumPy repeats itself in operations of two
    arrays (where a reader `repeats`). What depends on nothing is computed here.
    """
    writer = _Writer(program, all_slots)
    lines = [*reads]
    for i, e in enumerate(program.equations):
        lines += writer.lines(i, e)
    returned = [v for e in program.equations for v in e.outputs] if all_slots else program.outputs
    lines.append(f"return {beside}[{', '.join(map(writer.returned, returned))}]")
    names = ", ".join([writer.names[v] for v in program.inputs])
    source = f"def evaluate({names if parameters is None else parameters}):\n    "
    exec(source + "\n    ".join(lines), writer.namespace)
    return writer.namespace["evaluate"]


class _Writer:
    """The lines of a program's equations, and what their names stand for."""

    def __init__(self, program, all_slots):
        self.namespace = dict(NAMES)
        self.names = {v: f"a{i}" for i, v in enumerate(program.inputs)}
        self.constants = {}  # variables whose value depends on nothing
        self.thin = {} if all_slots else _unrepeated(program)
        self.kept = set(program.outputs)
        self.last_use = {}
        for i, e in enumerate(program.equations if not all_slots else ()):
            self.last_use.update({v: i for v in e.inputs if type(v) is Variable})
        for e in program.equations:
            if e.outputs and e.outputs[0] in self.thin:  # the operand is read where it would be
                (v,), last = e.inputs, self.last_use.get(e.outputs[0], 0)
                self.last_use[v] = max(self.last_use[v], last)

    def named(self, v, beside_arrays=False):
        """The name of a variable or literal; NumPy takes an array without axes sooner than a scalar
        where the other operands are arrays.
        """
        if type(v) is not Literal:
            return self.names[v]
        name = f"c{len(self.namespace)}"
        self.namespace[name] = np.asarray(v.value) if beside_arrays else v.value
        return name

    def returned(self, v):
        """What is returned for a variable: of a constant array a copy."""
        is_array = isinstance(self.constants.get(v), np.ndarray)
        return f"{self.named(v)}.copy()" if is_array else self.named(v)

    def lines(self, i, e):
        """The lines of equation i."""
        if self.is_constant(e):
            return ()
        types = [v.type for v in e.inputs]
        repeats = getattr(e.primitive, "repeats", False)
        beside_arrays = repeats and any([t.shape for t in types])
        operands = [self.named(v, beside_arrays) for v in e.inputs]
        for v in e.outputs:
            self.names[v] = f"v{len(self.names)}"
        if e.outputs and e.outputs[0] in self.thin:
            self.names[e.outputs[0]] = self.thin[e.outputs[0]].format(*operands)
            return ()
        outputs = ", ".join([self.names[v] for v in e.outputs])
        comma = "," if e.primitive.has_many_outputs and len(e.outputs) == 1 else ""
        expression = getattr(e.primitive, "expression", None)
        text = expression and expression(*types)
        if text is None:
            evaluation = getattr(e.primitive, "evaluation", None)
            self.namespace[f"p{i}"] = evaluation(*types) if evaluation else e.primitive.evaluate
            text = f"p{i}({', '.join(operands)})"
        else:
            text = text.format(*operands)
        line = f"{outputs}{comma} = {text}" if e.outputs else text
        dead = {v for v in e.inputs if self.last_use.get(v) == i}
        dead = dead.difference(self.kept, self.constants, self.thin)
        return [line, f"del {', '.join(sorted(self.names[v] for v in dead))}"] if dead else [line]

    def is_constant(self, e):
        """Whether the equation was computed here, since it depends on nothing."""
        primitive = e.primitive
        if primitive.has_many_outputs or primitive.is_deferred or primitive.has_effects:
            return False
        if not all([type(v) is Literal or v in self.constants for v in e.inputs]):
            return False
        (output,), kind = e.outputs, e.outputs[0].type
        if type(kind) is not ArrayType or kind.size * kind.dtype.itemsize > _MOST_CONSTANT:
            return False
        operands = [v.value if type(v) is Literal else self.constants[v] for v in e.inputs]
        self.names[output] = name = f"v{len(self.names)}"
        self.namespace[name] = self.constants[output] = primitive.evaluate(*operands)
        return True


def _unrepeated(program):
    """Texts for repeated arrays all of whose readers repeat what is smaller themselves."""
    made = {e.outputs[0]: e for e in program.equations if hasattr(e.primitive, "unrepeated")}
    made = {v: e for v, e in made.items() if type(e.inputs[0]) is not Literal}
    made = {v: e for v, e in made.items() if v not in program.outputs}
    if not made:
        return {}
    for e in program.equations:
        repeated = [v for v in e.inputs if type(v) is not Literal and v in made]
        if not repeated:
            continue
        shapes = [v.type.shape for v in e.inputs if v not in made]
        is_whole = any([v.type.shape in shapes for v in e.outputs])
        if not (is_whole and getattr(e.primitive, "repeats", False)):
            for v in repeated:
                made.pop(v, None)
    texts = {v: e.primitive.unrepeated(*[u.type for u in e.inputs]) for v, e in made.items()}
    return {v: text for v, text in texts.items() if text is not None}
