"""Which names the tests call, in which transform: a pytest plugin.

A test that passes shows its law of every public name that it calls. The law is what its mark
`law` says, and without one what surrounds the call: a derivative, jit, vmap, or nothing (values).
Names are called as users call them: from fungrad's namespaces, or as NumPy's functions on traced
values. What the library calls inside counts for nothing.
"""

import functools

import numpy as np

from fungrad.core.tracing import state
from fungrad.numpy.dispatch import TRACED
from tests.coverage_of_names.catalogue import catalogue, home

LAWS = ("values", "derivative", "jit", "vmap")
_TRANSFORMS = {"jit": "jit", "vmap": "vmap", "a": "values"}


class Recording:
    """The plugin: `shown` maps (namespace, name) to the laws that passing tests have shown."""

    def __init__(self):
        self.shown = {}
        self._called = set()
        self._law = None

    def install(self):
        """Put a recorder in the place of every name."""
        for space, by_priority in catalogue().items():
            place = home(space)
            for name in {n for names in by_priority.values() for n in names}:
                value = getattr(place, name, None)
                if callable(value) and space != "at":
                    self._wrap(space, name, place, value)
        for function, rule in list(TRACED.items()):
            for space, module in (("numpy", np), ("numpy.linalg", np.linalg), ("numpy.fft", np.fft)):
                if getattr(module, function.__name__, None) is function:
                    names = [n for n in dir(module) if getattr(module, n, None) is function]
                    TRACED[function] = self._recorder([(space, n) for n in names], rule)

    def _wrap(self, space, name, place, value):
        if isinstance(value, type) or not hasattr(value, "__name__"):
            return  # a class, or an object whose attributes matter
        try:
            setattr(place, name, self._recorder([(space, name)], value))
        except (AttributeError, TypeError):
            pass

    def _recorder(self, keys, function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            law = self._law or _surrounding_law()
            self._called.update([(key, law) for key in keys])
            return function(*args, **kwargs)

        for name in vars(function):
            setattr(call, name, getattr(function, name))
        return call

    # ---- pytest's side

    def pytest_runtest_setup(self, item):
        """A test begins: nothing has been called."""
        mark = item.get_closest_marker("law")
        self._law = mark.args[0] if mark else None
        self._called = set()

    def pytest_runtest_logreport(self, report):
        """A test has passed: what it called has shown its law."""
        if report.when == "call" and report.passed:
            for key, law in self._called:
                self.shown.setdefault(key, set()).add(law)


def _surrounding_law():
    recording = state.recording
    if recording is None:
        return "values"
    return _TRANSFORMS.get(recording.title.split()[0], "derivative")
