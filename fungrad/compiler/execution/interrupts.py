"""Interrupts: what long loops of machine code do now and then, so that Python's signals arrive.

A loop of an entry counts the work of its turns, roughly in nanoseconds. Each time that `QUANTUM`
is used up it calls `pause`, which looks at the clock and, a few times per second, lets Python run
the handlers of signals that have come. Where a handler raises (the one of Control-C raises
KeyboardInterrupt), the entry ends with the status INTERRUPTED and the exception is set. In other
threads than the main one Python has no signals to handle, and loops go on.

    for i in turns(n, k, work):     range(n), with a look after every k turns, each of this work
    while goes_on(work):            True, and one turn of this work is counted
"""

from functools import cache

from fungrad.compiler.execution.native import Native
from fungrad.compiler.language.arguments import Scalar

INTERRUPTED = -4

#: The work between two looks at the clock: a look takes some 10 ns.
QUANTUM = 2**17
_NANOSECONDS = 60_000_000  # between two looks at signals, which wait for the interpreter's lock
_COARSE_CLOCK = 6  # of Linux, monotonic: exact to some milliseconds, and the cheapest one

_SOURCE = """
def pause(due, left, _):
    time = stack(16)
    read_clock(CLOCK, time)
    now = word(time) * 1000000000 + word(time + 8)
    if word(due) == 0:
        set_word(due, now + INTERVAL)
        if left < LONG:
            set_word(due, now)
    if now < word(due):
        return 0
    set_word(due, now + INTERVAL)
    held = take_lock()
    failed = check_signals()
    release_lock(held)
    if failed:
        return INTERRUPTED
    return 0
"""
_FUNCTIONS = {
    "read_clock": ("clock_gettime", "i32", ("i32", "ptr")),
    "take_lock": ("PyGILState_Ensure", "i32", ()),
    "check_signals": ("PyErr_CheckSignals", "i32", ()),
    "release_lock": ("PyGILState_Release", "void", ("i32",)),
}
#: The symbol of `pause` in machine code.
PAUSE = "fungrad.interrupts.pause"


def requests():
    """The request of the code of `pause`, where this process does not have it yet."""
    return () if _pause.cache_info().currsize else (_request(),)


@cache
def _request():
    from fungrad.compiler.llvm.request import Request

    constants = {
        "CLOCK": _COARSE_CLOCK,
        "INTERVAL": _NANOSECONDS,
        "LONG": -_NANOSECONDS,
        "INTERRUPTED": INTERRUPTED,
    }
    native = Native(_SOURCE, constants, _FUNCTIONS)
    return Request("kernel", native, "pause", (Scalar("int64"),) * 3, None, "llvm", 1)


@cache
def _pause():
    from fungrad.compiler.llvm.build import built

    return built(_request())


def address(name):
    """The address of `pause(due, left, 0)`.

    At the address `due` lies the time of its next look, 0 at first; `left` is what is left of the
    quantum, far below 0 where a turn takes so long that the first look is due already.
    """
    return {"pause": _pause().address}[name]


def turns_between_looks(work):
    """After how many turns of this work a loop looks whether the quantum is used up."""
    return max(1, min(QUANTUM // max(work, 1), 2**20))
