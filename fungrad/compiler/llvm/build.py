"""From generated source to callable machine code: kernels, and entries that call them by symbol.

A kernel is a loop nest over raw pointers. An entry is a program's outermost function, callable from
Python. Both are functions of an int64 status, 0 if all went well. A kernel's symbol is the digest
of everything its machine code depends on: equal symbols are equal code, in memory, on disk, in
every process. An entry refers to kernels by symbol, so that it compiles without them.

    source -> kernel_language, translate -> LLVM text -> machine -> object file -> image -> memory
                                                              cache (disk) <-> image
"""

from contextlib import contextmanager
from functools import cache

from fungrad.compiler.execution import cache as disk
from fungrad.compiler.execution import loading, python_call
from fungrad.compiler.execution.forms import argument_as_data
from fungrad.compiler.execution.loading import Kernel, clear, statistics, stored
from fungrad.compiler.execution.plan import (
    OUT_OF_MEMORY,
    Given,
    Kept,
    Made,
    Plan,
    Workspace,
    plain_plan,
)
from fungrad.compiler.language.arguments import Argument, Array, Pointer, Result, Scalar
from fungrad.compiler.llvm import layout
from fungrad.compiler.llvm.python_caller import CALL
from fungrad.compiler.llvm.request import Request
from fungrad.core.errors import CompilationError

__all__ = [
    "Argument",
    "Array",
    "Given",
    "Kept",
    "Kernel",
    "Made",
    "Pointer",
    "Request",
    "Result",
    "Scalar",
    "Workspace",
    "assembly",
    "builtin",
    "built",
    "checked_entry",
    "clear",
    "entry",
    "entry_request",
    "explained",
    "find",
    "finished",
    "first_requests",
    "kernel",
    "statistics",
    "stored",
]


def kernel(source, name, arguments, kernels=None, language="python", effort=3, in_parts=False):
    """The kernel `name` of a source, which may call other kernels: {name in source: kernel}.

    The language is "python", translated by `kernel_language` or else by Numba's front end, "numba",
    always by the latter, or "llvm". Effort 0 compiles faster, for code without
    loops. `in_parts` says that the turns of the outermost loop do not depend on each other, so that
    threads may share them. Equal sources give the same kernel.

    >>> scale = kernel('''
    ... def scale(n, factor, x):
    ...     for i in range(n):
    ...         x[i] = x[i] * factor
    ...     return 0
    ... ''', "scale", (Scalar("int64"), Scalar("float64"), Pointer("float64")))
    >>> scale.arguments
    (Scalar(int64), Scalar(float64), Pointer(float64))
    """
    request = Request("kernel", source, name, arguments, kernels, language, effort, in_parts)
    return built(request)


def entry(source, name, arguments, kernels=None, on_error=None, release_gil=True):
    """The function `name` of a source as a builtin that Python can call.

    It takes the arguments that are not results, in order, and returns None, a NumPy scalar or a
    tuple of NumPy scalars, after the number of results. If the status is not 0 it returns what
    `on_error(status)` returns, which should raise; by default that is a RuntimeError.

    >>> total = entry('''
    ... def total(sizes, x, y):
    ...     y[0] = 0.0
    ...     for i in range(sizes[0]):
    ...         y[0] += x[i]
    ...     return 0
    ... ''', "total", (Array("int64"), Array("float64"), Result("float64")))
    >>> import numpy as np
    >>> total(np.array([3]), np.ones(3))
    np.float64(3.0)
    """
    plan = plain_plan(tuple(arguments), release_gil)
    return _builtin(source, name, arguments, kernels, plan, on_error)


