"""The Python side of compiled code: builtin functions that run an entry as a plan says.

A plan says where each argument of an entry comes from (given by Python, made for this call, kept
from call to call), what is checked, and what is returned. All builtins share one machine-code
function, `SOURCE`, which reads the plan from a table of int64; a program of its own shape needs
no code of its own. It has CPython's fast calling convention: a call with three arrays that checks
them and makes an output costs 0.15 us.

Layouts and functions are those of the public, stable C interfaces of CPython and NumPy.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

import numpy as np

from fungrad.compiler import low_level
from fungrad.compiler.arguments import Result, Scalar, parameters

_METH_FASTCALL = 0x80

# PyObject begins with its head, whose last word is the type. PyArrayObject goes on with the data,
# the rank (an int), the dimensions, strides, base, dtype and flags (an int).
_HEAD = object.__basicsize__

#: Where the pieces of a plan lie in its table, in words of 8 bytes.
_WORDS = """ENTRY INPUTS INPUTS_AT MADE MADE_AT KEPT KEPT_AT RETURNED RETURNED_AT SLOTS
    CONTAINER RELEASES RAISES HAS_SCALARS WORKSPACE WORKSPACE_SLOT SPARE
    NOT_IMPLEMENTED NONE NDARRAY COMPLEX""".split()

_KINDS = {"ARRAY": 0, "BOOL": 1, "SIGNED": 2, "UNSIGNED": 3}
_KINDS |= {"FLOAT32": 4, "FLOAT64": 5, "COMPLEX64": 6, "COMPLEX128": 7}
_CONTAINERS = {None: 0, tuple: 1, list: 2}
_RETURNED = {"RESULT": 0, "MADE": 1, "INPUT": 2, "OBJECT": 3}

# NumPy's flags: in C order, aligned, writeable.
_WRITEABLE = 0x0400
_CARRAY = 0x0001 | 0x0100 | _WRITEABLE

_ALIGNMENT = 64
_SLOT = 16  # bytes: the largest number

_CONSTANTS = {
    **{word: 8 * i for i, word in enumerate(_WORDS)},
    **_KINDS,
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
}

#: The C functions that `SOURCE` calls: {name: (symbol, result, operands)}.
_C_FUNCTIONS = {
    "complex_imag": ("PyComplex_ImagAsDouble", "double", ("ptr",)),
    "complex_real": ("PyComplex_RealAsDouble", "double", ("ptr",)),
    "copy_array": ("fungrad.numpy.PyArray_NewCopy", "ptr", ("ptr", "i32")),
    "drop": ("Py_DecRef", "void", ("ptr",)),
    "error": ("PyErr_Occurred", "ptr", ()),
    "free_memory": ("PyMem_RawFree", "void", ("ptr",)),
    "get_memory": ("PyMem_RawMalloc", "ptr", ("i64",)),
    "invoke": ("PyObject_CallOneArg", "ptr", ("ptr", "ptr")),
    "is_true": ("PyObject_IsTrue", "i32", ("ptr",)),
    "keep": ("Py_IncRef", "void", ("ptr",)),
    "new_array": (
        "fungrad.numpy.PyArray_New",
        "ptr",
        ("ptr", "i32", "ptr", "i32", "ptr", "ptr", "i32", "i32", "ptr"),
    ),
    "new_int": ("PyLong_FromLongLong", "ptr", ("i64",)),
    "new_list": ("PyList_New", "ptr", ("i64",)),
    "new_scalar": ("fungrad.numpy.PyArray_Scalar", "ptr", ("ptr", "ptr", "ptr")),
    "new_tuple": ("PyTuple_New", "ptr", ("i64",)),
    "no_memory": ("PyErr_NoMemory", "ptr", ()),
    "release_lock": ("PyEval_SaveThread", "ptr", ()),
    "set_list": ("PyList_SetItem", "i32", ("ptr", "i64", "ptr")),
    "set_tuple": ("PyTuple_SetItem", "i32", ("ptr", "i64", "ptr")),
    "take_lock": ("PyEval_RestoreThread", "void", ("ptr",)),
    "to_double": ("PyFloat_AsDouble", "double", ("ptr",)),
    "to_int": ("PyLong_AsLongLong", "i64", ("ptr",)),
    "to_unsigned": ("PyLong_AsUnsignedLongLongMask", "i64", ("ptr",)),
}

#: The function behind every builtin, in low-level Python.
SOURCE = """
def call(this, arguments, n):
    answer = word(this + ITEMS + 8)
    table = word(word(this + ITEMS) + DATA)
    if n != word(table + INPUTS):
        return misfit(table, answer)
    slots = stack(16 * word(table + SLOTS))
    record = table + word(table + INPUTS_AT)
    for i in range(n):
        fits = take(table, record, word(arguments + 8 * i), slots + word(record))
        if fits == 0:
            return misfit(table, answer)
        record = record + 56
    if word(table + HAS_SCALARS):
        if error():
            return 0
    record = table + word(table + KEPT_AT)
    for i in range(word(table + KEPT)):
        set_word(slots + word(record), word(record + 8))
        record = record + 16

    made = stack(8 * word(table + MADE) + 8)
    n_made = make(table, slots, made)
    fine = n_made == word(table + MADE)
    workspace = 0
    if word(table + WORKSPACE):
        workspace = word(table + SPARE)  # the lock of the interpreter makes this exchange atomic
        set_word(table + SPARE, 0)
        if workspace == 0:
            workspace = get_memory(word(table + WORKSPACE) + ALIGNMENT)
            if workspace == 0:
                no_memory()
                fine = 0
        aligned = (workspace + ALIGNMENT - 1) & -ALIGNMENT
        set_word(slots + word(table + WORKSPACE_SLOT), aligned)
    result = 0
    if fine:
        status = run(table, slots)
        if status:
            code = new_int(status)
            result = invoke(answer, code)
            drop(code)
        else:
            result = returned(table, arguments, slots, made)
    if workspace:
        if word(table + SPARE):
            free_memory(workspace)
        else:
            set_word(table + SPARE, workspace)
    for i in range(n_made):
        drop(word(made + 8 * i))
    return result

