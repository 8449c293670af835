"""Reductions over the batch axis of an enclosing `vmap`, by its name."""

import numpy as np

from fungrad.core.errors import LinearityError, UnknownAxisNameError
from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.movement import Broadcast, Iota, front
from fungrad.primitives.reductions import Max, Min, Sum


class Collective:
    """A primitive that ends in the `vmap` whose axis it names (`label`); see transforms/batch."""

    is_creation = True
    is_deferred = True  # its value exists when its vmap ends, even where no operand is unknown

    def evaluate(self, *values):
        raise UnknownAxisNameError(
            f"{self.name}: no enclosing vmap has axis_name={self.label!r}; "
            f"write vmap(f, axis_name={self.label!r})"
        )

    def element(self, build, index, read, types, output):
        self.evaluate()

    def batch(self, inputs, batched, axis):
        return self(*inputs), batched[0] if batched else False


class Combine(Collective, Pointwise):
    """The sum, maximum or minimum over a named batch axis: `function` is Sum, Max or Min."""

    function: type
    label: str

    @property
    def name(self):
        return {Sum: "psum", Max: "pmax", Min: "pmin"}[self.function]

    def infer(self, x):
        return x

    def jvp(self, inputs, tangents):
        if self.function is not Sum:
            return self._extremum_jvp(inputs, tangents)
        return self(*inputs), self(*tangents)

    def _extremum_jvp(self, inputs, tangents):
        from fungrad.primitives.elementwise import Convert, equal

        (x,), (t,) = inputs, tangents
        y = self(x)
        total = Combine(Sum, self.label)
        wins = Convert(x.dtype)(equal(x, y))
        return y, total(t * wins) / total(wins)

    def transpose(self, cotangents, inputs, linear):
        if self.function is not Sum:
            raise LinearityError(f"{self.name} is not linear")
        return (self(*cotangents),)

    def collapse(self, inputs, batched, axis):
        """The value for the `vmap` that has the name, and whether it keeps a batch axis."""
        (x,) = inputs
        if batched[0]:
            return self.function((0,))(x), False
        return x * axis.size if self.function is Sum else x, False


class AllGather(Collective, Pointwise):
    """All values along a named batch axis of a known size, stacked in front."""

    label: str
    size: int
    computes = False

    @property
    def name(self):
        return "all_gather"

    def infer(self, x):
        return x.with_shape((self.size, *x.shape))

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        from fungrad.primitives.dynamic import DynamicSlice
        from fungrad.primitives.movement import Reshape

        total = Combine(Sum, self.label)(cotangents[0])
        shape = inputs[0].shape
        mine = AxisIndex(self.label)()
        starts = (mine, *([np.int64(0)] * len(shape)))
        return (Reshape(shape)(DynamicSlice((1, *shape))(total, *starts)),)

    def batch(self, inputs, batched, axis):
        return (front(self(*inputs), 1, 0) if batched[0] else self(*inputs)), batched[0]

    def collapse(self, inputs, batched, axis):
        (x,) = inputs
        if batched[0]:
            return x, False
        return Broadcast((axis.size, *np.shape(x)), tuple(range(1, np.ndim(x) + 1)))(x), False


class AxisIndex(Collective, Pointwise):
    """The position along a named batch axis, int64."""

    label: str

    @property
    def name(self):
        return "axis_index"

    def infer(self):
        return ArrayType((), np.int64)

    def jvp(self, inputs, tangents):
        return self(), None

    def transpose(self, cotangents, inputs, linear):
        return ()

    def collapse(self, inputs, batched, axis):
        return Iota((axis.size,), np.dtype(np.int64), 0)(), True
