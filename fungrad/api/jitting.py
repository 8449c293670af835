"""jit: a function traced once per types of its arguments, compiled, and called."""

import inspect
from contextlib import contextmanager
from functools import partial, update_wrapper
from types import MethodType
from weakref import WeakSet

import numpy as np

from fungrad.api.arguments import parameter_positions
from fungrad.api.operands import is_numeric, is_stack_value, operand_of
from fungrad.api.stages import Stage, Traced
from fungrad.api.telling import explain_miss, told
from fungrad.api.titles import function_name
from fungrad.control.call import Call, settings
from fungrad.core.errors import StaticArgumentError
from fungrad.core.program_table import clear_programs
from fungrad.core.thread_state import examinations
from fungrad.core.tracer import type_of_value
from fungrad.core.tracing import Recording, Tracer, state
from fungrad.core.tree import flatten
from fungrad.core.types import WEAK_DTYPES


def jit(
    fun=None,
    *,
    static_argnums=None,
    static_argnames=None,
    donate_argnums=None,
    donate_argnames=None,
    inline=False,
    keep_unused=False,
):
    """The function, compiled: traced for the types of its arguments, then native code.

    Args:
        fun: a function of arrays, numbers and pytrees; without it `jit` is a decorator factory.
        static_argnums, static_argnames: arguments (by position or name) that are Python values:
            hashable, and traced anew for each.
        donate_argnums, donate_argnames: arguments whose arrays may be overwritten by results; what
            is in them after the call is not defined, also where it ends in an error.
        inline, keep_unused: accepted as in JAX; they change nothing here.

    Returns:
        A function of the same arguments that returns arrays and NumPy scalars. It has `lower`,
        `trace` and `clear_cache`. New shapes are traced, and compile nothing new where the
        structure of the program stays the same.

    Raises:
        StaticArgumentError, UnknownValueError (Python asked for a traced value).

    >>> jit(lambda x: x * 2)(3.0)
    np.float64(6.0)
    """
    if fun is None:
        return partial(
            jit,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
            donate_argnums=donate_argnums,
            donate_argnames=donate_argnames,
        )
    if not callable(fun):
        raise TypeError(f"jit: expected a function, got {fun!r:.60}")
    return Jitted(
        fun,
        _positions(fun, static_argnums, static_argnames, "static"),
        _names(fun, static_argnums, static_argnames),
        _positions(fun, donate_argnums, donate_argnames, "donate"),
        _names(fun, donate_argnums, donate_argnames),
    )


def _as_tuple(x, kind):
    return () if x is None else (x,) if isinstance(x, kind) else tuple(x)


def _positions(fun, argnums, argnames, word):
    """The positions that are chosen, by number or by name."""
    places = parameter_positions(fun)
    numbers = set()
    for n in _as_tuple(argnums, int):
        if n < 0 and places:
            n += len(places)
        if n < 0 or (places and n >= len(places) and not _has_varargs(fun)):
            raise StaticArgumentError(
                f"jit of {function_name(fun)}: {word}_argnums={argnums!r} does not fit its "
                f"{len(places)} positional parameters"
            )
        numbers.add(n)
    for name in _as_tuple(argnames, str):
        if name in places:
            numbers.add(places[name])
        elif not _accepts_keyword(fun, name):
            raise StaticArgumentError(
                f"jit of {function_name(fun)}: {word}_argnames names {name!r}, which is not a "
                "parameter"
            )
    return frozenset(numbers)


def _names(fun, argnums, argnames):
    """The names that are chosen, by name or by number."""
    by_position = {i: name for name, i in parameter_positions(fun).items()}
    numbers = _as_tuple(argnums, int)
    found = [by_position[n % len(by_position)] for n in numbers if by_position]
    return frozenset([*found, *_as_tuple(argnames, str)])


def _parameters(fun):
    try:
        return inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        return ()


def _has_varargs(fun):
    return any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in _parameters(fun))


def _accepts_keyword(fun, name):
    parameters = _parameters(fun)
    return not parameters or any(
        p.name == name or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters
    )


_jitted: WeakSet = WeakSet()


