"""Remove the equations that no output needs."""

from fungrad.core.program import acts


def remove_dead_code(program):
    """The same program without the equations that no output needs and that have no effect."""
    needed = set(program.outputs)
    kept = []
    for equation in reversed(program.equations):
        if needed.intersection(equation.outputs) or acts(equation):
            kept.append(equation)
            needed.update(equation.inputs)
    if len(kept) == len(program.equations):
        return program
    return program.replace(equations=tuple(reversed(kept)))
