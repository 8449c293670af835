"""`einsum`: its path is chosen while tracing; every step is a contraction of two operands."""

from functools import lru_cache

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import refuse_out, traced
from fungrad.numpy.products import PRECISION
from fungrad.numpy.promotion import convert, promote
from fungrad.numpy.shapes import diagonal_of_last_axes
from fungrad.primitives import elementwise as e
from fungrad.primitives.contraction import Contract
from fungrad.primitives.movement import Reshape, Transpose
from fungrad.primitives.reductions import Any, Sum


@traced(np.einsum, extras=PRECISION)
def einsum(
    *operands,
    out=None,
    dtype=None,
    order="K",
    casting="safe",
    optimize=True,
    precision=None,
    preferred_element_type=None,
):
    """`numpy.einsum`: subscripts with ellipses, or operands and lists of labels in turn."""
    refuse_out("einsum", out)
    dtype = preferred_element_type if dtype is None else dtype
    subscripts, operands = _call(operands)
    arrays = promote(*[operand(x) for x in operands])
    arrays = [convert(x, np.dtype(dtype)) for x in arrays] if dtype is not None else arrays
    shapes = tuple([np.shape(x) for x in arrays])
    if len(arrays) == 2 and arrays[0].dtype.kind != "b":
        product = _one_contraction(subscripts, shapes)
        if product is not None:
            return product(*arrays)
    terms, result = parsed(subscripts, shapes)
    sizes = label_sizes(subscripts, terms, shapes)
    pairs = [_without_ones(x, term, sizes) for x, term in zip(arrays, terms, strict=True)]
    pairs = [_without_repeats(x, term) for x, term in pairs]
    present = {label for _, term in pairs for label in term}
    wanted = [label for label in result if label in present]
    for positions in path(tuple([t for _, t in pairs]), tuple(wanted), tuple(sizes.items())):
        chosen = [pairs[i] for i in positions]
        pairs = [p for i, p in enumerate(pairs) if i not in positions]
        needed = set(wanted).union(*[t for _, t in pairs])
        pairs.append(_contracted(chosen, needed))
    y, term = _summed(*pairs[0], set(wanted))
    order = tuple([term.index(label) for label in wanted])
    y = y if order == tuple(range(len(order))) else Transpose(order)(y)
    shape = tuple([sizes[label] for label in result])
    return y if np.shape(y) == shape else Reshape(shape)(y)


@lru_cache(maxsize=1024)
def _one_contraction(subscripts, shapes):
    """The contraction that a call with two operands is, or None where it takes more than that."""
    terms, result = parsed(subscripts, shapes)
    sizes = label_sizes(subscripts, terms, shapes)
    left, right = terms
    for term, shape in zip(terms, shapes, strict=True):
        if len(set(term)) < len(term) or [sizes[label] for label in term] != list(shape):
            return None
    labels = dict.fromkeys((*left, *right))
    is_summed = any([(i in left) + (i in right) + (i in result) < 2 for i in labels])
    if is_summed or set(labels) == set(result):  # an elementwise or an outer product
        return None
    numbers = {label: i for i, label in enumerate(labels)}
    return Contract(*[tuple([numbers[i] for i in term]) for term in (left, right, result)])


@traced(np.einsum_path)
def einsum_path(*operands, optimize="greedy", einsum_call=False):
    """`numpy.einsum_path`: the order of contractions, which depends on shapes only."""
    shown = [
        np.broadcast_to(x.dtype.type(0), x.shape) if type(x) is Tracer else x for x in operands
    ]
    return np.einsum_path(*shown, optimize=optimize)


