"""Memory for large results and workspaces, which stays mapped from one use to the next.

The C library gives large arrays back to the kernel when they die; to fault in the pages of the next
one and have them cleared takes as long as to write them twice. Here the blocks that were freed last
are kept, up to an eighth of the machine's memory, in huge pages where there are any; the kernel may
take their pages whenever it needs memory. NumPy frees an array through the functions that
allocated it (NEP 49), so results are ordinary arrays that own their data.
"""

import ctypes
import os
from functools import cache

from fungrad.compiler.execution.image import keep_for_ever
from fungrad.compiler.execution.memory import HEADER, HUGE_PAGE, LARGE
from fungrad.compiler.execution.native import Native
from fungrad.compiler.language.arguments import Scalar

_BLOCKS = 256  # that are kept at most
_SHARE = 8  # of the machine's memory, that is kept at most

_SOURCE = """
def get(context, size):
    total = (size + HEADER + PAGE - 1) & -PAGE
    block = kept_block(total)
    if block == 0:
        block = mapped(total)
    if block == 0:
        release(0)
        block = mapped(total)
    if block == 0:
        return 0
    return block + HEADER

def kept_block(total):
    lock(HEAP + LOCK)
    best = -1
    for i in range(word(HEAP + COUNT)):
        size = word(HEAP + SIZES + 8 * i)
        if total <= size:
            if 4 * size <= 5 * total:
                if best == -1:
                    best = i
                if size < word(HEAP + SIZES + 8 * best):
                    best = i
    block = 0
    if -1 < best:
        block = word(HEAP + ADDRESSES + 8 * best)
        set_word(block, word(HEAP + SIZES + 8 * best))
        forget(best)
    unlock(HEAP + LOCK)
    return block

def forget(number):
    count = word(HEAP + COUNT) - 1
    set_word(HEAP + BYTES, word(HEAP + BYTES) - word(HEAP + SIZES + 8 * number))
    set_word(HEAP + COUNT, count)
    for i in range(count):
        if number <= i:
            set_word(HEAP + SIZES + 8 * i, word(HEAP + SIZES + 8 * i + 8))
            set_word(HEAP + ADDRESSES + 8 * i, word(HEAP + ADDRESSES + 8 * i + 8))
    return 0

def mapped(total):
    start = map(0, total + HUGE, READ_AND_WRITE, PRIVATE, -1, 0)
    if start == -1:
        return 0
    block = (start + HUGE - 1) & -HUGE
    if start < block:
        unmap(start, block - start)
    if block < start + HUGE:
        unmap(block + total, start + HUGE - block)
    advise(block, total & -HUGE, IN_HUGE_PAGES)
    set_word(block, total)
    return block

def give_back(context, data, size):
    if data == 0:
        return 0
    block = data - HEADER
    total = word(block)
    if word(HEAP + LIMIT) < total:
        unmap(block, total)
        return 0
    if LARGE <= total:
        advise(block, total, NOT_NEEDED)
    lock(HEAP + LOCK)
    for i in range(BLOCKS):
        if word(HEAP + COUNT) < BLOCKS:
            if word(HEAP + BYTES) + total <= word(HEAP + LIMIT):
                break
        unmap(word(HEAP + ADDRESSES), word(HEAP + SIZES))
        forget(0)
    count = word(HEAP + COUNT)
    set_word(HEAP + SIZES + 8 * count, total)
    set_word(HEAP + ADDRESSES + 8 * count, block)
    set_word(HEAP + COUNT, count + 1)
    set_word(HEAP + BYTES, word(HEAP + BYTES) + total)
    unlock(HEAP + LOCK)
    return 0

def release(_):
    lock(HEAP + LOCK)
    for i in range(word(HEAP + COUNT)):
        unmap(word(HEAP + ADDRESSES + 8 * i), word(HEAP + SIZES + 8 * i))
    set_word(HEAP + COUNT, 0)
    set_word(HEAP + BYTES, 0)
    unlock(HEAP + LOCK)
    return 0

def get_zeros(context, count, size):
    data = get(context, count * size)
    if data:
        fill(data, 0, count * size)
    return data

def resize(context, data, size):
    if data == 0:
        return get(context, size)
    moved = get(context, size)
    if moved:
        room = word(data - HEADER) - HEADER
        if size < room:
            room = size
        copy(moved, data, room)
        give_back(context, data, 0)
    return moved

def place(what):
    if what == 0:
        return HEAP
    if what == 1:
        return GET
    if what == 2:
        return GET_ZEROS
    if what == 3:
        return RESIZE
    if what == 4:
        return GIVE_BACK
    return release(0)
"""
_FUNCTIONS = {
    "lock": ("pthread_mutex_lock", "i32", ("ptr",)),
    "unlock": ("pthread_mutex_unlock", "i32", ("ptr",)),
    "map": ("mmap", "ptr", ("ptr", "i64", "i32", "i32", "i32", "i64")),
    "unmap": ("munmap", "i32", ("ptr", "i64")),
    "advise": ("madvise", "i32", ("ptr", "i64", "i32")),
    "fill": ("memset", "ptr", ("ptr", "i32", "i64")),
    "copy": ("memcpy", "ptr", ("ptr", "ptr", "i64")),
}
_WORDS = 8 + 3 + 2 * _BLOCKS  # a lock of at most 64 bytes, three numbers, sizes and addresses
_PLACES = {"LOCK": 0, "COUNT": 64, "BYTES": 72, "LIMIT": 80, "SIZES": 88}
_PLACES["ADDRESSES"] = _PLACES["SIZES"] + 8 * _BLOCKS

