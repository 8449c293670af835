"""The exceptions for what has failed in compiled code, by the status that it returned."""

from fungrad.compiler.execution.plan import OUT_OF_MEMORY, TOO_LARGE
from fungrad.compiler.language.index import site_and_value
from fungrad.compiler.language.stack_layout import Growth
from fungrad.core.errors import FungradError
from fungrad.primitives.indexing import OutOfBounds


def failure(executable, status):
    """The exception for a status of an executable."""
    name = executable.program.name
    if status == OUT_OF_MEMORY:
        return MemoryError(
            f"out of memory: {name} needs {executable.interface.workspace / 1e9:.2g} GB for what "
            "it computes on the way, beside arguments and results. Give it less at a time, or keep "
            "less for the backward pass: fungrad.checkpoint, checkpoint='sqrt' on a scan"
        )
    if status == TOO_LARGE:
        return ValueError(
            f"{name} has a matrix with a side of 2**31 or more, which BLAS and LAPACK cannot take: "
            "split it"
        )
    site, value = site_and_value(status)
    culprit, source = executable.assembly.errors[site - 1]
    return failure_at(culprit, source, value)


def failure_at(culprit, source, value):
    """The exception for what has failed at run time; `value` is the integer at fault, if any."""
    where = f" (made at {source})" if source else ""
    if isinstance(culprit, OutOfBounds | Growth):
        error, message = culprit.failure(value)
    elif hasattr(culprit, "failure"):
        error, message = culprit.failure()
    else:
        return FungradError(f"{culprit} failed in compiled code{where}")
    return error(f"{message}{where}")
