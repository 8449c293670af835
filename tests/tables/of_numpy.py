"""Calls of NumPy functions, one row per call: the table that the tests of this folder go through.

Arguments that are arrays of floats, or marked with `traced`, are traced; the rest is static.
"""

from dataclasses import replace

import numpy as np
import scipy.special

import fungrad.numpy as fnp
from tests.coverage_of_names.catalogue import catalogue, home
from tests.tables.row import Call, Traced, marked, t

R = np.random.default_rng(0)

# Results whose sizes depend on values: only where these are known.
VALUE_DEPENDENT = {
    np.trim_zeros, np.unique, np.union1d, np.setdiff1d, np.intersect1d, np.setxor1d, np.nonzero,
    np.flatnonzero, np.argwhere, np.unique_all, np.unique_counts, np.unique_inverse,
    np.unique_values, np.compress, np.extract,
}  # fmt: skip


def _names_of_functions():
    """The public names of each function: of NumPy's or SciPy's, and of fungrad's."""
    found = {}
    peers = {"numpy": np, "numpy.linalg": np.linalg, "scipy.special": scipy.special}
    for space, peer in peers.items():
        for name in [n for names in catalogue()[space].values() for n in names]:
            for module in (peer, home(space)):
                function = getattr(module, name, None)
                if callable(function):
                    found.setdefault(function, {})[space, name] = None
    return {function: tuple(names) for function, names in found.items()}


NAMES = _names_of_functions()

CALLS = []


def row(function, *args, smooth=True, name=None, **kwargs):
    """Add a call to the table; arrays of floats and complex numbers are traced."""
    names = (("numpy", name),) if name else NAMES.get(function, ())
    options = {"names": names, "sized": function not in VALUE_DEPENDENT}
    CALLS.append(Call(function, tuple(map(marked, args)), kwargs, smooth, **options))


def u(*shape, low=-1.0, high=1.0, dtype=np.float64):
    """Random numbers, well apart from kinks."""
    return R.uniform(low, high, shape).astype(dtype)


V, W = u(5), u(5)
M, N = u(3, 4), u(3, 4)
C = u(2, 3, 4)
P = u(3, 4, low=0.3, high=0.9)
Z = u(3) + 1j * u(3)
I = t([3, 1, -4, 1, 5])
B = t([True, False, True, True, False])
NAN = np.array([[1.0, np.nan, 3.0], [0.5, 2.0, np.inf]])
E = np.zeros((0, 3))

# ---- ufuncs

for f in (np.sin, np.cos, np.tan, np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.tanh, np.arctan,
          np.arcsinh, np.square, np.cbrt, np.absolute, np.fabs, np.deg2rad, np.rad2deg, np.radians,
          np.degrees, np.negative, np.positive):
    row(f, M)
    row(f, u(3, dtype=np.float32), smooth=False)
    row(f, t(0.4))
    if f is not np.negative:
        row(f, I, smooth=False)
for f in (np.sqrt, np.log, np.log2, np.log10, np.log1p, np.reciprocal, np.arcsin, np.arccos,
          np.arctanh):
    row(f, P)
    row(f, u(2, low=0.2, high=0.8, dtype=np.float32), smooth=False)
row(np.arccosh, 1 + P)
for f in (np.sin, np.exp, np.tanh, np.sqrt, np.log, np.square, np.conjugate, np.absolute, np.isnan):
    row(f, Z, smooth=False)
for f in (np.sign, np.floor, np.ceil, np.trunc, np.rint, np.isnan, np.isinf, np.isfinite,
          np.signbit, np.logical_not):
    row(f, NAN, smooth=False)
    row(f, I, smooth=False)
for f in (np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.arctan2, np.hypot,
          np.logaddexp, np.logaddexp2, np.fmax, np.fmin, np.copysign):
    row(f, M, N)
    row(f, C, M)
    row(f, M, 0.5)
    row(f, 2, M)
    row(f, u(3, 1), u(4, dtype=np.float32), smooth=False)
    row(f, I, t([1, 2, 3, 4, 5], np.int8), smooth=False)
for f in (np.floor_divide, np.remainder, np.fmod):
    row(f, M, 0.3)
    row(f, I, 3, smooth=False)
    row(f, M, N)
