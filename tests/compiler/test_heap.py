"""The heap of large results: arrays that own their data, blocks that are used again, bounds."""

import gc
import os
import sys
import threading

import numpy as np
import pytest

import fungrad
from fungrad.compiler.execution import heap, memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's mmap")
N = memory.LARGE // 8


@pytest.fixture(autouse=True)
def empty():
    gc.collect()
    fungrad.clear_caches()


def address(x):
    return x.__array_interface__["data"][0]


def handler_of(x):
    return np._core.multiarray.get_handler_name(x)


def test_a_large_result_owns_its_data_and_its_memory_is_used_again():
    double = fungrad.jit(lambda x: 2 * x)
    x = np.arange(N, dtype=float)
    y, z = double(x), double(x)
    assert handler_of(y) == "fungrad" and y.flags.owndata and y.flags.writeable
    assert address(y) != address(z) and address(y) % 64 == 0
    first = address(y)
    del y
    assert heap.kept_bytes() >= 8 * N
    again = double(z)
    assert address(again) == first
    np.testing.assert_array_equal(again, 4 * x)
    np.testing.assert_array_equal(z, 2 * x)


def test_small_results_and_other_arrays_are_left_to_numpy():
    double = fungrad.jit(lambda x: (2 * x, x[:10] + 1))
    y, few = double(np.ones(N))
    assert handler_of(y) == "fungrad" and handler_of(few) == "default_allocator"
    assert handler_of(y * 2) == "default_allocator"


def test_results_that_are_large_together_are_used_again_without_new_pages():
    resource = pytest.importorskip("resource")
    step = fungrad.jit(lambda trees: [(0.9 * x, x + 1, 2 * x) for x, _, _ in trees])
    trees = [(np.ones(n), np.ones(n), np.ones(n)) for n in (50_000, 20_000, 30_000)]
    for _ in range(5):
        trees = step(trees)
    assert all(handler_of(x) == "fungrad" for tree in trees for x in tree)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        trees = step(trees)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 200


def test_a_workspace_is_shared_by_programs_of_one_size():
    def of(order):
        def f(x):
            y = fungrad.numpy.cumsum(x * order)
            return (y[::-1] + y).sum()

        return fungrad.jit(f)

    x = np.arange(N, dtype=float)
    kept = []
    for order in (2.0, 3.0):
        y = np.cumsum(x * order)
        np.testing.assert_allclose(of(order)(x), (y[::-1] + y).sum())
        kept.append(heap.kept_bytes())
    assert kept[0] == kept[1] >= x.nbytes


@pytest.mark.parametrize("mib", [1, 1.6, 2, 3.9, 79.5])
def test_huge_pages_of_a_workspace_are_full(mib):
    huge, wanted = 2**21, int(mib * 2**20)
    size = memory.workspace_size(wanted)
    block = size + 64
    assert wanted <= size < wanted + huge + 2**13
    assert block // huge * huge <= wanted + 2**13  # what asks for huge pages


def test_arrays_can_be_resized_and_keep_their_elements():
    y = fungrad.jit(lambda x: x + 1)(np.zeros(N))
    y.resize(3 * N, refcheck=False)
    assert handler_of(y) == "fungrad"
    np.testing.assert_array_equal(y, np.repeat([1.0, 0.0, 0.0], N))
    y.resize(5, refcheck=False)
    np.testing.assert_array_equal(y, np.ones(5))


def test_kept_memory_is_bounded_and_released():
    both, half = fungrad.jit(lambda x: (x + 1, x + 2)), memory.MANY // 2
    copies = [both(np.zeros(half // 8)) for _ in range(heap._BLOCKS // 2 + 5)]
    del copies
    gc.collect()
    assert half <= heap.kept_bytes() <= heap._BLOCKS * 1.01 * half
    fungrad.clear_caches()
    assert heap.kept_bytes() == 0


def test_the_oldest_blocks_go_where_the_limit_is_reached():
    place = heap._places()[0]["heap"] + heap._PLACES["LIMIT"]
    limit = heap.ctypes.c_int64.from_address(place)
    before = limit.value
    limit.value = int(2.5 * memory.LARGE)
    try:
        add = fungrad.jit(lambda x: x + 1)
        first, second, third = (add(np.zeros(N)) for _ in range(3))
        oldest, youngest = address(first), address(third)
        del first, second, third
        assert heap.kept_bytes() <= limit.value
        found = {address(x) for x in [add(np.zeros(N)) for _ in range(2)]}
        assert youngest in found and oldest not in found
        fungrad.jit(lambda x: x + 1)(np.zeros(4 * N))
        assert heap.kept_bytes() <= limit.value
    finally:
        limit.value = before


def test_threads_get_arrays_of_their_own():
    add = fungrad.jit(lambda x: x + 1)
    faults = []

    def work(number):
        x = np.full(N, float(number))
        for _ in range(20):
            if not (add(x) == number + 1).all():
                faults.append(number)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not faults


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_uses_what_was_kept_without_harm():
    add = fungrad.jit(lambda x: x + 1)
    y = add(np.zeros(N))
    add(np.zeros(N))
    child = os.fork()
    if not child:
        z = add(np.full(N, 5.0))
        os._exit(int(not ((z == 6).all() and (y == 1).all())))
    assert os.waitpid(child, 0)[1] == 0
    assert (y == 1).all()