class Jitted:
    """A jitted function. Calling it traces, compiles and runs; see `jit`."""

    def __init__(self, fun, static_positions, static_names, donated_positions, donated_names):
        self._fun = fun
        self._static_positions, self._static_names = static_positions, static_names
        self._donated_positions, self._donated_names = donated_positions, donated_names
        self._has_static = bool(static_positions or static_names)
        self._traced = {}
        self._direct = None  # the latest call, without the search for what was traced
        self._title = f"jit of {function_name(fun)}"
        update_wrapper(self, fun, updated=())
        _jitted.add(self)

    def __call__(self, *args, **kwargs):
        if not settings.is_compiled:
            return self._fun(*args, **kwargs)
        direct = self._direct
        if direct is not None and not examinations and state.recording is None and not kwargs:
            result = direct(args)
            if result is not NotImplemented:
                return result
        static = None
        if self._has_static:
            args, kwargs, static = self._split_static(args, kwargs)
        leaves, tree = flatten((args, kwargs) if kwargs else args)
        key = (tree, static, *[_kind(x) for x in leaves])
        traced = self._traced.get(key)
        if traced is None:
            traced = self._trace(args, kwargs, static, key)
        if state.recording is not None:
            return self._call_traced(traced, leaves)
        if state.examine is not None:
            return self._call_examined(traced, leaves)
        results = traced.compiled()(*traced.captures, *leaves)
        if static is None and not kwargs and self._traced.get(key) is traced:
            self._direct = traced.direct(tree, leaves)
        return traced.unflatten(results)

    def _call_examined(self, traced, leaves):
        """As a call, with a look at the results; donated arguments are overwritten as ever."""
        operands = [*traced.captures, *[operand_of(x)[0] for x in leaves]]
        kept = [np.copy(x)[()] if i in traced.donated else x for i, x in enumerate(operands)]
        results = traced.compiled()(*operands)
        state.examine(traced.program, kept, results)
        return traced.unflatten(results)

    def _call_traced(self, traced, leaves):
        operands = [*traced.captures, *[operand_of(x)[0] for x in leaves]]
        if any(type(x) is Tracer for x in operands):
            return traced.unflatten(list(Call(traced.program)(*operands)))
        return traced.unflatten(traced.compiled()(*operands))

    def _trace(self, args, kwargs, static, key):
        leaves, tree = flatten((args, kwargs) if kwargs else args)
        pairs = [self._operand(x, i, args, kwargs) for i, x in enumerate(leaves)]
        explain_miss(self._title, self._traced, key)
        recording = Recording(self._title, hides_values=True)
        recording.function = self._fun
        types = [type_of_value(x) for x, _ in pairs]
        with told("traced", self._title, types), recording:
            tracers = [recording.add_input(type_of_value(x), weak=w) for x, w in pairs]
            called = tree.unflatten(tracers)
            positional, named = called if kwargs else (called, {})
            positional, named = self._join_static(positional, named, static)
            outputs, out_tree = flatten(self._fun(*positional, **named))
            positions = [i for i, y in enumerate(outputs) if is_numeric(y)]
            program = recording.finish(
                [outputs[i] for i in positions], self._title.rpartition(" ")[2]
            )
        n = len(tracers)
        captures = recording.captures
        if captures:
            from fungrad.control.programs import rearranged

            program = rearranged(program, (*range(n, n + len(captures)), *range(n)))
        if len(positions) == len(outputs):
            outputs = positions = None
        donated = self._donated(args, kwargs, len(captures))
        traced = Traced(program, captures, out_tree, outputs, positions, donated)
        if not any(type(c) is Tracer for c in captures):
            self._traced[key] = traced
        return traced

    def _operand(self, leaf, number, args, kwargs):
        try:
            return operand_of(leaf)
        except TypeError:
            from fungrad.core.tree import flatten_with_path, keystr

            path, _ = flatten_with_path((args, kwargs) if kwargs else args)[0][number]
            raise TypeError(
                f"{self._title}: the argument at {keystr(path)} is {leaf!r:.60} of type "
                f"{type(leaf).__name__}, not an array or a number; mark it static "
                "(static_argnums, static_argnames) or close over it"
            ) from None

    # ---- static and donated arguments

    def _split_static(self, args, kwargs):
        static = {}
        positional = []
        for i, x in enumerate(args):
            if i in self._static_positions:
                static[i] = x
            else:
                positional.append(x)
        named = {}
        for name, x in kwargs.items():
            if name in self._static_names:
                static[name] = x
            else:
                named[name] = x
        for name, x in static.items():
            if type(x) is Tracer:
                raise StaticArgumentError(
                    f"{self._title}: the static argument {name!r} is {x!r}, a traced value of "
                    f"{x.recording.title}; pass a Python value, or make it an ordinary argument"
                )
            try:
                hash(x)
            except TypeError:
                raise StaticArgumentError(
                    f"{self._title}: the static argument {name!r} is {x!r:.60} of type "
                    f"{type(x).__name__}, which cannot be hashed; pass a tuple or another "
                    "hashable value, or make it an ordinary argument"
                ) from None
        return tuple(positional), named, tuple([(k, type(v), v) for k, v in static.items()])

    def _join_static(self, positional, named, static):
        if not static:
            return positional, named
        values = {k: v for k, _, v in static}
        rest, joined = iter(positional), []
        total = len(positional) + sum(isinstance(k, int) for k in values)
        for i in range(total):
            joined.append(values[i] if i in values else next(rest))
        named = {**named, **{k: v for k, v in values.items() if isinstance(k, str)}}
        return joined, named

    def _donated(self, args, kwargs, offset):
        """The positions of the program's inputs that may be overwritten."""
        if not (self._donated_positions or self._donated_names):
            return ()
        places, number = [], offset
        static = [i for i in self._static_positions if i < len(args) + len(self._static_positions)]
        numbers = [i for i in range(len(args) + len(static)) if i not in self._static_positions]
        for i, x in zip(numbers, args, strict=False):
            count = len(flatten(x)[0])
            if i in self._donated_positions:
                places += range(number, number + count)
            number += count
        for name in sorted(kwargs):
            count = len(flatten(kwargs[name])[0])
            if name in self._donated_names:
                places += range(number, number + count)
            number += count
        return tuple(places)

    # ---- stages

    def lower(self, *args, **kwargs):
        """The program for the types of the arguments: arrays or ShapeDtypeStructs."""
        return self.trace(*args, **kwargs).lower()

    def trace(self, *args, **kwargs):
        """The recorded function for the types of the arguments."""
        static = None
        if self._has_static:
            args, kwargs, static = self._split_static(args, kwargs)
        leaves, tree = flatten((args, kwargs) if kwargs else args)
        leaves = [_example(x) for x in leaves]
        rebuilt = tree.unflatten(leaves)
        args, kwargs = rebuilt if kwargs else (rebuilt, kwargs)
        key = (tree, static, *[_kind(x) for x in leaves])
        traced = self._traced.get(key) or self._trace(tuple(args), kwargs, static, key)
        return Stage(traced, tree, static, self)

    def clear_cache(self):
        """Forget what was traced for this function."""
        self._traced.clear()
        self._direct = None

    def __get__(self, instance, owner=None):
        return self if instance is None else MethodType(self, instance)

    def __repr__(self):
        return f"<jit of {function_name(self._fun)}>"


