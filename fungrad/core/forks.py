"""Forks amid other threads: what a process waits for before it forks, and what its child finds.

A child has one thread, that which forked. What the others were in the middle of stays as it is: a
lock that one of them held would never be free, and a module that one of them was importing could
never be imported.
"""

import _imp
import os
import time
from contextlib import ExitStack
from importlib import _bootstrap
from threading import RLock, get_ident

#: Modules that first calls import late, by the first parts of their names.
_LATE = frozenset({"fungrad", "numpy", "scipy", "llvmlite", "numba"})

#: CPython's locks of the modules that are being imported.
_module_locks = getattr(_bootstrap, "_module_locks", {})

_LONGEST = 60.0  # seconds
_SHORT = 1e-3

_renewed, _awaited = [], []  # locks
_held = ExitStack()  # what was taken for the fork that is being made


def renewed_lock():
    """A recursive lock that a child finds free, unless the thread that forks has it."""
    lock = RLock()
    _renewed.append(lock)
    return lock


def awaited_lock():
    """A recursive lock that a process takes before it forks: nobody is inside of what it guards."""
    lock = RLock()
    _awaited.append(lock)
    return lock


def _before():
    """Take the locks, and wait until no other thread imports what is imported late.

    None begins to afterwards, since each import takes the one lock of all imports for a moment.
    """
    while True:
        count = len(_awaited)
        for lock in _awaited[:count]:
            _held.enter_context(lock)
        end = time.monotonic() + _LONGEST
        _imp.acquire_lock()
        while _imports_of_others() and time.monotonic() < end:
            _imp.release_lock()
            time.sleep(_SHORT)
            _imp.acquire_lock()
        _held.callback(_imp.release_lock)
        if len(_awaited) == count:
            return
        _held.close()  # what was imported meanwhile has locks of its own


def _after_in_child():
    _held.close()
    for lock in _renewed:
        if not lock._is_owned():
            lock._at_fork_reinit()


def _imports_of_others():
    """Whether another thread imports such a module, which it holds the lock of meanwhile.

    One that waits for what this thread itself imports would wait for ever.
    """
    locks = [(name, find()) for name, find in list(_module_locks.items())]
    late = [lock for name, lock in locks if lock and name.partition(".")[0] in _LATE]
    return any(map(_is_of_another, late))


def _is_of_another(lock):
    if not lock.lock.acquire(False):  # which guards the rest
        return True
    lock.lock.release()
    return lock.owner not in (None, get_ident()) and not lock.has_deadlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_held.close, after_in_child=_after_in_child)
