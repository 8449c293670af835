"""Plans: how a builtin of Python calls an entry, as a table that machine code reads.

A plan says where each argument of an entry comes from (given by Python, made for this call, kept
from call to call), what is checked, and what is returned. A new shape is a new plan, not new code.
"""

import ctypes
import math
from functools import lru_cache

import numpy as np

from fungrad.compiler.execution import memory
from fungrad.compiler.language.arguments import Result, Scalar
from fungrad.core.record import record

# PyObject begins with its head, whose last word is the type. PyArrayObject goes on with the data,
# the rank (an int), the dimensions, strides, base, dtype and flags (an int).
_HEAD = object.__basicsize__

#: Where the pieces of a plan lie in its table, in words of 8 bytes.
_WORDS = """ENTRY INPUTS INPUTS_AT MADE MADE_AT KEPT KEPT_AT RETURNED RETURNED_AT SLOTS
    CONTAINER RELEASES RAISES HAS_SCALARS WORKSPACE WORKSPACE_SLOT SPARE GET GIVE_BACK
    NOT_IMPLEMENTED NONE NDARRAY COMPLEX""".split()

_KINDS = {"ARRAY": 0, "BOOL": 1, "SIGNED": 2, "UNSIGNED": 3}
_KINDS |= {"FLOAT32": 4, "FLOAT64": 5, "COMPLEX64": 6, "COMPLEX128": 7}
_CONTAINERS = {None: 0, tuple: 1, list: 2}
_RETURNED = {"RESULT": 0, "MADE": 1, "INPUT": 2, "OBJECT": 3}

# NumPy's flags: in C order, aligned, writeable.
_WRITEABLE = 0x0400
_CARRAY = 0x0001 | 0x0100 | _WRITEABLE

#: The status of code that could not get memory, and of sizes that BLAS has no 32 bits for.
OUT_OF_MEMORY, TOO_LARGE = -1, -2

_ALIGNMENT = 64
SLOT_SIZE = 16  # bytes: the largest number

#: The names of `llvm.python_caller.SOURCE`: places in the table, in bytes, and in Python's objects.
CONSTANTS = {
    **{word: 8 * i for i, word in enumerate(_WORDS)},
    **_KINDS,
    "WRITEABLE": _WRITEABLE,
    "WITH_GAPS": 2,
    "BARE": 0,
    "LIST": 2,
    **{kind: number for kind, number in _RETURNED.items() if kind != "MADE"},
    "TYPE": _HEAD - 8,
    "DATA": _HEAD,
    "RANK": _HEAD + 8,
    "DIMENSIONS": _HEAD + 16,
    "DTYPE": _HEAD + 40,
    "FLAGS": _HEAD + 48,
    "ITEMS": tuple.__basicsize__,
    "ALIGNMENT": _ALIGNMENT,
    "OUT_OF_MEMORY": OUT_OF_MEMORY,
}

_free = ctypes.pythonapi.PyMem_RawFree
_free.restype, _free.argtypes = None, (ctypes.c_void_p,)


@record(frozen=True)
class Given:
    """An argument that Python passes. What is None is not checked, but an array must be one.

    `shape`: an array must have it and the dtype of the argument. One that `is_written` must be
    writeable, aligned and in C order; of others that are not so, a copy is read. `python_type`: the
    exact type of a number.
    """

    shape: tuple | None = None
    python_type: object = None
    is_written: bool = False


@record(frozen=True)
class Made:
    """An array of that shape, made for the call."""

    shape: tuple


@record(frozen=True)
class Kept:
    """An array that is the same in every call."""

    array: np.ndarray


@record(frozen=True)
class Workspace:
    """Scratch memory of so many bytes, aligned to 64; no other call has it at the same time."""

    nbytes: int