for f in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal):
    row(f, M, N, smooth=False)
    row(f, I, 1, smooth=False)
    row(f, B, True, smooth=False)
for f in (np.logical_and, np.logical_or, np.logical_xor):
    row(f, I, B, smooth=False)
    row(f, M, N, smooth=False)
for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor):
    row(f, I, 3, smooth=False)
    row(f, B, B, smooth=False)
row(np.left_shift, I, 2, smooth=False)
row(np.right_shift, I, t(1), smooth=False)
row(np.invert, I, smooth=False)
row(np.invert, B, smooth=False)
row(np.bitwise_count, I, smooth=False)
row(np.power, P, N)
row(np.power, P, 3)
row(np.power, P, 0.5)
row(np.power, P, -2)
row(np.power, 2.0, M)
row(np.power, I, 2, smooth=False)
row(np.power, t(2), t(3), smooth=False)
row(np.float_power, P, 2)
row(np.float_power, I, 2, smooth=False)
row(np.heaviside, M, 0.5)
row(np.heaviside, np.array([-1.0, 0.0, np.nan]), 0.5, smooth=False)
row(np.nextafter, M, 2.0, smooth=False)
row(np.divmod, M, 0.3)
row(np.modf, 3 * M)
row(np.frexp, 3 * M, smooth=False)
row(np.frexp, np.array([0.0, 1.0, 8.0, -0.1, np.inf]), smooth=False)
row(np.ldexp, M, 3)
row(np.gcd, t([12, 18, -7, 0]), t([8, 27, 21, 5]), smooth=False)
row(np.lcm, t([12, 18, -7, 0]), t([8, 27, 21, 5]), smooth=False)
row(np.add, I, B, smooth=False)
row(np.add, B, B, smooth=False)
row(np.multiply, B, B, smooth=False)
row(np.exp, u(2, dtype=np.float32), dtype=np.float64, smooth=False)

# ---- elementwise compositions

row(np.sinc, M)
row(np.sinc, np.array([0.0, 1e-9, 0.5, 1.0, -2.5]), smooth=False)
row(np.angle, Z, smooth=False)
row(np.angle, M, deg=True, smooth=False)
row(np.real, Z, smooth=False)
row(np.imag, Z, smooth=False)
row(np.real, M)
row(np.imag, M, smooth=False)
row(np.nan_to_num, NAN, smooth=False)
row(np.nan_to_num, NAN, nan=7.0, posinf=1.0, smooth=False)
row(np.round, 10 * M, 1, smooth=False)
row(np.round, 100 * M, -1, smooth=False)
row(np.round, I, -1, smooth=False)
row(np.around, M, smooth=False)
row(np.fix, 3 * M, smooth=False)
row(np.clip, M, -0.5, 0.5)
row(np.clip, M, None, 0.5)
row(np.clip, M, N - 1, N + 1)
row(np.clip, I, 0, 3, smooth=False)
row(np.where, N > 0, M, 0.0)
row(np.where, N > 0, M, N)
row(np.where, t(N > 0), u(4), 1, smooth=False)
row(np.where, t(N > 0), 1, 2, smooth=False)
row(np.select, (M > 0.5, M > 0), [M, 2 * M])
row(np.conjugate, M)
row(np.unravel_index, 7, (3, 4), smooth=False)
row(np.select, [np.array([True, False])], [u(2)], 5.0)
row(np.choose, t([0, 1, 2, 1]), [u(4), u(4), u(4)], smooth=False)
row(np.choose, t([0, 4, -1, 1]), [u(4), u(4), u(4)], mode="clip", smooth=False)
row(np.choose, t([0, 4, -1, 1]), [u(4), u(4), u(4)], mode="wrap", smooth=False)
row(np.isclose, NAN, NAN + 1e-9, smooth=False)
row(np.isclose, NAN, NAN, equal_nan=True, smooth=False)
row(np.allclose, M, M + 1e-9, smooth=False)
row(np.array_equal, M, M, smooth=False)
row(np.array_equal, M, C, smooth=False)
row(np.array_equal, NAN, NAN, equal_nan=True, smooth=False)
row(np.array_equiv, V, np.stack([V, V]), smooth=False)
row(np.isneginf, NAN, smooth=False)
row(np.isposinf, NAN, smooth=False)
row(np.isreal, Z, smooth=False)
row(np.iscomplex, Z, smooth=False)
row(np.i0, 12 * M)

