"""Checks of derivatives and primitives, public. Imports every layer up to `api`."""

from fungrad.testing.gradients import check_grads, check_jvp, check_vjp
from fungrad.testing.primitives import check_primitive

__all__ = ["check_grads", "check_jvp", "check_primitive", "check_vjp"]
