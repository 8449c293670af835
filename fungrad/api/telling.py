"""log_compiles and explain_cache_misses: what jit says of its work, and why it works again."""

import time
from contextlib import contextmanager

from fungrad.core.types import WEAK_DTYPES, ArrayType


def _warn(message, *arguments):
    """Log a line, as a warning, so that it is seen without further ado."""
    import logging  # 3 ms, for what is off by default

    logging.getLogger("fungrad").warning(message, *arguments)


class Telling:
    """A switch, off by default: `with switch():` in a block, `switch.enable()` from now on."""

    def __init__(self, description):
        self.is_on = False
        self.__doc__ = description

    @contextmanager
    def __call__(self, new_val=True):
        before, self.is_on = self.is_on, bool(new_val)
        try:
            yield
        finally:
            self.is_on = before

    def enable(self):
        """Switch it on, until `disable`."""
        self.is_on = True

    def disable(self):
        """Switch it off again."""
        self.is_on = False


log_compiles = Telling(
    """A context in which jit logs each trace and each compilation, with the time that it took.

    The logger is `logging.getLogger("fungrad")`, the level WARNING, so that it is seen without
    further ado. `log_compiles.enable()` switches it on for good.

    >>> from fungrad import jit
    >>> with log_compiles():
    ...     jit(lambda x: x + 1)(1.0)
    np.float64(2.0)
    """
)
explain_cache_misses = Telling(
    """A context in which jit logs why a call is traced anew: what differs from earlier calls.

    The logger is `logging.getLogger("fungrad")`, the level WARNING.

    >>> from fungrad import jit
    >>> with explain_cache_misses():
    ...     jit(lambda x: x + 1)(1.0)
    np.float64(2.0)
    """
)


@contextmanager
def told(what, of, types=None):
    """A context whose time is logged where `log_compiles` is on."""
    start = time.perf_counter()
    yield
    if log_compiles.is_on:
        took = 1e3 * (time.perf_counter() - start)
        given = "" if types is None else f" for ({', '.join(map(str, types))})"
        _warn("%s %s%s in %.3g ms", what, of, given, took)


def explain_miss(title, known, key):
    """Log in what the key of a call differs from the nearest of the known keys."""
    if not explain_cache_misses.is_on:
        return
    if not known:
        _warn("%s is traced: it has not been called before (or its cache is empty)", title)
        return
    tree, static, *kinds = key
    differences = [_differences(other, tree, static, kinds) for other in known]
    nearest = min(reversed(differences), key=len)
    _warn(
        "%s is traced anew, beside %d other%s: %s",
        title,
        len(known),
        "s" * (len(known) > 1),
        "; ".join(nearest) or "it closes over traced values",
    )


def _differences(other, tree, static, kinds):
    """What differs from another key, in words."""
    other_tree, other_static, *other_kinds = other
    found = []
    if other_tree is not tree:
        found.append(f"the arguments have another structure, {tree} instead of {other_tree}")
    if other_static != static:
        found.append(f"static arguments {_values(static)} instead of {_values(other_static)}")
    if other_tree is tree:
        paths = _paths(tree)
        for path, before, kind in zip(paths, other_kinds, kinds, strict=True):
            if before != kind:
                found.append(f"the argument at {path} is {_shown(kind)}, not {_shown(before)}")
    return found


def _values(static):
    return {k: v for k, _, v in static} if static else "(none)"


def _paths(tree):
    from fungrad.core.tree import flatten_with_path, keystr

    example = tree.unflatten(list(range(tree.num_leaves)))
    return [keystr(path) for path, _ in flatten_with_path(example)[0]]


def _shown(kind):
    """What the key of a trace holds of a leaf, in words."""
    if kind in WEAK_DTYPES:
        return f"a Python {kind.__name__}"
    if isinstance(kind, type):
        return str(ArrayType((), kind))
    dtype, shape, *weak = kind
    return f"{ArrayType(shape, dtype)}{' of weak dtype' if any(weak) else ''}"


__all__ = ["explain_cache_misses", "log_compiles"]
