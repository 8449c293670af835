"""while_loop, fori_loop, scan, map, associative_scan: loops with a carry."""

import operator

import numpy as np

from fungrad.api.closing import (
    close,
    convert_operand,
    converting,
    finished,
    leaf_paths,
    operands_of,
    promoted,
)
from fungrad.api.operands import operand_of
from fungrad.api.segments import scan_in_segments, segment_size
from fungrad.api.titles import title_of
from fungrad.api.uncompiled import fori_in_python, is_known, scan_in_python, while_in_python
from fungrad.control.call import settings
from fungrad.control.progress import Progress
from fungrad.control.scan import Scan
from fungrad.control.while_loop import While
from fungrad.core.errors import CarryTypeError, TreeMismatchError
from fungrad.core.tracer import type_of_value
from fungrad.core.tracing import UNKNOWN, Tracer, state
from fungrad.core.tree import flatten
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import Convert, less

INT64 = np.dtype(np.int64)


def _closed_body(call, init, extra, title, paths=None):
    """The body closed over, with the types of carry that it keeps; the initial carry in them.

    `paths` are those of the user's carry, where a counter stands in front of it.

    `call(*carry_leaves, *extra_leaves)` returns (carry, rest) as a pytree. A carry that starts as
    a Python number takes the dtype that the body gives it.
    """
    leaves, tree = flatten(init)
    values, types, weak = operands_of(leaves, f"{title}: the carry", tree)
    extra_types, extra_weak = extra
    for _ in range(len(types) + 2):
        closed = close(call, [*types, *extra_types], [*weak, *extra_weak], title)
        out_trees = closed.tree.children()
        if out_trees[0] != tree:
            went, came = (
                (tree, out_trees[0])
                if paths is None
                else (t.children()[1] for t in (tree, out_trees[0]))
            )
            raise CarryTypeError(
                f"{title}: the carry goes in with the structure {went} and comes out with {came}; "
                "return a carry of the structure that the body gets"
            )
        n = len(types)
        wanted = []
        for i, (t, out) in enumerate(zip(types, closed.types[:n], strict=True)):
            common = promoted(t, weak[i], out, closed.weak[i])
            if common is None:
                path = leaf_paths(tree)[i] if paths is None else ["", *paths][i]
                raise CarryTypeError(
                    f"{title}: the carry{path} goes in as {t} and comes out as {out}; make the "
                    "initial value of that type, or convert the result with .astype"
                )
            wanted.append(common)
        still_weak = [a and b for a, b in zip(weak, closed.weak[:n], strict=True)]
        if wanted == types and still_weak == weak:
            break
        types, weak = wanted, still_weak
    dtypes = [*[t.dtype for t in types], *[t.dtype for t in closed.types[n:]]]
    program = converting(closed.program, dtypes)
    values = [convert_operand(x, t) for x, t in zip(values, types, strict=True)]
    return program, closed, values, types, tree


def scan(
    f, init, xs=None, length=None, reverse=False, unroll=1, *, checkpoint=None, progress=False
):
    """Loop over the leading axis of `xs`: `carry, y = f(carry, x)`; the last carry and all ys.

    Args:
        f: a function of a carry and one slice of `xs` that returns the new carry, of the same
            structure, shapes and dtypes, and an output (or None).
        init: the first carry, a pytree.
        xs: a pytree of arrays with leading axes of one size, or None with `length`.
        length: the number of iterations; needed only without `xs`.
        reverse: whether to go from the last slice to the first.
        unroll: accepted as in JAX; the compiler decides how far to unroll.
        checkpoint: a number k of iterations, or "sqrt" for the root of their number: reverse mode
            keeps the carry of every k-th iteration only, and computes the values between again,
            one segment at a time. That is about one more forward pass, for n / k + k carries in
            place of n.
        progress: True or a title shows a bar of the iterations that are done, by tqdm where it is
            installed, in compiled code too.

    Returns:
        `(carry, ys)`; the ys are stacked along a new leading axis.

    Raises:
        CarryTypeError: the carry changes its type; names the leaf.

    >>> scan(lambda total, x: (total + x, total), 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 1., 3.]))
    """
    title = title_of("scan", f)
    x_leaves, x_tree = flatten(xs)
    rows, row_types, row_weak = operands_of(x_leaves, f"{title}: xs", x_tree)
    n = _length(row_types, x_tree, length, title)
    if unroll is not True and operator.index(unroll) < 0:
        raise ValueError(f"{title}: unroll must not be negative, it is {unroll}")
    if checkpoint is not None:
        size = segment_size(checkpoint, n, title)
        if state.recording is not None and n > 1:
            shown = progress_of(progress, title)

            def part(carry, rows, count, body=None):
                report = shown and shown.title if body else False
                return scan(body or f, carry, rows, count, reverse, progress=report)

            return scan_in_segments(part, init, xs, n, size, reverse)
    if not settings.is_compiled and n:
        return scan_in_python(f, init, xs, n, reverse, progress_of(progress, title))
    carry_leaves, carry_tree = flatten(init)
    k = len(carry_leaves)

    def call(*v):
        result = f(carry_tree.unflatten(v[:k]), x_tree.unflatten(v[k:]))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TreeMismatchError(f"{title}: the body must return (carry, y), got {result!r:.60}")
        return result

    elements = [ArrayType(t.shape[1:], t.dtype) for t in row_types]
    program, closed, carry, _, tree = _closed_body(call, init, (elements, row_weak), title)
    shown = progress_of(progress, title)
    loop = Scan(program, len(closed.captures), k, n, bool(reverse), shown)
    inputs = [*closed.captures, *carry, *rows]
    results = finished(loop(*inputs), inputs)
    y_tree = closed.tree.children()[1]
    return tree.unflatten(results[:k]), y_tree.unflatten(results[k:])