def misfit(table, answer):
    if word(table + RAISES):
        return invoke(answer, word(table + NONE))
    keep(word(table + NOT_IMPLEMENTED))
    return word(table + NOT_IMPLEMENTED)

def take(table, record, given, slot):
    kind = word(record + 8)
    exact = word(record + 16)
    if exact:
        if word(given + TYPE) != exact:
            return 0
    if kind == ARRAY:
        set_word(slot, word(given + DATA))
        return fits_array(table, record, given)
    elif kind == FLOAT64:
        set_double(slot, to_double(given))
    elif kind == FLOAT32:
        set_float(slot, to_double(given))
    elif kind == BOOL:
        set_word(slot, is_true(given))
    elif kind == UNSIGNED:
        set_word(slot, to_unsigned(given))
    elif kind == SIGNED:
        set_word(slot, to_int(given))
    else:
        number = invoke(word(table + COMPLEX), given)  # complex64 is no subclass of complex
        if number:
            if kind == COMPLEX128:
                set_double(slot, complex_real(number))
                set_double(slot + 8, complex_imag(number))
            else:
                set_float(slot, complex_real(number))
                set_float(slot + 4, complex_imag(number))
            drop(number)
    return 1

def fits_array(table, record, given):
    dtype = word(record + 24)
    if dtype == 0:
        return 1
    if word(given + DTYPE) != dtype:
        return 0
    flags = word(record + 32)
    if (int32(given + FLAGS) & flags) != flags:
        return 0
    rank = word(record + 40)
    if int32(given + RANK) != rank:
        return 0
    actual = word(given + DIMENSIONS)
    wanted = table + word(record + 48)
    for i in range(rank):
        if word(actual + 8 * i) != word(wanted + 8 * i):
            return 0
    return 1

