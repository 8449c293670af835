"""JAX's name for the checks of derivatives; see `fungrad.testing`."""

from fungrad.testing import check_grads, check_jvp, check_vjp

__all__ = ["check_grads", "check_jvp", "check_vjp"]
