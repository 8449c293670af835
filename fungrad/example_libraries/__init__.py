"""`jax.example_libraries`' names, for programs that use them: `optimizers`, `stax`.

Imports `nn` and all below; new programs do better with `nn.layers` and `optim`.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, {}, modules=("optimizers", "stax"))
