"""The notebooks: every cell runs in order, figures are labelled, committed outputs are small.

Cells run as plain Python in a fresh process, so that the tests need matplotlib and no Jupyter.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
READER = "After this notebook you will be able to"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="an installed package has none")


def cells(path, kind):
    """The cells of a kind, as (source, cell)."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [("".join(c["source"]), c) for c in notebook["cells"] if c["cell_type"] == kind]


RUNNER = """
import linecache, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

def check_labels():
    for number in plt.get_fignums():
        for axes in plt.figure(number).axes:
            assert axes.get_xlabel() or axes.get_ylabel(), "axes without labels"
    plt.close("all")

plt.show = check_labels
space = {"__name__": "__main__"}
cells = CELLS
for number, source in enumerate(cells):
    name = f"<cell {number}>"
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    exec(compile(source, name, "exec"), space)
check_labels()
"""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_run_in_order(path):
    pytest.importorskip("matplotlib")
    sources = [source for source, _ in cells(path, "code")]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER.replace("CELLS", repr(sources))],
        capture_output=True,
        text=True,
        env=environment,
        cwd=FOLDER,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_are_those_of_one_run_from_the_top(path):
    code = [c for _, c in cells(path, "code")]
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))
    kinds = [o["output_type"] for c in code for o in c["outputs"]]
    assert "error" not in kinds and len(kinds) >= 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_are_small_and_say_nothing_of_the_machine(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 400_000
    for _, cell in cells(path, "code"):
        for output in cell["outputs"]:
            assert "/home/" not in json.dumps(output) and "ipykernel" not in json.dumps(output)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_opens_with_what_the_reader_will_be_able_to_do(path):
    first, _ = cells(path, "markdown")[0]
    assert first.startswith("# ") and READER in " ".join(first.split())


def test_links_between_notebooks_lead_somewhere():
    for path in NOTEBOOKS:
        for source, _ in cells(path, "markdown"):
            for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", source):
                assert (FOLDER / target).exists(), f"{path.name} links {target}"


def test_the_readme_links_them_in_order():
    readme = FOLDER.parent / "README.md"
    linked = re.findall(r"\]\(notebooks/([^)]+\.ipynb)\)", readme.read_text(encoding="utf-8"))
    assert linked == [path.name for path in NOTEBOOKS]
