"""`numpy.vectorize` on traced values: vmap over all axes that the signature does not name."""

import re

import numpy as np

from fungrad.api.vectorize import vmap
from fungrad.core.errors import ShapeError
from fungrad.numpy.creation import operand
from fungrad.numpy.dispatch import has_tracer
from fungrad.numpy.promotion import convert
from fungrad.numpy.shapes import reshape

__all__ = ["vectorize"]


def vectorize(pyfunc=None, otypes=None, doc=None, excluded=None, cache=False, signature=None):
    """`numpy.vectorize`: a function of scalars (or of the axes in `signature`), over arrays.

    On plain arrays it is NumPy's loop. On traced values all elements are computed at once by
    `vmap`, so there `pyfunc` must not branch on values. Also a decorator with keywords.

    >>> import fungrad
    >>> clipped = vectorize(lambda x: np.maximum(x, 0.0))
    >>> fungrad.grad(lambda x: clipped(x).sum())(np.array([-1.0, 2.0]))
    array([0., 1.])
    """
    if pyfunc is None:
        return lambda f: vectorize(f, otypes, doc, excluded, cache, signature)
    fixed = set() if excluded is None else set(excluded)
    cores = _inputs_of(signature)
    plain = np.vectorize(pyfunc, otypes, doc, excluded, cache, signature)

    def apply(*args, **kwargs):
        if not has_tracer(args) and not has_tracer(kwargs.values()):
            return plain(*args, **kwargs)
        varying = [i for i in range(len(args)) if i not in fixed]
        named = [k for k in kwargs if k not in fixed]

        def element(*values):
            positional = list(args)
            for i, v in zip(varying, values, strict=False):
                positional[i] = v
            rest = dict(kwargs, **dict(zip(named, values[len(varying) :], strict=True)))
            return pyfunc(*positional, **rest)

        values = [operand(args[i]) for i in varying] + [operand(kwargs[k]) for k in named]
        ranks = [0] * len(values) if cores is None else cores
        result = _over_loops(element, values, ranks, pyfunc)
        return _cast(result, otypes)

    apply.__name__ = getattr(pyfunc, "__name__", "vectorized")
    apply.__doc__ = doc or pyfunc.__doc__
    return apply


def _inputs_of(signature):
    """The number of core axes of each input: "(n,m),(m)->(n)" gives [2, 1]."""
    if signature is None:
        return None
    before, arrow, _ = signature.replace(" ", "").partition("->")
    if not arrow or not re.fullmatch(r"(\(\w*(,\w+)*\),?)*", before):
        raise ValueError(f"not a valid gufunc signature: {signature}")
    cores = re.findall(r"\(([^()]*)\)", before)
    return [len(c.split(",")) if c else 0 for c in cores]


def _over_loops(element, values, ranks, pyfunc):
    """The function mapped over the axes in front of the core axes, which broadcast."""
    if len(values) != len(ranks):
        raise TypeError(
            f"vectorize: the signature has {len(ranks)} inputs, {len(values)} were given"
        )
    loops = [np.shape(x)[: np.ndim(x) - r] for x, r in zip(values, ranks, strict=True)]
    try:
        shape = np.broadcast_shapes(*loops)
    except ValueError:
        raise ShapeError(
            f"vectorize of {getattr(pyfunc, '__name__', pyfunc)}: the axes in front, "
            f"{' and '.join(map(str, loops))}, do not broadcast"
        ) from None
    function = element
    axes = []  # per loop axis, from the last to the first: which inputs have it
    for k in range(1, len(shape) + 1):
        axes.append([len(loop) >= k and loop[-k] == shape[-k] for loop in loops])
    arrays = []
    for number, (x, loop) in enumerate(zip(values, loops, strict=True)):
        kept = [
            n for k, n in zip(range(len(loop), 0, -1), loop, strict=True) if axes[k - 1][number]
        ]
        arrays.append(reshape(x, (*kept, *np.shape(x)[len(loop) :])) if np.ndim(x) else x)
    for has, n in zip(axes, reversed(shape), strict=True):
        function = vmap(function, in_axes=tuple([0 if h else None for h in has]), axis_size=n)
    return function(*arrays)


def _cast(result, otypes):
    if otypes is None:
        return result
    dtypes = [np.dtype(c) for c in otypes]
    if type(result) is tuple:
        return tuple([convert(r, d) for r, d in zip(result, dtypes, strict=True)])
    return convert(result, dtypes[0])
