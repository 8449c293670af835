"""The determinant by expansion of minors, without sharing any (GradBench's det).

A minor of size r is a list of r columns; a level of the expansion holds all lists that occur, with
repetitions: l! / r! of them. The tables of columns are made beforehand.
"""

import numpy

SIZES = ((5,), (7,), (9,))
TINY = ((1,), (2,), (4,))
PEERS = ("jax", "torch")
CPP = {(5,): 7.79, (7,): 0.84, (9,): 0.90}


def inputs(size):
    return (numpy.random.default_rng(31337).uniform(size=(size, size)),)


def columns(size):
    """Per row, the columns left to each minor that begins with it: (minors, size - row)."""
    tables = [numpy.arange(size)[None]]
    for left in range(size - 1, 0, -1):
        others = numpy.array([[j for j in range(left + 1) if j != i] for i in range(left + 1)])
        tables.append(tables[-1][:, others].reshape(-1, left))
    return tables


def primal(library, size):
    np = library.numpy
    tables = columns(size)
    signs = (-1.0) ** numpy.arange(size)

    def determinant(a):
        minors = np.ones(len(tables[-1]))
        for row in range(size - 1, -1, -1):
            table = tables[row]
            terms = a[row][table] * signs[: size - row] * minors.reshape(table.shape)
            minors = np.sum(terms, axis=1)
        return minors[0]

    return determinant


def expected(size, a):
    return numpy.linalg.det(a) * numpy.linalg.inv(a).T


def torch_primal(torch, size):
    tables = [torch.tensor(table) for table in columns(size)]
    signs = torch.tensor((-1.0) ** numpy.arange(size))

    def determinant(a):
        minors = torch.ones(len(tables[-1]), dtype=a.dtype)
        for row in range(size - 1, -1, -1):
            table = tables[row]
            terms = a[row][table] * signs[: size - row] * minors.reshape(table.shape)
            minors = terms.sum(1)
        return minors[0]

    return determinant
