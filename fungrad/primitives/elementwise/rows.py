"""What a row of the table of elementwise primitives is; the package's docstring explains it."""

import operator

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.reductions import Sum

BOOL = np.dtype(bool)
_BUILTIN = type(operator.add)
_OPERATORS = {
    operator.add: "{0} + {1}",
    operator.sub: "{0} - {1}",
    operator.mul: "{0} * {1}",
    operator.neg: "-{0}",
    operator.eq: "{0} == {1}",
    operator.ne: "{0} != {1}",
    operator.lt: "{0} < {1}",
    operator.le: "{0} <= {1}",
    operator.gt: "{0} > {1}",
    operator.ge: "{0} >= {1}",
    np.divide: "{0} / {1}",
}


#: The same, called, of an array and a scalar: NumPy's scalars first try operators of their own.
_FUNCTIONS = {
    operator.add: "add({0}, {1})",
    operator.sub: "subtract({0}, {1})",
    operator.mul: "multiply({0}, {1})",
    np.divide: "divide({0}, {1})",
}


def same_dtype(dtypes):
    """The common dtype of the inputs."""
    return dtypes[0]


def bool_dtype(dtypes):
    """The dtype of truth values."""
    return BOOL


def real_dtype(dtypes):
    """The dtype of the real part."""
    return dtypes[0] if dtypes[0].kind != "c" else np.dtype(f"f{dtypes[0].itemsize // 2}")


def complex_dtype(dtypes):
    """The complex dtype with parts of the input's dtype."""
    return np.dtype(f"c{2 * dtypes[0].itemsize}")


def second_dtype(dtypes):
    """The dtype of the second input."""
    return dtypes[1]


def common_shape(name, types):
    """The shape of the operands that are not of rank 0; ShapeError when they differ."""
    shape = ()
    for t in types:
        if t.shape and t.shape != shape:
            if shape:
                raise ShapeError(f"{name}: shapes {shape} and {t.shape} differ")
            shape = t.shape
    return shape


def aligned(inputs, batched, axis):
    """Operands of an elementwise function with the batch axis in front of each that has a rank."""
    rank = max(np.ndim(x) - b for x, b in zip(inputs, batched, strict=True))
    shape = next(
        (tuple(x.shape)[b:] for x, b in zip(inputs, batched, strict=True) if np.ndim(x) - b == rank)
    )
    result = []
    for x, is_batched in zip(inputs, batched, strict=True):
        if is_batched and rank and x.ndim == 1:
            x = Broadcast((axis.size, *shape), (0,))(x)
        elif not is_batched and np.ndim(x):
            x = Broadcast((axis.size, *shape), tuple(range(1, rank + 1)))(x)
        result.append(x)
    return result


class Elementwise(Pointwise):
    """A row of the table; see the module's docstring for the fields."""

    word: str
    evaluate: object
    passes: tuple
    linear: tuple
    kinds: str
    result: object
    selector: bool = False
    transposed: tuple = ()
    multilinear: bool = False
    together: object = None

    @property
    def name(self):
        return self.word

    def __str__(self):
        return self.word

    def infer(self, *types):
        operands = types[1:] if self.selector else types
        if self.selector and types[0].dtype.kind != "b":
            raise DtypeError(f"{self.word}: the condition has dtype {types[0].dtype}, not bool")
        dtypes = [t.dtype for t in operands]
        if any(d != dtypes[0] for d in dtypes):
            raise DtypeError(f"{self.word}: dtypes {', '.join(map(str, dtypes))} differ")
        if dtypes[0].kind not in self.kinds:
            raise DtypeError(f"{self.word} is not defined for dtype {dtypes[0]}")
        return ArrayType(common_shape(self.word, types), self.result(dtypes))

    @property
    def repeats(self):
        """Whether `evaluate` repeats smaller operands as NumPy does."""
        kind = type(self.evaluate)
        return kind is np.ufunc or kind is _BUILTIN or self.selector

    @property
    def makes_new(self):
        """Whether `evaluate` returns an array of its own."""
        return self.repeats

    def expression(self, *types):
        if self.selector:
            is_scalar = not any([t.shape for t in types])
            return "({1} if {0} else {2})" if is_scalar else "where({0}, {1}, {2})"
        text = _OPERATORS.get(self.evaluate)
        if len(types) == 2 and bool(types[0].shape) is not bool(types[1].shape):
            text = _FUNCTIONS.get(self.evaluate, text)
        return text

    def jvp(self, inputs, tangents):
        y = self(*inputs)
        if self.together is not None and None not in tangents:
            return y, self.together(tangents, *inputs, y)
        total = None
        for passes, t in zip(self.passes, tangents, strict=True):
            if t is not None and passes is not None:
                term = passes(t, *inputs, y)
                total = term if total is None else total + term
        if total is not None and np.shape(total) != np.shape(y):
            total = Broadcast(y.shape, ())(total)
        return y, total

    def transpose(self, cotangents, inputs, linear):
        if self.multilinear and sum(linear) > 1:
            raise LinearityError(f"{self.word} is linear in one operand at a time")
        (cotangent,) = cotangents
        result = []
        for i, is_linear in enumerate(linear):
            if not is_linear:
                result.append(None)
                continue
            if i not in self.linear:
                raise LinearityError(f"{self.word} is not linear in operand {i}")
            passes = self.transposed[i] if self.transposed else self.passes[i]
            c = passes(cotangent, *inputs, None)
            if not inputs[i].shape and np.ndim(c):
                c = Sum(tuple(range(c.ndim)))(c)
            elif np.shape(c) != inputs[i].shape:
                c = Broadcast(inputs[i].shape, ())(c)
            result.append(c)
        return tuple(result)

    def batch(self, inputs, batched, axis):
        return self(*aligned(inputs, batched, axis)), True

    def element(self, build, index, read, types, output):
        operands = [read(i, index if t.shape else ()) for i, t in enumerate(types)]
        return build.call(self.word, output.dtype, *operands)


def unary(word, function, passes=None, linear=False, kinds="fc", result=same_dtype, transposed=()):
    """A row with one input."""
    return Elementwise(
        word, function, (passes,), (0,) if linear else (), kinds, result, False, transposed
    )


def binary(
    word,
    function,
    passes=(None, None),
    linear=(),
    kinds="iufc",
    result=same_dtype,
    multilinear=False,
    together=None,
):
    """A row with two inputs of one dtype; `multilinear` where it is linear in one at a time.

    `together(tangents, x, y, z)` is the tangent where both inputs have one, if that is less work
    than the sum of what each `passes`.
    """
    return Elementwise(
        word, function, passes, linear, kinds, result, multilinear=multilinear, together=together
    )
