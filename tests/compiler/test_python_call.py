"""Builtins that check what they are given and make what they return; the language they are in."""

import itertools
import sys
import threading
import weakref

import numpy as np
import pytest

from fungrad.compiler.execution import image
from fungrad.compiler.llvm import build, linking, low_level, machine
from fungrad.compiler.llvm.build import (
    Array,
    Given,
    Kept,
    Made,
    Result,
    Scalar,
    Workspace,
    checked_entry,
    entry,
)

DOUBLE = """
def double(n, x, y):
    for i in range(n[0]):
        y[i] = 2.0 * x[i]
    return 0
"""
DOUBLE_ARGUMENTS = (Array("int64"), Array("float64"), Array("float64"))


@pytest.fixture(autouse=True, scope="module")
def _fresh_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        build.clear()
        yield


def _double(shape, returned=(("argument", 2),), container=None, **options):
    sizes = np.array([int(np.prod(shape))])
    origins = (Kept(sizes), Given(shape), Made(shape))
    arguments = DOUBLE, "double", DOUBLE_ARGUMENTS, origins, list(returned), container
    return checked_entry(*arguments, **options)


@pytest.mark.parametrize("shape", [(3,), (0,), (2, 0), (2, 3, 1), (1,) * 9])
def test_outputs_are_made(shape):
    x = np.random.default_rng(0).normal(size=shape)
    y = _double(shape)(x)
    np.testing.assert_array_equal(y, 2 * x)
    assert y.flags.carray and y.flags.owndata


def test_what_does_not_fit_is_left_alone():
    double = _double((2, 3))
    x = np.ones((2, 3))
    misfits = [x[0], x.T, np.ones((2, 4)), np.ones((2, 3, 1)), x.astype(">f8")]
    misfits += [x.astype(np.float32), x.view(np.matrix), 1.0, None, [[1.0]]]
    for misfit in misfits:
        assert double(misfit) is NotImplemented
    assert double() is NotImplemented and double(x, x) is NotImplemented
    x.flags.writeable = False
    assert double(x).sum() == 12


def _with_gaps():
    x = np.arange(12.0).reshape(2, 6)
    unaligned = np.frombuffer(bytes(1) + x[:, :3].tobytes(), np.uint8)[1:].view(np.float64)
    return [x[:, ::2], x[:, ::-2], x.reshape(3, 4)[:, :2].T, unaligned.reshape(2, 3)]


def test_of_arrays_with_gaps_copies_are_read():
    returned = [("argument", 2), ("copy", 1)]
    double = _double((2, 3), returned, list)
    for x in _with_gaps():
        before = x.copy()
        made, given = double(x)
        np.testing.assert_array_equal(made, 2 * x)
        np.testing.assert_array_equal(given, before)
        assert given.flags.carray and not np.shares_memory(given, x)
    count = sys.getrefcount(x)
    for _ in range(1000):
        double(x)
    assert sys.getrefcount(x) == count


def test_each_array_with_gaps_has_a_copy_of_its_own():
    source = "def f(x, y, z):\n    for i in range(6):\n        z[i] = x[i] - y[i]\n    return 0"
    origins = (Given((2, 3)), Given((2, 3)), Made((2, 3)))
    f = checked_entry(source, "f", (Array("float64"),) * 3, origins, [("argument", 2)], None)
    for x, y in itertools.product([*_with_gaps(), np.ones((2, 3))], repeat=2):
        np.testing.assert_array_equal(f(x, y), x - y)


def test_an_array_with_gaps_is_not_written():
    source = "def f(x):\n    x[0] = 7.0\n    return 0"
    origins, returned = (Given((2, 3), is_written=True),), [("argument", 0)]
    f = checked_entry(source, "f", (Array("float64"),), origins, returned, None)
    for x in _with_gaps():
        before = x.copy()
        assert f(x) is NotImplemented
        np.testing.assert_array_equal(x, before)


def test_an_array_that_is_written_must_be_writeable():
    source = "def f(x):\n    x[0] = 7.0\n    return 0"
    origins, returned = (Given((2,), is_written=True),), [("argument", 0)]
    f = checked_entry(source, "f", (Array("float64"),), origins, returned, None)
    x = np.zeros(2)
    assert f(x) is x and x[0] == 7
    x.flags.writeable = False
    assert f(x) is NotImplemented


def test_exact_types_of_numbers():
    source = "def f(x, y):\n    y[0] = x\n    return 0"
    arguments, returned = (Scalar("float64"), Result("float64")), [("argument", 1)]
    f = checked_entry(source, "f", arguments, (Given(python_type=float), None), returned, None)
    assert f(2.0) == 2.0
    assert [f(x) for x in (np.float64(2), 2, True, "2", np.ones(()))] == [NotImplemented] * 5
    f = checked_entry(source, "f", arguments, (Given(), None), returned, None)
    assert [f(x) for x in (np.float64(2), 2, True, np.ones(()))] == [2, 2, 1, 1]


