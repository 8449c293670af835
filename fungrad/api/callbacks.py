"""pure_callback, io_callback: Python functions inside traced and compiled ones."""

import numpy as np

from fungrad.api.closing import finished, known_values, operands_of
from fungrad.api.titles import function_name, title_of
from fungrad.control.callback import Effect, PureCallback
from fungrad.core.errors import TreeMismatchError
from fungrad.core.record import record
from fungrad.core.thread_state import hiding_recording
from fungrad.core.tracing import UNKNOWN, state
from fungrad.core.tree import flatten
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import stop_gradient

TOKEN = ArrayType((), np.int64)
_METHODS = (None, "sequential", "expand_dims", "broadcast_all")


@record(frozen=True)
class _Flat:
    """A function of pytrees as one of arrays; equal where function and structures are equal."""

    function: object
    tree: object
    results: object
    label: str

    def __call__(self, *values):
        args, kwargs = self.tree.unflatten(values)
        leaves, tree = flatten(self.function(*args, **kwargs))
        if tree != self.results:
            raise TreeMismatchError(
                f"{self.label} returned the structure {tree}, not {self.results} as announced"
            )
        return leaves


def pure_callback(callback, result_shape_dtypes, *args, vmap_method=None, **kwargs):
    """What a Python function returns, from inside traced and compiled code.

    Args:
        callback: a function of NumPy arrays and scalars without side effects; it may be called
            more often, less often, or in another order than it stands in the program.
        result_shape_dtypes: a pytree of `ShapeDtypeStruct`s (or arrays): what it returns.
        args, kwargs: its arguments, pytrees of arrays.
        vmap_method: under `vmap`, "sequential" calls it once per element; "expand_dims" and
            "broadcast_all" call it once on arrays with a batch axis in front, of size 1 or
            repeated where an argument has none.

    Returns:
        The results. They have no derivative: wrap the call in `custom_jvp` or `custom_vjp`.

    Raises:
        ShapeError, TreeMismatchError for results that were announced otherwise; what the function
        raises, in compiled code too.

    >>> from fungrad import jit, ShapeDtypeStruct
    >>> count = lambda text: np.char.count("banana", "a") * text
    >>> jit(lambda x: pure_callback(count, ShapeDtypeStruct((), int), x) + 1)(2)
    np.int64(7)
    """
    label = title_of("pure_callback", callback)
    if vmap_method not in _METHODS:
        raise ValueError(f"{label}: vmap_method must be one of {_METHODS}, it is {vmap_method!r}")
    types, result_tree = _announced(result_shape_dtypes, label)
    leaves, tree = flatten((args, kwargs))
    operands, _, _ = operands_of(leaves, label, tree)
    name = function_name(callback)
    primitive = PureCallback(_Flat(callback, tree, result_tree, label), types, name, vmap_method)
    return result_tree.unflatten(finished(primitive(*operands), operands))


def io_callback(callback, result_shape_dtypes, *args, ordered=False, **kwargs):
    """What a Python function returns that also does something: it is called once per evaluation.

    Arguments as for `pure_callback`; under `vmap` it is called once per element. Calls with
    `ordered` follow one another as they stand in a function; others run when their arguments are
    there. Their results have no derivative, and the calls belong to the forward pass.

    >>> from fungrad import jit, ShapeDtypeStruct
    >>> seen = []
    >>> note = lambda v: seen.append(v) or v
    >>> jit(lambda x: io_callback(note, ShapeDtypeStruct((), float), x))(2.0), seen
    (np.float64(2.0), [np.float64(2.0)])
    """
    label = title_of("io_callback", callback)
    types, tree = _announced(result_shape_dtypes, label)
    return tree.unflatten(call_effect(callback, types, tree, label, args, kwargs, ordered))


def call_effect(function, types, result_tree, label, args, kwargs, ordered):
    """The flat results of a function that is called for its effect: now, or by the program.

    It is called now where all values are known, and no program is recorded for later runs.
    """
    leaves, tree = flatten((args, kwargs))
    operands, _, _ = operands_of(leaves, label, tree)
    called = _Once(_Flat(function, tree, result_tree, label))
    known = known_values(operands)
    primitive = Effect(called, (*types, TOKEN), label, len(operands))
    is_known = not any(v is UNKNOWN for v in known)
    recording = hiding_recording() if is_known else state.recording
    if recording is None:
        return finished(primitive.evaluate(*known)[:-1], known)
    operands = known if is_known else [stop_gradient(x) for x in operands]
    if ordered and recording.last_effect is not None:
        operands = [*operands, recording.last_effect]
    record = recording.record_effect if is_known else recording.record
    *results, token = record(primitive, operands)
    if ordered:
        recording.last_effect = token
    return results


class _Once:
    """A flat function that returns a 0 after its results; equal to itself only."""

    def __init__(self, flat):
        self.flat = flat

    def __call__(self, *values):
        return [*self.flat(*values), np.int64(0)]


def _announced(result_shape_dtypes, label):
    """The types of announced results, and their structure."""
    announced, tree = flatten(result_shape_dtypes)
    for x in announced:
        if not (hasattr(x, "shape") and hasattr(x, "dtype")):
            raise TypeError(
                f"{label}: result_shape_dtypes must hold ShapeDtypeStructs or arrays, not {x!r:.60}"
            )
    return tuple([ArrayType(x.shape, np.dtype(x.dtype)) for x in announced]), tree


__all__ = ["io_callback", "pure_callback"]
