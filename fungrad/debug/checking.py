"""check: conditions on values, inside traced and compiled functions."""

import numpy as np

from fungrad.core.errors import CheckError
from fungrad.core.types import type_of
from fungrad.debug.printing import callback
from fungrad.lax import cond
from fungrad.numpy import all, asarray, logical_not


def check(pred, msg, *fmt_args, **fmt_kwargs):
    """Raise CheckError where a condition does not hold, in compiled code too.

    Args:
        pred: a boolean, or an array of which all elements must be true.
        msg: what the error says, filled as by `str.format` with the values that follow.
        fmt_args, fmt_kwargs: arrays, numbers and pytrees of them.

    It belongs to the forward pass and has no derivative. While the condition holds it costs one
    comparison. Under `vmap` it looks at the elements one by one.

    Raises:
        CheckError: a ValueError, while the function runs.

    >>> from fungrad import jit, numpy as fnp
    >>> def log_of_rate(x):
    ...     check(x > 0, "the rate must be positive, it is {}", x)
    ...     return fnp.log(x)
    >>> jit(log_of_rate)(1.0)
    np.float64(0.0)
    >>> jit(log_of_rate)(-2.0)
    Traceback (most recent call last):
        ...
    fungrad.core.errors.CheckError: the rate must be positive, it is -2.0
    """
    if not isinstance(msg, str):
        raise TypeError(f"debug.check: the message is a format string, not {msg!r:.60}")
    kind = type_of(asarray(pred))
    if kind.dtype != np.bool_:
        raise TypeError(
            f"debug.check: the condition must be boolean, it is {kind}; compare it with something"
        )
    fails = logical_not(all(pred))

    def demand(fails, args, kwargs):
        if fails:
            raise CheckError(msg.format(*args, **kwargs))

    report = lambda *operands: callback(demand, *operands)
    cond(fails, report, lambda *operands: None, fails, fmt_args, fmt_kwargs)


__all__ = ["check"]
