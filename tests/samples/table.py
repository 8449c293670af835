"""What a sample of a primitive is, and the arrays that families of samples share."""

from dataclasses import dataclass

import numpy as np

from fungrad.core.types import ArrayType
from fungrad.testing.primitives import LAWS
from fungrad.transforms.batch import BatchAxis

F64, F32, C128, C64 = map(np.dtype, (np.float64, np.float32, np.complex128, np.complex64))
I64, I32, U8, BOOL = map(np.dtype, (np.int64, np.int32, np.uint8, np.bool))


@dataclass(frozen=True)
class Sample:
    """Inputs of a primitive; for the other fields see `fungrad.testing.check_primitive`."""

    primitive: object
    inputs: tuple
    variants: tuple = ()
    axis: BatchAxis | None = None
    laws: tuple = LAWS
    order: int = 2

    @property
    def title(self):
        """What pytest prints."""
        types = ",".join(str(ArrayType(x.shape, x.dtype)) for x in self.inputs)
        return f"{self.primitive}({types})"


@dataclass(frozen=True)
class Bad:
    """Inputs that a primitive refuses, with the class of the error and a part of its message."""

    primitive: object
    inputs: tuple
    error: type
    message: str

    @property
    def title(self):
        """What pytest prints."""
        return f"{self.primitive} {self.message[:30]}"


def sample(primitive, *inputs, **options):
    """A sample whose inputs are made NumPy values; in single precision, of first order only."""
    inputs = tuple([np.asarray(x)[()] for x in inputs])
    options.setdefault("order", 2 if any(x.dtype in (F64, C128) for x in inputs) else 1)
    return Sample(primitive, inputs, **options)


def bad(primitive, inputs, error, message):
    """A bad sample whose inputs are made NumPy values."""
    return Bad(primitive, tuple([np.asarray(x)[()] for x in inputs]), error, message)


REALS = np.array([[0.3, -0.7, 1.2], [1.9, -1.4, 0.6]])
COMPLEXES = REALS + 1j * np.array([[0.5, 0.2, -0.9], [1.1, -0.3, 0.8]])
SINGLES = REALS.astype(F32)
INTS = np.array([[3, -2, 5], [7, 0, 1]])
TRUTHS = np.array([[True, False, True], [False, False, True]])
EMPTY = np.zeros((0, 3))
CUBE = np.linspace(-1.0, 2.0, 24).reshape(2, 3, 4)
