"""Cumulative operations along an axis, and the linear recurrence that differentiates products."""

from itertools import pairwise

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.elementwise import equal, exp, select
from fungrad.primitives.movement import Broadcast, Iota
from fungrad.primitives.reductions import highest, lowest, shifted

_MANY_ELEMENTS = 100_000  # which are worth not to be written in between


class _Cumulative:
    """What cumulative operations share: type and batching; `axis` and `reverse` are fields."""

    def infer(self, x, *rest):
        if x.dtype.kind not in self.kinds:
            raise DtypeError(f"{self.name} is not defined for dtype {x.dtype}")
        if not 0 <= self.axis < x.ndim:
            raise ShapeError(f"{self.name}: axis {self.axis} does not fit shape {x.shape}")
        return x

    def batch(self, inputs, batched, axis):
        return type(self)(self.axis + 1, self.reverse)(*inputs), True

    def reads_in_order(self, *inputs):
        """The operands that compiled code reads once, element by element (see `Scatter`)."""
        return _read_in_order(self, inputs)

    def _accumulate(self, function, x):
        line = np.flip(x, self.axis) if self.reverse else x
        result = function(line)
        return np.flip(result, self.axis) if self.reverse else result

    def expression(self, x, *rest):
        if self.combine not in ("add", "multiply") or x.dtype.kind not in "fc":
            return None
        back = f"[{', '.join([':'] * self.axis + ['::-1'])}]" if self.reverse else ""
        return f"{self.combine}_accumulate({{0}}{back}, {self.axis}){back}"

    def emit(self, build, inputs, outputs):
        build.cumulative(self, inputs, outputs)


class CumSum(_Cumulative, Routine):
    """The running sum along an axis, from the end when `reverse`."""

    axis: int
    reverse: bool
    kinds = "iufc"
    combine = "add"

    def identity(self, dtype):
        return dtype.type(-0.0)  # 0.0 would turn -0.0

    def evaluate(self, x):
        return self._accumulate(lambda v: np.add.accumulate(v, self.axis, v.dtype), x)

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        return (CumSum(self.axis, not self.reverse)(*cotangents),)


class CumProd(_Cumulative, Routine):
    """The running product along an axis, from the end when `reverse`."""

    axis: int
    reverse: bool
    kinds = "iufc"
    combine = "multiply"

    def identity(self, dtype):
        return dtype.type(1)

    def evaluate(self, x):
        return self._accumulate(lambda v: np.multiply.accumulate(v, self.axis, v.dtype), x)

    def jvp(self, inputs, tangents):
        """The product rule as a recurrence: dy[i] = x[i] dy[i-1] + y[i-1] dx[i], exact at 0."""
        (x,), (t,) = inputs, tangents
        y = self(x)
        before = shifted(y, self.axis, -1 if self.reverse else 1)
        return y, Recurrence(self.axis, self.reverse)(x, before * t)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")


class Recurrence(Routine):
    """s[i] = a[i] s[i-1] + b[i] along an axis, and s[0] = b[0]; from the end when `reverse`."""

    axis: int
    reverse: bool

    def flops(self, inputs, outputs):
        return 2 * outputs[0].size

    def infer(self, a, b):
        if a.dtype != b.dtype:
            raise DtypeError(f"recurrence: dtypes {a.dtype} and {b.dtype} differ")
        if a.shape != b.shape:
            raise ShapeError(f"recurrence: shapes {a.shape} and {b.shape} differ")
        if not 0 <= self.axis < b.ndim:
            raise ShapeError(f"recurrence: axis {self.axis} does not fit shape {b.shape}")
        return b

    def evaluate(self, a, b):
        a, b = (np.moveaxis(v, self.axis, 0) for v in (a, b))
        result = b.copy()
        order = range(len(b))[:: -1 if self.reverse else 1]
        for before, i in pairwise(order):
            result[i] += a[i] * result[before]
        return np.moveaxis(result, 0, self.axis)

    def jvp(self, inputs, tangents):
        a, b = inputs
        da, db = tangents
        s = self(a, b)
        if da is None:
            return s, self(a, db)
        term = da * shifted(s, self.axis, -1 if self.reverse else 1, 0)
        return s, self(a, term if db is None else term + db)

    def transpose(self, cotangents, inputs, linear):
        if linear[0]:
            raise LinearityError("recurrence is linear in its second operand only")
        (c,) = cotangents
        a, _ = inputs
        ahead = shifted(a, self.axis, 1 if self.reverse else -1, 0)
        return None, Recurrence(self.axis, not self.reverse)(ahead, c)

    def batch(self, inputs, batched, axis):
        wide = [
            x if b else Broadcast((axis.size, *x.shape), tuple(range(1, x.ndim + 1)))(x)
            for x, b in zip(inputs, batched, strict=True)
        ]
        return Recurrence(self.axis + 1, self.reverse)(*wide), True

    def reads_in_order(self, *inputs):
        """The operands that compiled code reads once, element by element (see `Scatter`)."""
        return _read_in_order(self, inputs)

    def emit(self, build, inputs, outputs):
        build.cumulative(self, inputs, outputs)


