"""What need not be inside of a loop is computed before or after it."""

from fungrad.optimize.inline import replaced_by_programs


def lift_from_loops(program):
    """The same program with what loops contain without need in front of them or behind them.

    A loop says by its attribute `lifted` which program computes the same that way, or None.
    """

    def of_loop(primitive):
        return getattr(primitive, "lifted", None)

    return replaced_by_programs(program, of_loop)
