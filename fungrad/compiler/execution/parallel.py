"""Several cores for one loop: a pool of native threads that run the parts of a kernel.

Parts are fixed by the sizes of a kernel, never by the number of threads, and no two of them write
the same memory; so results do not depend on who runs what. One call has the pool at a time; a
second one, from another thread of Python, runs its parts by itself. The threads start when they are
first needed, and again in a forked child.

A thread that sleeps is not woken for little: that takes the caller some microseconds, and the other
one begins tens of them later. What is shared by threads that are awake costs next to nothing, and
they stay awake for a while. So small kernels run alone until what they might have saved would have
paid for waking.
"""

import ctypes
import os
import sys
from functools import cache

from fungrad.compiler.execution.image import keep_for_ever
from fungrad.compiler.execution.native import Native
from fungrad.compiler.language.arguments import Scalar
from fungrad.compiler.language.parts import MUCH

#: The pieces of the pool's memory, in words of 8 bytes: two locks and two conditions of pthreads
#: (at most 64 bytes each), then what the threads share.
_PIECES = ("BUSY", "LOCK", "WORK", "DONE")
_WORDS = (
    "STARTED THREADS FUNCTION PACK NEXT TOTAL ACTIVE STATUS FAULTY CALLER ASLEEP MISSED".split()
)
_PLACES = {name: 8 * i for i, name in enumerate(_PIECES)}
_PLACES |= {name: 8 * len(_PIECES) + i for i, name in enumerate(_WORDS)}
_SIZE = 8 * len(_PIECES) + len(_WORDS)

_SOURCE = """
def run(function, pack, total, worth):
    if function == 0:
        return POOL
    if word(POOL + THREADS) < 2:
        return alone(function, pack, total)
    if try_lock(POOL + BUSY):
        return alone(function, pack, total)
    lock(POOL + LOCK)
    if word(POOL + STARTED) == word(POOL + ASLEEP):
        if worth < MUCH:
            set_word(POOL + MISSED, word(POOL + MISSED) + worth)
            if word(POOL + MISSED) < ENOUGH:
                unlock(POOL + LOCK)
                status = alone(function, pack, total)
                unlock(POOL + BUSY)
                return status
    set_word(POOL + MISSED, 0)
    for i in range(FOREVER):
        if word(POOL + STARTED) + 2 > word(POOL + THREADS):
            break
        start(stack(8), 0, WORKER, POOL)
        set_word(POOL + STARTED, word(POOL + STARTED) + 1)
    set_word(POOL + CALLER, core())
    set_word(POOL + FUNCTION, function)
    set_word(POOL + PACK, pack)
    set_word(POOL + STATUS, 0)
    set_word(POOL + FAULTY, total)
    set_word(POOL + NEXT, 0)
    set_word(POOL + TOTAL, total)
    wake_all(POOL + WORK)
    work(0)
    unlock(POOL + LOCK)
    for i in range(TURNS):
        if word(POOL + ACTIVE) == 0:
            break
        give_way()
    lock(POOL + LOCK)
    for i in range(FOREVER):
        if word(POOL + ACTIVE) == 0:
            break
        wait(POOL + DONE, POOL + LOCK)
    status = word(POOL + STATUS)
    unlock(POOL + LOCK)
    unlock(POOL + BUSY)
    return status

def work(_):
    for i in range(FOREVER):
        part = word(POOL + NEXT)
        if word(POOL + TOTAL) <= part:
            break
        if word(POOL + THREADS) <= word(POOL + ACTIVE):
            break
        set_word(POOL + NEXT, part + 1)
        set_word(POOL + ACTIVE, word(POOL + ACTIVE) + 1)
        unlock(POOL + LOCK)
        status = call_address(word(POOL + FUNCTION), word(POOL + PACK), part)
        lock(POOL + LOCK)
        if status:
            if part < word(POOL + FAULTY):
                set_word(POOL + FAULTY, part)
                set_word(POOL + STATUS, status)
        set_word(POOL + ACTIVE, word(POOL + ACTIVE) - 1)
    return 0

def worker(_):
    lock(POOL + LOCK)
    for round in range(FOREVER):
        if core() == word(POOL + CALLER):
            if word(POOL + NEXT) < word(POOL + TOTAL):
                unlock(POOL + LOCK)
                nap(1)
                lock(POOL + LOCK)
        work(0)
        if word(POOL + ACTIVE) == 0:
            wake(POOL + DONE)
        unlock(POOL + LOCK)
        for i in range(TURNS):
            if word(POOL + NEXT) < word(POOL + TOTAL):
                break
            give_way()
        lock(POOL + LOCK)
        if word(POOL + TOTAL) <= word(POOL + NEXT):
            set_word(POOL + ASLEEP, word(POOL + ASLEEP) + 1)
            wait(POOL + WORK, POOL + LOCK)
            set_word(POOL + ASLEEP, word(POOL + ASLEEP) - 1)
    return 0

def alone(function, pack, total):
    for part in range(total):
        status = call_address(function, pack, part)
        if status:
            return status
    return 0
"""
_FUNCTIONS = {
    "try_lock": ("pthread_mutex_trylock", "i32", ("ptr",)),
    "lock": ("pthread_mutex_lock", "i32", ("ptr",)),
    "unlock": ("pthread_mutex_unlock", "i32", ("ptr",)),
    "wait": ("pthread_cond_wait", "i32", ("ptr", "ptr")),
    "wake": ("pthread_cond_signal", "i32", ("ptr",)),
    "wake_all": ("pthread_cond_broadcast", "i32", ("ptr",)),
    "give_way": ("sched_yield", "i32", ()),
    # Who runs on the core of the caller may stay there for long, although another one is idle; who
    # wakes from a nap there is moved. Where cores have no numbers, each thread counts as one.
    "core": ("sched_getcpu", "i32", ()) if sys.platform == "linux" else ("pthread_self", "ptr", ()),
    "nap": ("usleep", "i32", ("i32",)),
    "start": ("pthread_create", "i32", ("ptr", "ptr", "ptr", "ptr")),
}
#: How often a thread looks again before it sleeps (about 100 us): to be woken takes as long, and
#: then it may find itself on the core of the caller.
_TURNS = 300
#: So much smaller work in all, which ran alone, wakes threads that sleep; in the units of `MUCH`.
_ENOUGH = 16
_threads = None  # what the user chose


