"""What makes scalar expressions for rules: words under names of their own, and dtypes inferred."""

import numpy as np

from fungrad.compiler.language.scalar import (
    INDEX,
    Loop,
    Scalar,
    call,
    constant,
    lift,
    operate,
    result_dtype,
    same_dtype,
)


class Builder:
    """Makes scalar expressions. Called with a word, it infers the dtype of the result.

    >>> build = Builder()
    >>> x = build.symbol("x", float)
    >>> build("sqrt", x * x + 1.0)
    sqrt(add(multiply(x, x), 1.0))
    """

    def __call__(self, word, *operands):
        """The word applied to operands, its dtype that of `result_dtype`."""
        dtype = result_dtype(word, *[x.dtype for x in operands])
        return call(word, dtype, *operands)

    def call(self, word, dtype, *operands, attribute=None):
        """The word applied to operands, of the given dtype."""
        return call(word, np.dtype(dtype), *operands, attribute=attribute)

    def constant(self, value, dtype):
        """A constant, rounded to the dtype."""
        return constant(value, np.dtype(dtype))

    def symbol(self, name, dtype):
        """A named value that the surrounding code provides."""
        return Scalar("symbol", np.dtype(dtype), (), name)

    def select(self, condition, x, y):
        """x if condition else y, without a branch; one of them may be a Python number."""
        x, y = same_dtype(x, y)
        return call("select", x.dtype, condition, x, y)

    def cast(self, x, dtype):
        """The value converted to the dtype as NumPy's `astype` does."""
        return call("convert", np.dtype(dtype), x)

    def bitcast(self, x, dtype):
        """The value whose bits are those of x."""
        return call("bitcast", np.dtype(dtype), x)

    def fma(self, x, y, z):
        """x * y + z rounded once; any but one may be Python numbers."""
        dtype = next(v.dtype for v in (x, y, z) if isinstance(v, Scalar))
        return call("fma", dtype, *[lift(v, dtype) for v in (x, y, z)])

    def equal(self, x, y):
        """Whether x == y."""
        return operate("equal", x, y)

    def not_equal(self, x, y):
        """Whether x != y."""
        return operate("not_equal", x, y)

    def integer_power(self, x, exponent):
        """x to the power of a Python int."""
        return call("integer_power", x.dtype, x, attribute=int(exponent))

    def call_where(self, condition, function, x):
        """The named function of x where the condition holds, which is to be rare, else x."""
        return call("call_where", x.dtype, condition, x, attribute=function)

    def loop(self, name, count, step, *initial, needed=None):
        """The first state after `count` > 0 steps: `states = step(index, *states)`.

        Loops inside of each other need different names. Where the condition `needed` does not
        hold, the result does not matter, and there is one step.
        """
        count = lift(count, INDEX)
        if needed is not None:
            count = self.select(needed, count, 1)
        index = self.symbol(f"{name}_index", INDEX)
        states = [self.symbol(f"{name}{i}", x.dtype) for i, x in enumerate(initial)]
        following = step(index, *states)
        body = Loop(index, tuple(states), tuple(following))
        return Scalar("loop", initial[0].dtype, (count, *initial), body)

    def table(self, name, index, dtype=np.float64):
        """The entry of a table (see `fungrad.compiler.math.constant_table`) at an int64 index."""
        return call("table", np.dtype(dtype), index, attribute=name)
