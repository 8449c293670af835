"""A value together with doubts about it: `Caution` warns, in eager and in compiled code."""

import sys
import warnings

import numpy as np

from fungrad.core.errors import LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.reductions import Max


class Caution(Routine):
    """The first operand itself; a RuntimeWarning where the second, an integer, is not 0.

    The integer k stands for `messages[k - 1]`. Whoever does not need the value is not warned: an
    equation like any other, it goes with dead code.
    """

    messages: tuple

    def infer(self, x, code):
        if code.shape or code.dtype.kind != "i":
            raise ShapeError(f"caution: {code} is not one integer")
        return x

    def evaluate(self, x, code):
        if code:
            warn(self.messages[code - 1])
        return x

    def jvp(self, inputs, tangents):
        return self(*inputs), tangents[0]

    def transpose(self, cotangents, inputs, linear):
        if linear[1]:
            raise LinearityError("caution has no derivative in its second operand")
        return cotangents[0], None

    def batch(self, inputs, batched, axis):
        x, code = inputs
        if batched[1]:
            code = Max((0,))(code) if axis.size else np.int64(0)
        return self(x, code), batched[0]

    def emit(self, build, inputs, outputs):
        build.caution(self, inputs, outputs)


class Remark:
    """A message of compiled code that is no error."""

    def __init__(self, message):
        self.message = message


def warn(message):
    """Issue a RuntimeWarning that names the innermost line outside fungrad."""
    level, frame = 2, sys._getframe(1)
    while frame is not None and _is_own(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, RuntimeWarning, stacklevel=level)


def _is_own(frame):
    """Whether a frame runs the library's code, or code that it has generated, without a name."""
    return frame.f_globals.get("__name__", "fungrad").split(".")[0] in ("fungrad", "numpy")
