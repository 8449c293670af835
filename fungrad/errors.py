"""The exception classes of fungrad; see their docstrings for the failing and the repaired program.

Also under JAX's names, so that what catches JAX's errors catches these.
"""

from fungrad.core.errors import *  # noqa: F403
from fungrad.core.errors import BooleanIndexError, LeakedTracerError, UnknownValueError
from fungrad.lazy import no_other_names

ConcretizationTypeError = UnknownValueError
TracerArrayConversionError = UnknownValueError
TracerBoolConversionError = UnknownValueError
TracerIntegerConversionError = UnknownValueError
NonConcreteBooleanIndexError = BooleanIndexError
UnexpectedTracerError = LeakedTracerError

__getattr__ = no_other_names(__name__)