# ---- creation

row(np.zeros_like, M, smooth=False)
row(np.ones_like, M, dtype=int, smooth=False)
row(np.full_like, M, 3.5, smooth=False)
row(np.full_like, I, 3.5, smooth=False)
row(np.linspace, t(0.5), t(2.0), 7)
row(np.linspace, t(0.5), t(2.0), 7, endpoint=False)
row(np.linspace, u(3), u(3), 4, axis=-1)
row(np.linspace, t(0.5), t(2.0), 7, retstep=True)
row(np.linspace, t(0.0), t(9.0), 4, dtype=int, smooth=False)
row(np.logspace, t(0.1), t(1.0), 4)
row(np.geomspace, t(0.1), t(1.0), 4)
row(np.tril, M, 1)
row(np.triu, C, -1)
row(np.diag, V, 1)
row(np.diag, V, -2)
row(np.diag, M, 1)
row(np.diagflat, M)
row(np.vander, V, 3)
row(np.vander, V, 3, increasing=True)
row(np.vander, I, smooth=False)

# ---- shapes

row(np.reshape, M, (2, -1))
row(np.reshape, C, -1)
row(np.reshape, C, (4, 6), order="F")
row(np.reshape, t(2.0), (1, 1))
row(np.ravel, C)
row(np.ravel, C, order="F")
row(np.squeeze, u(1, 3, 1))
row(np.squeeze, u(1, 3, 1), axis=0)
row(np.expand_dims, M, (0, -1))
row(np.transpose, C)
row(np.transpose, C, (1, -1, 0))
row(np.permute_dims, C, (1, 2, 0))
row(np.matrix_transpose, C)
row(np.swapaxes, C, 0, -1)
row(np.moveaxis, C, (0, 1), (-1, 0))
row(np.rollaxis, C, 2)
row(np.broadcast_to, V, (2, 5))
row(np.broadcast_arrays, u(3, 1), u(1, 2))
row(np.atleast_1d, t(1.0))
row(np.atleast_2d, V, t(1.0))
row(np.atleast_3d, V)
row(np.atleast_3d, M)
row(np.flip, C)
row(np.flip, C, (0, 2))
row(np.flipud, M)
row(np.fliplr, M)
row(np.rot90, M)
row(np.rot90, M, -1)
row(np.rot90, C, 2, axes=(1, 2))
row(np.diagonal, M, 1)
row(np.diagonal, M, -2)
row(np.diagonal, C, 0, 2, 1)
row(np.diagonal, M, 9)
row(np.astype, M, np.float32, smooth=False)
row(np.astype, M, int, smooth=False)
row(np.copy, M)
row(np.shape, M, smooth=False)
row(np.ndim, M, smooth=False)
row(np.size, C, 1, smooth=False)
row(np.concatenate, [M, N])
row(np.concatenate, [M, N], axis=None)
row(np.concatenate, [M, u(3, 2, dtype=np.float32)], axis=-1, smooth=False)
row(np.concat, [E, u(2, 3)])
row(np.stack, [M, N], axis=-1)
row(np.vstack, [V, W])
row(np.hstack, [V, W])
row(np.hstack, [M, N])
row(np.dstack, [M, N])
row(np.column_stack, [V, u(5, 2)])
row(np.block, [[M, N], [u(2, 8)]], smooth=False)
row(np.append, M, u(2))
row(np.append, M, N, axis=1)
row(np.split, C, 2)
row(np.split, V, [1, 3])
row(np.array_split, V, 3)
row(np.array_split, V, [1, 1, 8])
row(np.hsplit, M, 2)
row(np.vsplit, M, 3)
row(np.dsplit, C, 2)
row(np.unstack, M, axis=1)
row(np.tile, M, 2)
row(np.tile, V, (2, 1, 2))
row(np.repeat, M, 2)
row(np.repeat, M, 2, axis=1)
row(np.repeat, M, [1, 0, 2], axis=0)
row(np.roll, M, 1)
row(np.roll, M, -1, axis=1)
row(np.roll, M, (1, 2), axis=(0, 1))
row(np.roll, M, t(1), axis=0, smooth=False)
row(np.resize, V, (3, 4))
row(np.pad, M, 1)
row(np.pad, M, ((1, 0), (2, 3)), constant_values=2.0)
row(np.pad, M, 1, constant_values=((1, 2), (3, 4)))
for mode in ("edge", "reflect", "symmetric", "wrap", "maximum", "mean", "minimum", "linear_ramp"):
    row(np.pad, M, ((2, 1), (1, 6)), mode=mode)
