"""From traced values to Python's: bool, int, float, iteration, printing, plain arrays.

A conversion works where the value is known and loses no derivative; otherwise it raises and names
the way out.
"""

import sys
from bisect import bisect_right

import numpy as np

from fungrad.core.errors import LostDerivativeError, UnknownValueError, ViewWriteError
from fungrad.core.tracing import INPUT, Tracer, describe_slot
from fungrad.numpy.dispatch import TRACED
from fungrad.numpy.indexing import getitem
from fungrad.numpy.plain_requests import Request, request_of_caller
from fungrad.primitives.elementwise import stop_gradient


def known(x, what, instead):
    """The NumPy value; UnknownValueError says for what it was needed and what to do instead."""
    if x.is_known:
        return x.value
    recording = x.recording
    recording.require_open(x)
    what, instead = request_of_caller(Request(what, instead))
    error = UnknownValueError(
        f"{what} needs a value that does not exist while {recording.title} is traced: "
        f"{describe_slot(recording, x.id)} is known only when the program runs; {instead}"
        f"{way_out(recording.title)}"
    )
    recording.refusal = error
    raise error


def carries_derivative(x):
    """Whether a traced value may depend on an input of its trace by a chain of derivatives."""
    recording = x.recording
    entries, firsts = recording.entries, recording.firsts
    wanted, seen = [x.id], set()
    while wanted:
        slot = wanted.pop()
        if slot in seen or not recording.type_of(slot).is_differentiable:
            continue
        seen.add(slot)
        if slot < recording.input_count:
            return True
        what, operands = entries[bisect_right(firsts, slot) - 1]
        if what is INPUT:
            outer = recording.captures[list(recording.captured.values()).index(slot)]
            if type(outer) is Tracer and carries_derivative(outer):
                return True
        elif what is not stop_gradient:
            wanted += [i for i in operands if type(i) is int]
    return False


def way_out(title):
    """What makes a value known to the transform that hides it, for error texts."""
    if title.startswith("jit"):
        return ", or pass the argument as static (static_argnums)"
    if title.startswith("vmap"):
        return ", or pass the argument to all elements (in_axes=None)"
    return ", or compute the value before and close over it"


def converted(x, what, instead):
    """The value for a conversion that drops derivatives; LostDerivativeError where there is one."""
    recording = x.recording
    recording.require_open(x)
    if x.dtype.kind in "fc" and x.is_known and carries_derivative(x):
        what, instead = request_of_caller(Request(what, instead))
        raise LostDerivativeError(
            f"{what} would drop the derivative of {describe_slot(recording, x.id)} inside "
            f"{recording.title}; {instead}, or convert stop_gradient(x) where no derivative is "
            "wanted"
        )
    return known(x, what, instead)


_FUNCTIONS = (
    "use the functions of numpy or fungrad.numpy instead of those of math (np.sin(x) for "
    "math.sin(x))"
)
_ARRAYS = (
    "use fungrad.numpy.asarray or array (numpy.stack and concatenate work as they are), numpy "
    "functions on the traced value itself, and x.astype(np.float32) for np.float32(x)"
)
_BRANCHES = (
    "use fungrad.numpy.where(condition, x, y), & and | for `and` and `or`, numpy.maximum for max, "
    "numpy.sort for sorted, lax.cond or lax.while_loop"
)
_SIZES = (
    "use lax.fori_loop or an index array (a plain array is indexed as fungrad.numpy.asarray(a)[i])"
)


def as_bool(self):
    """`bool(x)`."""
    what = "bool(x), for which `if`, `while`, `and`, `not`, max and sorted ask,"
    return bool(known(self, what, _BRANCHES))


def as_int(self):
    """`int(x)`, also of a known float: whole numbers have no derivative."""
    return int(known(self, "int(x)", _SIZES))


def as_index(self):
    """`x` as an index or a count."""
    if self.dtype.kind not in "iu" or self.shape:
        raise TypeError(
            "only integer scalar arrays can be an index or a count, as in range(n) or a[i]: "
            f"{describe_slot(self.recording, self.id)} is none. What is differentiated is a float, "
            "also where a Python int was given: pass a count as another argument or close over it, "
            "or use int(x)"
        )
    return known(self, "an index or a count, as in range(n) or a[i],", _SIZES).__index__()


def as_float(self):
    """`float(x)`."""
    return float(converted(self, "float(x)", _FUNCTIONS))


def as_complex(self):
    """`complex(x)`."""
    return complex(converted(self, "complex(x)", _FUNCTIONS))


def item(self, *index):
    """`x.item()`: one element as a Python number."""
    return converted(self, "x.item()", _FUNCTIONS).item(*index)


def tolist(self):
    """`x.tolist()`: Python numbers in nested lists."""
    return converted(self, "x.tolist()", _FUNCTIONS).tolist()


def as_array(self, dtype=None, copy=None):
    """`numpy.asarray(x)`."""
    if sys._getframe(1).f_code.co_name == "_matmul_dispatch":  # SciPy's, which then calls us
        return _opaque(self)
    is_index = not self.shape and self.dtype.kind in "iu"
    instead = _SIZES if is_index else _ARRAYS
    value = converted(self, "a conversion to a plain NumPy array", instead)
    if copy is False:
        raise ValueError("a traced value cannot be converted to a plain array without a copy")
    return np.array(value, dtype)


def _opaque(x):
    """An array of rank 0 that holds `x` itself: what NumPy makes of things that are no arrays."""
    result = np.empty((), object)
    result[()] = x
    return result


def length(self):
    """`len(x)`."""
    if not self.shape:
        raise TypeError("len() of unsized object")
    return self.shape[0]


def rows(self):
    """`for row in x`."""
    if not self.shape:
        raise TypeError("iteration over a 0-d array")
    return iter([getitem(self, i) for i in range(self.shape[0])])


def contains(self, value):
    """`value in x`."""
    return bool((self == value).any())


def text(self):
    """`str(x)`: the value where it is known."""
    try:
        return str(self.value) if self.is_known else repr(self)
    except ViewWriteError:
        return repr(self)


def representation(self):
    """`repr(x)`: the value where it is known, else the type."""
    try:
        if self.is_known:
            return f"Traced({self.value!r})"
        return f"Traced({self.type!r})"
    except ViewWriteError:
        return "Traced(a view that was lost)"


def formatted(self, spec):
    """`format(x, spec)`, as f-strings use it."""
    if not spec:
        return text(self)
    instead = "print the type with f'{x}', or the value with fungrad.debug.print"
    return format(known(self, f"the format {spec!r}", instead), spec)


for _function in (np.array_repr, np.array_str, np.array2string):
    TRACED[_function] = lambda a, *args, _function=_function, **kwargs: _function(
        known(a, "printing", "print the traced value itself, or use fungrad.debug.print"),
        *args,
        **kwargs,
    )


def install():
    """Attach the conversions to the tracer class."""
    for name, function in {
        "__bool__": as_bool,
        "__int__": as_int,
        "__index__": as_index,
        "__float__": as_float,
        "__complex__": as_complex,
        "__array__": as_array,
        "__len__": length,
        "__iter__": rows,
        "__contains__": contains,
        "__str__": text,
        "__repr__": representation,
        "__format__": formatted,
        "item": item,
        "tolist": tolist,
    }.items():
        setattr(Tracer, name, function)
