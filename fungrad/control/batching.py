"""Values with and without a batch axis, as the primitives that contain programs take them."""

from fungrad.core.tracer import type_of_value
from fungrad.transforms.batch import broadcast


def widened(values, batched, wanted, axis):
    """Values with a batch axis in front where it is wanted and missing."""
    return [
        broadcast(type_of_value(x), axis.size)(x) if wants and not has else x
        for x, has, wants in zip(values, batched, wanted, strict=True)
    ]
