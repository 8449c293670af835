import sys
from pathlib import Path

import pytest

from fungrad.core.tracing import state

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def checked_programs():
    """Every recorded program is checked."""
    state.checks_programs = True
    yield
    state.checks_programs = False
