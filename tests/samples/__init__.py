"""Sample inputs for every primitive: inside its domain, and bad ones with the error they raise.

A module `of_*` has one family: every list of samples in it counts, and so does every list of bad
ones. Real and complex samples keep a distance from singularities and kinks (where derivatives by
differences mean nothing); the kinks themselves are in laws/test_kinks.py.
"""

import importlib
import pkgutil

from samples.table import Bad, Sample


def lists_of(kind):
    """The samples of one kind in every family, in order."""
    found = []
    families = [m.name for m in pkgutil.iter_modules(__path__, "samples.") if ".of_" in m.name]
    for module in sorted(families):
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, list) and value and all(isinstance(x, kind) for x in value):
                found += value
    return found


SAMPLES = lists_of(Sample)
BAD_SAMPLES = lists_of(Bad)
