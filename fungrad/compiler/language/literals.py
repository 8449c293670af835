"""Which numbers stand in generated text themselves, rather than being passed to it."""

import numpy as np

#: The largest size that is a literal in generated source.
LITERAL = 16

#: The bits of the widest integer.
WORD_BITS = 64


def is_simple(value):
    """Whether a scalar may stand in generated text: truth values, small halves, inf and nan.

    Of unsigned integers also the numbers of bits: a shift by a count that is not known costs more.
    """
    if _is_open(value):
        return not value.is_given and value.of.decide(is_simple, value)
    if value.dtype.kind == "c":
        return is_simple(value.real) and is_simple(value.imag)
    if value.dtype.kind == "b" or not np.isfinite(value):
        return True
    if value.dtype.kind == "u":
        return value <= WORD_BITS
    number = value.item()  # whose sums and products do not overflow
    return abs(number) <= LITERAL and number * 2 == round(number * 2)


def bits_of(value):
    """A scalar as an int64: an integer itself, a float by the bits of its float64."""
    if _is_open(value):
        return value.of.apply(bits_of, value)
    if value.dtype.kind == "f":
        return int(np.float64(value).view(np.int64))
    return int(np.int64(value)) if value.dtype != np.uint64 else int(value.view(np.int64))


def _is_open(value):
    """Whether it is an `OpenScalar`, whose file a look into the cache does not import."""
    return hasattr(value, "is_given")