def test_everything_that_can_be_returned():
    marker = object()
    returned = [
        ("argument", 1),
        ("argument", 2),
        ("copy", 1),
        ("copy", 2),
        ("object", marker),
        ("argument", 2),
    ]
    x = np.arange(3.0)
    for container in (list, tuple):
        result = _double((3,), returned, container)(x)
        assert type(result) is container
        given, made, given_copy, made_copy, thing, made_again = result
        assert given is x and thing is marker and made is made_again
        np.testing.assert_array_equal(made, 2 * x)
        np.testing.assert_array_equal(made_copy, made)
        np.testing.assert_array_equal(given_copy, x)
        assert not np.shares_memory(made_copy, made) and not np.shares_memory(given_copy, x)
    assert _double((3,), [], list)(x) == []
    assert _double((3,), [], None)(x) is None


def test_references_are_counted_right():
    x, marker = np.arange(3.0), object()
    returned = [("argument", 1), ("argument", 2), ("copy", 2), ("object", marker)]
    double = _double((3,), returned, list)
    double(x)
    before = sys.getrefcount(x), sys.getrefcount(marker), sys.getrefcount(None)
    for _ in range(1000):
        result = double(x)
        double(None)
    assert [sys.getrefcount(result[i]) for i in (1, 2)] == [2, 2]  # the list and the argument
    del result
    after = sys.getrefcount(x), sys.getrefcount(marker), sys.getrefcount(None)
    assert before[:2] == after[:2] and abs(before[2] - after[2]) < 100


def test_the_workspace_is_aligned_kept_and_no_one_elses():
    source = """
def f(w, x, aligned, old):
    t = view(w, 0, np.int64)
    old[0] = t[0]
    t[0] = x
    aligned[0] = address_of(w) & 63
    for i in range(1000000):
        if t[0] != x:
            return 1
    return 0
"""
    text = """
define i64 @address_of(ptr %p) {
  %a = ptrtoint ptr %p to i64
  ret i64 %a
}"""
    address_of = build.kernel(text, "address_of", (build.Pointer("uint8"),), language="llvm")
    arguments = (Array("uint8"), Scalar("int64"), Result("int64"), Result("int64"))
    origins = (Workspace(1000), Given(), None, None)
    returned = [("argument", 2), ("argument", 3)]
    kernels = {"address_of": address_of}
    f = checked_entry(source, "f", arguments, origins, returned, tuple, kernels)
    assert f(5)[0] == 0
    assert f(6) == (0, 5)  # the same memory again
    wrong = []

    def work(value):
        wrong.extend(r for r in (f(value) for _ in range(20)) if r[0] != 0)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_status_reaches_python_and_frees_what_was_made():
    source = "def f(x, y):\n    return 3 if x[0] < 0.0 else 0"
    origins, returned = (Given((2,)), Made((2,))), [("argument", 1)]
    arguments = (Array("float64"), Array("float64"))

    def fail(status):
        raise IndexError(status)

    f = checked_entry(source, "f", arguments, origins, returned, None, on_error=fail)
    assert f(np.ones(2)).shape == (2,)
    for _ in range(3):
        with pytest.raises(IndexError, match="3"):
            f(-np.ones(2))


def test_memory_errors_reach_python():
    source = "def f(w, y):\n    return 0"
    arguments, returned = (Array("uint8"), Array("float64")), [("argument", 1)]
    f = checked_entry(source, "f", arguments, (Workspace(1 << 60), Made((1,))), returned, None)
    with pytest.raises(MemoryError):
        f()
    f = checked_entry(source, "f", arguments, (Workspace(1), Made((1 << 59,))), returned, None)
    with pytest.raises(MemoryError):
        f()


def test_a_builtin_keeps_what_it_needs_and_no_more():
    class Marker:
        pass

    marker = Marker()
    gone = weakref.ref(marker)
    double = _double((3,), [("object", marker)], None)
    del marker
    build.clear()
    assert double(np.ones(3)) is gone()
    del double
    assert gone() is None


def test_new_shapes_compile_nothing():
    _double((5,))
    before = build.statistics()
    for n in range(10):
        assert _double((n,))(np.ones(n)).sum() == 2 * n
    assert build.statistics() == before


def test_low_level_python():
    source = """
def f(x, n):
    total = 0
    for i in range(n):
        if i == 7:
            break
        if i & 1:
            total = total + g(x, i)
        elif i > 4:
            total = total - LARGE
        else:
            total = total | 0
    return -total

def g(x, i):
    memory = stack(16)
    set_word(memory + 8, x * i)
    if word(memory + 8) <= 3:
        return absolute(word(memory + 8) - 10)
    return word(memory + 8)
"""
    functions = {"absolute": ("llabs", "i64", ("i64",))}
    text = low_level.translate(source, {"LARGE": 1000}, functions)
    for effort in (0, 3):
        code, imports = machine.object_code([text], ("f",), effort)
        addresses = {name: image.address_in_process(name) for name in imports}
        loaded = linking.Loaded(code, ("f",), addresses)
        arguments = (Scalar("int64"), Scalar("int64"))
        f = build.Kernel("f", arguments, loaded, {})
        run = entry("def run(x, n):\n    return f(x, n)", "run", arguments, {"f": f}, lambda s: s)
        assert run(3, 100) == -(7 + 9 + 15 - 1000)
