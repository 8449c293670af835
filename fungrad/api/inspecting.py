"""Looking at programs: eval_shape, ShapeDtypeStruct, make_program."""

import numpy as np

from fungrad.api.closing import close
from fungrad.api.operands import operand_of
from fungrad.api.titles import title_of
from fungrad.core.errors import StaticArgumentError
from fungrad.core.tracer import type_of_value
from fungrad.core.tree import flatten, register_leaf
from fungrad.core.types import ArrayType


class ShapeDtypeStruct:
    """A shape and a dtype: stands for an array where only its type matters.

    >>> ShapeDtypeStruct((2, 3), np.float32)
    ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape, dtype):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self):
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """The number of elements."""
        return int(np.prod(self.shape, dtype=int))

    def __array__(self, dtype=None, copy=None):
        raise TypeError(f"{self} has no elements: it stands for the type of an array")

    def __array_function__(self, function, types, args, kwargs):
        """`zeros_like` and its relatives, which look at the type only; TypeError for others."""
        if function.__name__ not in ("empty_like", "full_like", "ones_like", "zeros_like"):
            raise TypeError(f"{function.__name__}: {self} has no elements")
        return function(np.broadcast_to(self.dtype.type(0), self.shape), *args[1:], **kwargs)

    def __eq__(self, other):
        if not isinstance(other, ShapeDtypeStruct):
            return NotImplemented
        return (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self):
        return hash((self.shape, self.dtype))

    def __repr__(self):
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype})"


register_leaf(ShapeDtypeStruct)


def abstract(leaf):
    """The type of an argument, and whether it is weak; structs count as their arrays."""
    if isinstance(leaf, ShapeDtypeStruct):
        return ArrayType(leaf.shape, leaf.dtype), False
    x, is_weak = operand_of(leaf)
    return type_of_value(x), is_weak


def closed_on(fun, args, kwargs, title):
    """The function as a closed program on the types of its arguments."""
    leaves, tree = flatten((args, kwargs))
    pairs = [abstract(leaf) for leaf in leaves]

    def call(*tracers):
        positional, named = tree.unflatten(tracers)
        return fun(*positional, **named)

    return close(call, [t for t, _ in pairs], [w for _, w in pairs], title)


def eval_shape(fun, *args, **kwargs):
    """The shapes and dtypes of what `fun` returns, without computing it.

    Arguments are arrays, numbers or ShapeDtypeStructs.

    >>> eval_shape(lambda x: x.sum(), ShapeDtypeStruct((3,), np.float32))
    ShapeDtypeStruct(shape=(), dtype=float32)
    """
    closed = closed_on(fun, args, kwargs, title_of("eval_shape", fun))
    return closed.tree.unflatten([*map(_struct, closed.types)])


def make_program(fun, static_argnums=(), return_shape=False):
    """A function of the same arguments that returns the program of `fun` instead of running it.

    Values that `fun` closes over are the first inputs. Arguments are arrays, numbers,
    ShapeDtypeStructs, and Python values at the positions `static_argnums`. With `return_shape`
    the result is a pair of the program and what `eval_shape` returns.

    >>> print(make_program(lambda x: 2 * x)(1.0))
    <lambda>(a: f64[]) {
      b: f64[] = multiply 2.0 a
      return b
    }
    """
    title = title_of("make_program", fun)
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    def traced(*args, **kwargs):
        kept = {_position(n, args, title): None for n in static}
        moving = {i: x for i, x in enumerate(args) if i not in kept}

        def call(moving, **named):
            return fun(*[moving.get(i, x) for i, x in enumerate(args)], **named)

        closed = closed_on(call, (moving,), kwargs, title)
        if not return_shape:
            return closed.program
        return closed.program, closed.tree.unflatten([*map(_struct, closed.types)])

    return traced


def _position(n, args, title):
    if not -len(args) <= n < len(args):
        raise StaticArgumentError(
            f"{title}: static_argnums={n} does not fit the {len(args)} positional arguments"
        )
    return n % len(args)


def _struct(type):
    return ShapeDtypeStruct(type.shape, type.dtype)


make_jaxpr = make_program


__all__ = [
    "ShapeDtypeStruct",
    "eval_shape",
    "make_jaxpr",
    "make_program",
]
