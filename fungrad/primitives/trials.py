"""Draws by trial: gamma, Poisson and binomial variates, each element by a loop of its own.

An element has a key of its own, from which its trial number j takes the blocks of bits that it
needs: so the draws of a batch are those of its rows. A method is written once, for a `build` that
makes scalar expressions of compiled code or evaluates on arrays (`OnArrays`). All is in double
precision.
"""

from typing import NamedTuple

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError
from fungrad.core.types import ArrayType
from fungrad.primitives import elementwise as e
from fungrad.primitives import special
from fungrad.primitives.random_bits import BLOCK, rounds, threefry2x32

F64 = np.dtype(np.float64)


class Method(NamedTuple):
    """How one element is drawn.

    `prepare(build, *parameters)` are constants; `start(build, key, constants)` the first states;
    `step(build, key, constants, states)` is a trial: conditions of which one that holds ends it,
    the cheap ones first, its value, and the next states. `is_direct` says that most first trials
    end by their first condition.
    """

    prepare: object
    start: object
    step: object
    is_direct: bool


class Sampler:
    """What samplers share: keys of elements first, then parameters, all of one shape or rank 0.

    Where `is_first(build, *parameters)` holds the first of two `methods` draws an element, else the
    second. `finish(build, value, key, *parameters, is_first)` makes the result of a draw; there
    `is_first` is None where it differs from element to element. Where `is_closed` holds of the
    parameters, the result is `closed_form(build, key, *parameters)` without a trial.
    """

    count = 1

    def infer(self, key, *parameters):
        if key.dtype != BLOCK or any(t.dtype != F64 for t in parameters):
            found = ", ".join(str(t.dtype) for t in (key, *parameters))
            raise DtypeError(f"{self.name}: takes a uint64 key and float64 parameters, got {found}")
        return ArrayType(e.common_shape(self.name, (key, *parameters)), F64)

    def evaluate(self, key, *parameters):
        shape = np.broadcast_shapes(*map(np.shape, (key, *parameters)))
        operands = [np.broadcast_to(x, shape).reshape(-1) for x in (key, *parameters)]
        result = np.empty(operands[0].shape)
        with np.errstate(all="ignore"):
            usable = self.usable(ON_ARRAYS, *operands[1:])
            chosen = self.is_first(ON_ARRAYS, *usable)
            for method, where in zip(self.methods, (chosen, ~chosen), strict=True):
                part = np.flatnonzero(np.broadcast_to(where, result.shape))
                result[part] = _run(method, operands[0][part], [x[part] for x in usable])
            result = self.finish(ON_ARRAYS, result, *operands, None)
            is_closed = self.is_closed(ON_ARRAYS, *operands[1:])
            if is_closed is not None:
                result = np.where(is_closed, self.closed_form(ON_ARRAYS, *operands), result)
        return result.reshape(shape)[()]

    def is_closed(self, build, *parameters):
        """Whether the draws need no trials; None: they always do."""
        return None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return self(*e.aligned(inputs, batched, axis)), True

    def emit(self, build, inputs, outputs):
        build.sample(self, inputs, outputs)


class OnArrays:
    """The `build` that evaluates on arrays what else becomes scalar expressions."""

    def __call__(self, word, *operands):
        return getattr(special if word == "lgamma" else e, word).evaluate(*operands)

    def constant(self, value, dtype):
        return np.dtype(dtype).type(value)

    def cast(self, x, dtype):
        return x.astype(dtype)

    def select(self, condition, x, y):
        return np.where(condition, x, y)

    def equal(self, x, y):
        return x == y


ON_ARRAYS = OnArrays()


def _run(method, key, parameters):
    """The draws of a method for arrays of one axis: trials go on with those not yet accepted."""

    def full(values):
        return [np.broadcast_to(x, key.shape) for x in values]

    result, pending = np.empty(key.shape), np.arange(key.size)
    constants = full(method.prepare(ON_ARRAYS, *parameters))
    states = full(method.start(ON_ARRAYS, key, constants))
    while pending.size:
        accepted, value, states = method.step(ON_ARRAYS, key, constants, states)
        is_done = np.logical_or.reduce(full(accepted))
        result[pending[is_done]] = full([value])[0][is_done]
        states = full(states)
        pending, key, *rest = (x[~is_done] for x in (pending, key, *constants, *states))
        constants, states = rest[: len(constants)], rest[len(constants) :]
    return result


def uniform(build, key, counter):
    """A real strictly between 0 and 1 from a block of bits."""
    is_array = build is ON_ARRAYS
    bits = threefry2x32.evaluate(key, counter) if is_array else rounds(build, key, counter)
    return (build.cast(bits >> 12, F64) + 0.5) * 2.0**-52


def first_trial(build, key, constants):
    """The number of the first block of the first trial; block 0 is kept for other use."""
    return (build.constant(1, BLOCK),)


def pair(build, key, counter):
    """Two uniform reals of a trial."""
    return uniform(build, key, counter), uniform(build, key, counter + 1)
