"""`python -m tests.speed [workload ...]`: measure, and print one Markdown table."""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.speed.measure import ROOT
from tests.speed.table import Row, as_dict, markdown

WORKLOADS = sorted(
    path.stem for path in (Path(__file__).parent / "workloads").glob("*.py") if path.stem[0] != "_"
)
RESULT = "rows: "


def main():
    """Measure the chosen workloads; the exit status is 1 where a goal is missed."""
    listed = "\n".join(f"  {name:<18}{described(name)}" for name in WORKLOADS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.speed",
        description="Measure fungrad beside JAX, PyTorch and autograd (extra: bench).",
        epilog=f"workloads:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("workloads", nargs="*", metavar="workload", help="all, if none is named")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is called {unknown[0]!r}; there are {', '.join(WORKLOADS)}")
    chosen = options.workloads or WORKLOADS
    if options.in_this_process:
        rows = [row for name in chosen for row in module(name).rows()]
        print(RESULT + json.dumps([as_dict(row) for row in rows]))
        return 0
    print(f"{machine()}\n", flush=True)
    rows = [row for name in chosen for row in measured(name)]
    print(markdown(rows))
    return int(any(row.is_missed for row in rows))


def module(name):
    """The module of a workload."""
    return importlib.import_module(f"tests.speed.workloads.{name}")


def described(name):
    """The first sentence of a workload's docstring, without importing it."""
    text = (Path(__file__).parent / "workloads" / f"{name}.py").read_text()
    return text.split('"""')[1].split("\n")[0]


def measured(name):
    """The rows of a workload, measured in a process of its own."""
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.speed", "--in-this-process", name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed")
    (line,) = [line for line in done.stdout.split("\n") if line.startswith(RESULT)]
    return [Row(**row) for row in json.loads(line.removeprefix(RESULT))]


def machine():
    """The processor and the versions, for the record."""
    names = ("numpy", "numba", "scipy", "jax", "torch", "autograd")
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} not installed")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = platform.python_version()
    return ", ".join([platform.machine(), f"{cores} cores", load, f"Python {python}", *versions])


if __name__ == "__main__":
    sys.exit(main())
