"""Leaves of what a user passes and returns, as operands: which are numbers, and in what dtype."""

import reprlib

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy.masked import MaskedRead, mask_error
from fungrad.primitives.elementwise import Convert

ndarray, float64 = np.ndarray, np.float64
FLOAT64 = np.dtype(float64)


def operand_of(leaf, title="", label=None):
    """A leaf as a NumPy value or tracer, and whether its dtype is weak.

    `title` and `label()` name the transform and the argument in the error for what is no number.
    """
    kind = type(leaf)
    if kind is Tracer:
        return leaf, leaf.weak
    if kind is np.ndarray and leaf.dtype.kind in "biufc":
        return (leaf if leaf.ndim else leaf[()]), False
    if kind is float or kind is int or kind is complex or kind is bool:
        value = np.asarray(leaf)[()]
        if type(value) is not int:
            return value, True
        raise OverflowError(f"{_named(leaf, title, label)}, does not fit 64 bits; pass a float")
    if isinstance(leaf, np.generic) and leaf.dtype.kind in "biufc":
        return leaf, False
    if isinstance(leaf, np.ma.MaskedArray):
        raise TypeError(f"{_named(leaf, title, label)}, whose mask would be lost; see its filled()")
    if is_stack_value(leaf):
        return leaf, False
    value = np.asarray(leaf)
    if value.dtype.kind not in "biufc":
        raise TypeError(
            f"{_named(leaf, title, label)}, which is neither an array nor a number; close over it, "
            "or choose other arguments"
        )
    return value[()], False


def plain_operand(leaf):
    """A float or an array of floats as an operand; None where `operand_of` has to look closer.

    It is weak where the leaf is a Python float.
    """
    kind = type(leaf)
    if kind is ndarray:
        return leaf if leaf.ndim and leaf.dtype.kind == "f" else None
    if kind is float:
        return float64(leaf)
    return leaf if kind is float64 else None


def is_stack_value(x):
    """Whether a leaf is what a loop has kept for its derivative, see `fungrad.control.stack`."""
    return getattr(x, "is_operand", False)


def _named(leaf, title, label):
    """The beginning of an error text: "grad of f: argument 0['w'] is 'text' of type str"."""
    named = f"{title}: {label()}" if title else label() if label else "an argument"
    return f"{named} is {reprlib.repr(leaf)} of type {type(leaf).__name__}"


def promoted_int(x, is_weak):
    """An operand that may be differentiated: a Python int as a float, everything else as it is."""
    return Convert(FLOAT64)(x) if is_weak and x.dtype.kind == "i" else x


def numeric_leaves(leaves):
    """The numbers and arrays among the leaves, and the place of each leaf among them, or None."""
    numeric, positions = [], []
    for leaf in leaves:
        positions.append(len(numeric) if is_numeric(leaf) else None)
        if positions[-1] is not None:
            numeric.append(leaf)
    return numeric, positions


def is_numeric(leaf):
    """Whether an output leaf is an array, a number or a tracer."""
    if type(leaf) is Tracer:
        return True
    if isinstance(leaf, int | float | complex):
        return True
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind in "biufc"
    if isinstance(leaf, MaskedRead):
        raise mask_error(leaf.mask)
    return is_stack_value(leaf)
