"""Schur forms whose eigenvalues stand in a chosen order."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.elementary import real
from fungrad.primitives.elementwise import select
from fungrad.primitives.joining import Pad
from fungrad.primitives.matrices import diagonal
from fungrad.primitives.schur import Schur, SortedSchur

_PARTS = {
    "lhp": lambda w: ufuncs.less(real(w), 0),
    "rhp": lambda w: ufuncs.greater_equal(real(w), 0),
    "iuc": lambda w: ufuncs.less_equal(ufuncs.absolute(w), 1),
    "ouc": lambda w: ufuncs.greater(ufuncs.absolute(w), 1),
}


def sorted_schur(a, is_complex, sort):
    """(T, Z, count) of a Schur form with those eigenvalues in front for which `sort` is true.

    `sort` is a function of an array of complex numbers, or the name of a part of the plane.
    """
    choose = sort if callable(sort) else _PARTS.get(sort)
    if choose is None:
        raise ValueError(f"sort is a function or one of {', '.join(_PARTS)}, not {sort!r}")
    w, is_first, is_second = _eigenvalues_of_form(Schur(is_complex)(a)[0])
    chosen = ufuncs.truth(operand(choose(w)))
    if chosen.shape != w.shape:
        raise ShapeError(f"schur: sort made {chosen.shape} truth values of {w.shape} eigenvalues")
    of_first = ufuncs.logical_and(is_first, np.roll(chosen, -1, -1))
    of_second = ufuncs.logical_and(is_second, np.roll(chosen, 1, -1))
    chosen = ufuncs.logical_or(chosen, ufuncs.logical_or(of_first, of_second))
    return (*SortedSchur(is_complex)(a, chosen), np.sum(chosen, axis=-1))


def _eigenvalues_of_form(t):
    """The complex eigenvalues, and which are the first and the second ones of blocks of 2 by 2."""
    values = diagonal(t)
    n = t.shape[-1]
    if t.dtype.kind == "c" or n < 2:
        nowhere = np.zeros(values.shape, bool)
        return values + 0j, nowhere, nowhere
    none = (0,) * (values.ndim - 1)
    above, below = (np.diagonal(t, k, -2, -1) for k in (1, -1))
    size = ufuncs.sqrt(ufuncs.absolute(above)) * ufuncs.sqrt(ufuncs.absolute(below))
    size = select(ufuncs.equal(below, 0), size.dtype.type(0), size)
    zero = size.dtype.type(0)
    first = Pad((*none, 0), (*none, 1), (0,) * values.ndim)(size, zero)
    second = Pad((*none, 1), (*none, 0), (0,) * values.ndim)(size, zero)
    return values + 1j * (first - second), ufuncs.greater(first, 0), ufuncs.greater(second, 0)
