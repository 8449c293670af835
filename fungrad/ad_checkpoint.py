"""Trading time for memory, under the names of `jax.ad_checkpoint`."""

from fungrad.api.checkpointing import checkpoint, checkpoint_name, checkpoint_policies, remat
from fungrad.inspection.residuals import print_saved_residuals
from fungrad.lazy import no_other_names

__all__ = ["checkpoint", "checkpoint_name", "checkpoint_policies", "print_saved_residuals", "remat"]

__getattr__ = no_other_names(__name__)
