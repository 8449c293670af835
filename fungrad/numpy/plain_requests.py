"""Why a plain value was asked of a traced one: what the user's line does, for error texts.

NumPy and SciPy ask for plain arrays from inside their own code. The frame of the user's line tells
what for: its instruction is an item that is read or written, or a call into SciPy.
"""

import importlib
import sys
from dis import opname
from types import FunctionType
from typing import NamedTuple

import numpy as np

_OWN = __name__.split(".")[0]
_READS = ("BINARY_SUBSCR", "BINARY_SLICE", "BINARY_OP")
_WRITES = ("STORE_SUBSCR", "STORE_SLICE")


class Request(NamedTuple):
    """What was being done, and what to do instead; both without the traced value."""

    what: str
    instead: str


def request_of_caller(default):
    """The request of the line that led here; `default` where it is an ordinary call."""
    frame = sys._getframe(1)
    while frame is not None and _package(frame) == _OWN:
        frame = frame.f_back
    if frame is None:
        return default
    if _package(frame) == "scipy":
        return _of_scipy(frame)
    near = frame, frame.f_back  # a comprehension may have a frame of its own
    if any(f and isinstance(f.f_locals.get("self"), np.vectorize) for f in near):
        return Request(
            "numpy.vectorize, which works on plain arrays,", "use fungrad.numpy.vectorize"
        )
    instruction = opname[frame.f_code.co_code[frame.f_lasti]]
    if instruction in _WRITES:
        return Request(
            "setting an item of a plain array",
            "make the array with fungrad.numpy.zeros, array or zeros_like, whose items can be set "
            "to traced values, or write fungrad.at(a)[i].set(x)",
        )
    if instruction in _READS:
        return Request(
            "indexing a plain array", "write fungrad.numpy.asarray(a)[i], or fungrad.at(a)[i].get()"
        )
    return default


def _package(frame):
    """The name of the top-level package whose code runs in a frame."""
    return frame.f_globals.get("__name__", "").split(".")[0]


def _of_scipy(frame):
    """The request of a function of SciPy: named as the user calls it, with its counterpart."""
    called = None
    while frame is not None and _package(frame) == "scipy":
        for path in _paths(frame):
            called = ".".join(path)
            if _exists(f"{_OWN}.scipy", path):
                return Request(
                    f"scipy.{called}, which works on plain arrays,", f"use fungrad.scipy.{called}"
                )
        frame = frame.f_back
    return Request(
        f"scipy.{called}, which works on plain arrays,",
        "write it with functions of numpy, fungrad.numpy and fungrad.scipy, or call it by "
        "fungrad.pure_callback with a rule by fungrad.custom_jvp",
    )


def _paths(frame):
    """What the function of a frame may be called within SciPy; also what a decorator wraps."""
    running, receiver = frame.f_code.co_name, frame.f_locals.get("self")
    owner = getattr(receiver, "name", None)  # of a distribution
    if running.startswith("__"):
        running = type(receiver).__name__
    yield [_folder(frame.f_globals["__name__"]), *([owner] if type(owner) is str else []), running]
    for value in frame.f_locals.values():
        if isinstance(value, FunctionType) and value.__module__.startswith("scipy."):
            yield [_folder(value.__module__), value.__name__]


def _folder(module):
    """The subpackage of SciPy that a module belongs to."""
    return module.split(".")[1]


def _exists(module, path):
    """Whether a dotted path leads from a module to something."""
    found = importlib.import_module(module)
    for part in path:
        found = getattr(found, part, None)
    return found is not None
