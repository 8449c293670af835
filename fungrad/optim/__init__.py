"""Optimisers in optax's shape, their schedules, and losses. Imports everything below, and `nn`.

A gradient transformation is a pair of functions: `init(params)` makes its state, and
`update(updates, state, params)` turns gradients into updates and the state into the next one.
`chain` composes them, `apply_updates` adds the updates to the parameters.
"""

from fungrad.lazy import no_other_names
from fungrad.optim.accumulation import (
    MultiSteps,
    MultiStepsState,
    skip_large_updates,
    skip_not_finite,
)
from fungrad.optim.clipping import (
    clip,
    clip_by_block_rms,
    clip_by_global_norm,
    clip_by_norm,
    global_norm,
)
from fungrad.optim.guarding import ApplyIfFiniteState, ZeroNansState, apply_if_finite, zero_nans
from fungrad.optim.losses import (
    absolute_error,
    hinge_loss,
    huber_loss,
    kl_divergence,
    kl_divergence_with_log_targets,
    l2_loss,
    log_cosh,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_binary_cross_entropy,
    smooth_labels,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    squared_error,
)
from fungrad.optim.masking import (
    MaskedNode,
    MaskedState,
    PartitionState,
    add_decayed_weights,
    freeze,
    masked,
    multi_transform,
    partition,
)
from fungrad.optim.moments import (
    EmaState,
    ScaleByAdamState,
    ScaleByLionState,
    ScaleByRmsState,
    ScaleByRmsWithCountState,
    ScaleByRssState,
    ScaleByRStdDevState,
    ScaleByRStdDevWithCountState,
    TraceState,
    ema,
    scale_by_adam,
    scale_by_lion,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    trace,
)
from fungrad.optim.optimisers import adagrad, adam, adamw, lion, nadam, nadamw, rmsprop, sgd
from fungrad.optim.scaling import (
    ScaleByScheduleState,
    scale,
    scale_by_learning_rate,
    scale_by_schedule,
    scale_by_sign,
)
from fungrad.optim.schedules import (
    constant_schedule,
    cosine_decay_schedule,
    cosine_onecycle_schedule,
    exponential_decay,
    join_schedules,
    linear_onecycle_schedule,
    linear_schedule,
    piecewise_constant_schedule,
    piecewise_interpolate_schedule,
    polynomial_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
)
from fungrad.optim.transformation import (
    EmptyState,
    GradientTransformation,
    GradientTransformationExtraArgs,
    apply_updates,
    chain,
    identity,
    set_to_zero,
    stateless,
    with_extra_args_support,
)

__getattr__ = no_other_names(__name__)
