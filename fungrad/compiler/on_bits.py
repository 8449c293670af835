"""Compiled programs with float16 at their ends: machine code has no such dtype."""

import numpy as np

from fungrad.compiler.language.stack_layout import is_stack
from fungrad.optimize.half_precision import widened


class OnBits:
    """A compiled program with float16 arguments or results, which passes them by their bits."""

    is_checked = False

    def __init__(self, program, executable):
        self.program, self._executable = program, executable
        self.source, self.interface = executable.source, executable.interface

    def __call__(self, *values):
        types = self.program.input_types
        given = [_as_bits(x, t) for x, t in zip(values, types, strict=True)]
        results = self._executable(*given)
        types = self.program.output_types
        return [_from_bits(y, t) for y, t in zip(results, types, strict=True)]

    call = __call__


def _as_bits(x, type):
    if is_stack(type):
        return _converted(x, widened(type))
    return np.asarray(x).view(np.uint16)[()] if type.dtype == np.float16 else x


def _from_bits(y, type):
    if is_stack(type):
        return _converted(y, type)
    return y.view(np.float16) if type.dtype == np.float16 else y


def _converted(stack, type):
    """A stack with its elements in the dtype that another type of stack says."""
    if stack.type is type:
        return stack
    if is_stack(type.element):
        return type.value([_converted(row, type.element) for row in stack.elements])
    return type.value([row.astype(type.element.dtype) for row in stack.elements])
