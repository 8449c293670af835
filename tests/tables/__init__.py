"""Calls of public functions, one file per namespace, and the laws that each call is to obey.

The tests and the report `python -m tests.coverage_of_names` go through the same tables.
"""


def all_rows():
    """The calls of every table."""
    from tests.tables import (
        of_fft,
        of_functions,
        of_lax,
        of_nn,
        of_numpy,
        of_numpy_linalg,
        of_random,
        of_scipy_linalg,
        of_signal,
        of_special,
        of_stats,
    )
    from tests.tables.row import Table

    rows = [*of_numpy.CALLS, *of_numpy_linalg.rows(), *of_scipy_linalg.rows()]
    for module in (of_fft, of_functions, of_lax, of_nn, of_random, of_signal, of_special, of_stats):
        for table in vars(module).values():
            if isinstance(table, Table):
                rows += table
    return rows
