"""`x[mask]` where the mask is not known: its size is not known, but `x[mask] += v` needs none."""

import operator

import numpy as np

from fungrad.core.errors import BooleanIndexError


def mask_error(mask):
    """The error for reading by a mask whose values do not exist yet."""
    return BooleanIndexError(
        f"a boolean mask of shape {mask.shape} is an index, but its values do not exist "
        f"while {mask.recording.title} is traced; write fungrad.numpy.where(mask, x, 0), or "
        "use nonzero(mask, size=n)"
    )


class MaskedRead:
    """The elements of `base` where a mask holds, between reading and writing back.

    In-place operators compute on the whole array, for `base[mask] = this` to choose from;
    anything else raises BooleanIndexError.
    """

    __slots__ = ("base", "mask", "value")

    def __init__(self, base, mask):
        self.base, self.mask, self.value = base, mask, base

    def __getattr__(self, name):
        raise mask_error(self.mask)


def _in_place(function):
    def operate(self, other):
        if type(other) is MaskedRead or np.ndim(other) > self.base.ndim - self.mask.ndim:
            raise mask_error(self.mask)
        result = MaskedRead(self.base, self.mask)
        result.value = function(self.value, other)
        return result

    return operate


def _refuse(self, *args, **kwargs):
    raise mask_error(self.mask)


_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
_REFUSED = """eq ne lt le gt ge neg pos abs invert len iter bool int float complex index getitem
    setitem contains array array_ufunc array_function str repr format round""".split()

for _name in _BINARY:
    setattr(MaskedRead, f"__{_name}__", _refuse)
    setattr(MaskedRead, f"__r{_name}__", _refuse)
for _name in _BINARY:
    if _name != "matmul":
        _function = getattr(operator, f"__{_name}__")
        setattr(MaskedRead, f"__i{_name}__", _in_place(_function))
for _name in _REFUSED:
    setattr(MaskedRead, f"__{_name}__", _refuse)
MaskedRead.__hash__ = object.__hash__
