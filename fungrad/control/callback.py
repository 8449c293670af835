"""Calls of Python functions from inside programs, compiled ones too."""

import threading

import numpy as np

from fungrad.control.programs import recorded
from fungrad.control.scan import Scan
from fungrad.core.errors import AxesError, NotDifferentiableError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.tracer import type_of_value
from fungrad.core.types import type_of
from fungrad.primitives.movement import Broadcast, Reshape


class _Raised(threading.local):
    error = None


_raised = _Raised()


class _Callback:
    """What calls of Python share: `function`, `types` of its results, and `label` for errors."""

    def infer(self, *types):
        return self.types

    def evaluate(self, *values):
        results = [np.asarray(y) for y in self.function(*[np.array(x)[()] for x in values])]
        for k, (y, expected) in enumerate(zip(results, self.types, strict=True)):
            if type_of(y) is not expected:
                raise ShapeError(
                    f"pure_callback of {self.label}: result {k} is {type_of(y)}, not {expected} as announced"
                )
        return tuple([y[()] for y in results])

    def _one_by_one(self, inputs, batched, axis):
        fixed = [x for x, b in zip(inputs, batched, strict=True) if not b]
        rows = [x for x, b in zip(inputs, batched, strict=True) if b]

        def body(*v):
            constants, elements = iter(v[: len(fixed)]), iter(v[len(fixed) :])
            return self(*[next(elements) if b else next(constants) for b in batched])

        elements = [type_of_value(x).with_shape(tuple(x.shape)[1:]) for x in rows]
        program = recorded(body, [*map(type_of_value, fixed), *elements], self.label)
        return Scan(program, len(fixed), 0, axis.size, False)(*fixed, *rows)

    def call(self, arrays, outputs):
        """Write the results for some arrays to others; 1 where the function raises, else 0."""
        try:
            results = self.evaluate(*arrays)
            for y, target in zip(results, outputs, strict=True):
                target[...] = y
        except BaseException as error:  # it is raised again where the program ends
            _raised.error = error
            return 1
        return 0

    def failure(self):
        """The error that the function has raised."""
        error, _raised.error = _raised.error, None
        return (lambda message: error), ""

    def emit(self, build, inputs, outputs):
        build.callback(self, inputs, outputs)


class PureCallback(_Callback, Routine):
    """What a Python function of arrays returns: a sequence of arrays of the given types.

    `vmap_method` says how a batch is computed: "sequential", "expand_dims" or "broadcast_all".
    """

    function: object
    types: tuple
    label: str
    vmap_method: str | None
    has_many_outputs = True

    name = "pure_callback"

    def jvp(self, inputs, tangents):
        raise NotDifferentiableError(
            f"pure_callback of {self.label} cannot be looked into, so it has no derivative; wrap the call in "
            "custom_jvp or custom_vjp and say what it is, or call it on stop_gradient(x)"
        )

    def transpose(self, cotangents, inputs, linear):
        raise NotDifferentiableError(f"pure_callback of {self.label} has no transpose")

    def batch(self, inputs, batched, axis):
        every = (True,) * len(self.types)
        if self.vmap_method == "sequential":
            return self._one_by_one(inputs, batched, axis), every
        if self.vmap_method is None:
            raise AxesError(
                f"pure_callback of {self.label} under vmap: say how to call it, by vmap_method='sequential' (once "
                "per element), 'expand_dims' or 'broadcast_all' (once for arrays with a batch axis)"
            )
        types = tuple([t.with_shape((axis.size, *t.shape)) for t in self.types])
        operands = [
            x if b else self._widened(x, axis) for x, b in zip(inputs, batched, strict=True)
        ]
        return self.replace(types=types)(*operands), every

    def _widened(self, x, axis):
        shape = tuple(np.shape(x))
        if self.vmap_method == "expand_dims":
            return Reshape((1, *shape))(x)
        return Broadcast((axis.size, *shape), tuple(range(1, len(shape) + 1)))(x)


class Effect(_Callback, Routine):
    """A Python function that is called for what it does; its last result is a 0.

    That 0 may be an operand of another effect, which then comes after this one. The function takes
    the first `argument_count` operands; the calls of a batch follow one another.
    """

    function: object
    types: tuple
    label: str
    argument_count: int
    has_many_outputs = True
    has_effects = True

    name = "effect"

    def evaluate(self, *values):
        return super().evaluate(*values[: self.argument_count])

    def jvp(self, inputs, tangents):
        raise NotDifferentiableError(f"{self.label} is called on values without a derivative")

    def transpose(self, cotangents, inputs, linear):
        raise NotDifferentiableError(f"{self.label} has no transpose")

    def batch(self, inputs, batched, axis):
        return self._one_by_one(inputs, batched, axis), (True,) * len(self.types)
