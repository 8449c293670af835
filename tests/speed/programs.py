"""`python -m tests.speed.programs workload [number of a size ...]`: the times of its functions.

Everything is measured in this process, in turns, after the results have been compared.
"""

import argparse
import json
import sys

import numpy as np

from tests.speed import libraries, workload
from tests.speed.measure import installed, medians

TOLERANCE = 1e-6  # of the largest element; float32 is given more


def main():
    """Print the times of the primal and the derivative of each size, as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload")
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--peers", default=",".join(libraries.NAMES))
    options = parser.parse_args()
    chosen = workload.load(options.workload)
    numbers = options.sizes or range(len(chosen.sizes))
    allowed = options.peers.split(",")
    found = [times(chosen, chosen.sizes[n], options.seconds, allowed) for n in numbers]
    print(json.dumps(dict(zip(numbers, found, strict=True))))


def times(chosen, size, seconds, allowed=libraries.NAMES):
    """{"primal": {library: seconds}, "derivative": {library: seconds}} of one size."""
    arguments = chosen.inputs(size)
    peers = [p for p in installed(*chosen.peers(size)) if p in allowed]
    calls = {"primal": {}, "derivative": {}}
    for name in ["fungrad", *peers]:
        library = libraries.load(name)
        moved = library.moved(arguments)
        functions = dict(zip(calls, library.functions(chosen, size), strict=True))
        for what, f in functions.items():
            if f is not None:
                calls[what][name] = library.call(f, moved, chosen.is_eager(size))
    expected = chosen.expected(size, arguments)
    found = {}
    for what, by_library in calls.items():
        results = {name: call() for name, call in by_library.items()}
        if what == "derivative" and expected is not None:
            results["closed form"] = expected
        compare(results, f"{chosen.title(size)}, {what}")
        if by_library:
            found[what] = medians(by_library, seconds)
    return found


def compare(results, title):
    """Check that all results are those of fungrad."""
    flat = {name: libraries.leaves_of(result) for name, result in results.items()}
    ours = flat.pop("fungrad", None)
    for name, leaves in flat.items():
        assert len(leaves) == len(ours), f"{title}: {name} returns another number of arrays"
        for a, b in zip(ours, leaves, strict=True):
            assert a.shape == b.shape, f"{title}: {name} returns {b.shape}, fungrad {a.shape}"
            narrow = np.float32 in (a.dtype, b.dtype)
            scale = np.max(np.abs(b), initial=0)
            error = np.max(np.abs(a - b), initial=0)
            limit = (2e-3 if narrow else TOLERANCE) * scale + 1e-12
            assert error <= limit, f"{title}: {name} and fungrad differ by {error} of {scale}"


if __name__ == "__main__":
    sys.exit(main())
