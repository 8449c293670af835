"""Collectives across the axis of a vmap."""

from fungrad.core.errors import UnknownAxisNameError
from fungrad.primitives.collectives import AllGather, AxisIndex, Combine
from fungrad.primitives.reductions import Max, Min, Sum
from fungrad.transforms.batch import BatchAxis
from samples.table import COMPLEXES, CUBE, F32, INTS, REALS, bad, sample

ALONG = BatchAxis(3, "i")
COLLECTIVES = [
    *[
        sample(Combine(function, "i"), x, axis=ALONG)
        for function in (Sum, Max, Min)
        for x in (CUBE[0], CUBE[0, :, 0].astype(F32))
    ],
    sample(Combine(Sum, "i"), COMPLEXES.T, axis=ALONG),
    sample(Combine(Max, "i"), INTS.T, axis=ALONG),
    sample(AllGather("i", 3), CUBE[0], axis=ALONG),
    sample(AllGather("i", 3), REALS[0], axis=ALONG),
    sample(AxisIndex("i"), axis=ALONG),
]
COLLECTIVES_BAD = [
    bad(Combine(Sum, "j"), [REALS], UnknownAxisNameError, "no enclosing vmap has axis_name='j'"),
    bad(AllGather("j", 3), [REALS], UnknownAxisNameError, "no enclosing vmap has axis_name='j'"),
    bad(AxisIndex("j"), [], UnknownAxisNameError, "no enclosing vmap has axis_name='j'"),
]
