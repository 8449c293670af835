"""Values with demands and doubts: what fails or warns at run time."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.caution import Caution
from fungrad.primitives.demand import Demand
from samples.table import REALS, bad, sample

_POSITIVE = Demand("ValueError", "not positive")
DOUBTS = [
    sample(primitive, REALS, no_doubt, variants=((-REALS, no_doubt),) * 2, laws=laws)
    for laws in [("types", "batch", "transpose")]
    for primitive, no_doubt in [
        (Caution(("a doubt",)), np.int64(0)),
        (_POSITIVE, REALS < 9),
        (_POSITIVE, np.True_),
    ]
]
DOUBTS_BAD = [
    bad(Caution(("a doubt",)), [REALS, REALS], ShapeError, "not one integer"),
    bad(_POSITIVE, [REALS, REALS], DtypeError, "not true or false"),
    bad(_POSITIVE, [REALS, REALS[0] > 0], ShapeError, "does not fit"),
    bad(_POSITIVE, [REALS, REALS > 0], ValueError, "not positive"),
]
