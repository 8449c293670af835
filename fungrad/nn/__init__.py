"""`jax.nn`'s names: activations, softmax, attention; initialisers, layers. Imports all below."""

from fungrad.lazy import lazy_names
from fungrad.nn.activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    identity,
    leaky_relu,
    log1mexp,
    log_sigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softplus,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    swish,
    tanh,
)
from fungrad.nn.attention import dot_product_attention
from fungrad.nn.softmax import (
    log_softmax,
    logmeanexp,
    logsumexp,
    one_hot,
    softmax,
    standardize,
)

# They draw random numbers, which activations do not need.
__getattr__, _on_demand, _ = lazy_names(__name__, {}, modules=("initializers", "layers"))


def __dir__():
    return sorted({*globals(), *_on_demand()})
