"""The same value: in another dtype, under a name, without its derivative."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError
from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise.rows import BOOL, unary


class Convert(Pointwise):
    """The value in another dtype, as NumPy's `astype` converts it."""

    dtype: np.dtype
    computes = False

    def infer(self, x):
        return x.with_dtype(self.dtype)

    def evaluate(self, x):
        with np.errstate(invalid="ignore", over="ignore"):
            if x.dtype.kind == "c" and self.dtype.kind != "c" and self.dtype != BOOL:
                x = x.real
            return x.astype(self.dtype)

    def expression(self, x):
        is_exact = x.dtype.kind == "b" or (x.dtype.kind == "f" and self.dtype == np.float64)
        return f"{{0}}.astype('{self.dtype.str}')" if is_exact else None

    def jvp(self, inputs, tangents):
        y = self(*inputs)
        return y, self(tangents[0]) if ArrayType((), self.dtype).is_differentiable else None

    def transpose(self, cotangents, inputs, linear):
        if not ArrayType((), self.dtype).is_differentiable:
            raise LinearityError(f"conversion to {self.dtype} is not linear")
        return (Convert(inputs[0].dtype)(cotangents[0]),)

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        return build.cast(read(0, index), output.dtype)


class Bitcast(Pointwise):
    """The value of another dtype of the same size that has the same bits."""

    dtype: np.dtype

    def infer(self, x):
        if x.dtype.itemsize != self.dtype.itemsize or "c" in x.dtype.kind + self.dtype.kind:
            raise DtypeError(f"bitcast: {x.dtype} has no values with the bits of {self.dtype}")
        return x.with_dtype(self.dtype)

    def evaluate(self, x):
        return x.view(self.dtype)

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("bitcast is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        return build.bitcast(read(0, index), output.dtype)


class Named(Pointwise):
    """The identity, with a name that checkpoint policies can refer to."""

    label: str
    computes = False

    def infer(self, x):
        return x

    def evaluate(self, x):
        return x

    def jvp(self, inputs, tangents):
        return self(*inputs), tangents[0]

    def transpose(self, cotangents, inputs, linear):
        return cotangents

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        return read(0, index)


stop_gradient = unary("stop_gradient", lambda x: x, kinds="biufc")
