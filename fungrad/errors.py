"""The exception classes of fungrad; see their docstrings for the failing and the repaired program."""

from fungrad.core.errors import *  # noqa: F403
from fungrad.lazy import no_other_names

__getattr__ = no_other_names(__name__)