class Plan:
    """The table of a builtin, and the objects whose addresses stand in it."""

    def __init__(
        self, arguments, origins, returned, container=list, release_gil=True, raises=False
    ):
        self._arguments, self._origins = arguments, origins
        self._kept = []
        self._words = [0] * len(_WORDS)
        self._set("SLOTS", len(arguments))
        self._set("CONTAINER", _CONTAINERS[container])
        self._set("RELEASES", release_gil)
        self._set("RAISES", raises)
        self._set("NOT_IMPLEMENTED", id(NotImplemented))
        self._set("NONE", id(None))
        self._set("NDARRAY", id(np.ndarray))
        self._set("COMPLEX", id(complex))
        self._put_inputs()
        self._put_made()
        self._put_kept()
        self._put_returned(returned)
        self.table = np.array(self._words, np.int64)

    def __del__(self):
        spare = int(self.table[_WORDS.index("SPARE")]) if hasattr(self, "table") else 0
        if spare:
            _free(spare)

    def start(self, address):
        """Let the plan call the entry at an address."""
        self.table[_WORDS.index("ENTRY")] = address

    @property
    def expected(self):
        """The arguments that Python passes."""
        return tuple(self._arguments[i] for i, _ in self._of(Given))

    def _set(self, word, value):
        self._words[_WORDS.index(word)] = int(value)

    def _of(self, kind):
        return [(i, s) for i, s in enumerate(self._origins) if type(s) is kind]

    def _put(self, word, records):
        """Append records of words, and say how many there are and at which byte they begin."""
        self._set(word, len(records))
        self._set(f"{word}_AT", 8 * len(self._words))
        self._words += [value for record in records for value in record]

    def _dimensions(self, shape):
        """Append a shape; at which byte it begins."""
        self._words += shape
        return 8 * (len(self._words) - len(shape))

    def _put_inputs(self):
        records = []
        for i, given in self._of(Given):
            argument = self._arguments[i]
            if isinstance(argument, Scalar):
                self._set("HAS_SCALARS", 1)
                exact = 0 if given.python_type is None else id(given.python_type)
                records.append((SLOT_SIZE * i, _kind(argument.dtype), exact, 0, 0, 0, 0))
                continue
            checks = (0, 0, 0, 0)
            if given.shape is not None:
                flags = _CARRAY if given.is_written else _CARRAY & ~_WRITEABLE
                dtype = id(_kept_dtype(argument.dtype))
                checks = dtype, flags, len(given.shape), self._dimensions(given.shape)
            records.append((SLOT_SIZE * i, _KINDS["ARRAY"], id(np.ndarray), *checks))
        self._put("INPUTS", records)

    def _put_made(self):
        records = []
        made = [(i, self._arguments[i].dtype, m.shape) for i, m in self._of(Made)]
        sizes = [dtype.itemsize * math.prod(shape) for _, dtype, shape in made]
        together = sum(sizes)
        for (i, dtype, shape), size in zip(made, sizes, strict=True):
            is_large = memory.is_in_heap(size, together)
            handler = id(_heap().handler()) if is_large else 0
            dimensions = self._dimensions(shape)
            records.append((SLOT_SIZE * i, len(shape), dimensions, dtype.num, handler))
        self._put("MADE", records)

    def _put_kept(self):
        kept = self._of(Kept)
        self._kept += [k.array for _, k in kept]
        self._put("KEPT", [(SLOT_SIZE * i, k.array.ctypes.data) for i, k in kept])
        for i, workspace in self._of(Workspace):
            in_heap = memory.workspace_size(workspace.nbytes)
            self._set("WORKSPACE", in_heap or max(1, workspace.nbytes))
            self._set("WORKSPACE_SLOT", SLOT_SIZE * i)
            if in_heap:
                self._set("GET", _heap().address("get"))
                self._set("GIVE_BACK", _heap().address("give_back"))

    def _put_returned(self, returned):
        inputs = {i: 8 * n for n, (i, _) in enumerate(self._of(Given))}
        made = {i: 8 * n for n, (i, _) in enumerate(self._of(Made))}
        records = []
        for how, what in returned:
            if how == "object":
                self._kept.append(what)
                records.append((_RETURNED["OBJECT"], id(what), 0))
            elif what in inputs:
                records.append((_RETURNED["INPUT"], inputs[what], how == "copy"))
            elif what in made:
                records.append((_RETURNED["MADE"], made[what], how == "copy"))
            else:
                dtype = _kept_dtype(self._arguments[what].dtype)
                records.append((_RETURNED["RESULT"], SLOT_SIZE * what, id(dtype)))
        self._put("RETURNED", records)


def _heap():
    from fungrad.compiler.execution import heap  # most programs need none

    return heap


@lru_cache
def _kept_dtype(dtype):
    """The object for a dtype that NumPy keeps for ever."""
    return np.dtype(dtype.name)


@lru_cache
def _kind(dtype):
    kinds = {"b": "BOOL", "i": "SIGNED", "u": "UNSIGNED"}
    return _KINDS[kinds.get(dtype.kind) or dtype.name.upper()]


def plain_plan(arguments, release_gil):
    """The plan under which Python passes every argument, and gets back every result."""
    origins = [None if isinstance(a, Result) else Given() for a in arguments]
    returned = [("argument", i) for i, a in enumerate(arguments) if isinstance(a, Result)]
    container = tuple if len(returned) > 1 else None
    return Plan(arguments, origins, returned, container, release_gil, raises=True)