def _kind(x):
    """What the program depends on in a leaf: its type, and whether it is a Python number."""
    kind = type(x)
    if kind is np.ndarray:
        return x.dtype, x.shape
    if kind in WEAK_DTYPES:
        return kind
    if kind is Tracer:
        return x.dtype, x.shape, x.weak
    if isinstance(x, np.generic):
        return kind
    if is_stack_value(x):
        return x.type
    x = np.asarray(x)
    return x.dtype, x.shape


def _example(x):
    """A value of the type that an argument of `lower` describes."""
    if not isinstance(x, np.ndarray | np.generic | Tracer) and hasattr(x, "shape"):
        return np.broadcast_to(np.zeros((), x.dtype), x.shape)
    return x


def clear_caches():
    """Forget recorded programs, compiled code and memory for results; jitted functions trace anew."""
    for jitted in list(_jitted):
        jitted.clear_cache()
    clear_programs()
    import sys

    runtime = sys.modules.get("fungrad.compiler.runtime")
    if runtime is not None:
        runtime.clear()


@contextmanager
def disable_jit(disable=True):
    """Within this context jitted functions, loops and branches run as plain Python.

    >>> with disable_jit():
    ...     jit(lambda x: x if x > 0 else -x)(-3.0)
    3.0
    """
    before = settings.is_compiled
    settings.is_compiled = not disable
    try:
        yield
    finally:
        settings.is_compiled = before


__all__ = ["clear_caches", "disable_jit", "jit"]
