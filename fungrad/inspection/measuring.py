"""How long a function takes, and how derivatives are had without one."""

import time

import numpy as np

from fungrad.testing.numerical import differences, step_size, widened


def median_seconds(function, budget=0.05, most=200):
    """The median time of a call, from as many calls as fit a budget of seconds, at least three."""
    times, start = [], time.perf_counter()
    while len(times) < 3 or (len(times) < most and time.perf_counter() - start < budget):
        before = time.perf_counter()
        function()
        times.append(time.perf_counter() - before)
    return float(np.median(times))


def finite_differences(function, x):
    """The Jacobian of a function of a vector by differences of fourth order: 4 calls per input.

    They are taken in double precision, where a small step leaves enough digits.
    """
    x = widened(x)
    step = step_size(np.finfo(x.dtype).eps) * max(1.0, float(np.max(np.abs(x), initial=0)))
    columns = [
        differences(lambda v: [np.asarray(function(v[0]))], [x], [e], step)[0]
        for e in np.eye(x.size, dtype=x.dtype)
    ]
    return _as_columns(columns)


def complex_step(function, x):
    """The Jacobian of a function of a vector from Im f(x + ih e) / h: 1 call per input.

    No digits cancel, so that h may be tiny; the function must be analytic. (W. Squire and
    G. Trapp, Using complex variables to estimate derivatives of real functions, 1998.)
    """
    x, h = widened(x), 1e-20
    return _as_columns(
        [np.imag(function(x + 1j * h * e)) / h for e in np.eye(x.size, dtype=x.dtype)]
    )


def _as_columns(columns):
    return np.moveaxis(np.stack(columns), 0, -1)


def why_not_complex(function, x):
    """Why a complex step gives no derivative of a function at x, or None where it does.

    An analytic function has a complex derivative: a step in the direction i t changes it by i
    times what a step in the direction t does.
    """
    from fungrad.api.products import jvp

    z, t = x.astype(np.result_type(x.dtype, np.complex64)), np.ones(x.shape, x.dtype)
    t = t.astype(z.dtype)
    try:
        (_, along), (_, across) = jvp(function, (z,), (t,)), jvp(function, (z,), (1j * t,))
    except Exception as error:
        return f"it does not take complex numbers ({type(error).__name__})"
    if np.asarray(along).dtype.kind != "c":
        return "it returns real numbers for complex ones"
    if not np.allclose(across, 1j * along, rtol=1e-4, atol=1e-6):
        return "it is not analytic"
    return None
