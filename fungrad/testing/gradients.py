"""Derivatives of a user's function against differences, in both modes and to any order."""

import numpy as np

from fungrad.api import products
from fungrad.api.zeros import float0
from fungrad.core.tree import flatten, flatten_with_path, keystr
from fungrad.testing.comparison import Tolerance, naming_inputs, precision, require_close
from fungrad.testing.numerical import (
    difference_tolerance,
    differences,
    directions_like,
    is_differentiable,
    pairing,
    step_size,
    widened,
)

_ROUNDING = 2e4  # units in the last place that a derivative of unknown condition may lose
_LEAST = 1e-6  # the tolerance in float64: functions far larger than their derivatives need it


def check_grads(f, args=None, order=2, modes=("fwd", "rev"), atol=None, rtol=None, eps=None):
    """Check the derivatives of a function against central differences, up to an order.

    Args:
        f: a function of arrays, numbers and pytrees, which returns the like.
        args: a tuple of arguments. Floats, complex numbers and Python ints are differentiated;
            integer and boolean arrays are passed as they are. Without `args`, or with the
            position of the only argument to differentiate, the result is a function of the
            arguments that does the check: autograd's `check_grads(f, modes=["rev"])(x)`.
        order: how often derivatives are taken.
        modes: "fwd", "rev" or both; at higher orders in every combination.
        atol, rtol: tolerances; by default they follow from the dtypes.
        eps: the step of the differences; by default it follows from the dtypes.

    Raises:
        AssertionError: names the derivative, the output, the worst element and both values.

    >>> check_grads(lambda x: x**3, (2.0,), order=3)
    >>> check_grads(lambda x: x**3, modes=["rev"], order=2)(2.0)
    """
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"check_grads: modes are 'fwd' and 'rev', got {sorted(unknown)}")
    if args is None or isinstance(args, int):
        return _curried(f, args, order, modes, atol, rtol, eps)
    function, leaves = _on_leaves(f, tuple(args))
    _check_order(function, leaves, order, modes, (atol, rtol, eps), "")
    return None


def _curried(f, position, *options):
    def check(*args):
        if position is None:
            return check_grads(f, args, *options)

        def of_one(x):
            return f(*args[:position], x, *args[position + 1 :])

        return check_grads(of_one, (args[position],), *options)

    return check


def _on_leaves(f, args):
    """The function from its differentiable leaves to those of its output, and these leaves."""
    leaves, tree = flatten(args)
    leaves = [_as_value(x) for x in leaves]
    moving = [i for i, x in enumerate(leaves) if is_differentiable(x)]

    def function(*values):
        whole = list(leaves)
        for i, x in zip(moving, values, strict=True):
            whole[i] = x
        return [y for y in flatten(f(*tree.unflatten(whole)))[0] if _is_differentiable_leaf(y)]

    return function, [leaves[i] for i in moving]


def _as_value(leaf):
    return np.float64(leaf) if type(leaf) is int else np.asarray(leaf)[()]


def _is_differentiable_leaf(leaf):
    return isinstance(leaf, float | complex) or (
        hasattr(leaf, "dtype") and getattr(leaf.dtype, "kind", "") in ("f", "c")
    )


def _check_order(function, leaves, order, modes, options, title):
    if "fwd" in modes:
        name = f"jvp of {title}".removesuffix(" of ")
        check_jvp(function, _pushing(function), leaves, *options, err_msg=name)
        if order > 1:

            def pushed(*both):
                primals, tangents = both[: len(leaves)], both[len(leaves) :]
                y, dy = products.jvp(function, primals, tangents)
                return [*y, *dy]

            tangents = directions_like(np.random.default_rng(11), leaves)
            _check_order(pushed, [*leaves, *tangents], order - 1, modes, options, name)
    if "rev" in modes:
        name = f"vjp of {title}".removesuffix(" of ")
        check_vjp(function, _pulling(function), leaves, *options, err_msg=name)
        if order > 1:
            outputs = [_as_value(y) for y in function(*leaves)]

            def pulled(*both):
                primals, cotangents = both[: len(leaves)], both[len(leaves) :]
                return list(products.vjp(function, *primals)[1](list(cotangents)))

            cotangents = directions_like(np.random.default_rng(12), outputs)
            _check_order(pulled, [*leaves, *cotangents], order - 1, modes, options, name)


def _pushing(function):
    return lambda primals, tangents: products.jvp(function, primals, tangents)


def _pulling(function):
    return lambda *primals: products.vjp(function, *primals)


# ---- one derivative


