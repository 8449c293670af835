"""Docstrings: public functions have one with an example, and every example does what it says."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import fungrad

ROOT = Path(fungrad.__file__).parent
MODULES = sorted(
    ".".join(["fungrad", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.name != "__main__.py"
)
OPTIONS = doctest.NORMALIZE_WHITESPACE

# Public names without an example of their own, each with the place that shows it.
SHOWN_ELSEWHERE = {
    "checkpoint_policies": "its members are shown by checkpoint",
    "clear_caches": "it has no result",
}


def failures(test):
    """What a doctest printed where it went wrong, and how many of its examples did."""
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    return runner.run(test, out=report.append).failed, "".join(report)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    globs = {**vars(module), "np": np, "fungrad": fungrad}
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name, globs=globs):
        failed, report = failures(test)
        assert not failed, report


def public_functions():
    """(name, object) of every function and class that a module of fungrad/api lists as public."""
    found = []
    for path in sorted((ROOT / "api").glob("*.py")):
        module = importlib.import_module(f"fungrad.api.{path.stem}")
        for name in getattr(module, "__all__", ()):
            if callable(getattr(module, name)):
                found.append((name, getattr(module, name)))
    return found


@pytest.mark.parametrize("name, value", public_functions())
def test_public_functions_have_an_example(name, value):
    text = inspect.getdoc(value)
    assert text, f"{name} has no docstring"
    assert ">>>" in text or name in SHOWN_ELSEWHERE, f"{name} has no example"


@pytest.mark.parametrize("name", sorted(fungrad.__all__))
def test_every_public_name_exists(name):
    assert getattr(fungrad, name) is not None


# ---- the README


def readme():
    path = ROOT.parent / "README.md"
    if not path.exists():
        pytest.skip("an installed package has no README")
    return path.read_text()


def test_examples_of_the_readme_run():
    globs = {"__name__": "__main__"}
    blocks = re.findall(r"^```python\n(.*?)^```", readme(), re.S | re.M)
    assert len(blocks) >= 2
    for number, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(block, globs, f"block {number}", "README.md", 0)
        assert test.examples, f"block {number} shows no result"
        failed, report = failures(test)
        assert not failed, report
        globs = test.globs


def test_the_readme_has_one_line_to_run_and_one_to_test():
    for title, last in (("Run it", "-m fungrad"), ("Test it", "-m pytest")):
        section = readme().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
        (block,) = re.findall(r"^```sh\n(.*?)^```", section, re.S | re.M)
        (line,) = block.strip().split("\n")
        assert "python3 -m venv .venv" in line
        assert last in line


def test_the_map_in_the_readme_names_every_folder():
    section = readme().split("## Map of the code", 1)[1].split("\n## ", 1)[0]
    folders = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    for folder in folders:
        assert f"{folder}/" in section, folder
