"""The first part: a plain Python function, its derivatives, and the program of its derivative."""

import inspect

import numpy as np

from fungrad import grad, jvp, make_program
from fungrad.optimize import optimize

POINTS = (0.25, 1.0, 2.5)


def wave(x):
    """Sines of sines, damped."""
    y = x
    for _ in range(2):
        y = x + np.sin(y)
    return y * np.exp(-x)


def forward_mode(x):
    """The derivative of `wave` by forward mode."""
    return jvp(wave, (x,), (1.0,))[1]


def reverse_mode(x):
    """The derivative of `wave` by reverse mode."""
    return grad(wave)(x)


def finite_differences(x, step=1e-3):
    """The derivative of `wave` by central differences of the fourth order."""
    near, far = wave(x + step) - wave(x - step), wave(x + 2 * step) - wave(x - 2 * step)
    return (8 * near - far) / (12 * step)


def report():
    """The function's source, a table of its derivatives, and its derivative program, as text."""
    rows = [("x", "value", "forward mode", "reverse mode", "differences", "largest gap")]
    for x in POINTS:
        found = [float(f(x)) for f in (forward_mode, reverse_mode, finite_differences)]
        gap = max(found) - min(found)
        numbers = [f"{v: .12f}" for v in (wave(x), *found)]
        rows.append((f"{x:g}", *numbers, f"{gap:.0e}"))
    parts = [
        inspect.getsource(wave),
        table(rows),
        "\nThe program of its derivative, after optimisation:\n",
        str(optimize(make_program(grad(wave))(1.0))),
    ]
    return "\n".join(parts)


def table(rows):
    """Rows of text with aligned columns, the first row as a title.

    >>> print(table([("x", "value"), ("1", "10.5")]))
    x  value
    1   10.5
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [text.rjust(width) for text, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
