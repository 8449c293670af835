"""`numpy.linalg` on traced values: NumPy's results, derivatives to second order, batches, errors."""

import inspect
import warnings

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, hessian, jacfwd, jacrev, jit, jvp, value_and_grad, vmap
from fungrad.testing import check_grads
from tests.tables.of_numpy_linalg import C128, CALLS, SB, ZS, A, S, general, symmetric, vectors
from tests.tables.traced import compiled_path, eagerly, flat, same

la = np.linalg

TITLES = [c[0] for c in CALLS]


def floats(function):
    """The function with its outputs of floats and complex numbers alone, as a list."""
    return lambda *x: [y for y in flat(function(*x)) if np.asarray(y).dtype.kind in "fc"]


def numbers(function):
    """The same under a trace, where outputs have dtypes but are no arrays."""
    return lambda *x: [y for y in flat(function(*x)) if np.dtype(y.dtype).kind in "fc"]


@pytest.mark.parametrize("title, function, arrays, order", CALLS, ids=TITLES)
def test_values(title, function, arrays, order):
    expected = function(*arrays)
    same(expected, eagerly(function, *arrays))
    same(expected, compiled_path(function, *arrays))
    single = [x.astype(np.complex64 if x.dtype.kind == "c" else np.float32) for x in arrays]
    found, plain = flat(eagerly(function, *single)), flat(function(*single))
    assert [np.asarray(x).dtype for x in found] == [np.asarray(x).dtype for x in plain]


@pytest.mark.parametrize(
    "title, function, arrays, order", [c for c in CALLS if c[3]], ids=[c[0] for c in CALLS if c[3]]
)
def test_derivatives(title, function, arrays, order):
    check_grads(numbers(function), arrays, order)


REPRESENTATIVES = """solve of batches|inv|det of 4|det, singular|slogdet|qr|eigh|eigvalsh|eig|svd|svd,
    square|pinv, tall|lstsq, tall|norm nuc|solve of complex matrices|cond 1|eigh, complex"""
CHOSEN = [c for c in CALLS if c[0] in REPRESENTATIVES.replace("\n    ", " ").split("|")]


@pytest.mark.parametrize("title, function, arrays, order", CHOSEN, ids=[c[0] for c in CHOSEN])
def test_compiled_and_batched(title, function, arrays, order):
    same(function(*arrays), jit(function)(*arrays))

    def loss(*x):
        return sum([(abs(y) ** 2).sum() for y in numbers(function)(*x)])

    expected, compiled = grad(loss)(*arrays), jit(grad(loss))(*arrays)
    np.testing.assert_allclose(compiled, expected, rtol=1e-9, atol=1e-9)
    rows = [np.stack([x, 1.1 * x]) for x in arrays]
    mapped = vmap(grad(loss))(*rows)
    for i in range(2):
        np.testing.assert_allclose(
            mapped[i], grad(loss)(*[r[i] for r in rows]), rtol=1e-8, atol=1e-8
        )


def test_results_are_numpys_named_tuples():
    functions = (la.eigh, la.svd, la.slogdet, la.qr, la.eig)
    compiled = jit(lambda a: [f(a) for f in functions])(S)
    for function, first in zip(functions, compiled, strict=True):
        _, tangents = jvp(function, (S,), (S,))
        for found in (first, vmap(function)(SB), tangents):
            assert type(found) is type(function(S))


# ---- coinciding values


def spectral_sum(a):
    return np.exp(la.eigvalsh(a)).sum()


def trace_of_function(a):
    w, v = la.eigh((a + a.T) / 2)
    return np.trace((v * np.exp(w)) @ v.T)


def projected(a):
    """The projector on the vectors of the two largest eigenvalues."""
    _, v = la.eigh((a + a.T) / 2)
    return (np.arange(9.0).reshape(3, 3) * (v[:, 1:] @ v[:, 1:].T)).sum()


TURN, WEIGHTS = la.qr(general(3, 3))[0], np.array([1.0, 2.0, -1.0])
EQUAL = {
    "identity": np.eye(3),
    "two equal": TURN @ np.diag([1.0, 2.0, 2.0]) @ TURN.T,
    "all equal": TURN @ np.diag([2.0, 2.0, 2.0]) @ TURN.T,
    "zero": np.zeros((3, 3)),
}


#: Forward mode does not know that what it drops does not matter.
MAY_WARN = pytest.mark.filterwarnings("ignore:eigenvalues or singular values coincide")


@MAY_WARN
@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", EQUAL)
def test_equal_eigenvalues(name, wrap):
    a = EQUAL[name]
    expected = jvp_of_exp(a)
    np.testing.assert_allclose(wrap(grad(trace_of_function))(a), expected, atol=1e-11)
    lower = np.tril(2 * expected) - np.diag(np.diag(expected))
    np.testing.assert_allclose(wrap(grad(spectral_sum))(a), lower, atol=1e-11)
    direction = symmetric(3, 3)
    _, forward = jvp(wrap(trace_of_function), (a,), (direction,))
    np.testing.assert_allclose(forward, np.vdot(expected, direction), atol=1e-11)


