"""The gradient in many arguments, and in many leaves of one: what unpacking costs."""

import numpy

SIZES = (("arguments", 10), ("arguments", 100), ("leaves", 60), ("leaves", 1000))
TINY = (("arguments", 3), ("leaves", 4))


def inputs(kind, n):
    arrays = [numpy.arange(4.0) + i for i in range(n)]
    if kind == "arguments":
        return tuple(arrays)
    return ([{"weights": a, "bias": b} for a, b in zip(arrays[::2], arrays[1::2], strict=True)],)


def primal(library, kind, n):
    def of_arguments(*arrays):
        return sum([(a * a).sum() for a in arrays]) / 2

    def of_leaves(layers):
        return of_arguments(*[a for layer in layers for a in layer.values()])

    return of_arguments if kind == "arguments" else of_leaves


def expected(size, *arrays):
    return arrays[0] if size[0] == "leaves" else arrays
