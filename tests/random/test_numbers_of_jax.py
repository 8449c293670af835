"""The numbers are JAX's: what jax 0.10 draws for the same key, shape and dtype.

Stored are the first elements (of permutations all), drawn with jax_enable_x64, which changes
nothing for dtypes of 32 bits and less.
"""

import numpy as np
import pytest

from fungrad import random

KEY = random.key(0)
P = np.array([0.1, 0.2, 0.3, 0.4])

DRAWN = [
    (lambda: random.PRNGKey(0), "uint32", [0, 0]),
    (lambda: random.split(KEY, 3), "uint32", [1797259609, 2579123966, 928981903]),
    (lambda: random.fold_in(KEY, 7), "uint32", [2716826189, 292468403]),
    (lambda: random.PRNGKey(2147483653), "uint32", [0, 2147483653]),
    (
        lambda: random.split(random.key(2147483653), 3),
        "uint32",
        [2542400854, 4091158350, 2516319420],
    ),
    (lambda: random.fold_in(random.key(2147483653), 7), "uint32", [1889323047, 1529735541]),
    (lambda: random.PRNGKey(-1), "uint32", [4294967295, 4294967295]),
    (lambda: random.split(random.key(-1), 3), "uint32", [1094285764, 1314454335, 1355514454]),
    (lambda: random.fold_in(random.key(-1), 7), "uint32", [921105589, 916768269]),
    (lambda: random.PRNGKey(2**63 - 1), "uint32", [2147483647, 4294967295]),
    (lambda: random.split(random.key(2**63 - 1), 3), "uint32", [2896536473, 4035726150, 289002645]),
    (lambda: random.fold_in(random.key(2**63 - 1), 7), "uint32", [3264431794, 1600186290]),
    (lambda: random.PRNGKey(123456789012), "uint32", [28, 3197704724]),
    (
        lambda: random.split(random.key(123456789012), 3),
        "uint32",
        [1499866463, 54377615, 1009637877],
    ),
    (lambda: random.fold_in(random.key(123456789012), 7), "uint32", [638067055, 2626729651]),
    (lambda: random.split(KEY, (2, 3)), "uint32", [1797259609, 2579123966, 928981903]),
    (lambda: random.fold_in(KEY, 0), "uint32", [1797259609, 2579123966]),
    (lambda: random.fold_in(KEY, 2**32 - 1), "uint32", [743310391, 3789761811]),
    (lambda: random.uniform(KEY, (), "f4"), "float32", [0.947667003]),
    (lambda: random.normal(KEY, (), "f4"), "float32", [1.62264216]),
    (lambda: random.uniform(KEY, (), "f8"), "float64", [0.41845711171638644]),
    (lambda: random.normal(KEY, (), "f8"), "float64", [-0.20584213947964339]),
    (lambda: random.bits(random.key(5), (7,), "u1"), "uint8", [134, 100, 144]),
    (lambda: random.bits(random.key(5), (7,), "u2"), "uint16", [44166, 56420, 3984]),
    (
        lambda: random.bits(random.key(5), (7,), "u4"),
        "uint32",
        [2003086470, 3955154020, 3160280976],
    ),
    (
        lambda: random.bits(random.key(5), (7,), "u8"),
        "uint64",
        [11701519018614622474, 870020224683618988, 15437963207966238254],
    ),
    (lambda: random.uniform(KEY, (7,), "f4"), "float32", [0.947667003, 0.978579879, 0.332291484]),
    (lambda: random.normal(KEY, (7,), "f4"), "float32", [1.62264216, 2.02526474, -0.433594435]),
    (
        lambda: random.uniform(KEY, (7,), "f8"),
        "float64",
        [0.41845711171638644, 0.21629545460551136, 0.96532146111899753],
    ),
    (
        lambda: random.normal(KEY, (7,), "f8"),
        "float64",
        [-0.20584213947964339, -0.78476577644674106, 1.8160866726679836],
    ),
    (lambda: random.gumbel(KEY, (7,), "f4"), "float32", [2.92337251, 3.83261776, -0.0968932435]),
    (lambda: random.exponential(KEY, (7,), "f4"), "float32", [2.95012808, 3.84342456, 0.403903544]),
    (lambda: random.laplace(KEY, (7,), "f4"), "float32", [-2.25698161, -3.15027881, 0.408595443]),
    (lambda: random.logistic(KEY, (7,), "f4"), "float32", [2.89637589, 3.82177162, -0.6978392]),
    (lambda: random.cauchy(KEY, (7,), "f4"), "float32", [6.02749443, 14.8378954, -0.58172226]),
    (
        lambda: random.gumbel(KEY, (7,), "f4", mode="high"),
        "float32",
        [-1.08184862, -1.34636378, 0.906579018],
    ),
    (
        lambda: random.uniform(KEY, (7,), "f4", -3.0, 7.5),
        "float32",
        [6.95050335, 7.27508879, 0.489060581],
    ),
    (
        lambda: random.truncated_normal(KEY, -1.0, 2.5, (7,), "f4"),
        "float32",
        [1.64568043, 1.97563016, -0.160703316],
    ),
    (
        lambda: random.gumbel(KEY, (7,), "f8"),
        "float64",
        [0.13790565977540292, -0.4259929367942607, 3.3440391055850229],
    ),
    (
        lambda: random.exponential(KEY, (7,), "f8"),
        "float64",
        [0.54207055517116032, 0.24372318502372997, 3.3616342594163338],
    ),
    (
        lambda: random.laplace(KEY, (7,), "f8"),
        "float64",
        [0.17803369470862349, 0.83796277999044821, -2.6684870788563901],
    ),
    (
        lambda: random.logistic(KEY, (7,), "f8"),
        "float64",
        [-0.32911032009740859, -1.2873867755266637, 3.3263401466314915],
    ),
    (
        lambda: random.cauchy(KEY, (7,), "f8"),
        "float64",
        [-0.26192950665360631, -1.2378460184296847, 9.1425284310035853],
    ),
    (
        lambda: random.gumbel(KEY, (7,), "f8", mode="high"),
        "float64",
        [0.61235911042205071, 1.4117221853147977, -1.2124272424584797],
    ),
    (
        lambda: random.uniform(KEY, (7,), "f8", -3.0, 7.5),
        "float64",
        [1.3937996730220577, -0.72889772664213071, 7.1358753417494736],
    ),
    (
        lambda: random.truncated_normal(KEY, -1.0, 2.5, (7,), "f8"),
        "float64",
        [0.020363921217670427, -0.41439841195164906, 1.8097029849742781],
    ),
    (
        lambda: random.normal(KEY, (7,), "c16"),
        "complex128",
        [
            (1.329381886098021 - 0.9905746487658766j),
            (-0.34027037111235725 + 1.0126794395709957j),
            (0.2937726243708857 + 0.4418078801945642j),
        ],
    ),
    (
        lambda: random.normal(KEY, (7,), "c8"),
        "complex64",
        [
            (0.7099452614784241 - 1.7270770072937012j),
            (-0.6408771872520447 - 1.4394434690475464j),
            (-0.5290376543998718 + 0.14534172415733337j),
        ],
    ),
    (lambda: random.bernoulli(KEY, 0.3, (7,)), "bool", [False, True, False]),
    (lambda: random.bernoulli(KEY, 0.3, (7,), mode="high"), "bool", [False, True, False]),
    (lambda: random.bernoulli(KEY, np.float32(0.7), (7,)), "bool", [False, False, True]),
    (
        lambda: random.bernoulli(KEY, np.float32(0.7), (7,), mode="high"),
        "bool",
        [False, False, True],
    ),
    (lambda: random.rademacher(KEY, (7,)), "int64", [1, 1, -1]),
    (lambda: random.randint(KEY, (3, 5), 0, 10, "i1"), "int8", [9, 0, 2]),
    (lambda: random.randint(KEY, (3, 5), -50, 3, "i1"), "int8", [-50, -11, -30]),
    (lambda: random.randint(KEY, (3, 5), 0, 256, "i1"), "int8", [101, 80, 72]),
    (lambda: random.randint(KEY, (3, 5), -50, 3, "i4"), "int32", [-50, -11, -30]),
    (
        lambda: random.randint(KEY, (3, 5), -(2**31), 2**31, "i4"),
        "int32",
        [-2116156571, -2057756336, 349724616],
    ),
    (lambda: random.randint(KEY, (3, 5), 0, 10, "i8"), "int64", [5, 1, 5]),
    (lambda: random.randint(KEY, (3, 5), -50, 3, "i8"), "int64", [-33, -48, -49]),
    (lambda: random.choice(KEY, 100, (3,), replace=False), "int64", [0, 36, 1]),
    (lambda: random.choice(KEY, 2000, (3,), replace=False), "int64", [988, 23, 1144]),
    (lambda: random.randint(KEY, (3, 5), 0, 1000, "i4"), "int32", [789, 0, 712]),
    (lambda: random.randint(KEY, (3, 5), 0, 2**16 + 1, "i4"), "int32", [391, 7159, 51953]),
    (lambda: random.randint(KEY, (3, 5), 0, 2**20 + 1, "i8"), "int64", [183049, 527498, 519245]),
    (
        lambda: random.randint(KEY, (3, 5), 0, 2**31 + 5, "i8"),
        "int64",
        [233531575, 1113225634, 874847703],
    ),
    (
        lambda: random.randint(KEY, (3, 5), 0, 10**12, "i8"),
        "int64",
        [57961561871, 706803357823, 73035129551],
    ),
    (
        lambda: random.randint(KEY, (3, 5), -(2**31), 2**31, "i8"),
        "int64",
        [-1786917105, 1776207999, -1355017521],
    ),
    (
        lambda: random.randint(KEY, (3, 5), -(2**63), 2**63 - 1, "i8"),
        "int64",
        [-7736114978893213937, 7820475669948582015, 4315659036180353743],
    ),
    (
        lambda: random.randint(KEY, (3, 5), 0, 2**63 - 1, "i8"),
        "int64",
        [1487257057961561871, 7820475669948582016, 4315659036180353744],
    ),
    (lambda: random.randint(KEY, (3, 5), 0, 256, "u2"), "uint16", [101, 80, 200]),
    (
        lambda: random.randint(KEY, (3, 5), 0, 2**32, "u4"),
        "uint32",
        [31327077, 89727312, 2497208264],
    ),
    (
        lambda: random.randint(KEY, (3, 5), 0, 2**63 - 1, "u4"),
        "uint32",
        [31327077, 89727312, 2497208264],
    ),
    (lambda: random.choice(KEY, 10, (5,)), "int64", [5, 1, 5]),
    (lambda: random.choice(KEY, 4, (5,), p=P), "int64", [2, 3, 0]),
    (lambda: random.categorical(KEY, np.log(P), shape=(5,)), "int64", [2, 2, 2]),
    (lambda: random.categorical(KEY, np.log(P), shape=(2, 3)), "int64", [2, 2, 2]),
    (lambda: random.permutation(KEY, 10), "int64", [0, 1, 8, 5, 6, 4, 3, 2, 7, 9]),
    (lambda: random.choice(KEY, 100, (5,), False), "int64", [0, 36, 1]),
    (lambda: random.choice(KEY, 4, (3,), False, p=P), "int64", [2, 3, 1]),
    (
        lambda: random.lognormal(KEY, 0.5, (3,)),
        "float64",
        [0.90219818140844033, 0.67544544433684406, 2.479466302303905],
    ),
    (
        lambda: random.maxwell(KEY, (3,)),
        "float64",
        [1.9890699115189192, 0.42460738321377167, 1.2403079123658307],
    ),
    (
        lambda: random.pareto(KEY, 3.0, (3,)),
        "float64",
        [1.198043949871981, 1.0846323283402735, 3.0665242470796397],
    ),
    (
        lambda: random.rayleigh(KEY, 2.0, (3,)),
        "float64",
        [2.6399710229751672, 3.499839951255364, 0.53136889472261817],
    ),
    (
        lambda: random.triangular(KEY, 0.0, 1.0, 3.0, (3,)),
        "float64",
        [1.132044612496947, 0.80553483091455091, 2.5438517419894988],
    ),
    (
        lambda: random.wald(KEY, 2.0, (3,)),
        "float64",
        [0.22327944862448135, 3.900855245277933, 3.5699572384486262],
    ),
    (
        lambda: random.weibull_min(KEY, 2.0, 1.5, (3,)),
        "float64",
        [1.3296393946277114, 0.78035920741202291, 4.4881114862003608],
    ),
    (lambda: random.geometric(KEY, 0.3, (3,)), "int64", [3, 5, 1]),
    (
        lambda: random.orthogonal(KEY, 3),
        "float64",
        [-0.16839832267285426, -0.98501277836730716, -0.037307256319482104],
    ),
]


@pytest.mark.parametrize("draw, dtype, values", DRAWN)
def test_the_numbers_are_those_of_jax(draw, dtype, values):
    found = np.asarray(draw())
    assert found.dtype == dtype
    first = found.ravel()[: len(values)]
    if found.dtype.kind in "fc":
        np.testing.assert_allclose(first, values, rtol=32 * np.finfo(found.dtype).eps)
    else:
        np.testing.assert_array_equal(first, np.array(values, found.dtype))
