"""Schedules: functions from the number of updates so far to a learning rate or another number."""

import math

import numpy as np

import fungrad.numpy as fnp
from fungrad.nn.checking import require, require_count


def _choose(condition, x, y):
    return fnp.where(condition, x, y)[()]


def constant_schedule(value):
    """Always `value`.

    >>> constant_schedule(0.1)(1000)
    0.1
    """
    return lambda count: value


def polynomial_schedule(init_value, end_value, power, transition_steps, transition_begin=0):
    """From one value to another along a power of the steps that are left.

    (init - end) (1 - n / transition_steps)**power + end, where n counts from `transition_begin`
    to `transition_steps`. Without steps it is constant.

    >>> schedule = polynomial_schedule(1.0, 0.0, 2, 10)
    >>> [float(schedule(n)) for n in (0, 5, 10, 20)]
    [1.0, 0.25, 0.0, 0.0]
    """
    require_count("polynomial_schedule", "transition_steps", transition_steps, 0)
    require_count("polynomial_schedule", "transition_begin", transition_begin, 0)
    if type(transition_steps) is int and transition_steps == 0:
        return constant_schedule(init_value)

    def schedule(count):
        done = fnp.clip(count - transition_begin, 0, transition_steps)
        left = 1 - done / transition_steps
        return (init_value - end_value) * left**power + end_value

    return schedule


def linear_schedule(init_value, end_value, transition_steps, transition_begin=0):
    """From one value to another along a straight line.

    >>> schedule = linear_schedule(0.0, 1.0, 10)
    >>> [float(schedule(n)) for n in (0, 5, 10, 20)]
    [0.0, 0.5, 1.0, 1.0]
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def exponential_decay(
    init_value, transition_steps, decay_rate, transition_begin=0, staircase=False, end_value=None
):
    """init_value * decay_rate**(n / transition_steps), where n counts from `transition_begin`.

    With `staircase` the exponent is rounded down; `end_value` is where the decay (or growth) stops.

    >>> schedule = exponential_decay(1.0, 10, 0.5)
    >>> [float(schedule(n)) for n in (0, 10, 20)]
    [1.0, 0.5, 0.25]
    """
    require_count("exponential_decay", "transition_steps", transition_steps)
    require_count("exponential_decay", "transition_begin", transition_begin, 0)
    require("exponential_decay", "decay_rate", decay_rate, 0)

    def schedule(count):
        done = fnp.maximum(count - transition_begin, 0) / transition_steps
        value = init_value * fnp.power(decay_rate, fnp.floor(done) if staircase else done)
        if end_value is None:
            return value
        is_falling = decay_rate < 1
        return _choose(is_falling, fnp.maximum(value, end_value), fnp.minimum(value, end_value))

    return schedule


def cosine_decay_schedule(init_value, decay_steps, alpha=0.0, exponent=1.0):
    """Down to alpha * init_value along half a cosine (Loshchilov and Hutter, 2017).

    >>> schedule = cosine_decay_schedule(1.0, 10)
    >>> [round(float(schedule(n)), 6) for n in (0, 5, 10, 20)]
    [1.0, 0.5, 0.0, 0.0]
    """
    require_count("cosine_decay_schedule", "decay_steps", decay_steps)

    def schedule(count):
        done = fnp.minimum(count, decay_steps) / decay_steps
        cosine = 0.5 * (1 + fnp.cos(math.pi * done))
        return init_value * ((1 - alpha) * cosine**exponent + alpha)

    return schedule


def piecewise_constant_schedule(init_value, boundaries_and_scales=None):
    """`init_value`, multiplied by a scale from each boundary on: the step schedule.

    >>> schedule = piecewise_constant_schedule(1.0, {10: 0.1, 20: 0.1})
    >>> [round(float(schedule(n)), 6) for n in (9, 10, 20)]
    [1.0, 0.1, 0.01]
    """
    scales = sorted((boundaries_and_scales or {}).items())
    for _, factor in scales:
        require("piecewise_constant_schedule", "a scale", factor, 0)

    def schedule(count):
        value = init_value
        for boundary, factor in scales:
            value = _choose(count >= boundary, factor, 1.0) * value
        return value

    return schedule


def piecewise_interpolate_schedule(interpolate_type, init_value, boundaries_and_scales=None):
    """Like `piecewise_constant_schedule`, but from value to value along lines or half cosines.

    >>> schedule = piecewise_interpolate_schedule("linear", 1.0, {10: 3.0})
    >>> [float(schedule(n)) for n in (0, 5, 10, 20)]
    [1.0, 2.0, 3.0, 3.0]
    """
    if interpolate_type not in ("linear", "cosine"):
        raise ValueError(
            "piecewise_interpolate_schedule: interpolate_type is 'linear' or 'cosine', got "
            f"{interpolate_type!r}"
        )
    points = [(0, init_value)]
    for boundary, factor in sorted((boundaries_and_scales or {}).items()):
        require("piecewise_interpolate_schedule", "a scale", factor, 0)
        points.append((boundary, points[-1][1] * factor))

    def schedule(count):
        value = points[-1][1]
        for (begin, low), (end, high) in reversed(list(zip(points[:-1], points[1:], strict=True))):
            part = (count - begin) / max(end - begin, 1)
            if interpolate_type == "cosine":
                part = 0.5 * (1 - fnp.cos(math.pi * part))
            value = _choose(count < end, low + (high - low) * part, value)
        return value

    return schedule


def join_schedules(schedules, boundaries):
    """Schedules one after the other: each begins with 0 at its boundary.

    >>> both = join_schedules([linear_schedule(0.0, 1.0, 10), constant_schedule(1.0)], [10])
    >>> [float(both(n)) for n in (0, 5, 10, 20)]
    [0.0, 0.5, 1.0, 1.0]
    """
    schedules, boundaries = list(schedules), list(boundaries)
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(
            f"join_schedules: {len(schedules)} schedules have {len(schedules) - 1} boundaries "
            f"between them, got {len(boundaries)}"
        )
    if boundaries != sorted(boundaries):
        raise ValueError(f"join_schedules: the boundaries ascend, got {boundaries}")

    def schedule(count):
        value = schedules[0](count)
        for boundary, following in zip(boundaries, schedules[1:], strict=True):
            value = _choose(count < boundary, value, following(count - boundary))
        return value

    return schedule


# ---- warm-up, one cycle


def warmup_constant_schedule(init_value, peak_value, warmup_steps):
    """A line up to `peak_value`, which stays.

    >>> float(warmup_constant_schedule(0.0, 1.0, 10)(20))
    1.0
    """
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value, peak_value, warmup_steps, decay_steps, end_value=0.0, exponent=1.0
):
    """A line up, then half a cosine down; `decay_steps` counts both.

    >>> schedule = warmup_cosine_decay_schedule(0.0, 1.0, 10, 30)
    >>> [round(float(schedule(n)), 6) for n in (0, 5, 10, 20, 30)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if not decay_steps > warmup_steps:
        raise ValueError(
            "warmup_cosine_decay_schedule: decay_steps counts the warm-up too, so it is larger "
            f"than warmup_steps, got {decay_steps} and {warmup_steps}"
        )
    alpha = end_value / peak_value if peak_value else 0.0
    down = cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent)
    up = linear_schedule(init_value, peak_value, warmup_steps)
    return join_schedules([up, down], [warmup_steps])


