"""Arrays from nothing. Inside a trace the result is traced, so that it can be written to."""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import constant, number_or_operand, operand, shape_of, stacked, whole
from fungrad.numpy.dispatch import has_tracer, traced
from fungrad.numpy.promotion import broadcast_to, common_shape, convert, promote_to_float
from fungrad.numpy.shapes import diagonal, moveaxis, ravel
from fungrad.numpy.ufuncs import absolute, log10, multiply, power, sign
from fungrad.numpy.writing import copied
from fungrad.primitives import elementwise as e
from fungrad.primitives.basis import Basis
from fungrad.primitives.demand import Demand
from fungrad.primitives.joining import Pad
from fungrad.primitives.movement import Fill, Iota, Transpose

INT64 = np.dtype(np.int64)


def filled(shape, value, dtype):
    """An array of one value."""
    return Fill(shape_of(shape))(convert(value, np.dtype(dtype)))


@traced(np.zeros, creates=True)
def zeros(shape, dtype=float, order="C", *, device=None, like=None):
    """`numpy.zeros`."""
    return filled(shape, 0, dtype or float)


@traced(np.ones, creates=True)
def ones(shape, dtype=None, order="C", *, device=None, like=None):
    """`numpy.ones`."""
    return filled(shape, 1, dtype or float)


@traced(np.empty, creates=True)
def empty(shape, dtype=float, order="C", *, device=None, like=None):
    """`numpy.empty`: inside a trace the elements are 0."""
    return filled(shape, 0, dtype or float)


@traced(np.full, creates=True)
def full(shape, fill_value, dtype=None, order="C", *, device=None, like=None):
    """`numpy.full`; the value may be traced."""
    dtype = np.dtype(dtype) if dtype is not None else operand(fill_value).dtype
    value = convert(fill_value if type(fill_value) is int else operand(fill_value), dtype)
    if np.ndim(value):
        value = value if type(value) is Tracer else constant(value)
        return copied(broadcast_to(value, shape_of(shape)))
    return Fill(shape_of(shape))(value)


def _like(a, shape, dtype):
    if not (hasattr(a, "shape") and hasattr(a, "dtype")):  # a ShapeDtypeStruct has them as well
        a = operand(a)
    return a.shape if shape is None else shape, a.dtype if dtype is None else dtype


@traced(np.zeros_like, creates=True)
def zeros_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """`numpy.zeros_like`."""
    shape, dtype = _like(a, shape, dtype)
    return filled(shape, 0, dtype)


@traced(np.ones_like, creates=True)
def ones_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """`numpy.ones_like`."""
    shape, dtype = _like(a, shape, dtype)
    return filled(shape, 1, dtype)


