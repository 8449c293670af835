"""Remove the equations that no output needs."""

from fungrad.core.program import live


def remove_dead_code(program):
    """The same program without the equations that no output needs and that have no effect."""
    return live(program)