def make(table, slots, made):
    record = table + word(table + MADE_AT)
    for i in range(word(table + MADE)):
        shape = table + word(record + 16)
        array = new_array(
            word(table + NDARRAY), word(record + 8), shape, word(record + 24), 0, 0, 0, 0, 0
        )
        if array == 0:
            return i
        set_word(made + 8 * i, array)
        set_word(slots + word(record), word(array + DATA))
        record = record + 32
    return word(table + MADE)

def run(table, slots):
    if word(table + RELEASES):
        thread = release_lock()
        status = call_address(word(table + ENTRY), slots)
        take_lock(thread)
        return status
    return call_address(word(table + ENTRY), slots)

def returned(table, arguments, slots, made):
    record = table + word(table + RETURNED_AT)
    n = word(table + RETURNED)
    container = word(table + CONTAINER)
    if container == BARE:
        if n:
            return give(record, arguments, slots, made)
        keep(word(table + NONE))
        return word(table + NONE)
    if container == LIST:
        result = new_list(n)
    else:
        result = new_tuple(n)
    for i in range(n):
        value = give(record, arguments, slots, made)
        if value == 0:
            drop(result)
            return 0
        if container == LIST:
            set_list(result, i, value)
        else:
            set_tuple(result, i, value)
        record = record + 24
    return result

def give(record, arguments, slots, made):
    kind = word(record)
    place = word(record + 8)
    if kind == RESULT:
        return new_scalar(slots + place, word(record + 16), 0)
    if kind == OBJECT:
        value = place
    elif kind == INPUT:
        value = word(arguments + place)
    else:
        value = word(made + place)
    if word(record + 16):
        return copy_array(value, 0)
    keep(value)
    return value