@traced(np.empty_like, creates=True)
def empty_like(prototype, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """`numpy.empty_like`: inside a trace the elements are 0."""
    shape, dtype = _like(prototype, shape, dtype)
    return filled(shape, 0, dtype)


@traced(np.full_like, creates=True)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """`numpy.full_like`; the value may be traced."""
    shape, dtype = _like(a, shape, dtype)
    return full(shape, fill_value, dtype)


def iota(size, dtype=INT64):
    """0, 1, ..., size - 1."""
    return Iota((size,), np.dtype(dtype), 0)()


@traced(np.arange, creates=True)
def arange(start=None, stop=None, step=None, dtype=None, *, device=None, like=None):
    """`numpy.arange`; bounds must be known, since they determine the size."""
    bounds = [b.value if type(b) is Tracer else b for b in (start, stop, step) if b is not None]
    if stop is None and step is not None:
        bounds = [0, bounds[0], bounds[1]]
    elif start is None and step is not None:
        bounds = [0, *bounds]
    values = np.arange(*bounds, dtype=dtype)
    if values.dtype.kind == "i" and (len(bounds) == 1):
        return Iota(values.shape, values.dtype, 0)()
    return constant(values)


@traced(np.linspace, creates=True)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    """`numpy.linspace`; the ends may be traced, and the bits are NumPy's in compiled code too."""
    if not has_tracer((start, stop)):
        line, step = np.linspace(start, stop, num, endpoint, True, dtype, axis)
        return (constant(line), step) if retstep else constant(line)
    num = _count(num)
    start, stop = promote_to_float(number_or_operand(start), number_or_operand(stop))
    start, stop = broadcast_together("linspace", start, stop)
    parts = num - 1 if endpoint else num
    step = e.rounded_add(stop, -start) / parts if parts > 0 else np.nan
    places = np.arange(num, dtype=start.dtype).reshape(-1, *[1] * np.ndim(start))
    products = places * step if parts > 0 else places * 0
    result = e.rounded_add(*broadcast_together("linspace", products, start))
    if endpoint and num > 1:
        result = _with_last(result, stop)
    if axis not in (0, -result.ndim):
        result = moveaxis(result, 0, axis)
    if dtype is not None:
        target = np.dtype(dtype)
        result = convert(e.floor(result) if target.kind in "iu" else result, target)
    return (result, step) if retstep else result


def _count(num):
    num = whole(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    return num


def _with_last(result, stop):
    """The last row exactly as given."""
    n = result.shape[0]
    is_last = (np.arange(n) == n - 1).reshape(-1, *[1] * (result.ndim - 1))
    return e.select(broadcast_to(is_last, result.shape), broadcast_to(stop, result.shape), result)


def broadcast_together(name, *operands):
    """Operands broadcast to one shape, scalars too."""
    shape = common_shape(name, *operands)
    return [broadcast_to(x, shape) for x in operands]


@traced(np.logspace, creates=True)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """`numpy.logspace`; the ends may be traced."""
    if not has_tracer((start, stop, base)):
        return constant(np.logspace(start, stop, num, endpoint, base, dtype, axis))
    base = number_or_operand(base)
    if np.ndim(base):
        start, stop, base = broadcast_together("logspace", operand(start), operand(stop), base)
        base = np.expand_dims(base, axis)
    result = power(base, linspace(start, stop, num, endpoint, axis=axis))
    return result if dtype is None else convert(result, np.dtype(dtype))


@traced(np.geomspace, creates=True)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`numpy.geomspace`; the ends may be traced. Between complex ends it is a spiral."""
    if not has_tracer((start, stop)):
        return constant(np.geomspace(start, stop, num, endpoint, dtype, axis))
    start, stop = promote_to_float(operand(start), operand(stop))
    start, stop = broadcast_together("geomspace", start, stop)
    is_given = e.logical_and(start != 0, stop != 0)
    start = Demand("ValueError", "Geometric sequence cannot include zero")(start, is_given)
    if start.dtype.kind == "c":
        result = start * power(10.0, linspace(start * 0, log10(stop / start), num, endpoint))
    else:
        exponents = linspace(log10(absolute(start)), log10(absolute(stop)), num, endpoint)
        result = sign(start) * power(10.0, exponents)
    result = moveaxis(result, 0, axis)
    target = np.result_type(result.dtype, float) if dtype is None else np.dtype(dtype)
    return convert(result, target)


def compare_indices(shape, k, compare):
    """Where row + k compares with column, over the last two axes of a shape."""
    n = len(shape)
    row = Iota(shape, INT64, n - 2)()
    column = Iota(shape, INT64, n - 1)()
    return compare(column, row + np.int64(k) if k else row)


@traced(np.eye, creates=True)
def eye(N, M=None, k=0, dtype=float, order="C", *, device=None, like=None):
    """`numpy.eye`."""
    shape = (whole(N), whole(N if M is None else M))
    if shape[0] == shape[1] and not k:
        return Basis(shape[0], 0, shape[1:], np.dtype(dtype))()
    return convert(compare_indices(shape, k, e.equal), np.dtype(dtype))


@traced(np.identity, creates=True)
def identity(n, dtype=None, *, like=None):
    """`numpy.identity`."""
    return eye(n, dtype=dtype or float)


@traced(np.tri, creates=True)
def tri(N, M=None, k=0, dtype=float, *, like=None):
    """`numpy.tri`."""
    shape = (whole(N), whole(N if M is None else M))
    return convert(compare_indices(shape, k, e.less_equal), np.dtype(dtype))


def _triangle(m, k, compare):
    m = operand(m)
    if m.ndim == 1:
        m = broadcast_to(m, (m.shape[0], m.shape[0]))
    if m.ndim < 2:
        raise ValueError("a triangle needs an array with at least 1 axis")
    return e.select(compare_indices(tuple(m.shape), k, compare), m, m.dtype.type(0))


@traced(np.tril)
def tril(m, k=0):
    """`numpy.tril`."""
    return _triangle(m, k, e.less_equal)


@traced(np.triu)
def triu(m, k=0):
    """`numpy.triu`."""
    return _triangle(m, k, e.greater_equal)


@traced(np.diagflat)
def diagflat(v, k=0):
    """`numpy.diagflat`."""
    return diag(ravel(operand(v)), k)


@traced(np.diag)
def diag(v, k=0):
    """`numpy.diag`: a diagonal matrix of a vector, or the diagonal of a matrix."""
    v = operand(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = v.shape[0] + abs(k)
    padded = Pad((max(-k, 0),), (max(k, 0),), (0,))(v, v.dtype.type(0))
    rows = Transpose((1, 0))(broadcast_to(padded, (n, n))) if n else broadcast_to(padded, (0, 0))
    return e.select(compare_indices((n, n), k, e.equal), rows, v.dtype.type(0))


@traced(np.vander)
def vander(x, N=None, increasing=False):
    """`numpy.vander`."""
    x = operand(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    n = x.shape[0] if N is None else N
    x = convert(x, np.result_type(x.dtype, int))
    columns = [ones_like(x)]
    for _ in range(1, n):
        columns.append(multiply(columns[-1], x))
    columns = columns[:n]
    if not columns:
        return zeros((x.shape[0], 0), x.dtype)
    table = Transpose((1, 0))(stacked(columns if increasing else columns[::-1]))
    return table
