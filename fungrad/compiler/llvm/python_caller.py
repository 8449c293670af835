"""The function behind every builtin, in low-level Python: it runs an entry as a plan says.

It has CPython's fast calling convention, and reads the plan from its table. Layouts and functions
are those of the public, stable C interfaces of CPython and NumPy.
"""

from fungrad.compiler.execution.interrupts import INTERRUPTED
from fungrad.compiler.execution.loading import slots_symbol
from fungrad.compiler.execution.native import Native
from fungrad.compiler.execution.plan import CONSTANTS, SLOT_SIZE
from fungrad.compiler.language.arguments import Result, parameters

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
    "set_handler": ("fungrad.numpy.PyDataMem_SetHandler", "ptr", ("ptr",)),
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
    n_gaps = 0
    for i in range(n):
        fits = take(table, record, word(arguments + 8 * i), slots + word(record))
        if fits == 0:
            return misfit(table, answer)
        if fits == WITH_GAPS:
            n_gaps = n_gaps + 1
        record = record + 56
    if word(table + HAS_SCALARS):
        if error():
            return 0
    record = table + word(table + KEPT_AT)
    for i in range(word(table + KEPT)):
        set_word(slots + word(record), word(record + 8))
        record = record + 16

    made = stack(8 * word(table + MADE) + 8 * n_gaps + 8)
    n_made = make(table, slots, made)
    fine = n_made == word(table + MADE)
    if n_gaps:
        if fine:
            n_made = n_made + copy_those_with_gaps(table, arguments, slots, made + 8 * n_made)
            fine = n_made == word(table + MADE) + n_gaps
    workspace = 0
    lacks = 0
    if word(table + WORKSPACE):
        workspace = word(table + SPARE)  # the lock of the interpreter makes this exchange atomic
        set_word(table + SPARE, 0)
        if workspace == 0:
            workspace = new_workspace(table)
        lacks = workspace == 0
        aligned = (workspace + ALIGNMENT - 1) & -ALIGNMENT
        set_word(slots + word(table + WORKSPACE_SLOT), aligned)
    result = 0
    if fine:
        status = OUT_OF_MEMORY
        if lacks == 0:
            status = run(table, slots)
        if status == INTERRUPTED:
            result = 0
        elif status:
            result = fail(answer, status)
        else:
            result = returned(table, arguments, slots, made)
    if workspace:
        if word(table + GIVE_BACK):
            call_address(word(table + GIVE_BACK), 0, workspace, 0)
        elif word(table + SPARE):
            free_memory(workspace)
        else:
            set_word(table + SPARE, workspace)
    for i in range(n_made):
        drop(word(made + 8 * i))
    return result

def new_workspace(table):
    if word(table + GET):
        return call_address(word(table + GET), 0, word(table + WORKSPACE))
    return get_memory(word(table + WORKSPACE) + ALIGNMENT)

def fail(answer, status):
    code = new_int(status)
    result = invoke(answer, code)
    drop(code)
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
    has_flags = flags_fit(record, given)
    if has_flags == 0:
        if word(record + 32) & WRITEABLE:
            return 0
    rank = word(record + 40)
    if int32(given + RANK) != rank:
        return 0
    actual = word(given + DIMENSIONS)
    wanted = table + word(record + 48)
    for i in range(rank):
        if word(actual + 8 * i) != word(wanted + 8 * i):
            return 0
    if has_flags:
        return 1
    return WITH_GAPS

def flags_fit(record, given):
    flags = word(record + 32)
    return (int32(given + FLAGS) & flags) == flags

def copy_those_with_gaps(table, arguments, slots, copies):
    record = table + word(table + INPUTS_AT)
    n = 0
    for i in range(word(table + INPUTS)):
        given = word(arguments + 8 * i)
        if word(record + 24):
            if flags_fit(record, given) == 0:
                copy = copy_array(given, 0)
                if copy == 0:
                    return n
                set_word(copies + 8 * n, copy)
                set_word(slots + word(record), word(copy + DATA))
                n = n + 1
        record = record + 56
    return n

def make(table, slots, made):
    record = table + word(table + MADE_AT)
    for i in range(word(table + MADE)):
        before = 0
        if word(record + 32):
            before = set_handler(word(record + 32))
        shape = table + word(record + 16)
        array = new_array(
            word(table + NDARRAY), word(record + 8), shape, word(record + 24), 0, 0, 0, 0, 0
        )
        if before:
            drop(set_handler(before))
            drop(before)
        if array == 0:
            return i
        set_word(made + 8 * i, array)
        set_word(slots + word(record), word(array + DATA))
        record = record + 40
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


#: The same, as it is compiled: `PyObject *call(self, arguments, n)`.
CALL = Native(SOURCE, {**CONSTANTS, "INTERRUPTED": INTERRUPTED}, _C_FUNCTIONS)


def slots_text(symbol, arguments):
    """The LLVM text of `i64 symbol.slots(ptr)`: argument i lies in, or points to, slot i."""
    lines, passed = [], []
    for i, argument in enumerate(arguments):
        lines.append(f"  %s{i} = getelementptr i8, ptr %slots, i64 {SLOT_SIZE * i}")
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
