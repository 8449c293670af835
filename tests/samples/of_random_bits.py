"""Random bits, and values seen as bits."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.elementwise import Bitcast
from fungrad.primitives.random_bits import threefry2x32
from samples.table import F64, I32, REALS, U8, bad, sample

WORDS = np.array([0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1], np.uint64)

RANDOM_BITS = [
    sample(threefry2x32, WORDS, WORDS[::-1]),
    sample(threefry2x32, WORDS[3], WORDS.reshape(2, 3)),
    sample(threefry2x32, WORDS, WORDS[5]),
    sample(threefry2x32, WORDS[1], WORDS[2]),
    sample(threefry2x32, WORDS[1], np.zeros((0, 2), np.uint64)),
    sample(Bitcast(np.dtype(np.uint64)), REALS),
    sample(Bitcast(F64), WORDS[:3].reshape(3, 1)),
    sample(Bitcast(I32), np.float32(1.5)),
]
BAD_RANDOM_BITS = [
    bad(threefry2x32, (WORDS, WORDS.astype(np.int64)), DtypeError, "uint64"),
    bad(threefry2x32, (WORDS, WORDS[:2]), ShapeError, "differ"),
    bad(Bitcast(U8), (REALS,), DtypeError, "no values with the bits"),
]