# Linux's numbers: mmap's protection and flags, madvise's advice.
_LINUX = {"READ_AND_WRITE": 3, "PRIVATE": 0x22, "IN_HUGE_PAGES": 14, "NOT_NEEDED": 8}


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler, version 1."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


@cache
def _places():
    """The addresses of the heap's words and of its functions, by name, and what keeps them."""
    from fungrad.compiler.llvm.build import kernel

    built = kernel(_native(), "place", (Scalar("int64"),), language="llvm", effort=0)
    keep_for_ever(built)  # arrays may outlive the interpreter's objects
    place = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(built.address)
    found = {name: place(number) for number, name in enumerate(_ASKED)}
    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _SHARE
    ctypes.c_int64.from_address(found["heap"] + _PLACES["LIMIT"]).value = limit
    return found, place, built


def _native():
    constants = {
        **_PLACES,
        **_LINUX,
        "HEAP": "ptrtoint (ptr @heap to i64)",
        "BLOCKS": _BLOCKS,
        "HEADER": HEADER,
        "HUGE": HUGE_PAGE,
        "LARGE": LARGE,
        "PAGE": os.sysconf("SC_PAGE_SIZE"),
    }
    constants |= {name.upper(): f"ptrtoint (ptr @{name} to i64)" for name in _ASKED[1:]}
    memory = f"@heap = internal global [{_WORDS} x i64] zeroinitializer, align 64\n"
    return Native(_SOURCE, constants, _FUNCTIONS, memory)


def address(name):
    """The address of `get(context, size)` or of `give_back(context, data, size)`."""
    return _places()[0][name]


@cache
def handler():
    """The capsule that makes NumPy allocate an array here, for `PyDataMem_SetHandler`."""
    places = _places()[0]
    made = _Handler(b"fungrad", 1, None, *(places[name] for name in _ASKED[1:]))
    name = ctypes.create_string_buffer(b"mem_handler")
    capsule = _new_capsule(ctypes.addressof(made), ctypes.addressof(name), None)
    _kept.append((made, name, capsule))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(capsule))  # arrays may be freed last of all
    return capsule


def release():
    """Give the kept blocks back to the kernel."""
    if _places.cache_info().currsize:
        _places()[1](len(_ASKED))


def kept_bytes():
    """The size of the blocks that are kept for the next arrays."""
    if not _places.cache_info().currsize:
        return 0
    return ctypes.c_int64.from_address(_places()[0]["heap"] + _PLACES["BYTES"]).value


_ASKED = ("heap", "get", "get_zeros", "resize", "give_back")  # in the order of `place`
_kept = []
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def _after_fork():
    """Forget the kept blocks: another thread may have been about to change what is known of them.

    To hold the lock while a process forks would not do: threads wait for it that have Python's.
    """
    if _places.cache_info().currsize:
        heap, limit = _places()[0]["heap"], _PLACES["LIMIT"]
        ctypes.memset(heap, 0, limit)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
