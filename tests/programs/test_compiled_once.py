"""What is compiled again for another batch size, and by another process: nothing."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json
import numpy as np
import fungrad.numpy as fnp
from fungrad import grad, jit, lax, tree
from fungrad.compiler.llvm.build import statistics

def compiled():
    counts = statistics()
    return counts["compiled_kernels"] + counts["compiled_entries"]

def report(*counts):
    print(json.dumps(counts))
"""

MLP_STEP = """
def loss(parameters, x, y):
    for weights, bias in parameters[:-1]:
        x = fnp.tanh(x @ weights + bias)
    weights, bias = parameters[-1]
    s = x @ weights + bias
    return -fnp.mean((s * y).sum(axis=1) - fnp.log(fnp.exp(s).sum(axis=1)))

@jit
def step(parameters, x, y):
    return tree.map(lambda p, g: p - 0.1 * g, parameters, grad(loss)(parameters, x, y))

sizes = (30, 25, 20, 17)
parameters = [
    (np.ones((m, n), np.float32) / m, np.zeros(n, np.float32))
    for m, n in zip(sizes[:-1], sizes[1:])
]

def use(n):
    step(parameters, np.ones((n, 30), np.float32), np.ones((n, 17), np.float32))
"""

RECURRENT = """
@jit
def last(w, xs):
    def cell(h, x):
        return fnp.tanh(w @ h + x), None

    return grad(lambda w: fnp.sum(lax.scan(cell, xs[0] * 0, xs)[0]))(w)

def use(n):
    last(np.ones((40, 40)) / 40, np.ones((n, 40)))
"""


def counted(program, sizes, folder):
    """How many functions a fresh process compiles for the first size, and for the others."""
    calls = f"use({sizes[0]}); first = compiled()\n"
    calls += "".join([f"use({n})\n" for n in sizes[1:]]) + "report(first, compiled() - first)\n"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program + calls],
        capture_output=True,
        text=True,
        env={**os.environ, "FUNGRAD_CACHE_DIR": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", [MLP_STEP, RECURRENT], ids=["mlp", "rnn"])
def test_another_size_and_another_process_compile_nothing(program, tmp_path):
    first, for_other_sizes = counted(program, (128, 96, 33), tmp_path)
    assert first > 0
    assert for_other_sizes == 0
    assert counted(program, (128, 64), tmp_path) == [0, 0]
