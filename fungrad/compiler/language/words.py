"""The words of scalar expressions, with the number of their operands."""

_UNARY = """negative absolute sign floor ceil rint trunc sqrt rsqrt cbrt reciprocal
    exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan
    sinh cosh tanh arcsinh arccosh arctanh logistic erf erfc erfinv lgamma digamma trigamma
    logical_not bitwise_not population_count isnan isinf isfinite signbit
    convert bitcast real imag conjugate integer_power table"""
_BINARY = """add subtract multiply divide power maximum minimum remainder fmod floor_divide
    index_divide index_remainder arctan2 copysign nextafter hypot logaddexp strong_multiply
    strong_divide equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor
    bitwise_and bitwise_or bitwise_xor left_shift right_shift fast_add rounded_add
    rounded_multiply make_complex call_where"""
_TERNARY = "select fma"

#: Words that SciPy's compiled functions of the same name (without `bessel_` or `library_`) compute,
#: by their number of operands.
LIBRARY = {
    **dict.fromkeys(
        """gamma gammasgn erfcx erfcinv expi exp1 dawsn spence log_ndtr ndtri bessel_i0 bessel_i0e
        bessel_i1 bessel_i1e bessel_j0 bessel_j1 bessel_y0 bessel_y1 bessel_k0 bessel_k0e bessel_k1
        bessel_k1e""".split(),
        1,
    ),
    **dict.fromkeys(
        """library_beta library_betaln library_binom library_poch gammainc gammaincc gammaincinv
        gammainccinv expn owens_t stdtr stdtrit bessel_iv bessel_ive bessel_jv bessel_yv bessel_kv
        bessel_kve""".split(),
        2,
    ),
    **dict.fromkeys("betainc betaincc betaincinv betainccinv hyp1f1".split(), 3),
    "hyp2f1": 4,
}

#: The number of operands of each word. Those that are not NumPy's or lax's:
#: `index_divide`, `index_remainder`: of two integers that are not negative, the second not zero;
#: `strong_multiply`, `strong_divide`: a product or quotient in which a zero (of the quotient: its
#: numerator) wins, also over inf and nan;
#: `fast_add`: an addition that may be reordered, for the accumulators of reductions;
#: `fma(x, y, z)`: x * y + z, rounded once; `select(condition, x, y)`: x if condition else y;
#: `rounded_multiply`, `rounded_add`: a product and a sum that are not fused with each other;
#: `call_where(condition, x)`: the function of x that the attribute names, one of
#: `math.branch`, where the condition holds, by a branch that is taken rarely, else x;
#: `zeta(s, q)`: Hurwitz's zeta function, also of negative q, for whole s; `zeta_s`, `zeta_ss`: its
#: derivatives in s, for positive q;
#: `beta`, `betaln`, `binom`, `poch`: SciPy's, but of large arguments by Stirling's formula;
#: `digamma_step(x, d)`: digamma(x + d) - digamma(x); `gamma_density`, `beta_density`: of a
#: distribution, the argument last; `gammainc_a`, `betainc_ab`: derivatives in a, in a and b;
#: `bessel_jv_v`, `bessel_jv_vv`, `hyp1f1_ab`: derivatives in an order, in parameters;
#: `table`: the entry of the constant table named by the attribute, at an int64 index;
#: `integer_power`: the power whose exponent, a Python int, is the attribute.
VOCABULARY = {
    **dict.fromkeys(_UNARY.split(), 1),
    **dict.fromkeys(_BINARY.split(), 2),
    **dict.fromkeys(_TERNARY.split(), 3),
    **dict.fromkeys(
        """zeta zeta_s zeta_ss xlogy xlog1py digamma_step gamma_density gammainc_a gammainc_aa
        stdtr_df beta betaln binom poch""".split(),
        2,
    ),
    **dict.fromkeys("beta_density betainc_a betainc_b betainc_aa betainc_ab betainc_bb".split(), 3),
    **dict.fromkeys(
        """bessel_jv_v bessel_yv_v bessel_iv_v bessel_kv_v bessel_ive_v bessel_kve_v bessel_jv_vv
        bessel_yv_vv bessel_iv_vv bessel_kv_vv bessel_ive_vv bessel_kve_vv""".split(),
        2,
    ),
    **dict.fromkeys("sine_integral cosine_integral fresnel_sine fresnel_cosine".split(), 1),
    **dict.fromkeys("hyp1f1_a hyp1f1_b hyp1f1_aa hyp1f1_ab hyp1f1_bb".split(), 3),
    **dict.fromkeys(
        """hyp2f1_a hyp2f1_b hyp2f1_c hyp2f1_aa hyp2f1_ab hyp2f1_ac hyp2f1_bb hyp2f1_bc
        hyp2f1_cc""".split(),
        4,
    ),
    **LIBRARY,
}

#: Words of an instruction or a few, several of which run at once.
QUICK = frozenset(
    """negative absolute sign floor ceil rint trunc logical_not bitwise_not isnan isinf isfinite
    signbit convert bitcast real imag conjugate integer_power add subtract multiply maximum minimum
    index_divide index_remainder copysign strong_multiply equal not_equal less less_equal greater
    greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor fast_add
    rounded_add rounded_multiply make_complex select fma""".split()
)

_PREDICATES = """equal not_equal less less_equal greater greater_equal
    logical_and logical_or logical_xor logical_not isnan isinf isfinite signbit"""
#: The words whose result is a bool.
PREDICATES = frozenset(_PREDICATES.split())
