"""Every law for every sample of every primitive."""

import importlib
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
from samples import BAD_SAMPLES, SAMPLES

import fungrad.primitives
from fungrad.core.primitive import Pointwise, Primitive, Reduction, Routine
from fungrad.primitives.elementwise import Elementwise
from fungrad.testing import check_primitive


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.title)
def test_laws(sample):
    check(sample, ("eager",))


@pytest.mark.parametrize("sample", BAD_SAMPLES, ids=lambda b: b.title)
def test_bad_samples_raise(sample):
    check_primitive(sample.primitive, bad=[(sample.inputs, sample.error, sample.message)])


def pytest_generate_tests(metafunc):
    """The compiled law for every sample, or for one per kind of primitive and dtype."""
    if "compiled_sample" in metafunc.fixturenames:
        chosen = SAMPLES if metafunc.config.getoption("--all-compiled") else representatives()
        metafunc.parametrize("compiled_sample", chosen, ids=lambda s: s.title)


def representatives():
    """The first small and large sample of each kind of primitive and dtype, at first order."""
    found = {}
    for sample in SAMPLES:
        kind = next(k for k in (Pointwise, Reduction, Routine) if isinstance(sample.primitive, k))
        first = sample.inputs[0] if sample.inputs else np.int64(0)
        found.setdefault((kind, first.dtype, first.size > 16), replace(sample, order=1))
    return list(found.values())


def test_compiled_law(compiled_sample):
    check(compiled_sample, ("compiled",))


def check(sample, modes):
    """All laws of one sample."""
    check_primitive(
        sample.primitive,
        *sample.inputs,
        variants=sample.variants,
        axis=sample.axis,
        order=sample.order,
        laws=sample.laws,
        modes=modes,
    )


# ---- nothing is missing


def primitive_modules():
    """The modules of `fungrad.primitives`."""
    path = fungrad.primitives.__path__
    return [
        importlib.import_module(f"fungrad.primitives.{m.name}") for m in pkgutil.iter_modules(path)
    ]


def final_primitives(kind=Primitive):
    """The classes of primitives in `fungrad.primitives` that can be instantiated."""
    found = set()
    for subclass in kind.__subclasses__():
        if subclass.__module__.startswith("fungrad.primitives."):
            found.add(subclass)
        found |= final_primitives(subclass)
    return found


def test_every_primitive_has_samples():
    modules = primitive_modules()
    rows = {
        value.word
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Elementwise)
    }
    sampled = {type(s.primitive) for s in SAMPLES}
    assert {c.__name__ for c in final_primitives() - sampled} == set()
    words = {s.primitive.word for s in SAMPLES if isinstance(s.primitive, Elementwise)}
    assert rows - words == set()


def test_every_primitive_refuses_something():
    total = {"Named", "Basis", "Iota", "Convert"}  # defined for all types
    refusing = {type(b.primitive) for b in BAD_SAMPLES}
    assert {c.__name__ for c in final_primitives() - refusing} == total
