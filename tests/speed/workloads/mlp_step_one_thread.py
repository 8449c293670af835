"""The same step of an MLP with one thread each, which other processes disturb least."""

import os

os.environ |= {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}

from dataclasses import replace  # noqa: E402

from tests.speed.workloads import mlp_step  # noqa: E402


def rows():
    """The rows of `mlp_step`, without a goal."""
    return [
        replace(row, what=f"{row.what}, one thread", at_most=None) for row in mlp_step.rows()
    ]