def _length(types, tree, length, title):
    """The number of iterations of a scan over values of the given types."""
    sizes = {}
    for t, path in zip(types, leaf_paths(tree), strict=True):
        if not t.shape:
            raise TypeError(f"{title}: xs{path} is a scalar; arrays in xs need a leading axis")
        sizes.setdefault(t.shape[0], path)
    if len(sizes) > 1:
        listed = ", ".join([f"xs{path} has {n}" for n, path in sizes.items()])
        raise ValueError(f"{title}: the sizes of the leading axes differ: {listed}")
    if length is None and not sizes:
        raise TypeError(f"{title}: without xs, length is needed")
    if length is None:
        return next(iter(sizes))
    n = operator.index(length)
    if n < 0:
        raise ValueError(f"{title}: length must not be negative, it is {n}")
    if sizes and n not in sizes:
        raise ValueError(f"{title}: length is {n}, the leading axis of xs is {next(iter(sizes))}")
    return n


def progress_of(progress, title):
    """What `progress=` of a loop asks for: a Progress, or None."""
    if progress is None or progress is False:
        return None
    if progress is not True and not isinstance(progress, str):
        raise TypeError(f"{title}: progress must be True, False or a title, it is {progress!r:.60}")
    return Progress(title if progress is True else progress)


def while_loop(cond_fun, body_fun, init_val, *, progress=False):
    """`while cond_fun(val): val = body_fun(val)`, from `init_val`.

    `body_fun` keeps the structure, shapes and dtypes of the value. All transforms apply, reverse
    mode too: the forward loop then saves what the backward loop reads on a growing stack.
    `progress=True` or a title shows how many turns are done, see `scan`.

    >>> while_loop(lambda x: x < 100, lambda x: x * 2, 1)
    np.int64(128)
    """
    title = title_of("while_loop", body_fun)
    if not settings.is_compiled:
        shown = progress_of(progress, title)
        result = while_in_python(cond_fun, body_fun, init_val, shown)
        if result is not UNKNOWN:
            return result
    tree = flatten(init_val)[1]
    program, closed, carry, types, _ = _closed_body(
        lambda *v: (body_fun(tree.unflatten(v)), None), init_val, ([], []), title
    )
    label = f"the condition of {title_of('while_loop', cond_fun)}"
    goes_on = close(lambda *v: cond_fun(tree.unflatten(v)), types, [False] * len(types), label)
    if len(goes_on.types) != 1 or goes_on.types[0].shape:
        raise TypeError(f"{label} must return a boolean scalar, it returned {goes_on.types}")
    condition = converting(goes_on.program, [np.dtype(bool)])
    counts = len(goes_on.captures), len(closed.captures)
    loop = While(condition, program, *counts, False, progress_of(progress, title))
    inputs = [*goes_on.captures, *closed.captures, *carry]
    return tree.unflatten(finished(loop(*inputs), inputs))