def jvp_of_exp(a):
    """The gradient of trace(exp(a)) at a symmetric matrix: exp(a)."""
    w, v = la.eigh(a)
    return (v * np.exp(w)) @ v.T


def test_a_projector_on_equal_eigenvalues():
    with pytest.warns(RuntimeWarning, match="projectors"):
        check_grads(projected, (EQUAL["two equal"],), 1)
        assert np.isfinite(hessian(projected)(EQUAL["two equal"])).all()


def test_single_vectors_of_equal_eigenvalues_have_no_derivative():
    first = grad(lambda a: (la.eigh(a).eigenvectors[:, 1] * WEIGHTS).sum())
    for gradient in (first, jit(first)):
        with pytest.warns(RuntimeWarning, match="depends on the choice"):
            assert np.isnan(gradient(EQUAL["two equal"])).any()


def root(a):
    """A function of the matrix put together from its values and vectors."""
    w, v = la.eigh((a + a.T) / 2)
    return (np.outer(WEIGHTS, WEIGHTS) * ((v * np.sqrt(w)) @ v.T)).sum()


def root_of_values_apart(a):
    """The same by two calls."""
    a = (a + a.T) / 2
    v = la.eigh(a).eigenvectors
    return (np.outer(WEIGHTS, WEIGHTS) * ((v * np.sqrt(la.eigvalsh(a))) @ v.T)).sum()


def root_by_eig(a):
    w, v = la.eig(a)
    return (np.outer(WEIGHTS, WEIGHTS) * ((v * np.sqrt(w)) @ la.inv(v)).real).sum()


def squares(a):
    return (la.eigvalsh((a + a.T) / 2) ** 2).sum()


DROPPED = {  # what lacks a term where values coincide
    "reverse": grad(root),
    "reverse, values apart": grad(root_of_values_apart),
    "reverse, eig": grad(root_by_eig),
    "forward": lambda a: jvp(root, (a,), (symmetric(3, 3),))[1],
    "batch of directions": jacfwd(root),
    "second derivative": hessian(squares),
    "reverse over reverse": jacrev(jacrev(squares)),
}
DOUBTS = {"reverse over reverse": 2}  # of the vectors, and of the single values; compiled: the last


