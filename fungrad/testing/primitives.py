"""The check of a primitive against all of its laws."""

import numpy as np

from fungrad.core.types import type_of
from fungrad.testing.comparison import naming_inputs
from fungrad.testing.laws import (
    check_batch,
    check_batch_of_reverse,
    check_compiled,
    check_compiled_reverse,
    check_jvp,
    check_types,
)
from fungrad.testing.subject import Subject
from fungrad.testing.transpose_laws import check_direct_transpose, check_transpose

LAWS = ("types", "jvp", "transpose", "batch", "higher order")

_EAGER = {
    "types": check_types,
    "jvp": check_jvp,
    "transpose": check_transpose,
    "batch": check_batch,
}


def check_primitive(
    primitive,
    *sample_inputs,
    variants=(),
    bad=(),
    axis=None,
    order=2,
    laws=LAWS,
    modes=("eager", "compiled"),
):
    """Check a primitive against the laws that every primitive obeys, on sample inputs.

    types: the types that `infer` gives are those of what `evaluate` returns. jvp: it equals
    central differences along a random direction. transpose: <c, A dx> = <A^T c, dx>, through
    linearize and transpose and, in inputs in which the primitive is linear, directly. batch: it
    equals a stacked Python loop, for every subset of batched inputs and sizes 3, 1 and 0. higher
    order: the same laws for the program of the jvp. compiled: the compiled program and its
    derivatives equal what evaluation gives. errors: bad inputs raise their class.

    Args:
        primitive: an instance of a subclass of `Primitive`.
        sample_inputs: NumPy arrays and scalars, inside the domain: a neighbourhood of them, too,
            where they are real or complex.
        variants: two further tuples of inputs of the same types, for the other rows of a batch;
            by default the sample's own elements in another order, and a little nearer to zero.
        bad: triples (inputs, class of the error, part of its message).
        axis: a `BatchAxis` with a name and size, for collectives: the laws are then checked inside
            `vmap` over it, and the sample inputs have the axis in front.
        order: how many derivatives are checked.
        laws: the laws to check, a subset of "types", "jvp", "transpose", "batch", "higher order".
        modes: "eager", "compiled" or both.

    Raises:
        AssertionError: a law does not hold; names law, inputs, worst element and both values.

    >>> from fungrad.primitives.elementwise import tanh
    >>> check_primitive(tanh, np.array([0.5, -1.0]), modes=("eager",))
    """
    if sample_inputs or not bad:
        subject = Subject.of_primitive(primitive, sample_inputs, variants, axis)
        if "transpose" in laws and "eager" in modes and axis is None:
            _obey(check_direct_transpose, subject)
        _check_subject(subject, order, laws, modes)
    for inputs, error, message in bad:
        check_error(primitive, inputs, error, message)


def _check_subject(subject, order, names, modes):
    """The named laws for a subject and, from the second order on, for its jvp."""
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        if "eager" in modes:
            for name, law in _EAGER.items():
                if name in names:
                    _obey(law, subject)
            if "batch" in names and "transpose" in names:
                _obey(check_batch_of_reverse, subject)
        if "compiled" in modes:
            _obey(check_compiled, subject)
        if "compiled" in modes and "transpose" in names:
            _obey(check_compiled_reverse, subject)
        if "higher order" in names and order > 1 and subject.differentiable:
            derived = subject.pushed_forward(tuple(subject.differentiable))
            _check_subject(derived, order - 1, names, modes)


def _obey(law, subject):
    """Check a law; the text of a failure ends with the inputs."""
    labels = [f"input {i}" for i in range(len(subject.inputs))]
    with naming_inputs(labels, subject.inputs):
        law(subject)


def check_error(primitive, inputs, error, message):
    """AssertionError unless `infer`, or else `evaluate`, raises the error with the message part."""
    values = [np.asarray(x)[()] for x in inputs]
    what = f"errors of {primitive}"
    try:
        primitive.infer(*[type_of(x) for x in values])
        result = primitive.evaluate(*values)
    except error as raised:
        if message not in str(raised):
            raise AssertionError(f"{what}: {message!r} is not in {str(raised)!r}") from raised
        return
    except Exception as raised:
        raise AssertionError(
            f"{what}: expected {error.__name__}, got {type(raised).__name__}: {raised}"
        ) from raised
    raise AssertionError(f"{what}: expected {error.__name__}, got the result {result!r:.100}")
