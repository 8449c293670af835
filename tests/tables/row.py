"""A row of a table: one call of a public function, and what it is compared with."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Traced:
    """An argument that is traced: an array, or a list of arrays."""

    value: object


@dataclass(frozen=True)
class Call:
    """`function(*args, **kwargs)`, and what is known of it.

    `names` are the (namespace, name) that it shows. `expected` is a function of the same arguments
    on plain values, or a value; None says that the function is NumPy's or SciPy's own, which knows
    the value itself. `smooth` says that finite differences are to be tried, to `order`; `sized`
    that the sizes of its results are known before its values; `batches` that it can be a row of a
    batch. Where differences do not serve, since a draw is by trial, `slope` is the derivative in the
    first operand, to the tolerance.
    """

    function: object
    args: tuple
    kwargs: dict = field(default_factory=dict)
    smooth: bool = True
    names: tuple = ()
    expected: object = None
    order: int = 2
    sized: bool = True
    batches: bool = True
    tolerance: float | None = None
    slope: float | None = None

    def __str__(self):
        shown = [_shown(a) for a in self.args]
        shown += [f"{k}={v!r}".replace("\n", "") for k, v in self.kwargs.items()]
        name = self.names[0][1] if self.names else _shown(self.function)
        return f"{name}({', '.join(shown)})"[:90]


def _shown(argument):
    """An argument in the name of a test: the shape of an array, the name of a function."""
    if isinstance(argument, Traced) and hasattr(argument.value, "shape"):
        return repr(argument.value.shape)
    if isinstance(argument, np.ndarray):
        return repr(argument.shape)
    if hasattr(argument, "__name__"):
        return argument.__name__
    return repr(argument).replace("\n", "")


def marked(x):
    """An argument of a row: arrays of floats, and lists of arrays, are traced."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "fc":
        return Traced(x)
    if isinstance(x, list) and x and all(isinstance(v, np.ndarray) for v in x):
        return Traced(x)
    return x


def t(x, dtype=None):
    """A traced argument of any dtype."""
    return Traced(np.asarray(x, dtype)[()])


class Table(list):
    """The rows of one namespace."""

    def __init__(self, space, module):
        super().__init__()
        self.space, self.module = space, module

    def row(self, name, *args, to=None, by=None, alike=(), **options):
        """Add a call of a name, or of `by(function, *args)`, that is to give what `to` gives.

        `alike` are further names of the same function. Options that are fields of `Call` describe
        the row; all others are keywords of the call.
        """
        function = getattr(self.module, name)
        called = function if by is None else _Applied(by, function, name)
        fields = {k: options.pop(k) for k in _FIELDS if k in options}
        names = tuple((self.space, n) for n in (name, *alike))
        for n in alike:
            assert getattr(self.module, n) is function, n
        self.append(
            Call(called, tuple(map(marked, args)), options, names=names, expected=to, **fields)
        )

    def each(self, names, *args, to=None, **options):
        """Add the same call of several names; `to` is a module that has their references."""
        for name in names.split():
            self.row(name, *args, to=getattr(to, name, None), **options)


_FIELDS = ("smooth", "order", "sized", "batches", "tolerance", "slope")


class _Applied:
    """A function applied in a way of its own."""

    def __init__(self, by, function, name):
        self.by, self.function, self.__name__ = by, function, name

    def __call__(self, *args, **kwargs):
        return self.by(self.function, *args, **kwargs)
