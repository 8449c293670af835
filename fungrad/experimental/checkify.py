"""`jax.experimental.checkify.check`: conditions that compiled code checks by itself.

A function that fails raises `CheckError`, as NumPy's functions raise theirs, so that there is
nothing to be made functional and thrown later: call it, in `try` where that is wanted.
"""

from fungrad.core.errors import CheckError
from fungrad.debug.checking import check
from fungrad.lazy import no_other_names

JaxRuntimeError = CheckError

__getattr__ = no_other_names(__name__)
__all__ = ["JaxRuntimeError", "check"]
