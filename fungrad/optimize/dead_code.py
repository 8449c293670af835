"""Remove the equations that no output needs."""


def remove_dead_code(program):
    """The same program without the equations that no output needs."""
    needed = set(program.outputs)
    kept = []
    for equation in reversed(program.equations):
        if needed.intersection(equation.outputs):
            kept.append(equation)
            needed.update(equation.inputs)
    if len(kept) == len(program.equations):
        return program
    return program.replace(equations=tuple(reversed(kept)))