def _native():
    constants = {name: 8 * place for name, place in _PLACES.items()}
    constants |= {
        "POOL": "ptrtoint (ptr @pool to i64)",
        "WORKER": "ptrtoint (ptr @worker to i64)",
        "FOREVER": 2**62,
        "TURNS": _TURNS,
        "MUCH": MUCH,
        "ENOUGH": _ENOUGH,
    }
    memory = f"@pool = internal global [{_SIZE} x i64] zeroinitializer, align 64\n"
    return Native(_SOURCE, constants, _FUNCTIONS, memory)


def requests():
    """The request of the pool's code, where this process does not have it yet."""
    return () if _run.cache_info().currsize else (_request(),)


@cache
def _request():
    from fungrad.compiler.llvm.request import Request

    return Request("kernel", _native(), "run", (Scalar("int64"),) * 4, None, "llvm", 0)


@cache
def _run():
    from fungrad.compiler.llvm.build import built

    code = built(_request())
    keep_for_ever(code)
    number = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
    pool = number(code.address)(0, 0, 0, 0)
    words = (ctypes.c_int64 * _SIZE).from_address(pool)
    words[_PLACES["THREADS"]] = threads()
    return code, words


def address(name):
    """The address of `run(function, pack, total, worth)`: function(pack, i) for each i < total.

    `worth` is the work, in units of the least that is made in parts. It returns 0, or the status of
    the first part in which it is not 0.
    """
    return {"run": _run()[0].address}[name]


def threads():
    """The number of threads that share the parts of a kernel."""
    if _threads is not None:
        return _threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def chosen_threads():
    """What `set_threads` was called with last, None at first."""
    return _threads


def set_threads(n):
    """Let n threads share the parts of kernels, from the next call on; None: one per core."""
    global _threads
    _threads = n
    if _run.cache_info().currsize:
        _run()[1][_PLACES["THREADS"]] = threads()


def _after_fork():
    """In the child none of the threads exists, and locks may be held by them."""
    if _run.cache_info().currsize:
        _, words = _run()
        ctypes.memset(words, 0, ctypes.sizeof(words))
        words[_PLACES["THREADS"]] = threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
