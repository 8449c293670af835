"""`jax.scipy.integrate`'s names."""

from fungrad.lazy import no_other_names
from fungrad.numpy import trapezoid as _trapezoid


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """`scipy.integrate.trapezoid`: the integral of the lines between the points.

    >>> trapezoid([1.0, 3.0, 2.0], dx=0.5)
    np.float64(2.25)
    """
    return _trapezoid(y, x, dx, axis)


__getattr__ = no_other_names(__name__)
