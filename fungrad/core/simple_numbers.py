"""Which numbers stand in the text of an eager program, and which are captured.

Other scalars than these are captured, so that a loop over learning rates derives its backward
program once.
"""

SIMPLE = frozenset({n / 2 for n in range(-32, 33)})


def is_simple(x):
    """Whether a NumPy scalar becomes a literal: small halves, such as 2 and 0.5; not -0.0."""
    return x.dtype.kind == "b" or (x in SIMPLE and (x != 0 or not any(x.tobytes())))
