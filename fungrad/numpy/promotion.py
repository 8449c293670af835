"""Promotion and broadcasting: the only place where either happens.

Dtypes follow NumPy (NEP 50): Python numbers, and traced values that stand for them, are weak.
"""

from functools import lru_cache

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.program import Literal
from fungrad.core.simple_numbers import SIMPLE
from fungrad.core.tracing import Tracer, state
from fungrad.core.types import WEAK_DTYPES
from fungrad.primitives.elementwise import Convert
from fungrad.primitives.movement import Broadcast, Fill, Reshape

_literals: dict = {}
_MOST_LITERALS = 4096


def scalar(dtype, number):
    """A Python number as an operand of a given dtype; small halves become literals."""
    try:
        key = (dtype, number or repr(number))  # -0.0 is equal to 0.0
        known = _literals.get(key)
        if known is not None:
            return known
        is_simple = number in SIMPLE and key[1] != "-0.0"
    except TypeError:  # a number that cannot be hashed
        is_simple = False
    value = dtype.type(number)
    if is_simple and isinstance(number, int | float) and len(_literals) < _MOST_LITERALS:
        value = _literals[key] = Literal(value)
    return value


def weak_kind(x):
    """The Python type whose dtype rules hold for a weak operand, else None."""
    if type(x) is Tracer:
        if not x.weak:
            return None
        return {"b": bool, "i": int, "f": float, "c": complex}[x.dtype.kind]
    return type(x) if type(x) in WEAK_DTYPES else None


def result_dtype(*operands):
    """The dtype to which NumPy promotes the operands."""
    common, number = None, None
    for x in operands:
        kind = type(x)
        if kind is float or kind is int:
            number = float if kind is float else number or int
            continue
        dtype = getattr(x, "dtype", None)
        if dtype is None or (common is not None and dtype != common):
            break
        common = dtype
        if kind is Tracer and x.weak:
            break
    else:  # arrays of one dtype, with Python numbers that do not raise it
        if common is not None and (
            number is None or common.kind in "fc" or (number is int and common.kind in "iu")
        ):
            return common
    return np.result_type(*[_promotion_key(x) for x in operands])


def _promotion_key(x):
    kind = weak_kind(x)
    if kind is bool:
        return np.dtype(bool)
    if kind is None:
        return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
    return kind(0) if type(x) is Tracer else x


def convert(x, dtype):
    """The operand in another dtype: an array, a NumPy scalar, or a tracer."""
    if type(x) is Tracer:
        return x if x.dtype == dtype else Convert(dtype)(x)
    if type(x) in WEAK_DTYPES:
        return dtype.type(x)
    if isinstance(x, np.generic) and x.dtype == dtype:
        return x
    x = np.asarray(x)
    if x.dtype.kind == "O":
        raise_for_objects(x)
    x = x if x.dtype == dtype else Convert(dtype)(x)
    return x if x.ndim else x[()]


def raise_for_objects(x):
    """Explain an object array: of a list of traced values, or of a sparse matrix."""
    if not x.ndim and is_sparse(x.item()):
        raise TypeError(
            "with a traced value, a sparse matrix of SciPy's takes part in products: A @ x, x @ A, "
            "A.dot(x); for anything else make an array of it, A.toarray()"
        )
    raise TypeError(
        f"an array of Python objects of shape {x.shape} is not numeric; build arrays from traced "
        "values with fungrad.numpy.array, stack or concatenate"
    )


def is_sparse(x):
    """Whether `x` is one of SciPy's sparse matrices or arrays; SciPy is not imported."""
    return type(x).__module__.startswith("scipy.sparse") and hasattr(x, "tocoo")


_ARRAYS = frozenset({Tracer, np.ndarray})


def promote(*operands):
    """The operands in their common dtype."""
    x, y = operands[0], operands[-1]
    if len(operands) == 2 and _ARRAYS.issuperset((type(x), type(y))):
        if x.dtype == y.dtype and x.ndim and y.ndim:
            return operands
    dtype = result_dtype(*operands)
    return [convert(x, dtype) for x in operands]


def promote_to_float(*operands):
    """The operands in their common dtype, a float or complex one."""
    dtype = result_dtype(*operands, 0.0)
    return [convert(x, dtype) for x in operands]