row(np.pad, M, 2, mode="reflect", reflect_type="odd")
row(np.pad, M, 7, mode="symmetric", reflect_type="odd")
row(np.pad, V, 2, mode="mean", stat_length=2)
row(np.insert, V, 2, 7.0)
row(np.insert, V, [1, 3], [7.0, 8.0])
row(np.insert, V, [3, 1, 1], u(3))
row(np.insert, M, 1, u(3), axis=1)
row(np.insert, M, [1, 2], u(3, 2), axis=1)
row(np.insert, M, slice(0, 2), 1.0, axis=0)
row(np.delete, V, 2)
row(np.delete, M, [0, -1], axis=1)
row(np.delete, M, slice(0, 2), axis=0)
row(np.trim_zeros, np.array([0.0, 0.0, 1.0, 2.0, 0.0]), smooth=False)

# ---- reductions

for f in (np.sum, np.prod, np.mean, np.std, np.var, np.max, np.min, np.ptp, np.nansum, np.nanmean,
          np.nanmax, np.nanmin, np.nanstd, np.nanvar, np.nanprod, np.median, np.amax, np.amin):
    row(f, C)
    row(f, C, axis=-1)
    row(f, C, axis=(0, 2), keepdims=True)
    row(f, u(4, dtype=np.float32), smooth=False)
    row(f, t(0.5), smooth=False)
    if f is not np.ptp:
        row(f, NAN, axis=0, smooth=False)
        row(f, I, smooth=False)
for f in (np.sum, np.prod, np.mean):
    row(f, E, axis=0, smooth=False)
    row(f, B, smooth=False)
    row(f, t([1, 2], np.int8), smooth=False)
    row(f, t([1, 2], np.uint8), smooth=False)
    row(f, M, where=N > 0)
    row(f, M, dtype=np.float32, smooth=False)
    row(f, Z, smooth=False)
row(np.sum, M, initial=3.0, axis=0)
row(np.prod, np.array([2.0, 0.0, 3.0, 0.0]))
row(np.prod, np.array([2.0, 0.0, 3.0]), initial=2.0)
row(np.max, M, initial=0.9, where=N > 0)
row(np.min, E, initial=1.0, axis=0, smooth=False)
row(np.max, I, smooth=False)
row(np.var, M, ddof=1, axis=1)
row(np.var, M, correction=1, axis=1)
row(np.std, M, axis=0, mean=M.mean(0, keepdims=True), smooth=False)
row(np.var, Z, smooth=False)
row(np.var, M, where=N > 0)
for f in (np.any, np.all):
    row(f, B, smooth=False)
    row(f, M, axis=1, keepdims=True, smooth=False)
    row(f, E, axis=0, smooth=False)
for f in (np.argmax, np.argmin, np.nanargmax, np.nanargmin):
    row(f, M, smooth=False)
    row(f, C, axis=1, smooth=False)
    row(f, C, axis=-1, keepdims=True, smooth=False)
    row(f, np.array([1.0, np.nan, 3.0]), smooth=False)
row(np.count_nonzero, I, smooth=False)
row(np.count_nonzero, M, axis=0, smooth=False)
for f in (np.cumsum, np.cumprod, np.nancumsum, np.nancumprod):
    row(f, C)
    row(f, C, axis=1)
    row(f, B, smooth=False)
    row(f, NAN, axis=0, smooth=False)
