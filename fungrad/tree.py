"""Functions on pytrees, with the names of `jax.tree`.

>>> from fungrad import tree
>>> tree.map(lambda x: 10 * x, {"weight": 1.0, "bias": (2.0, 3.0)})
{'bias': (20.0, 30.0), 'weight': 10.0}
"""

from fungrad.core.tree import (
    all,
    broadcast,
    flatten,
    flatten_with_path,
    leaves,
    leaves_with_path,
    map,
    map_with_path,
    reduce,
    reduce_associative,
    static,
    structure,
    transpose,
    unflatten,
)
from fungrad.lazy import no_other_names

__all__ = [
    "all",
    "broadcast",
    "flatten",
    "flatten_with_path",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "reduce",
    "reduce_associative",
    "static",
    "structure",
    "transpose",
    "unflatten",
]

__getattr__ = no_other_names(__name__)
