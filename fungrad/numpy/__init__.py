"""The user's arrays: NumPy's names, promotion, broadcasting and keywords. Imports core, primitives.

Outside a trace every function is NumPy's own. On traced values it is recorded, as are NumPy's
functions themselves: `fungrad.numpy.sin(x)` and `numpy.sin(x)` are the same there.
"""

from fungrad.lazy import no_other_names
from fungrad.numpy import conversions, fft, indexing, linalg, methods, operators, protocols
from fungrad.numpy.array_kind import ndarray
from fungrad.numpy.arrays import array, asarray
from fungrad.numpy.at import at
from fungrad.numpy.bessel import kaiser
from fungrad.numpy.bessel import numpy_i0 as i0
from fungrad.numpy.calculus import (
    convolve,
    correlate,
    diff,
    ediff1d,
    gradient,
    interp,
    trapezoid,
    unwrap,
)
from fungrad.numpy.comparison import (
    allclose,
    array_equal,
    array_equiv,
    isclose,
    iscomplex,
    iscomplexobj,
    isneginf,
    isposinf,
    isreal,
    isrealobj,
)
from fungrad.numpy.creation import (
    arange,
    diag,
    diagflat,
    empty,
    empty_like,
    eye,
    full,
    full_like,
    geomspace,
    identity,
    linspace,
    logspace,
    ones,
    ones_like,
    tri,
    tril,
    triu,
    vander,
    zeros,
    zeros_like,
)
from fungrad.numpy.einsum import einsum, einsum_path
from fungrad.numpy.elementary import (
    angle,
    around,
    fix,
    imag,
    nan_to_num,
    real,
    round,
    sinc,
)
from fungrad.numpy.functional import apply_along_axis, apply_over_axes, c_, r_, result_type
from fungrad.numpy.histograms import (
    bincount,
    histogram,
    histogram2d,
    histogram_bin_edges,
    histogramdd,
)
from fungrad.numpy.in_place import (
    copyto,
    fill_diagonal,
    place,
    put,
    put_along_axis,
    putmask,
)
from fungrad.numpy.inserting import delete, insert
from fungrad.numpy.joining import (
    append,
    array_split,
    block,
    column_stack,
    concat,
    concatenate,
    dsplit,
    dstack,
    hsplit,
    hstack,
    repeat,
    resize,
    roll,
    split,
    stack,
    tile,
    trim_zeros,
    unstack,
    vsplit,
    vstack,
)
from fungrad.numpy.padding import pad
from fungrad.numpy.polynomials import (
    poly,
    polyadd,
    polyder,
    polydiv,
    polyfit,
    polyint,
    polymul,
    polysub,
    polyval,
    roots,
)
from fungrad.numpy.products import cross, dot, inner, kron, outer, tensordot, trace, vdot
from fungrad.numpy.public import (
    absolute,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    bitwise_and,
    bitwise_count,
    bitwise_or,
    bitwise_xor,
    cbrt,
    ceil,
    conjugate,
    copysign,
    cos,
    cosh,
    deg2rad,
    degrees,
    divide,
    divmod,
    equal,
    exp,
    exp2,
    expm1,
    fabs,
    float_power,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    frexp,
    gcd,
    greater,
    greater_equal,
    heaviside,
    hypot,
    invert,
    isfinite,
    isinf,
    isnan,
    lcm,
    ldexp,
    left_shift,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    matmul,
    matvec,
    maximum,
    minimum,
    modf,
    multiply,
    negative,
    nextafter,
    not_equal,
    positive,
    power,
    rad2deg,
    radians,
    reciprocal,
    remainder,
    right_shift,
    rint,
    sign,
    signbit,
    sin,
    sinh,
    spacing,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    trunc,
    vecdot,
    vecmat,
)
from fungrad.numpy.quantiles import (
    median,
    nanmedian,
    nanpercentile,
    nanquantile,
    percentile,
    quantile,
)
from fungrad.numpy.moments import mean, std, var
from fungrad.numpy.reductions import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    count_nonzero,
    max,
    min,
    prod,
    ptp,
    sum,
)
from fungrad.numpy.running_totals import cumprod, cumsum, cumulative_prod, cumulative_sum
from fungrad.numpy.scalar_types import *  # noqa: F403
from fungrad.numpy.selection import (
    argwhere,
    choose,
    clip,
    compress,
    extract,
    flatnonzero,
    nonzero,
    piecewise,
    select,
    where,
)
from fungrad.numpy.shapes import (
    astype,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_arrays,
    broadcast_to,
    copy,
    diagonal,
    expand_dims,
    flip,
    fliplr,
    flipud,
    matrix_transpose,
    moveaxis,
    ndim,
    permute_dims,
    ravel,
    reshape,
    rollaxis,
    rot90,
    shape,
    size,
    squeeze,
    swapaxes,
    transpose,
)
from fungrad.numpy.sorting import (
    argpartition,
    argsort,
    digitize,
    intersect1d,
    isin,
    lexsort,
    partition,
    searchsorted,
    setdiff1d,
    setxor1d,
    sort,
    sort_complex,
    union1d,
    unique,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from fungrad.numpy.statistics import (
    average,
    corrcoef,
    cov,
    nanargmax,
    nanargmin,
    nancumprod,
    nancumsum,
    nanmax,
    nanmean,
    nanmin,
    nanprod,
    nanstd,
    nansum,
    nanvar,
)
from fungrad.numpy.taking import (
    diag_indices_from,
    indices,
    ix_,
    meshgrid,
    ravel_multi_index,
    take,
    take_along_axis,
    tril_indices_from,
    triu_indices_from,
    unravel_index,
)
from fungrad.numpy.unchanged import *  # noqa: F403

abs = absolute
acos, acosh, asin, asinh, atan, atan2, atanh = (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
)
bitwise_invert = bitwise_not = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift
conj = conjugate
mod = remainder
pow = power
true_divide = divide
ascontiguousarray = asanyarray = asarray

for _layer in (operators, conversions, indexing, methods, protocols):
    _layer.install()


_refuse = no_other_names(__name__)


def __getattr__(name):
    if name == "vectorize":
        from fungrad.api.gufunc import vectorize

        return vectorize
    if name == "random":  # NumPy's own, which takes 10 ms to import
        import numpy

        return numpy.random
    return _refuse(name)