row(np.cumulative_sum, V)
row(np.cumulative_prod, M, axis=1, include_initial=True)
row(np.average, M)
row(np.average, M, axis=1, weights=u(4, low=0.5))
row(np.average, M, weights=P, returned=True)
row(np.quantile, M, 0.3)
row(np.quantile, M, [0.1, 0.9], axis=1, keepdims=True)
row(np.percentile, C, 30, axis=(0, 1))
row(np.quantile, NAN, 0.5, axis=0, smooth=False)
for method in ("lower", "higher", "nearest", "midpoint"):
    row(np.quantile, V, [0.3, 0.61], method=method)
row(np.nanmedian, NAN, axis=1, smooth=False)
row(np.nanquantile, NAN, [0.2, 0.7], axis=1, smooth=False)
row(np.nanpercentile, M, 40, axis=0)
row(np.cov, M)
row(np.cov, V, W, bias=True)
row(np.cov, M, rowvar=False)
row(np.cov, M, fweights=[1, 2, 1, 3])
row(np.cov, M, aweights=[1.0, 2.0, 1.0, 0.5])
row(np.corrcoef, M)
row(np.corrcoef, V, W)

# ---- products

row(np.dot, V, W)
row(np.dot, M, u(4))
row(np.dot, M, u(4, 2))
row(np.dot, C, u(4, 5))
row(np.dot, C, u(2, 4, 5))
row(np.dot, M, 2.0)
row(np.dot, I, I, smooth=False)
for a, b in (((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((3, 4), (4, 2)), ((2, 3, 4), (4, 5)),
             ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 3)),
             ((2, 3, 4), (4,)), ((1, 3, 4), (2, 4, 5)), ((0, 3, 4), (4, 5)), ((3, 0), (0, 2))):
    row(np.matmul, u(*a), u(*b), smooth=0 not in a + b)
row(np.matmul, u(2, 2) + 1j * u(2, 2), u(2, 2), smooth=False)
row(np.matmul, t([[True, False]]), t([[True], [True]]), smooth=False)
row(np.vdot, M, N)
row(np.vdot, Z, Z, smooth=False)
row(np.inner, C, M)
row(np.inner, V, 2.0)
row(np.outer, V, M)
row(np.tensordot, C, M, ([2, 1], [1, 0]))
row(np.tensordot, C, u(4, 2), 1)
row(np.tensordot, V, M, 0)
row(np.tensordot, C, C, 3)
row(np.kron, M, u(2, 2))
row(np.kron, V, M)
row(np.trace, M)
row(np.trace, C, 1, 1, 2)
row(np.cross, u(3), u(3))
row(np.cross, u(4, 3), u(3))
row(np.cross, u(3, 4), u(3, 4), axis=0)
row(np.vecdot, M, N)
row(np.vecdot, Z, Z, smooth=False)
row(np.matvec, C, u(4))
row(np.vecmat, u(3), C)
for subscripts, shapes in {
    "ij,jk->ik": ((3, 4), (4, 2)), "ij,jk": ((3, 4), (4, 2)), "ij->ji": ((3, 4),),
    "ii": ((3, 3),), "ii->i": ((3, 3),), "ij->": ((3, 4),), "ij->j": ((3, 4),),
    "i,j->ij": ((3,), (4,)), "i,i->i": ((3,), (3,)), "ij,ij->": ((3, 4), (3, 4)),
    "...ij,...jk->...ik": ((5, 2, 3), (3, 4)), "bij,bjk->bik": ((2, 3, 4), (2, 4, 5)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 5)), "i,ij,j": ((3,), (3, 4), (4,)),
    "ijk,jil->kl": ((2, 3, 4), (3, 2, 5)), "...i->...": ((2, 3),), "i...,i...": ((3, 2), (3, 2)),
    "ij,k->ki": ((2, 3), (4,)), "iij->j": ((3, 3, 2),), "a,ab,abc->abc": ((2,), (2, 3), (2, 3, 4)),
    "ab,bc,cd,de,ea->": ((2, 3), (3, 4), (4, 2), (2, 5), (5, 2)), "ij,j->ij": ((2, 3), (1,)),
    ",ij->ij": ((), (2, 3)), "...,...": ((2, 3), (3,)), "i,i,i->i": ((3,), (3,), (3,)),
}.items():
    row(np.einsum, subscripts, *[Traced(u(*s)[()] if s else np.float64(0.7)) for s in shapes])
