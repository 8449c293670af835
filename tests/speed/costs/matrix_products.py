"""Steps bound by matrix products, beside what BLAS alone takes for the same products.

BLAS is NumPy's, with as many threads as it likes; it computes the products one after another, of
the same sizes and layouts, and nothing else. A step is bound by them if they take half of its time.
"""

from functools import partial

import fungrad
from tests.speed import kernels, libraries, workload
from tests.speed.measure import medians
from tests.speed.products import together
from tests.speed.table import Row

GOAL = 1.05  # 95 % of the speed
BOUND = 0.5
NAMES = "lstm_step mlp training_lstm training_mlp training_transformer transformer".split()
SECONDS = 0.5  # per step
PAUSE = 0.2  # the threads of OpenBLAS turn in circles for 2**28 cycles before they sleep


def cases():
    """One case for each size of the workloads that are made of products: its title and its row."""
    chosen = [(each, size) for each in map(workload.load, NAMES) for size in each.sizes]
    return {each.title(size): partial(_rows, each, size) for each, size in chosen}


def rows():
    """The rows of all cases."""
    return [row for found in cases().values() for row in found()]


def _rows(chosen, size):
    step, arguments = libraries.load("fungrad").functions(chosen, size)[1], chosen.inputs(size)
    _, assembly, calls, _ = kernels.examined(step, arguments, seconds=0.0)
    step = fungrad.jit(step)
    alone = together(kernels.products_of(assembly, calls))
    found = medians(
        {"fungrad": lambda: step(*arguments), "BLAS alone": alone}, SECONDS, pause=PAUSE
    )
    took = found.pop("fungrad")
    is_bound = found["BLAS alone"] >= BOUND * took
    goal = GOAL if is_bound else None
    return [Row(chosen.title(size), took, found, rival="BLAS alone", at_most=goal)]