def _call(operands):
    """Subscripts and operands of both forms of the call."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]
    *pairs, last = operands if len(operands) % 2 else (*operands, None)
    arrays, lists = pairs[::2], pairs[1::2]

    def written(labels):
        return "".join("..." if i is Ellipsis else _letter(i) for i in labels)

    subscripts = ",".join(written(labels) for labels in lists)
    return subscripts + ("" if last is None else "->" + written(last)), arrays


def _letter(number):
    return chr(ord("A") + number) if number < 26 else chr(ord("a") + number - 26)


@lru_cache(maxsize=1024)
def parsed(subscripts, shapes):
    """The labels of each operand and of the result; ellipses become labels of their own."""
    text, arrow, result = subscripts.partition("->")
    wrong = [c for c in (text + result).replace("...", "") if not (c.isalpha() or c == ",")]
    if wrong:
        raise ValueError(
            f"einsum: invalid subscript {wrong[0]!r} in {subscripts!r}, subscripts must be letters"
        )
    terms = text.split(",")
    if len(terms) != len(shapes):
        raise ValueError(
            f"einsum: {subscripts!r} has {len(terms)} operands, {len(shapes)} were given"
        )
    ranks = [
        len(shape) - len(term.replace("...", "")) for term, shape in zip(terms, shapes, strict=True)
    ]
    rank = max([r for t, r in zip(terms, ranks, strict=True) if "..." in t], default=0)
    dots = tuple([f"...{i}" for i in range(rank)])
    split = []
    for term, extra, shape in zip(terms, ranks, shapes, strict=True):
        if extra < 0 or (extra and "..." not in term):
            raise ShapeError(
                f"einsum: {term!r} in {subscripts!r} does not fit an operand of shape {shape}"
            )
        split.append(_labels(term, dots[rank - extra :]))
    if arrow:
        for label in result.replace("...", ""):
            if label not in text or result.count(label) > 1:
                raise ValueError(
                    f"einsum: {subscripts!r}: the output label {label!r} must occur in an input, "
                    "and once in the output"
                )
        return tuple(split), _labels(result, dots)
    letters = text.replace("...", "").replace(",", "")
    single = tuple(sorted(c for c in set(letters) if letters.count(c) == 1))
    return tuple(split), (*(dots if "..." in text else ()), *single)


def _labels(term, dots):
    before, ellipsis, after = term.partition("...")
    return (*before, *(dots if ellipsis else ()), *after)


def label_sizes(subscripts, terms, shapes):
    """The size of each label; ShapeError where operands disagree."""
    sizes = {}
    for number, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        for axis, (label, n) in enumerate(zip(term, shape, strict=True)):
            known = sizes.setdefault(label, n)
            if known == 1:
                sizes[label] = n
            elif n not in (1, known):
                raise ShapeError(
                    f"einsum: label {label!r} of {subscripts!r} has size {known}, but axis {axis} "
                    f"of operand {number} with shape {shape} has size {n}"
                )
    return sizes


def _without_ones(x, term, sizes):
    """The operand without axes of size 1 whose label is larger elsewhere: they broadcast."""
    keep = [a for a, label in enumerate(term) if x.shape[a] == sizes[label]]
    if len(keep) == len(term):
        return x, term
    return Reshape(tuple([x.shape[a] for a in keep]))(x), tuple([term[a] for a in keep])


def _without_repeats(x, term):
    """The diagonal where a label occurs twice."""
    for label in dict.fromkeys(term):
        while term.count(label) > 1:
            i = term.index(label)
            j = term.index(label, i + 1)
            rest = [a for a in range(len(term)) if a not in (i, j)]
            x = diagonal_of_last_axes(Transpose((*rest, i, j))(x))
            term = (*[term[a] for a in rest], label)
    return x, term


def _summed(x, term, needed):
    """The operand summed over the labels that nobody needs."""
    axes = tuple([a for a, label in enumerate(term) if label not in needed])
    if not axes:
        return x, term
    kept = tuple([label for label in term if label in needed])
    if x.dtype.kind == "b":
        return Any(axes)(x), kept
    return Sum(axes)(x), kept


def _contracted(chosen, needed):
    """The product of one or two operands, summed over the labels that nobody needs any more."""
    if len(chosen) == 1:
        return _summed(*chosen[0], needed)
    (x, left), (y, right) = chosen
    x, left = _summed(x, left, needed | set(right))
    y, right = _summed(y, right, needed | set(left))
    out = tuple(dict.fromkeys([i for i in (*left, *right) if i in needed]))
    if set(left) | set(right) == set(out) and (not left or not right or set(left) == set(right)):
        order = tuple([right.index(i) for i in left]) if right else ()
        y = y if order == tuple(range(len(order))) else Transpose(order)(y)
        return e.multiply(x, y) if x.dtype.kind != "b" else e.logical_and(x, y), left or right
    numbers = {label: i for i, label in enumerate(dict.fromkeys((*left, *right)))}
    coded = [tuple([numbers[i] for i in labels]) for labels in (left, right, out)]
    return Contract(*coded)(x, y), out


@lru_cache(maxsize=1024)
def path(terms, result, sizes):
    """The order of contractions: pairs of positions, chosen by NumPy for these sizes."""
    if len(terms) <= 2:
        return [tuple(range(len(terms)))]
    sizes = dict(sizes)
    labels = {label: _letter(i) for i, label in enumerate(sizes)}
    text = ",".join("".join(labels[i] for i in term) for term in terms)
    text += "->" + "".join(labels[i] for i in result)
    dummies = [np.broadcast_to(np.float64(0), [sizes[i] for i in term]) for term in terms]
    method = "optimal" if len(terms) <= 6 else "greedy"
    _, *steps = np.einsum_path(text, *dummies, optimize=(method, 2**62))[0]
    pairs = []
    for step in steps:
        pairs += _in_pairs(tuple(sorted(step)), len(terms) - sum(len(p) - 1 for p in pairs))
    return pairs


def _in_pairs(step, count):
    """A step of more than two operands as steps of two; a result goes to the end."""
    pairs = [step[:2]]
    rest = [i - sum(1 for j in step[:2] if j < i) for i in step[2:]]
    count -= 1
    while rest:
        first = rest.pop(0)
        pairs.append((first, count - 1))
        rest = [i - (1 if first < i else 0) for i in rest]
        count -= 1
    return pairs