row(np.einsum, u(2, 3), [0, 1], u(3, 4), [1, 2], [2, 0])
row(np.einsum, "ij,jk->ik", I.value.reshape(5, 1).astype(np.int64), t([[1, 2]]), smooth=False)

# ---- positions, order

row(np.take, M, [0, 2], axis=0)
row(np.take, M, 5)
row(np.take, M, [[0, -1]], axis=-1)
row(np.take, M, t([1, 0]), axis=1, smooth=False)
row(np.take, M, [0, 9, -20], mode="clip", axis=1)
row(np.take, M, [0, 9, -20], mode="wrap")
row(np.lib.stride_tricks.sliding_window_view, V, 3)
row(np.lib.stride_tricks.sliding_window_view, C, (2, 2), (2, 0))
row(np.take_along_axis, M, np.argsort(M, 1), 1)
row(np.take_along_axis, M, t(np.argsort(M, 0)), 0, smooth=False)
row(np.take_along_axis, M, np.array([3, 1]), None)
row(np.sort, M)
row(np.sort, C, axis=None)
row(np.sort, NAN, axis=0, smooth=False)
row(np.argsort, u(9), smooth=False)
row(np.argsort, C, axis=0, smooth=False)
row(np.lexsort, (t([1, 1, 2, 0]), t([0, 1, 0, 1])), smooth=False)
row(np.searchsorted, np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.5, 1.0, np.nan]), smooth=False)
row(np.searchsorted, t([1, 2, 5]), 2, side="right", smooth=False)
row(np.digitize, V, np.array([-0.5, 0.0, 0.5]), smooth=False)
row(np.digitize, V, np.array([0.5, 0.0, -0.5]), right=True, smooth=False)
row(np.isin, I, [1, 5], smooth=False)
row(np.meshgrid, V, u(2))
row(np.meshgrid, V, u(2), u(3), indexing="ij", sparse=True)
row(np.ix_, t([1, 2]), t([0, 1]), smooth=False)
row(np.unravel_index, t([5, 11]), (3, 4), smooth=False)
row(np.unravel_index, t(7), (3, 4), order="F", smooth=False)
row(np.ravel_multi_index, (t([1, 2]), t([3, 0])), (3, 4), smooth=False)

# ---- calculus, polynomials

row(np.diff, M)
row(np.diff, M, 2, axis=0)
row(np.diff, V, prepend=0.0, append=u(2))
row(np.diff, B, smooth=False)
row(np.ediff1d, M, to_begin=0.0, to_end=[1.0, 2.0])
row(np.trapezoid, M)
row(np.trapezoid, M, np.array([0.0, 1.0, 1.5, 3.0]))
row(np.trapezoid, M, dx=0.1, axis=0)
row(np.gradient, M)
row(np.gradient, V, 0.3, edge_order=2)
row(np.gradient, V, np.array([0.0, 1.0, 1.5, 3.0, 3.2]), edge_order=2)
row(np.gradient, M, np.array([0.0, 1.0, 1.5, 3.0]), axis=1)
row(np.interp, M, np.array([-1.0, 0.0, 0.7]), u(3))
row(np.interp, M, np.array([-0.5, 0.0, 0.7]), u(3), left=-9.0, right=9.0)
row(np.interp, 7 * M, np.array([0.3, 2.0, 4.0]), u(3), period=5.0)
row(np.interp, t(np.nan), np.array([0.3, 2.0]), u(2), smooth=False)
for mode in ("full", "same", "valid"):
    row(np.convolve, V, u(3), mode)
    row(np.convolve, u(2), V, mode)
    row(np.correlate, V, u(3), mode)
    row(np.correlate, u(2), V, mode)
    row(np.correlate, u(4) + 1j * u(4), u(2) + 1j * u(2), mode, smooth=False)
row(np.unwrap, 9 * V)
row(np.polyval, V, M)
row(np.polyadd, V, u(2))
row(np.polysub, u(2), V)
row(np.polymul, V, u(2))
row(np.polyder, V)
row(np.polyder, V, 2)
row(np.polyint, V, 2, [1.0, 2.0])
row(np.poly, V)

