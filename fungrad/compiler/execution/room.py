"""Room in memory: whether a stack may grow, asked before the operating system has to kill.

Linux grants more memory than there is, and ends the process that uses it. So stacks of loops, which
may grow without bounds, ask for what is really there before they take a large piece.
"""

import ctypes
from functools import cache
from pathlib import Path

#: From so many bytes on a stack asks, which takes some 0.4 ms.
WORTH_ASKING = 2**26
_SPARED = 2**25  # bytes left to the rest of the process

_GROUPS = Path("/sys/fs/cgroup")
#: Per version of control groups: the files of the limit and of what is in use, and in which line
#: of memory.stat stand the bytes of files, which are given up where others need them.
_LIMITS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def available():
    """The bytes that this process may still take, or None where nobody says."""
    groups = [_of_group(where, *files) for where in _groups() for files in _LIMITS]
    return min([n for n in (_of_machine(), *groups) if n is not None], default=None)


def _groups():
    """The folders of the control groups that limit this process: the outermost one, and its own."""
    yield _GROUPS
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        own = line.partition("::")[2].strip("/")
        if own:
            yield _GROUPS / own


def _of_machine():
    try:
        number = _field(Path("/proc/meminfo"), "MemAvailable:")
    except (OSError, ValueError):
        return None
    return None if number is None else number * 1024


def _of_group(where, limit, usage, statistics, files):
    try:
        most, used = [(where / name).read_text().strip() for name in (limit, usage)]
        if most == "max":
            return None
        return int(most) - int(used) + (_field(where / statistics, files) or 0)
    except (OSError, ValueError):
        return None


def _field(path, name):
    for line in path.read_text().splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    return None


def _is_there(nbytes):
    left = available()
    return int(left is None or nbytes + _SPARED <= left)


@cache
def _function():
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(_is_there)


def address(name):
    """The address of `is_there(nbytes)`: 1 where so many more bytes may be used, else 0."""
    return {"is_there": ctypes.cast(_function(), ctypes.c_void_p).value}[name]
