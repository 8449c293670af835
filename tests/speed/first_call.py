"""`python -m tests.speed.first_call workload size library`: a first derivative in this process.

Prints as JSON the seconds from the plain function to its first result (the library is imported with
its jit and grad, the arguments are in place), and the memory that calls need on top of what was
there after compilation, in bytes: results, temporaries, and scratch that is kept.
"""

import ctypes
import gc
import json
import sys
import time
from pathlib import Path

from tests.speed import libraries, workload

CALLS = 3


def main(name, size, library):
    """Compile, run, print."""
    chosen = workload.load(name)
    size = chosen.sizes[int(size)]
    library = libraries.load(library)
    arguments = library.moved(chosen.inputs(size))
    start = time.perf_counter()
    _, derivative = library.functions(chosen, size)
    compiled = library.compiled(derivative, arguments)
    after_compilation = time.perf_counter()
    before = settled_memory()
    start_of_call = time.perf_counter()
    call = library.call(compiled, arguments, is_eager=True)
    call()
    end = time.perf_counter()
    for _ in range(CALLS - 1):
        call()
    seconds = after_compilation - start + end - start_of_call
    print(json.dumps({"seconds": seconds, "bytes": memory("VmHWM") - before}))


def settled_memory():
    """The memory of the process after freed memory has been given back; restarts its maximum."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(what):
    """A line of the kernel's account of this process, in bytes."""
    (line,) = [x for x in Path("/proc/self/status").read_text().split("\n") if x.startswith(what)]
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