def warmup_exponential_decay_schedule(
    init_value,
    peak_value,
    warmup_steps,
    transition_steps,
    decay_rate,
    transition_begin=0,
    staircase=False,
    end_value=None,
):
    """A line up, then `exponential_decay`.

    >>> schedule = warmup_exponential_decay_schedule(0.0, 1.0, 10, 10, 0.5)
    >>> [float(schedule(n)) for n in (0, 5, 10, 20)]
    [0.0, 0.5, 1.0, 0.5]
    """
    down = exponential_decay(
        peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value
    )
    up = linear_schedule(init_value, peak_value, warmup_steps)
    return join_schedules([up, down], [warmup_steps])


def cosine_onecycle_schedule(
    transition_steps, peak_value, pct_start=0.3, div_factor=25.0, final_div_factor=1e4
):
    """One cycle (Smith and Topin, 2018): half a cosine up, another down.

    From peak / div_factor to the peak at the share `pct_start` of the steps, then down to
    peak / (div_factor * final_div_factor).

    >>> schedule = cosine_onecycle_schedule(100, 1.0)
    >>> [round(float(schedule(n)), 6) for n in (0, 30, 100)]
    [0.04, 1.0, 4e-06]
    """
    _require_cycle("cosine_onecycle_schedule", transition_steps, pct_start, 1.0)
    return piecewise_interpolate_schedule(
        "cosine",
        peak_value / div_factor,
        {
            int(pct_start * transition_steps): div_factor,
            int(transition_steps): 1 / (div_factor * final_div_factor),
        },
    )


def linear_onecycle_schedule(
    transition_steps,
    peak_value,
    pct_start=0.3,
    pct_final=0.85,
    div_factor=25.0,
    final_div_factor=1e4,
):
    """One cycle along lines: up, down to where it began, and further down at the end.

    >>> schedule = linear_onecycle_schedule(100, 1.0)
    >>> [round(float(schedule(n)), 6) for n in (0, 30, 85, 100)]
    [0.04, 1.0, 0.04, 4e-06]
    """
    _require_cycle("linear_onecycle_schedule", transition_steps, pct_start, pct_final)
    return piecewise_interpolate_schedule(
        "linear",
        peak_value / div_factor,
        {
            int(pct_start * transition_steps): div_factor,
            int(pct_final * transition_steps): 1 / div_factor,
            int(transition_steps): 1 / final_div_factor,
        },
    )


def _require_cycle(name, transition_steps, start, final):
    require_count(name, "transition_steps", transition_steps)
    require(name, "pct_start", start, 0, 1)
    require(name, "pct_final", final, 0, 1)
    if not start < final or not np.isfinite(final):
        raise ValueError(f"{name}: pct_start comes before pct_final, got {start} and {final}")