@pytest.mark.parametrize("name", DROPPED)
def test_a_derivative_that_lacks_a_term_warns(name):
    """Once per call and doubt in eager code, once per call in compiled code, at its line."""
    for function, doubts in ((DROPPED[name], DOUBTS.get(name, 1)), (jit(DROPPED[name]), 1)):
        for _ in range(2):
            with pytest.warns(RuntimeWarning, match="lacks a term") as caught:
                function(np.eye(3))
            assert [w.filename for w in caught] == [__file__] * doubts
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(np.diag([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("values", [la.eigvalsh, la.svdvals], ids=["eigenvalues", "singular"])
def test_one_of_equal_values_has_no_derivative(values):
    first = grad(lambda a: values(a)[0])
    for gradient in (first, jit(first)):
        with pytest.warns(RuntimeWarning, match="does not treat them alike"):
            gradient(np.eye(3))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gradient(np.diag([3.0, 2.0, 1.0]))


def test_right_derivatives_at_equal_eigenvalues_do_not_warn():
    def polar(a):
        u, _, vh = la.svd(a)
        return (np.outer(WEIGHTS, WEIGHTS) * (u @ vh)).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for wrap in (lambda f: f, jit):
            wrap(grad(trace_of_function))(EQUAL["two equal"])
            wrap(grad(projected))(EQUAL["two equal"])
            wrap(grad(polar))(EQUAL["identity"])
            for mode in (grad, jacfwd):
                wrap(mode(spectral_sum))(EQUAL["identity"])
                wrap(mode(lambda a: np.exp(la.eigh(a)[0]).sum()))(EQUAL["identity"])


@MAY_WARN
@pytest.mark.parametrize("name", ["identity", "two equal", "all equal"])
def test_equal_singular_values(name):
    a = EQUAL[name] @ TURN
    u, _, vh = la.svd(a)
    nuclear = lambda a: la.norm(a, "nuc")  # noqa: E731
    np.testing.assert_allclose(grad(nuclear)(a), u @ vh, atol=1e-12)
    check_grads(nuclear, (a,), 2)
    check_grads(lambda a: polar(a), (a,), 1)


def polar(a):
    """The orthogonal factor of the polar decomposition, smooth at every regular matrix."""
    u, _, vh = la.svd(a)
    return u @ vh


def test_pinv_at_equal_singular_values():
    check_grads(la.pinv, (EQUAL["all equal"],), 2)


def test_norms_at_zero():
    zero = np.zeros((2, 3))
    for ord in (None, "fro", 2, "nuc", 1):
        np.testing.assert_array_equal(grad(lambda a, p=ord: la.norm(a, p))(zero), zero)


def test_functions_of_free_phases():
    """What does not depend on the phases of complex vectors, or on the choice of the last ones."""

    def projectors(a):
        u, _, vh = la.svd(a)
        return u[:, 2:] @ u[:, 2:].conj().T, vh[:1].conj().T @ vh[:1]

    check_grads(projectors, (general(4, 3, dtype=C128),), 1)

    def of_hermitian(a):
        w, v = la.eigh(a)
        return (v * w**2) @ v.conj().T

    check_grads(of_hermitian, (ZS,), 2)


# ---- factors are made once


def primitives_of(function, *arrays):
    """The names of the primitives in the optimised backward program."""
    from fungrad import make_program
    from fungrad.optimize import optimize

    program = optimize(make_program(function)(*arrays))
    return [e.primitive.name for e in program.equations]


def test_the_adjoint_reuses_the_factors():
    def loss(a, b):
        return (la.solve(a, b) ** 2).sum()

    names = primitives_of(value_and_grad(loss, (0, 1)), A, vectors(3))
    assert names.count("factors") == 1
    assert names.count("solve") == 2
    names = primitives_of(value_and_grad(lambda a: la.slogdet(a)[1]), A)
    assert names.count("factors") == 1


# ---- errors

BAD = [
    (lambda x: la.solve(x[:2], x[0]), la.LinAlgError, "must be square, not (2, 3)"),
    (lambda x: la.solve(x, x[0, :2]), ValueError, "solve: operand 1 has 2 rows"),
    (lambda x: la.inv(x[0]), la.LinAlgError, "1-dimensional array given"),
    (lambda x: la.det(x[:2]), la.LinAlgError, "must be square"),
    (lambda x: la.eigh(x, UPLO="X"), ValueError, "UPLO argument must be 'L' or 'U'"),
    (lambda x: la.eigvalsh(x.astype(np.float16)), TypeError, "float16 is unsupported in linalg"),
    (lambda x: la.lstsq(x, x[0, :2]), la.LinAlgError, "Incompatible dimensions"),
    (lambda x: la.lstsq(x[None], x[0]), la.LinAlgError, "3-dimensional array given"),
    (lambda x: la.tensorinv(x, 0), ValueError, "Invalid ind argument"),
    (lambda x: la.tensorsolve(x[:2], x[0, :2]), la.LinAlgError, "must satisfy the requirement"),
    (lambda x: la.matrix_power(x, 1.5), TypeError, "exponent must be an integer"),
    (lambda x: la.cond(x[:0]), la.LinAlgError, "not defined on empty arrays"),
    (lambda x: la.svd(x[0]), la.LinAlgError, "1-dimensional array given"),
    (lambda x: la.qr(x, mode="raw"), ValueError, "Unrecognized mode 'raw'"),
    (lambda x: la.norm(x, 3), ValueError, "Invalid norm order for matrices"),
    (lambda x: la.pinv(x, rcond=1.0, rtol=1.0), ValueError, "can't be both set"),
]


@pytest.mark.parametrize("function, error, text", BAD, ids=[b[2] for b in BAD])
def test_errors_while_tracing(function, error, text):
    for wrap in (jit, vmap):
        with pytest.raises(error, match=re_escape(text)):
            wrap(function)(np.ones((2, 3, 3))[0] if wrap is jit else np.ones((2, 3, 3)))


def re_escape(text):
    import re

    return re.escape(text)


SINGULAR = np.ones((3, 3))


@pytest.mark.parametrize(
    "function, text",
    [
        (lambda a: la.solve(a, a[0]), "solve: singular matrix"),
        (la.inv, "inv: singular matrix"),
        (lambda a: la.cholesky(-a), "cholesky: a matrix is not positive definite"),
        (lambda a: la.matrix_power(a, -1), "inv: singular matrix"),
    ],
)
def test_errors_of_values(function, text):
    for wrapped in (lambda a: vmap(function)(a[None]), jit(function)):
        with pytest.raises(la.LinAlgError, match=text):
            wrapped(SINGULAR)
    with pytest.raises(la.LinAlgError, match=text.split(":")[0]):
        grad(lambda a: np.sum(function(a)))(SINGULAR)


def test_singular_matrices_that_are_no_errors():
    sign, logarithm = jit(la.slogdet)(SINGULAR)
    assert (sign, logarithm) == (0, -np.inf)
    assert jit(la.cond)(SINGULAR) > 1e15
    assert jit(lambda a: la.cond(a, 1))(np.zeros((2, 2))) == np.inf


def test_every_name_of_numpy_is_there():
    public = [n for n in dir(la) if not n.startswith("_") and callable(getattr(la, n))]
    missing = [
        n for n in public if not hasattr(fnp.linalg, n) and not inspect.isclass(getattr(la, n))
    ]
    assert missing == ["test"]
