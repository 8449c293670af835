"""float16 in compiled code: its bits, and float32 rounded to it."""

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.primitives.half_precision import DecodeHalf, EncodeHalf, RoundToHalf
from samples.table import INTS, REALS, SINGLES, bad, sample

HALVES = np.array([0.5, -3.0, 65504.0, 6e-8, np.inf], np.float16)

HALF_PRECISION = [
    sample(RoundToHalf(), REALS + 1e-4, laws=("types", "batch")),
    sample(RoundToHalf(), SINGLES + np.float32(1e-4), laws=("types", "batch")),
    sample(DecodeHalf(), HALVES.view(np.uint16)),
    sample(EncodeHalf(), HALVES.astype(np.float32)),
]
HALF_PRECISION_BAD = [
    bad(RoundToHalf(), [INTS], DtypeError, "round_to_half is not defined for dtype int64"),
    bad(DecodeHalf(), [SINGLES], DtypeError, "decode_half is not defined for dtype float32"),
    bad(EncodeHalf(), [REALS], DtypeError, "encode_half is not defined for dtype float64"),
]