def fori_loop(lower, upper, body_fun, init_val, *, unroll=None, progress=False):
    """`for i in range(lower, upper): val = body_fun(i, val)`, from `init_val`.

    The bounds are integers, known or traced; reverse mode works with both. `i` has their dtype;
    where both are Python numbers it gives way as one, so that a float32 carry times `i` stays
    float32. `unroll` is accepted as in JAX; the compiler decides how far to unroll.
    `progress=True` or a title shows a bar, see `scan`.

    >>> fori_loop(0, 5, lambda i, total: total + i, 0)
    np.int64(10)
    """
    title = title_of("fori_loop", body_fun)
    first, last, is_weak = _bounds(lower, upper, title)
    if not settings.is_compiled and is_known(first) and is_known(last):
        shown = progress_of(progress, title)
        number = int if is_weak else first.dtype.type
        return fori_in_python(first, last, number, body_fun, init_val, shown)
    tree = flatten(init_val)[1]
    counter = int(first) if is_weak and type(first) is not Tracer else first

    def stepped(i, *v):
        return (i + 1, body_fun(i, tree.unflatten(v))), None

    program, closed, carry, types, _ = _closed_body(
        stepped, (counter, init_val), ([], []), title, leaf_paths(tree)
    )
    if type(first) is not Tracer and type(last) is not Tracer:
        length = max(int(last) - int(first), 0)
        shown = progress_of(progress, title)
        loop = Scan(program, len(closed.captures), len(carry), length, False, shown)
        inputs = [*closed.captures, *carry]
    else:
        test = close(
            lambda end, i, *v: less(i, end),
            [type_of_value(last), *types],
            [False] * (1 + len(types)),
            "the condition of fori_loop",
        )
        shown = progress_of(progress, title)
        loop = While(test.program, program, 1, len(closed.captures), False, shown)
        inputs = [last, *closed.captures, *carry]
    return tree.unflatten(finished(loop(*inputs), inputs)[1:])


def _bounds(lower, upper, title):
    """The bounds of a `fori_loop` in the dtype of its counter, and whether that is weak."""
    pairs = [operand_of(b) for b in (lower, upper)]
    for (b, _), name in zip(pairs, ("lower", "upper"), strict=True):
        if np.shape(b) or b.dtype.kind not in "iu":
            raise TypeError(f"{title}: {name} must be an integer scalar, it is {b!r}")
    strong = [b.dtype for b, weak in pairs if not weak]
    dtype = np.result_type(*strong) if strong else INT64
    dtype = dtype if dtype.kind in "iu" else INT64  # of int64 and uint64 NumPy makes float64
    first, last = [b if b.dtype == dtype else Convert(dtype)(b) for b, _ in pairs]
    return first, last, not strong


def map(f, xs, *, batch_size=None):
    """`f` applied to each slice along the leading axis of `xs`, the results stacked.

    With `batch_size`, that many slices at a time go through `vmap(f)`.

    >>> map(lambda x: x**2, np.array([1.0, 2.0]))
    array([1., 4.])
    """
    if batch_size is None:
        return scan(lambda _, x: ((), f(x)), (), xs)[1]
    from fungrad.api.vectorize import vmap
    from fungrad.core import tree as trees
    from fungrad.numpy import concatenate, reshape

    n = np.shape(flatten(xs)[0][0])[0]
    size = operator.index(batch_size)
    if size < 1:
        raise ValueError(f"map: batch_size must be positive, it is {size}")
    whole = n // size * size
    blocks = trees.map(lambda x: reshape(x[:whole], (n // size, size, *x.shape[1:])), xs)
    done = scan(lambda _, x: ((), vmap(f)(x)), (), blocks)[1]
    done = trees.map(lambda y: reshape(y, (whole, *y.shape[2:])), done)
    if whole == n:
        return done
    rest = vmap(f)(trees.map(lambda x: x[whole:], xs))
    return trees.map(lambda a, b: concatenate([a, b]), done, rest)


def associative_scan(fn, elems, reverse=False, axis=0):
    """All partial results of an associative function along an axis: a, fn(a, b), ...

    `fn(a, b)` combines two pytrees like `elems`, elementwise along the axis.

    >>> associative_scan(lambda a, b: a + b, np.array([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """
    from fungrad.core import tree as trees
    from fungrad.numpy import concatenate, expand_dims, moveaxis, squeeze

    leaves = flatten(elems)[0]
    if not leaves:
        return elems
    sizes = {np.shape(x)[axis] for x in leaves}
    if len(sizes) > 1:
        raise ValueError(f"associative_scan: the sizes along axis {axis} are {sorted(sizes)}")
    if 0 in sizes:
        return elems
    first = -1 if reverse else 0
    moved = trees.map(lambda x: moveaxis(x, axis, 0), elems)
    start = trees.map(lambda x: x[first], moved)
    others = trees.map(lambda x: x[:-1] if reverse else x[1:], moved)

    def combine(total, x):
        wide = [trees.map(lambda v: expand_dims(v, axis), t) for t in (total, x)]
        result = trees.map(lambda v: squeeze(v, axis), fn(*wide))
        return result, result

    done = scan(combine, start, others, reverse=reverse)[1]
    order = (lambda a, b: [b, a[None]]) if reverse else (lambda a, b: [a[None], b])
    whole = trees.map(lambda a, b: concatenate(order(a, b)), start, done)
    return trees.map(lambda x: moveaxis(x, 0, axis), whole)


__all__ = ["associative_scan", "fori_loop", "map", "scan", "while_loop"]
