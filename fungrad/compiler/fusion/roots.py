"""What a loop nest is made of: the loops, and the values that it stores or combines."""

from fungrad.compiler.language.index import Affine
from fungrad.compiler.language.scalar import Scalar
from fungrad.core.primitive import Reduction
from fungrad.core.record import record


@record
class Axis:
    """A loop: the axes of the domain that it walks through, and its extent."""

    members: tuple
    value: int
    symbol: Scalar = None
    extent: Scalar = None


@record
class Root:
    """What a kernel computes: a value to store, or to combine along axes."""

    equation: object
    value: Scalar
    phase: int
    is_over_rows: bool
    at: tuple = ()  # its index
    goes_on: bool = False  # whether an earlier part of the domain has combined some already
    is_landing: bool = False  # combined with what is there, at an index that data may name
    is_there: Scalar = None  # whether that index is within bounds; None: always
    view: object = None  # where it is stored; None: nobody outside reads it
    form: Affine = None
    symbol: Scalar = None  # of a reduction that later phases read

    @property
    def reduction(self):
        primitive = self.equation.primitive
        return primitive if isinstance(primitive, Reduction) else None

    def reduces(self, axis):
        """Whether an axis of the domain is combined."""
        return self.reduction is not None and axis in self.reduction.axes

    @property
    def combine(self):
        """The name of the function that it combines elements by."""
        return self.equation.primitive.combine