def checked_entry(
    source,
    name,
    arguments,
    origins,
    returned,
    container=list,
    kernels=None,
    on_error=None,
    release_gil=True,
):
    """An entry as a builtin that checks what it is given, and makes its outputs and workspace.

    It returns NotImplemented, and does nothing, if a number of arguments, type, dtype, shape or
    layout is not the expected one.

    Parameters
    ----------
    origins : per argument, where it comes from: `Given`, `Made`, `Kept`, `Workspace`, or None for
        a result.
    returned : pairs ("argument", i): the array or result that argument i is; ("copy", i): a copy
        of that array; ("object", x): the object x.
    container : `list` or `tuple`, or None to return the only output itself.

    >>> import numpy as np
    >>> double = checked_entry('''
    ... def double(n, x, y):
    ...     for i in range(n[0]):
    ...         y[i] = 2.0 * x[i]
    ...     return 0
    ... ''', "double", (Array("int64"), Array("float64"), Array("float64")),
    ...     (Kept(np.array([3])), Given((3,)), Made((3,))), [("argument", 2)], container=None)
    >>> double(np.ones(3)), double(np.ones(4))
    (array([2., 2., 2.]), NotImplemented)
    """
    plan = Plan(tuple(arguments), origins, returned, container, release_gil)
    return _builtin(source, name, arguments, kernels, plan, on_error)


def _builtin(source, name, arguments, kernels, plan, on_error):
    return builtin(built(entry_request(source, name, arguments, kernels)), plan, on_error)


def entry_request(source, name, arguments, kernels=None):
    """The request of an entry, whose machine code `builtin` takes."""
    from fungrad.compiler.llvm.effort import effort_of  # of no use to who finds all on disk

    return Request("entry", source, name, arguments, kernels, effort=effort_of(source))


def builtin(code, plan, on_error=None):
    """The builtin that calls the machine code of an entry as a plan says."""
    return python_call.builtin(code, plan, on_error or _raise_status)


@cache
def _call():
    """The machine code behind every builtin."""
    return loading.kept(built(_call_request()))


def _call_request():
    return Request("call", CALL, "call", (Scalar("int64"),) * 3, None, "llvm", 0)


def first_requests():
    """The requests of what every builtin needs and this process does not have yet."""
    return () if _call.cache_info().currsize else (_call_request(),)


def assembly(source, name, arguments, kernels=None, language="python", effort=3):
    """The assembly of a kernel, to look at; compiled anew for it."""
    from fungrad.compiler.llvm import machine

    request = Request("kernel", source, name, arguments, kernels, language, effort)
    return machine.assembly(request.texts(), request.exports, effort)


def built(request):
    """What a request asks for: from memory, else from disk, else compiled."""
    with loading.lock:
        found = find(request)
        if found is not None:
            return found
        from fungrad.compiler.llvm import machine

        with explained(request):
            code = machine.object_code(request.texts(), request.exports, request.effort)
            return finished(request, *code)


def find(request):
    """What a request asks for, from memory, else from disk, else None."""
    return stored(request.key, request.needs)


@contextmanager
def explained(request):
    """What fails inside is a CompilationError with the source."""
    try:
        yield
    except Exception as error:
        what = f"{request.name}({', '.join(map(repr, request.arguments))})"
        raise CompilationError(f"cannot compile {what}: {error}\n{request.source}") from error


def finished(request, code, imports):
    """The kernel of a request's object code, which stays in memory and on disk."""
    laid_out = layout.laid_out(code, request.exports)
    details = {"kind": request.kind, "symbol": request.symbol}
    details["arguments"] = [argument_as_data(a) for a in request.arguments]
    if laid_out is None:
        details |= {"imports": imports, "exports": request.exports}
    else:
        code, details["image"] = laid_out.code, laid_out.details
    if request.kind == "entry":
        details["call"] = _call().symbol
    with loading.lock:
        loaded = loading.loaded(code, details, request.needs)
        kernel = loading.remembered(request.key, loaded)
        disk.save(request.key, code, details)
        loading.count("compiled", request.kind)
    return kernel


def _raise_status(status):
    if status == OUT_OF_MEMORY:
        raise MemoryError("compiled code could not get the memory that it needs")
    raise RuntimeError(f"compiled code ended with status {status}")