def loop_dtypes(ufunc, *operands):
    """The dtypes to which NumPy's ufunc converts its operands; DtypeError where it has no loop."""
    return _loop_dtypes(ufunc, tuple([_loop_key(x) for x in operands]))


def _loop_key(x):
    """What stands for an operand when NumPy chooses a loop: a dtype, or the type of a number."""
    if type(x) is Tracer:
        kind = weak_kind(x)
        return x.dtype if kind is None or kind is bool else kind
    if type(x) in WEAK_DTYPES and type(x) is not bool:
        return type(x)
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


@lru_cache(maxsize=4096)
def _loop_dtypes(ufunc, keys):
    try:
        found = ufunc.resolve_dtypes((*keys, *[None] * ufunc.nout))
    except TypeError as error:
        given = ", ".join([getattr(k, "__name__", str(k)) for k in keys])
        raise DtypeError(
            f"{ufunc.__name__} is not defined for operands of type {given} (numpy: {error})"
        ) from None
    return found[: ufunc.nin]


def loop_operands(ufunc, *operands):
    """The operands in the dtypes in which NumPy's ufunc computes."""
    dtypes = loop_dtypes(ufunc, *operands)
    return [convert(x, d) for x, d in zip(operands, dtypes, strict=True)]


def as_float(dtype):
    """The dtype in which NumPy computes an elementary function: float16 for 8-bit integers."""
    return dtype if dtype.kind in "fc" else _FLOATS.get(dtype.itemsize, FLOAT64)


FLOAT64 = np.dtype(np.float64)
_FLOATS = {1: np.dtype(np.float16), 2: np.dtype(np.float32)}


def as_quotient(dtype):
    """The dtype in which NumPy divides: float64 for all integers."""
    return dtype if dtype.kind in "fc" else FLOAT64


def shape_of(x):
    """The shape of an operand; () for Python numbers and literals."""
    return getattr(x, "shape", ())


def broadcast_to(x, shape):
    """`x` with a shape that NumPy broadcasts it to; inside a trace the repetition is recorded."""
    own = shape_of(x)
    if own == shape:
        return x
    squeezed, repeated = _repetition(tuple(own), tuple(shape))
    if type(x) is not Tracer:
        if not own:
            return Fill(tuple(shape))(np.asarray(x)[()])
        if state.recording is None:
            return np.broadcast_to(x, shape)
        x = Tracer(state.recording, state.recording.capture(np.asarray(x)))
    return repeated(x if squeezed is None else squeezed(x))


@lru_cache(maxsize=4096)
def _repetition(own, shape):
    """What drops the axes of size 1 that stretch (None: there are none), and the Broadcast."""
    lead = len(shape) - len(own)
    if lead < 0 or any(n not in (1, m) for n, m in zip(own, shape[lead:], strict=True)):
        raise ShapeError(f"shape {own} cannot be broadcast to {shape}")
    kept = [i for i, n in enumerate(own) if n != 1 or shape[lead + i] == 1]
    squeezed = Reshape(tuple([own[i] for i in kept])) if len(kept) != len(own) else None
    return squeezed, Broadcast(shape, tuple([lead + i for i in kept]))


def common_shape(name, *operands):
    """The shape to which NumPy broadcasts the operands; ShapeError names the axis."""
    return _common_shape(name, tuple([tuple(shape_of(x)) for x in operands]))


@lru_cache(maxsize=4096)
def _common_shape(name, shapes):
    result = []
    for position in range(1, max(map(len, shapes)) + 1):
        sizes = {s[-position] for s in shapes if len(s) >= position} - {1}
        if len(sizes) > 1:
            listed = " and ".join(str(s) for s in shapes)
            raise ShapeError(
                f"{name}: shapes {listed} do not broadcast: at axis -{position} the sizes are "
                f"{' and '.join(map(str, sorted(sizes)))}"
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(reversed(result))


def align(name, operands):
    """Operands of one shape, scalars left as they are."""
    shapes = [s for x in operands if (s := shape_of(x))]
    if not shapes or shapes.count(shapes[0]) == len(shapes):
        return operands
    shape = common_shape(name, *operands)
    return [x if not shape_of(x) else broadcast_to(x, shape) for x in operands]
