"""Array types: the shape and the dtype of a value, interned so that equal types are one object."""

import numpy as np

WEAK_DTYPES = {
    bool: np.dtype(bool),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
}


class ArrayType:
    """The type of an array value: `shape` (tuple of ints) and `dtype`.

    Types are interned: `ArrayType((3,), float) is ArrayType((3,), np.float64)`.
    """

    __slots__ = ("dtype", "is_differentiable", "ndim", "shape", "size")
    _interned: dict = {}

    def __new__(cls, shape, dtype):
        try:
            return cls._interned[shape, dtype]
        except (KeyError, TypeError):
            return cls._intern(shape, dtype)

    @classmethod
    def _intern(cls, shape, dtype):
        opened = next((n for n in shape if hasattr(n, "of")), None)
        shape = tuple([n if hasattr(n, "of") else int(n) for n in shape])
        canonical = np.dtype(np.dtype(dtype).type)  # NumPy's own object, in native byte order
        if canonical.kind in "iu":  # one object for long and long long
            canonical = np.dtype(f"{canonical.kind}{canonical.itemsize}")
        if opened is not None:
            return opened.of.type(shape, canonical)
        if (shape, canonical) not in cls._interned:
            cls._interned[shape, canonical] = cls.of(shape, canonical)
        return cls._interned.setdefault((shape, dtype), cls._interned[shape, canonical])

    @classmethod
    def of(cls, shape, dtype):
        """A type that is not interned: for who has a table of their own (see `open_numbers`)."""
        self = object.__new__(cls)
        self.shape = shape
        self.dtype = dtype
        self.ndim = len(shape)
        self.size = 1
        for n in shape:
            self.size *= n
        self.is_differentiable = dtype.kind in "fc"
        return self

    def with_shape(self, shape):
        """The type of the same dtype and another shape."""
        return ArrayType(shape, self.dtype)

    def with_dtype(self, dtype):
        """The type of the same shape and another dtype."""
        return ArrayType(self.shape, dtype)

    def __reduce__(self):
        return ArrayType, (self.shape, self.dtype)

    def __repr__(self):
        return f"{short_name(self.dtype)}[{','.join(map(str, self.shape))}]"


def short_name(dtype):
    """The dtype as programs print it: `f64`, `i32`, `c128`, `bool`."""
    dtype = np.dtype(dtype)
    return "bool" if dtype.kind == "b" else f"{dtype.kind}{8 * dtype.itemsize}"


_interned = ArrayType._interned
scalar_types = {np.dtype(code).type: ArrayType((), np.dtype(code)) for code in "?bBhHiIlLqQefdFD"}


def type_of(value):
    """The type of a NumPy array, a NumPy scalar, a Python number, or a value with a `type`."""
    known = scalar_types.get(type(value))  # hashing a dtype would take longer than the rest
    if known is not None:
        return known
    try:
        return _interned[value.shape, value.dtype]
    except (KeyError, TypeError):
        return ArrayType(value.shape, value.dtype)
    except AttributeError:
        dtype = WEAK_DTYPES.get(type(value))
        return value.type if dtype is None else ArrayType((), dtype)


def is_python_number(value):
    """Whether the value is a plain Python bool, int, float or complex, whose dtype is weak."""
    return type(value) in WEAK_DTYPES
