"""Steps bound by matrix products, beside what BLAS alone takes for the same products.

BLAS is NumPy's, with as many threads as it likes; it computes the products one after another, of
the same sizes and layouts, and nothing else. A step is bound by them if they take half of its time.
"""

import fungrad
from tests.speed import kernels, libraries, workload
from tests.speed.measure import medians
from tests.speed.products import together
from tests.speed.table import Row

GOAL = 1.05  # 95 % of the speed
BOUND = 0.5
NAMES = "lstm_step mlp training_lstm training_mlp training_transformer transformer".split()
SECONDS = 0.5  # per step


def rows():
    """One row for each size of the workloads that are made of products."""
    return [_row(workload.load(name), i) for name in NAMES for i in range(3)]


def _row(chosen, number):
    size = chosen.sizes[number]
    step, arguments = libraries.load("fungrad").functions(chosen, size)[1], chosen.inputs(size)
    _, assembly, calls, _ = kernels.examined(step, arguments, seconds=0.0)
    step = fungrad.jit(step)
    alone = together(kernels.products_of(assembly, calls))
    found = medians({"fungrad": lambda: step(*arguments), "BLAS alone": alone}, SECONDS)
    took = found.pop("fungrad")
    is_bound = found["BLAS alone"] >= BOUND * took
    return Row(
        chosen.title(size), took, found, rival="BLAS alone", at_most=GOAL if is_bound else None
    )