"""


@dataclass(frozen=True)
class Given:
    """An argument that Python passes. What is None is not checked, but an array must be one.

    `shape`: an array must have it, the dtype of the argument, C order and alignment (and be
    writeable, if `is_written`). `python_type`: the exact type of a number.
    """

    shape: tuple | None = None
    python_type: object = None
    is_written: bool = False


@dataclass(frozen=True)
class Made:
    """An array of that shape, made for the call."""

    shape: tuple


@dataclass(frozen=True)
class Kept:
    """An array that is the same in every call."""

    array: np.ndarray


@dataclass(frozen=True)
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
                records.append((_SLOT * i, _kind(argument.dtype), exact, 0, 0, 0, 0))
                continue
            checks = (0, 0, 0, 0)
            if given.shape is not None:
                flags = _CARRAY if given.is_written else _CARRAY & ~_WRITEABLE
                dtype = id(np.dtype(argument.dtype.name))
                checks = dtype, flags, len(given.shape), self._dimensions(given.shape)
            records.append((_SLOT * i, _KINDS["ARRAY"], id(np.ndarray), *checks))
        self._put("INPUTS", records)

    def _put_made(self):
        records = []
        for i, made in self._of(Made):
            number = self._arguments[i].dtype.num
            records.append((_SLOT * i, len(made.shape), self._dimensions(made.shape), number))
        self._put("MADE", records)

    def _put_kept(self):
        kept = self._of(Kept)
        self._kept += [k.array for _, k in kept]
        self._put("KEPT", [(_SLOT * i, k.array.ctypes.data) for i, k in kept])
        for i, workspace in self._of(Workspace):
            self._set("WORKSPACE", max(1, workspace.nbytes))
            self._set("WORKSPACE_SLOT", _SLOT * i)

    def _put_returned(self, returned):
        inputs = [i for i, _ in self._of(Given)]
        made = [i for i, _ in self._of(Made)]
        records = []
        for how, what in returned:
            if how == "object":
                self._kept.append(what)
                records.append((_RETURNED["OBJECT"], id(what), 0))
            elif what in inputs:
                records.append((_RETURNED["INPUT"], 8 * inputs.index(what), how == "copy"))
            elif what in made:
                records.append((_RETURNED["MADE"], 8 * made.index(what), how == "copy"))
            else:
                dtype = np.dtype(self._arguments[what].dtype.name)  # NumPy keeps it for ever
                records.append((_RETURNED["RESULT"], _SLOT * what, id(dtype)))
        self._put("RETURNED", records)


def _kind(dtype):
    kinds = {"b": "BOOL", "i": "SIGNED", "u": "UNSIGNED"}
    return _KINDS[kinds.get(dtype.kind) or dtype.name.upper()]


class _Answer:
    """What a builtin asks when all is not well: with a status, or with None for a misfit."""

    __slots__ = ("_expected", "_on_error")

    def __init__(self, on_error, expected):
        self._on_error, self._expected = on_error, expected

    def __call__(self, status):
        if status is None:
            raise TypeError(f"expected {len(self._expected)} arguments: {self._expected}")
        return self._on_error(status)


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.restype = ctypes.py_object
_new_function.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
_free = ctypes.pythonapi.PyMem_RawFree
_free.restype, _free.argtypes = None, (ctypes.c_void_p,)


def builtin(name, code, plan, on_error, call):
    """The builtin that runs an entry's machine code as a plan says; `call` is `SOURCE`'s."""
    plan.start(code.slots_address)
    method = _Method(name.encode(), call.address, _METH_FASTCALL, None)
    this = plan.table, _Answer(on_error, plan.expected), plan, code, call, method
    return _new_function(ctypes.addressof(method), this, None)


def plain_plan(arguments, release_gil):
    """The plan under which Python passes every argument, and gets back every result."""
    origins = [None if isinstance(a, Result) else Given() for a in arguments]
    returned = [("argument", i) for i, a in enumerate(arguments) if isinstance(a, Result)]
    container = tuple if len(returned) > 1 else None
    return Plan(arguments, origins, returned, container, release_gil, raises=True)


def call_text():
    """The LLVM text of the function behind every builtin: `PyObject *call(self, arguments, n)`."""
    return low_level.translate(SOURCE, _CONSTANTS, _C_FUNCTIONS)


def slots_symbol(symbol):
    """The name of an entry's function that takes its arguments from slots."""
    return f"{symbol}.slots"


def slots_text(symbol, arguments):
    """The LLVM text of `i64 symbol.slots(ptr)`: argument i lies in, or points to, slot i."""
    lines, passed = [], []
    for i, argument in enumerate(arguments):
        lines.append(f"  %s{i} = getelementptr i8, ptr %slots, i64 {_SLOT * i}")
        taken = parameters(argument, f"a{i}")
        if isinstance(argument, Result):
            taken = [("ptr", f"%s{i}")]
        elif len(taken) == 2:
            (kind, name), (_, second) = taken
            lines.append(f"  {name} = load {kind}, ptr %s{i}")
            lines.append(f"  %t{i} = getelementptr {kind}, ptr %s{i}, i64 1")
            lines.append(f"  {second} = load {kind}, ptr %t{i}")
        else:
            lines.append(f"  {taken[0][1]} = load {taken[0][0]}, ptr %s{i}")
        passed += taken
    kinds = ", ".join(kind for kind, _ in passed)
    given = ", ".join(f"{kind} {name}" for kind, name in passed)
    return f"""
declare i64 @{symbol}({kinds})
define i64 @{slots_symbol(symbol)}(ptr %slots) {{
{chr(10).join(lines)}
  %status = call i64 @{symbol}({given})
  ret i64 %status
}}
"""


@cache
def numpy_address(name):
    """The address of a function of NumPy's C interface."""
    capsule = np._core._multiarray_umath._ARRAY_API
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    return table[{"PyArray_Scalar": 60, "PyArray_NewCopy": 85, "PyArray_New": 93}[name]]
