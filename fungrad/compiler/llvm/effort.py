"""How much effort LLVM makes for the entry of a program, chosen by its source."""

import re
from math import frexp

from fungrad.compiler.language.words import QUICK, VOCABULARY

ONCE, SCALARS, LOOPS = 0, 2, 3

_LOOP = re.compile(r"^ *(for|while)\b", re.MULTILINE)
_CALL = re.compile(r"\b([a-z]\w*)\(")
_DIVISOR = re.compile(r" / ([^\s,)]+)")


def effort_of(source):
    """The effort for an entry; `machine.object_code` says what each number means.

    What a loop over scalars waits for is mostly its chain of additions and products, which the
    shuffles between vectors make longer: a leap of a particle in two dimensions took 10 ns packed
    into vectors and 8 ns not, a step of a scan over four scalars 15 and 12. A division, a root or
    an exponential occupies the processor by itself, and two in a vector take the time of one.
    """
    if _LOOP.search(source) is None:
        return ONCE
    words = VOCABULARY.keys() & _CALL.findall(source)
    is_quick = words <= QUICK and all(map(_is_power_of_two, _DIVISOR.findall(source)))
    return SCALARS if is_quick else LOOPS


def _is_power_of_two(text):
    """Whether a divisor is a number by which LLVM divides with a multiplication."""
    try:
        return abs(frexp(float(text))[0]) == 0.5
    except ValueError:
        return False