row(np.polydiv, V, np.array([1.5, -0.5]))
row(np.polyfit, np.linspace(0, 1, 6), u(6), 2)
row(np.polyfit, np.linspace(0, 1, 6), u(6, 2), 1, w=u(6, low=0.5))

# ---- counts

row(np.bincount, [0, 2, 2, 1, 0], V)
row(np.bincount, [0, 2, 2, 1, 0], V, minlength=6)
row(np.histogram, u(9), 4, smooth=False)
row(np.histogram, np.array([0.1, 0.7, 0.3, 0.3, 0.9]), 3, (0, 1), weights=W, smooth=False)
row(np.histogram, u(9), np.array([-1.0, 0.0, 0.3, 1.0]), density=True, smooth=False)
row(np.histogram_bin_edges, u(9), 4)
row(np.histogram2d, u(9), u(9), 3, smooth=False)
row(np.histogramdd, u(9, 2), (2, 3), smooth=False)

# ---- sets: of known values, the result is a gather

row(np.unique, V, smooth=False)
row(np.union1d, V, W, smooth=False)
row(np.setdiff1d, V, V[:2], smooth=False)
row(np.intersect1d, V, V[1:3], smooth=False)
row(np.setxor1d, V, V[1:3], smooth=False)
row(np.nonzero, V, smooth=False)
row(np.flatnonzero, V, smooth=False)
row(np.argwhere, M, smooth=False)
row(np.extract, M > 0, M, smooth=False)
row(np.compress, [True, False, True], M, axis=0)

# ---- what else has a name of its own

row(np.partition, M, 1, smooth=False)
row(np.piecewise, M, [N > 0, N <= 0], [np.sin, lambda x: x * x], smooth=False)
row(np.apply_along_axis, np.cumsum, 0, M)
row(np.apply_over_axes, np.sum, C, (0, 2))
row(np.sort_complex, Z, smooth=False)
row(np.diag_indices_from, u(3, 3), smooth=False)
row(np.tril_indices_from, M, smooth=False)
row(np.triu_indices_from, M, smooth=False)
row(fnp.array, [V, W])
row(fnp.asarray, V)
row(fnp.full, (2, 3), t(0.7))
for f in (fnp.zeros, fnp.ones):
    row(f, (2, 3), np.float32, smooth=False)
row(fnp.empty, (0, 3), smooth=False)
row(fnp.arange, 2, 9, 3, smooth=False)
row(fnp.eye, 3, 4, 1, smooth=False)
row(fnp.identity, 3, smooth=False)
row(fnp.tri, 3, 4, -1, smooth=False)
row(fnp.indices, (2, 3), smooth=False)
row(fnp.fromfunction, lambda i, j: i - j, (2, 3), smooth=False)
for f in (fnp.tril_indices, fnp.triu_indices, fnp.diag_indices):
    row(f, 4, smooth=False)
row(fnp.vectorize(lambda x: x * x), M, smooth=False)
row(np.empty_like, I, shape=(0, 2), smooth=False)
row(np.iscomplexobj, Z, smooth=False)
row(np.isrealobj, Z, smooth=False)

# ---- linear algebra

for kwargs in ({}, {"axis": 0}, {"axis": (0, 1)}, {"ord": 1, "axis": 1}, {"ord": np.inf, "axis": 0},
               {"ord": -np.inf, "axis": 0}, {"ord": 3, "axis": 0}, {"ord": "fro"}, {"ord": 1},
               {"ord": -1}, {"ord": np.inf, "keepdims": True}, {"axis": 1, "keepdims": True}):
    row(np.linalg.norm, M, **kwargs)
row(np.linalg.norm, V, ord=0, smooth=False)
row(np.linalg.norm, C)
row(np.linalg.norm, Z, smooth=False)
row(np.linalg.vector_norm, C, axis=(0, 1))
row(np.linalg.matrix_norm, C)
row(np.linalg.cholesky, np.array([[4.0, 1.0], [1.0, 3.0]]), smooth=False)
row(np.linalg.cholesky, np.array([[4.0, 1.0], [1.0, 3.0]]), upper=True, smooth=False)
row(np.linalg.matrix_power, u(3, 3), 5)
row(np.linalg.matrix_power, u(3, 3), 0)
row(np.linalg.multi_dot, [u(2, 3), u(3, 4), u(4, 2)])
row(np.linalg.multi_dot, [u(3), u(3, 4), u(4)])
row(np.linalg.trace, C)
row(np.linalg.diagonal, C)
row(np.linalg.matrix_transpose, C)
row(np.linalg.outer, V, W)
row(np.linalg.cross, u(2, 3), u(2, 3))

