"""The language of generated functions: translated directly, it means what it means to Numba."""

import itertools

import numpy as np
import pytest

from fungrad.compiler.llvm import build, kernel_language
from fungrad.compiler.llvm.build import Array, Pointer, Result, Scalar, entry, kernel

X, Y = Array("float64"), Array("int64")
LOOPS = """
def f(n, x, y, r):
    total = 0.0
    for i in range(n):
        for j in range(i, n):
            total = total + x[i] * x[j]
    for i in range(n - 1, -1, -1):
        total = total - x[i]
    for i in range(0, n, y[0]):
        y[i] = i * 2
    r[0] = total
    return 0
"""
BRANCHES = """
def f(n, x, y, r):
    count = 0
    last = -inf
    i = 0
    while i < n:
        if x[i] > 0.5 and not x[i] > 2.5 or x[i] == 0.0:
            count += 1
            last = x[i]
        else:
            if x[i] < -1.0:
                break
        i += 1
    while True:
        if i >= 9:
            break
        i += 4
    y[0] = count
    y[1] = i
    r[0] = last
    if count == 0:
        return 7
    return 0
"""
NUMBERS = """
def f(n, x, y, r):
    a, b = x[0], x[1]
    a, b = b, a
    big = float32(a) * float32(3.0)
    z = multiply(make_complex(a, b), make_complex(0.5, -1.0))
    y[0] = (n - 9) // 2 + (n - 9) % 4
    y[1] = int64(big) + population_count(n) + bitcast_int64(1.5)
    r[0] = z.real / z.imag + exp(-a) + integer_power(b, 5) + maximum(a, nan)
    return 0
"""
CHOICES = """
def f(n, x, y, r):
    i = 0
    while i < n and x[i] < 2:
        x[i] += i + 1
        y[i] -= 1.0
        i += 1
    a = x[i] if i < n else x[0] - 1
    if 0 < a <= 3 or n == 4 and x[3] > 0:
        y[3] = 2.75
    x[1] = 2
    r[0] = (y[1] / 2 + n) * a - (n / 4)
    return 0
"""
POINTERS = """
def f(n, x, y, r):
    p, q = offset(x, 1), x
    for i in range(4):
        p, q = q, p
        p[0] = p[0] + q[1]
    r[0] = view(x, 16, np.float64)[0]
    y[0] = view(y, 8, np.int32)[0]
    return 0
"""
INNER = """
def f(n, x, y, r):
    status = inner(True, make_complex(x[0], x[1]), n, x)
    if status != 0:
        return status + 1
    r[0] = x[0]
    return 0
"""
INNER_KERNEL = """
def inner(flag, z, n, x):
    if flag:
        x[0] = z.imag * z.real
    return n
"""
STACKS = """
def f(n, x, y, r):
    y[0] = 0
    y[1] = 0
    for i in range(1000):
        status = reserve(y, 8 * (i + 1))
        if status != 0:
            return status
        memory(y, np.float64)[i] = x[i % n]
    r[0] = 0.0
    for i in range(1000):
        r[0] = r[0] + memory(y, np.float64)[i]
    release(y)
    if not is_null(memory(y, np.uint8)):
        return 3
    return 0
"""
SOURCES = {
    "loops": LOOPS,
    "branches": BRANCHES,
    "numbers": NUMBERS,
    "choices": CHOICES,
    "pointers": POINTERS,
    "inner": INNER,
    "stacks": STACKS,
}
INPUTS = [[0.25, 1.5, 2.0, -0.5], [3.0, -2.0, 0.0, 1.0], [-1.0, -3.0, 4.0, 2.0]]


@pytest.mark.parametrize("name", SOURCES)
def test_numba_gives_the_same(name):
    results = [list(outcomes(SOURCES[name], language)) for language in ("python", "numba")]
    for (status, *ours), (theirs_status, *theirs) in zip(*results, strict=True):
        np.testing.assert_equal(status, theirs_status)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def outcomes(source, language):
    """The status, the arrays and the result of a source for each input."""
    taken = (Scalar("bool"), Scalar("complex128"), Scalar("int64"), Pointer("float64"))
    inner = kernel(INNER_KERNEL, "inner", taken, language=language)
    taken = (Scalar("int64"), Pointer("float64", True), Pointer("int64", True), Pointer("float64"))
    f = kernel(source, "f", taken, {"inner": inner}, language=language)
    call = "def run(n, x, y, r):\n    return f(n, x, y, r)\n"
    run = entry(call, "run", (Scalar("int64"), X, Y, Result("float64")), {"f": f}, lambda s: s)
    for values, n in itertools.product(INPUTS, (4, 2)):
        x, y = np.array(values), np.array([2, 3, 5, 7])
        yield run(n, x, y), x, y


@pytest.mark.parametrize(
    "line",
    [
        "a = [1, 2]",
        "a = 1 if n > 2 else 3.0",
        "a = n is y",
        "x[0] = y",
        "a = unknown",
        "n = 1.0",
        "for i in x:\n        pass",
        "a = x + 1",
        "if n > 2:\n        late = 1\n    y[0] = late",
    ],
)
def test_what_is_outside_the_language_is_refused(line):
    source = f"def f(n, x, y):\n    {line}\n    return 0\n"
    arguments = (Scalar("int64"), Pointer("float64"), Pointer("int64"))
    with pytest.raises(kernel_language.OutsideError):
        kernel_language.translate(source, "f", arguments, "f", {})


def test_outside_the_language_numba_translates():
    source = "def f(n, r):\n    r[0] = 1.5 if n > 2 else n\n    return 0\n"
    f = entry(source, "f", (Scalar("int64"), Result("float64")))
    assert (f(3), f(1)) == (1.5, 1.0)


def test_a_name_that_is_assigned_once_is_no_variable():
    source = "def f(n, y):\n    a = n + 1\n    for i in range(a):\n        y[i] = a\n    return 0\n"
    text = kernel_language.translate(source, "f", (Scalar("int64"), Pointer("int64")), "f", {})
    assert "alloca" not in text and text.count("phi") == 1


def test_a_known_loop_around_an_unknown_one_is_not_written_out():
    source = """
def add(n, x, y):
    for i in range({}):
        for j in range(n):
            y[i * n + j] += x[j]
    return 0
"""
    arguments = (Scalar("int64"), Pointer("float32"), Pointer("float32"))
    few, many = (build.assembly(source.format(k), "add", arguments) for k in (2, 16))
    assert len(many) < 1.5 * len(few)


@pytest.mark.parametrize(
    "n, gap, is_row", [(16, "", True), (8, "", True), (10, "", False), (8, " * n", False)]
)
def test_a_row_of_whole_vectors_is_not_written_out(n, gap, is_row):
    source = f"""
def add(n, x, y):
    for i in range(n):
        for j in range({n}):
            y[i * {n} + j] = x[j{gap}] + y[i * {n} + j]
    return 0
"""
    arguments = (Scalar("int64"), Pointer("float32"), Pointer("float32"))
    assert (build.assembly(source, "add", arguments).count("\n") < 100) is is_row
    x, y = np.arange(200.0, dtype=np.float32), np.ones((5, n), np.float32)
    run = entry(
        "def run(n, x, y):\n    return add(n, x, y)",
        "run",
        (Scalar("int64"), Array("float32"), Array("float32")),
        {"add": kernel(source, "add", arguments)},
    )
    run(5, x, y)
    np.testing.assert_array_equal(
        y, np.tile(1 + x[: n * (5 if gap else 1) : 5 if gap else 1], (5, 1))
    )
