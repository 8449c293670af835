"""Fixtures of all tests: programs are checked between stages, kernels are cached for the run."""

import os
import shutil
import tempfile

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads cost 14 ms per 3 x 3 system when busy

import pytest
from hypothesis import HealthCheck, settings

import fungrad.numpy  # noqa: F401  operators on tracers
from fungrad.core import tracing

_CACHE = "FUNGRAD_CACHE_DIR"

# No example fails because the machine is busy.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_addoption(parser):
    """The options of this test suite."""
    parser.addoption(
        "--all-compiled",
        action="store_true",
        help="check the compiled law for every sample, not for one per kind and dtype",
    )
    parser.addoption(
        "--kernels",
        metavar="FOLDER",
        help="keep compiled programs there: a second run with it takes them from disk",
    )


def pytest_configure(config):
    """Check every program on every thread, and keep compiled kernels in one folder per run.

    The folder is made by the process that starts the run; xdist's workers inherit it.
    """
    type(tracing.state).checks_programs = True
    if hasattr(config, "workerinput"):
        return
    if config.getoption("--kernels"):
        os.environ[_CACHE] = os.path.abspath(config.getoption("--kernels"))
    else:
        config.kernel_cache = os.environ[_CACHE] = tempfile.mkdtemp(prefix="fungrad-tests-")


def pytest_unconfigure(config):
    """Remove the kernels of the run."""
    if hasattr(config, "kernel_cache"):
        shutil.rmtree(config.kernel_cache, ignore_errors=True)


@pytest.fixture
def generator():
    """Random numbers, the same in every run."""
    import numpy as np

    return np.random.default_rng(20)
