"""A table of vectors, looked up by integers."""

import fungrad.numpy as fnp
from fungrad.nn import initializers
from fungrad.numpy.arrays import operand
from fungrad.primitives.bounded import Bounded


def init(key, count, features, *, table=None, dtype=None):
    """The parameters {"table": (count, features)}, normal numbers by default.

    >>> init(fungrad.random.key(0), 10, 3)["table"].shape
    (10, 3)
    """
    table = initializers.normal(1.0) if table is None else table
    return {"table": table(key, (count, features), dtype)}


def apply(params, ids):
    """The rows of the table at `ids`, integers of any shape: shape (*ids.shape, features).

    Raises ValueError where one is not from 0 to count - 1, in compiled code too.

    >>> apply({"table": np.array([[1.0, 2.0], [3.0, 4.0]])}, np.array([1, 0, 1]))
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    table = params["table"]
    ids = Bounded(table.shape[0], "embedding, ids")(operand(ids))
    return fnp.take(table, ids, axis=0)
