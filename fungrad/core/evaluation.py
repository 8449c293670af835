"""Programs run by NumPy: one line of Python per equation, and the numbers of a program's slots.

The slots of a program are its inputs, then the outputs of each equation.
"""

from fungrad.core.program import Literal, Variable
from fungrad.core.thread_state import state


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

    It returns the values in the places `kept`, then the outputs of the program.
    """
    needed = {v for e in program.equations for v in e.inputs}.union(program.outputs)
    lines = [f"a{i} = values[{p}]" for i, p in enumerate(places) if program.inputs[i] in needed]
    return _build_evaluator(program, False, "values", lines, [f"values[{p}]" for p in kept])


def _build_evaluator(program, all_slots, parameters=None, reads=(), results=()):
    """One line of Python per equation; each variable is dropped after its last use."""
    names, namespace = {}, {}
    for i, v in enumerate(program.inputs):
        names[v] = f"a{i}"

    def named(v):
        if type(v) is Literal:
            name = f"c{len(namespace)}"
            namespace[name] = v.value
            return name
        return names[v]

    last_use = {}
    for i, e in enumerate(program.equations):
        last_use.update({v: i for v in e.inputs if type(v) is Variable})
    kept = set(program.outputs)
    lines = [*reads]
    for i, e in enumerate(program.equations):
        operands = ", ".join([named(v) for v in e.inputs])
        for v in e.outputs:
            names[v] = f"v{len(names)}"
        outputs = ", ".join([names[v] for v in e.outputs])
        comma = "," if e.primitive.has_many_outputs and len(e.outputs) == 1 else ""
        namespace[f"p{i}"] = e.primitive.evaluate
        target = f"{outputs}{comma} = " if e.outputs else ""
        lines.append(f"{target}p{i}({operands})")
        if not all_slots:
            dead = {v for v in e.inputs if last_use.get(v) == i and v not in kept}
            if dead:
                lines.append("del " + ", ".join(sorted(names[v] for v in dead)))
    returned = [v for e in program.equations for v in e.outputs] if all_slots else program.outputs
    lines.append(f"return [{', '.join([*results, *map(named, returned)])}]")
    arguments = ", ".join([names[v] for v in program.inputs]) if parameters is None else parameters
    source = f"def evaluate({arguments}):\n    " + "\n    ".join(lines)
    exec(source, namespace)
    return namespace["evaluate"]
