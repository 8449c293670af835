"""Solutions of tridiagonal systems."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.linalg import lapack
from fungrad.primitives.matrices import columns_of
from fungrad.primitives.reductions import shifted


class TridiagonalSolve(Routine):
    """X with T X = B, given the diagonals below, on and above the main one, and B.

    All diagonals have the length of the main one; the first element of the lower one and the last
    one of the upper one are not used. Raises numpy.linalg.LinAlgError where T is singular.
    """

    @property
    def name(self):
        return "tridiagonal_solve"

    def flops(self, inputs, outputs):
        return 8 * outputs[0].size

    def infer(self, lower, middle, upper, b):
        types = (lower, middle, upper, b)
        if len({t.dtype for t in types}) > 1 or b.dtype.kind not in "fc":
            raise DtypeError(f"{self.name}: dtypes {', '.join(str(t.dtype) for t in types)}")
        if len({t.shape for t in types[:3]}) > 1 or b.ndim < 2 or b.shape[:-1] != middle.shape:
            raise ShapeError(f"{self.name}: {', '.join(map(str, types))} do not fit")
        return b

    def evaluate(self, lower, middle, upper, b):
        gtsv, result = lapack("gtsv", b.dtype), np.empty(b.shape, b.dtype)
        for i in np.ndindex(b.shape[:-2]):
            if not b[i].size:
                continue
            if len(b[i]) == 1:
                info = not middle[i].all()
                result[i] = b[i] if info else b[i] / middle[i]
            else:
                *_, result[i], info = gtsv(lower[i][1:], middle[i], upper[i][:-1], b[i])
            if info:
                error, message = self.failure()
                raise error(message)
        return result

    def jvp(self, inputs, tangents):
        *diagonals, b = inputs
        x = self(*inputs)
        right = tangents[3]
        for offset, d in zip((1, 0, -1), tangents, strict=False):
            if d is not None:
                moved = shifted(x, x.ndim - 2, offset, 0) if offset else x
                term = columns_of(d, x.shape[-1]) * moved
                right = -term if right is None else right - term
        return x, self(*diagonals, right)

    def transpose(self, cotangents, inputs, linear):
        if any(linear[:3]):
            raise LinearityError(f"{self.name} is linear in its right-hand side only")
        (c,) = cotangents
        lower, middle, upper, _ = inputs
        axis = middle.ndim - 1
        lower, upper = shifted(upper, axis, 1, 0), shifted(lower, axis, -1, 0)
        return None, None, None, self(lower, middle, upper, c)

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {0: 3}

    def emit(self, build, inputs, outputs):
        build.tridiagonal_solve(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, f"{self.name}: a matrix is singular"
