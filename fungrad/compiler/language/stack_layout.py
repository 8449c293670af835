"""How stacks lie in memory: what their writers, their readers and a call agree on (see `stacks`)."""

import numpy as np

from fungrad.core.record import record

#: The words of a stack in the argument `stacks`, and which of them counts the elements in use.
STACK_WORDS = 4
STACK_TOP = 2

TRIPLE = 3  # the integers that the value of a stack is
_INDEX = np.dtype(np.int64)


def is_stack(type):
    """Whether a type is that of a stack."""
    return hasattr(type, "element")


def stack_depth(type):
    """How many stacks are in each other: 1 for a stack of arrays."""
    return 1 + (stack_depth(type.element) if is_stack(type.element) else 0)


def row_size(type):
    """The number of words or elements of one element of a stack."""
    return TRIPLE if is_stack(type.element) else type.element.size


def row_dtype(type):
    """What the memory of a stack holds."""
    return _INDEX if is_stack(type.element) else type.element.dtype


@record(frozen=True)
class Growth:
    """The culprit where there is no memory for a stack: the loop that fills it, with what."""

    name: str
    type: object  # of an element

    def failure(self, count):
        """The class and message of the error, for the number of elements that did not fit."""
        if is_stack(self.type):
            what, nbytes = "where the values of inner loops lie", 8 * TRIPLE
        else:
            what, nbytes = f"values ({self.type})", self.type.size * self.type.dtype.itemsize
        return MemoryError, (
            f"out of memory: reverse mode keeps {what} of every turn of a {self.name} loop for the "
            f"backward pass, and there is no room for {count} of them ({nbytes * count / 1e9:.2g} GB). "
            "Keep less: fungrad.checkpoint around the body, checkpoint='sqrt' on a scan, float32, "
            "or fewer turns; forward mode (jvp, jacfwd) keeps nothing"
        )
