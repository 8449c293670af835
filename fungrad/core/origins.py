"""Where a value was made, for error texts and for the lines of recorded equations."""

import sys
from bisect import bisect_right

from fungrad.core.program_table import INPUT


def user_line():
    """`file:line in function` of the innermost frame outside fungrad."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("fungrad.", "numpy")) and module != "fungrad":
            return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
    return None


def definition_line(function):
    """ " (defined at file:line)" for a Python function, else ""."""
    code = getattr(function, "__code__", None)
    return f" (defined at {code.co_filename}:{code.co_firstlineno})" if code else ""


def describe_slot(recording, id):
    """What made a slot, for error texts: "f64[3] made by exp at file:line in f"."""
    made = "an argument"
    k = bisect_right(recording.firsts, id) - 1
    if k >= 0:
        what = recording.entries[k][0]
        made = "a captured value" if what is INPUT else f"made by {what.name}"
        line = recording.sources.get(recording.firsts[k])
    if id < recording.input_count:
        made, line = f"argument {id}", None
    return f"the traced value {recording.type_of(id)}, {made}{f' at {line}' if line else ''},"
