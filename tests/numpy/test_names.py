"""The names that a JAX or NumPy program finds after changing its imports."""

import inspect

import numpy as np
import pytest

import fungrad.lax as lax
import fungrad.numpy as fnp
from fungrad.core.tracing import Tracer
from fungrad.numpy.dispatch import TRACED

NUMPY = """
    abs absolute add subtract multiply divide true_divide floor_divide mod remainder fmod power
    pow float_power negative positive reciprocal square sqrt cbrt exp exp2 expm1 log log10 log1p
    log2 sin cos tan arcsin arccos arctan arctan2 asin acos atan atan2 sinh cosh tanh arcsinh
    arccosh arctanh asinh acosh atanh hypot deg2rad rad2deg degrees radians maximum minimum fmax
    fmin clip sign floor ceil trunc rint round around logaddexp logaddexp2 sinc where select
    nan_to_num heaviside copysign fabs conj conjugate real imag angle equal not_equal less
    less_equal greater greater_equal logical_and logical_or logical_not logical_xor isnan isinf
    isfinite isclose allclose array_equal sum prod mean std var max min amax amin ptp any all
    argmax argmin count_nonzero cumsum cumprod average median nansum nanmean nanmax nanmin
    nanstd nanvar array asarray zeros ones full empty zeros_like ones_like full_like empty_like
    arange linspace logspace eye identity diag diagonal diagflat tri tril triu meshgrid reshape
    ravel squeeze expand_dims transpose permute_dims swapaxes moveaxis broadcast_to
    broadcast_arrays broadcast_shapes concatenate concat stack vstack hstack dstack column_stack
    split array_split hsplit vsplit tile repeat flip fliplr flipud roll pad atleast_1d
    atleast_2d atleast_3d shape ndim size astype matrix_transpose append copy dot matmul vdot
    inner outer tensordot einsum kron trace cross take take_along_axis searchsorted sort argsort
    nonzero triu_indices tril_indices diag_indices ix_ unravel_index indices diff interp
    convolve cov corrcoef trapezoid gradient vectorize polyval result_type promote_types
    issubdtype isscalar iscomplexobj isrealobj e pi inf nan newaxis euler_gamma
    quantile percentile nanmedian nanquantile nanpercentile nanprod nancumsum nancumprod
    nanargmax nanargmin cumulative_sum cumulative_prod partition argpartition lexsort digitize
    bincount histogram histogram2d histogramdd histogram_bin_edges correlate block ediff1d rot90
    rollaxis insert delete compress extract choose flatnonzero argwhere piecewise
    apply_along_axis apply_over_axes vander einsum_path fill_diagonal place put put_along_axis
    mask_indices tril_indices_from triu_indices_from diag_indices_from ravel_multi_index i0
    unwrap modf frexp ldexp nextafter divmod signbit gcd lcm left_shift right_shift bitwise_and
    bitwise_or bitwise_xor bitwise_not bitwise_invert bitwise_left_shift bitwise_right_shift
    invert unique unique_all unique_counts unique_inverse unique_values union1d intersect1d
    setdiff1d setxor1d isin vecdot matvec vecmat unstack dsplit array_equiv geomspace poly
    polyadd polyder polydiv polyfit polyint polymul polysub roots fromfunction isneginf isposinf
    isreal iscomplex resize hamming hanning blackman bartlett kaiser c_ r_ s_ mgrid ogrid
    index_exp can_cast isdtype from_dlpack
""".split()
LAX = """
    scan while_loop fori_loop cond switch map select select_n associative_scan stop_gradient
    custom_linear_solve custom_root abs neg sign floor ceil round exp exp2 expm1 log log1p sqrt
    rsqrt cbrt square reciprocal sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh
    atanh logistic pow integer_pow add sub mul div rem max min clamp erf erfc erf_inv lgamma
    digamma is_finite eq ne lt le gt ge bitwise_and bitwise_or bitwise_not bitwise_xor
    convert_element_type complex real imag conj nextafter broadcast broadcast_in_dim
    broadcast_shapes broadcast_to_rank broadcasted_iota iota expand_dims squeeze reshape
    transpose rev concatenate pad slice slice_in_dim index_in_dim dynamic_slice
    dynamic_slice_in_dim dynamic_index_in_dim dynamic_update_slice dynamic_update_slice_in_dim
    dynamic_update_index_in_dim full full_like empty stack split collapse dot dot_general
    batch_matmul reduce reduce_sum reduce_max reduce_min reduce_prod reduce_and reduce_or argmax
    argmin cumsum cumprod cummax cummin cumlogsumexp sort sort_key_val top_k gather scatter
    scatter_add index_take dtype
""".split()

# Names that wait for other parts: factorisations, eigenvalues, implicit solves.
MISSING = {"polyfit", "roots", "from_dlpack", "custom_linear_solve", "custom_root"}

# Methods of ndarray that make no sense on a traced value: memory, files, bits.
MEMORY = """byteswap ctypes data dump dumps getfield resize setfield setflags tobytes
    tofile""".split()


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_has(name):
    assert (name not in MISSING) == hasattr(fnp, name)


@pytest.mark.parametrize("name", LAX)
def test_lax_has(name):
    assert (name not in MISSING) == hasattr(lax, name)


def test_tracers_have_the_methods_of_arrays():
    names = [n for n in dir(np.ndarray) if not n.startswith("__")]
    assert [n for n in names if not hasattr(Tracer, n)] == sorted(MEMORY)


def test_every_function_takes_numpys_arguments():
    """The traced form accepts each argument of NumPy's function, at the same place."""
    for function, rule in TRACED.items():
        if isinstance(function, np.ufunc):
            continue
        try:
            expected = inspect.signature(function).parameters.values()
            own = inspect.signature(rule).parameters
        except ValueError:
            continue
        if any(p.kind is p.VAR_KEYWORD for p in own.values()):
            continue
        for number, p in enumerate(expected):
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue
            variadic = [i for i, q in enumerate(own.values()) if q.kind is q.VAR_POSITIONAL]
            if p.kind is not p.POSITIONAL_ONLY:
                assert p.name in own, f"{function.__name__}: {p.name}"
            if p.kind is not p.KEYWORD_ONLY and not variadic:
                at = list(own.values())[number]
                assert at.kind is not at.KEYWORD_ONLY, f"{function.__name__}: {p.name}"
                assert p.kind is p.POSITIONAL_ONLY or at.name == p.name, function.__name__


def test_everything_public_has_a_docstring():
    for module in (fnp, lax):
        for name, value in vars(module).items():
            if callable(value) and not name.startswith("_"):
                assert value.__doc__, f"{module.__name__}.{name}"