# ---- scipy.special

S = scipy.special
for f in (S.expit, S.erf, S.erfc, S.exprel, S.log_expit, S.ndtr, S.log_ndtr):
    row(f, M)
    row(f, 6 * M - 8)
for f in (S.logit, S.erfinv, S.erfcinv, S.entr, S.gammaln, S.digamma):
    row(f, P)
for f in (S.xlogy, S.xlog1py, S.rel_entr, S.kl_div, S.boxcox, S.boxcox1p, S.inv_boxcox):
    row(f, P, u(4, low=0.3, high=0.9))
row(S.xlogy, np.array([0.0, 0.0, 1.0]), np.array([0.0, np.nan, 2.0]), smooth=False)


# ---- names of dtypes, shapes and numbers, and functions that write into their first argument

for _name in ("e", "pi", "inf", "nan", "euler_gamma"):
    row(lambda _name=_name: getattr(fnp, _name), name=_name, smooth=False)
row(lambda x: x[fnp.newaxis], V, name="newaxis")
row(fnp.broadcast_shapes, (3, 1), (4,), smooth=False)
row(lambda: fnp.result_type(np.float32, np.int64).itemsize, name="result_type", smooth=False)
row(lambda: fnp.promote_types(np.float32, np.int8).itemsize, name="promote_types", smooth=False)
row(fnp.can_cast, np.int64, np.float32, smooth=False)
row(fnp.issubdtype, np.float32, np.floating, smooth=False)
row(fnp.isdtype, np.dtype(np.float32), "real floating", smooth=False)
row(fnp.isscalar, 3.0, smooth=False)
row(lambda x: fnp.vectorize(lambda v: v * v)(x), M, name="vectorize")
row(lambda x: fnp.argpartition(x, 2)[2] * x[0], V, name="argpartition", smooth=False)
row(lambda x, y: len(np.einsum_path("ij,jk", x, y)[0]), M, N.T, name="einsum_path", smooth=False)
row(fnp.mask_indices, 3, np.triu, smooth=False)
for _name in ("unique_all", "unique_counts", "unique_inverse"):
    row(getattr(np, _name), I, smooth=False)
row(lambda x: np.sort(np.unique_values(x)), t([3, 3]), name="unique_values", smooth=False)
CALLS[-1] = replace(CALLS[-1], sized=False)
row(lambda c: fnp.roots(c) + 0j, np.array([1.0, -3.0, 1.0]), name="roots")
for f in (fnp.hamming, fnp.hanning, fnp.blackman, fnp.bartlett):
    row(f, 5, smooth=False)
row(fnp.kaiser, 5, t(3.0))
row(lambda x, y: fnp.c_[x, y], V, W, name="c_")
row(lambda x, y: fnp.r_[x, 1.0, y], V, W, name="r_")
row(lambda x: x[fnp.s_[1:3]], V, name="s_")
row(lambda x: x[fnp.index_exp[::2]], V, name="index_exp")
row(lambda: fnp.mgrid[0:2, 0:3], name="mgrid", smooth=False)
row(lambda: tuple(fnp.ogrid[0:2, 0:3]), name="ogrid", smooth=False)
row(lambda: fnp.from_dlpack(np.arange(3.0)), name="from_dlpack", smooth=False)


def _written(function, *args):
    """A function that writes into a copy."""

    def call(x):
        y = x + 0
        function(y, *args)
        return y

    return call


row(_written(np.fill_diagonal, 2.0), M, name="fill_diagonal")
row(_written(np.put, [0, 5], [1.0, 2.0]), M, name="put")
row(_written(np.place, M > 0, [1.0, 2.0]), M, name="place")
row(_written(np.put_along_axis, np.argmax(M, 1)[:, None], 0.0, 1), M, name="put_along_axis")
