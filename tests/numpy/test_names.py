"""The names that a JAX or NumPy program finds after changing its imports."""

import inspect

import numpy as np
import pytest

import fungrad.lax as lax
import fungrad.numpy as fnp
from fungrad.core.tracing import Tracer
from fungrad.numpy.dispatch import TRACED
from tests.coverage_of_names.catalogue import FINISHED, catalogue, is_present, missing

# Methods of ndarray that make no sense on a traced value: memory, files, bits.
MEMORY = """byteswap ctypes data dump dumps getfield resize setfield setflags tobytes
    tofile""".split()


@pytest.mark.parametrize("space", FINISHED)
def test_every_name_of_the_first_priority_is_there(space):
    assert missing(space, "P0") == []


def test_what_is_missing_is_found():
    assert missing("lax.linalg", "P0") == []
    assert "no_such_name" not in catalogue()["numpy"]["P0"]
    assert not is_present("numpy", "no_such_name") and not is_present("nothing", "sin")


def test_tracers_have_the_methods_of_arrays():
    names = [n for n in dir(np.ndarray) if not n.startswith("__")]
    assert [n for n in names if not hasattr(Tracer, n)] == sorted(MEMORY)


def test_every_function_takes_numpys_arguments():
    """The traced form accepts each argument of NumPy's function, at the same place."""
    for function, rule in TRACED.items():
        if isinstance(function, np.ufunc):
            continue
        try:
            expected = inspect.signature(function).parameters.values()
            own = inspect.signature(rule).parameters
        except ValueError:
            continue
        if any(p.kind is p.VAR_KEYWORD for p in own.values()):
            continue
        for number, p in enumerate(expected):
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue
            variadic = [i for i, q in enumerate(own.values()) if q.kind is q.VAR_POSITIONAL]
            if p.kind is not p.POSITIONAL_ONLY:
                assert p.name in own, f"{function.__name__}: {p.name}"
            if p.kind is not p.KEYWORD_ONLY and not variadic:
                at = list(own.values())[number]
                assert at.kind is not at.KEYWORD_ONLY, f"{function.__name__}: {p.name}"
                assert p.kind is p.POSITIONAL_ONLY or at.name == p.name, function.__name__


def test_everything_public_has_a_docstring():
    for module in (fnp, lax):
        for name, value in vars(module).items():
            if callable(value) and not name.startswith("_"):
                assert value.__doc__, f"{module.__name__}.{name}"
