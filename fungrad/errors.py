"""The exception classes of fungrad; see their docstrings for the failing and the repaired program."""

from fungrad.core.errors import *  # noqa: F403
