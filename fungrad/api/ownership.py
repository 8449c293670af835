"""Who owns the memory of results: the user, who may write into each without changing another."""

import numpy as np

from fungrad.numpy.dispatch import has_tracer


def owned(values, inputs=()):
    """Results as the user gets them: scalars, or writeable arrays of their own.

    They share no memory with each other nor with the inputs.
    """
    for x in values:
        if type(x) is not np.float64:
            break
    else:
        return values
    result, taken = [], None
    for x in values:
        if type(x) is not np.float64 and isinstance(x, np.ndarray):
            if not x.ndim:
                x = x[()]
            else:
                if taken is None:
                    taken = set(map(id, inputs))
                if x.base is not None or not x.flags.writeable or id(x) in taken:
                    x = np.array(x)
                taken.add(id(x))
        result.append(x)
    return result


def owned_halves(outputs, others, inputs):
    """Outputs and what is returned beside them, as `owned` returns them."""
    results, n = owned([*outputs, *others], inputs), len(outputs)
    return results[:n], results[n:]


def owner_of(x):
    """The array that owns the memory of an array, as far as NumPy knows."""
    while isinstance(base := x.base, np.ndarray):
        x = base
    return x


def settled(values, given):
    """Results for the user, none of which is one of the arrays that were given."""
    return values if has_tracer(values) else owned(values, given)