def check_jvp(f, f_jvp, args, atol=None, rtol=None, eps=None, err_msg=""):
    """Check a forward derivative `f_jvp(primals, tangents) -> (y, dy)` against differences of `f`.

    Arguments as for `check_grads`; `err_msg` begins the text of the AssertionError.

    >>> check_jvp(lambda x: x**2, lambda x, t: (x[0]**2, 2 * x[0] * t[0]), (3.0,))
    """
    what = err_msg or "jvp"
    values, tree, labels = _values(args)
    tangents = _tangents(np.random.default_rng(8), values)
    y, dy = f_jvp(tuple(args), tuple(tree.unflatten([_given(t) for t in tangents])))
    with naming_inputs(labels, values):
        _check_outputs(y, f(*args), what, atol, rtol)
        expected = _numerical(f, values, tree, tangents, eps)
        tolerance = _tolerance(values, expected, atol, rtol, eps)
        tangent_leaves = [_array(t) for t in flatten(dy, is_leaf=_is_none)[0]]
        for k, (t, reference) in enumerate(zip(tangent_leaves, expected, strict=True)):
            if reference is not None:
                text = f"{what}, tangent of output {k}"
                require_close(_filled(t, reference), reference, text, tolerance)


def check_vjp(f, f_vjp, args, atol=None, rtol=None, eps=None, err_msg=""):
    """Check a reverse derivative `f_vjp(*args) -> (y, pull_back)` against differences of `f`.

    The pairing is JAX's: Re(sum(ct * dy)) = Re(sum(pull_back(ct) * dx)), without conjugation.
    Each input is checked on its own.

    >>> check_vjp(lambda x: x**2, lambda x: (x**2, lambda c: (2 * x * c,)), (3.0,))
    """
    what = err_msg or "vjp"
    values, tree, labels = _values(args)
    y, pull_back = f_vjp(*args)
    generator = np.random.default_rng(9)
    out_leaves, out_tree = flatten(y)
    cotangents = _tangents(generator, [_array(v) for v in out_leaves])
    pulled = pull_back(out_tree.unflatten([_given(c) for c in cotangents]))
    ct_x = [_array(c) for c in flatten(tuple(pulled), is_leaf=_is_none)[0]]
    with naming_inputs(labels, values):
        _check_outputs(y, f(*args), what, atol, rtol)
        for i, (x, c) in enumerate(zip(values, ct_x, strict=True)):
            if is_differentiable(x):
                alone = [t if i == j else None for j, t in enumerate(_tangents(generator, values))]
                dy = _numerical(f, values, tree, alone, eps)
                tolerance = _tolerance(values, dy, atol, rtol, eps)
                text = f"{what}, cotangent of {labels[i]}"
                _check_pairing(text, (cotangents, dy), (_filled(c, x), alone[i]), tolerance)


def _check_pairing(what, outputs, inputs, tolerance):
    """<ct, dy> = <pull_back(ct), dx>."""
    (cotangents, dy), (c, dx) = outputs, inputs
    if np.shape(c) != np.shape(dx):
        raise AssertionError(f"{what}: it has shape {np.shape(c)}, its value {np.shape(dx)}")
    expected, scale = pairing(cotangents, dy)
    found, other = pairing([c], [dx])
    if not abs(found - expected) <= tolerance.absolute + tolerance.relative * max(scale, other):
        raise AssertionError(
            f"{what}: <pull_back(ct), dx> is {found!r}, but <ct, dy> by differences is {expected!r}"
        )


def _values(args):
    leaves, tree = flatten(tuple(args))
    labels = [f"argument {keystr(path)}" for path, _ in flatten_with_path(tuple(args))[0]]
    return [_as_value(x) for x in leaves], tree, labels


def _tangents(generator, values):
    """A random direction per real or complex value, None for the others."""
    found = iter(directions_like(generator, [x for x in values if is_differentiable(x)]))
    return [next(found) if is_differentiable(x) else None for x in values]


def _given(tangent):
    """The tangent as a transform takes it: float0 zeros for integers and booleans."""
    return np.zeros((), float0) if tangent is None else tangent


def _numerical(f, values, tree, tangents, eps):
    """The derivative of `f` along tangents by differences in double precision, flat."""

    def flat(moved):
        return [_array(y) for y in flatten(f(*tree.unflatten(moved)))[0]]

    wide = [widened(x) for x in values]
    step = step_size(precision([y.dtype for y in flat(wide)])) if eps is None else eps
    return differences(flat, wide, tangents, step)


def _array(leaf):
    return None if leaf is None else np.asarray(leaf)[()]


def _is_none(x):
    return x is None


def _filled(t, like):
    """The tangent, or zeros where it is None or float0."""
    if t is None or t.dtype == float0:
        return np.zeros_like(like)
    return t


def _tolerance(values, outputs, atol, rtol, eps):
    narrow = precision([v.dtype for v in values])
    wide = precision([y.dtype for y in outputs if y is not None])
    truncation = 0.0 if eps is None else 100 * eps**4
    unit = max(_ROUNDING * narrow, difference_tolerance(wide), truncation, _LEAST)
    return Tolerance(unit if atol is None else atol, unit if rtol is None else rtol)


def _check_outputs(y, expected, what, atol, rtol):
    first, second = flatten(y)[0], flatten(expected)[0]
    if len(first) != len(second):
        raise AssertionError(f"{what}: {len(first)} output leaves, the function has {len(second)}")
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        a, b = _array(a), _array(b)
        require_close(a, b, f"{what}, value of output {k}", _tolerance([a], [b], atol, rtol, None))
