"""import fungrad in a fresh process: at most 1.3 of import numpy."""

from tests.speed.measure import in_fresh_processes, installed
from tests.speed.table import Row

CODE = """
import json, time
start = time.perf_counter()
import {0}
print(json.dumps(time.perf_counter() - start))
"""
FIRST_USE = """
import json, time
start = time.perf_counter()
import numpy, fungrad
fungrad.grad(numpy.tanh)(1.0)
print(json.dumps(time.perf_counter() - start))
"""


def rows():
    """The import alone, and with the first derivative, beside the others' imports."""
    codes = {"fungrad": CODE.format("fungrad"), "numpy": CODE.format("numpy")}
    codes["transforms"] = CODE.format("numpy, fungrad; fungrad.grad, fungrad.vmap, fungrad.jit")
    codes["first derivative"] = FIRST_USE
    codes |= {name: CODE.format(name) for name in installed("jax", "torch", "autograd")}
    seconds = in_fresh_processes(codes, rounds=9)
    names = ("fungrad", "transforms", "first derivative")
    value, transforms, first = [seconds.pop(name) for name in names]
    numpy = {"numpy": seconds["numpy"]}
    return [
        Row("import fungrad", value, seconds, "s", "numpy", 1.3),
        Row("import numpy, fungrad; its transforms loaded", transforms, numpy),
        Row("import numpy, fungrad, and one derivative", first, numpy),
    ]