def _read_in_order(primitive, inputs):
    """All operands, where they are large and at most one axis is behind that of the primitive."""
    x, is_slow = inputs[0], getattr(primitive, "combine", None) == "logaddexp"
    is_near_end = primitive.axis >= len(x.shape) - 2
    is_used = is_near_end and x.size >= _MANY_ELEMENTS and not is_slow
    return tuple(range(len(inputs))) if is_used else ()


class _CumExtremum(_Cumulative):
    """The tangent of a running extremum is that of the element which holds it."""

    def jvp(self, inputs, tangents):
        from fungrad.primitives.indexing import Gather

        (x,), (t,) = inputs, tangents
        y = self(x)
        n = x.shape[self.axis]
        shape = tuple(x.shape)
        place = Iota(shape, np.dtype(np.int64), self.axis)()
        if self.reverse:
            held = select(equal(x, y), place, np.int64(n))
            holder = CumMin(self.axis, True)(held)
        else:
            held = select(equal(x, y), place, np.int64(-1))
            holder = CumMax(self.axis, False)(held)
        where = [
            holder if a == self.axis else Iota(shape, np.dtype(np.int64), a)()
            for a in range(x.ndim)
        ]
        return y, Gather(tuple(range(x.ndim)), "clip")(t, *where)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")


class CumMax(_CumExtremum, Routine):
    """The running maximum along an axis, from the end when `reverse`."""

    axis: int
    reverse: bool
    kinds = "biuf"
    combine = "maximum"

    def evaluate(self, x):
        return self._accumulate(lambda v: np.maximum.accumulate(v, self.axis), x)

    def identity(self, dtype):
        return lowest(dtype)


class CumMin(_CumExtremum, Routine):
    """The running minimum along an axis, from the end when `reverse`."""

    axis: int
    reverse: bool
    kinds = "biuf"
    combine = "minimum"

    def evaluate(self, x):
        return self._accumulate(lambda v: np.minimum.accumulate(v, self.axis), x)

    def identity(self, dtype):
        return highest(dtype)


class CumLogSumExp(_Cumulative, Routine):
    """The running log of the sum of exponentials along an axis, from the end when `reverse`."""

    axis: int
    reverse: bool
    kinds = "f"
    combine = "logaddexp"

    def evaluate(self, x):
        return self._accumulate(lambda v: np.logaddexp.accumulate(v, self.axis), x)

    def jvp(self, inputs, tangents):
        """The running sum of t exp(x) over exp(y), scaled by the running maximum at each end."""
        (x,), (t,) = inputs, tangents
        y = self(x)
        back = -1 if self.reverse else 1
        low = -np.inf
        before = shifted(y, self.axis, back, low)
        is_empty = equal(y, y.dtype.type(low))
        safe = select(is_empty, y.dtype.type(0), y)
        keep = select(is_empty, y.dtype.type(0), exp(before - safe))
        enter = select(is_empty, y.dtype.type(0), exp(x - safe))
        return y, Recurrence(self.axis, self.reverse)(keep, enter * t)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")
