"""`python -m tests.speed [name ...]`: measure, and print Markdown tables."""

import argparse
import importlib
import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from tests.speed import workload
from tests.speed.figures import Figures, markdown
from tests.speed.measure import LONG, ROOT, empty_cache, installation, installed, reported
from tests.speed.table import Row, as_dict
from tests.speed.table import markdown as markdown_of_rows

HERE = Path(__file__).parent
COSTS = sorted(path.stem for path in (HERE / "costs").glob("*.py") if path.stem[0] != "_")
MEASURES = ("times", "first")
SHORT_CALLS = 5  # so many are measured of first calls that take less than LONG
RESULT = "rows: "
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def main():
    """Measure what is chosen; the exit status is 1 where a goal of a cost is missed."""
    options = parsed()
    if options.in_this_process:
        rows = [row for name in options.names for row in rows_of(name, options.rows)]
        print(RESULT + json.dumps([as_dict(row) for row in rows]))
        return 0
    if options.one_core:
        os.environ |= ONE_THREAD
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{machine()}\n", flush=True)
    if options.kernels:
        return show_kernels(options)
    figures = []
    with installation() as environment:
        for name in [name for name in options.names if name not in COSTS]:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            figures += figures_of(workload.load(name), options, environment)
    rows = [row for n in options.names if n in COSTS for row in cost_rows(n, options.rows)]
    report(figures, rows, options)
    return int(any(row.is_missed for row in rows))


def parsed():
    """The options."""
    every = [*workload.names(), *COSTS]
    listed = "\n".join(f"  {name:<18}{described(name)}" for name in every)
    parser = argparse.ArgumentParser(
        prog="python -m tests.speed",
        description="Measure fungrad beside JAX, PyTorch and autograd (extra: bench).",
        epilog=f"workloads and costs:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="name", help="all, if none is named")
    add("--sizes", help="numbers of the sizes, from 0, as in 0,1; all by default")
    add("--rows", metavar="REGEX", default="", help="of costs with many rows only those whose "
        "titles match, as in 'gamma.*1000000'; all by default")  # fmt: skip
    add("--measure", default=",".join(MEASURES), help="times (in turns, in one process) and "
        "first (first call and memory, in fresh processes); both by default")  # fmt: skip
    add("--seconds", type=float, default=2.0, help="per function and size; 2 by default")
    add("--peers", default="jax,torch,autograd", help="the libraries beside fungrad")
    add("--one-core", action="store_true", help="one core and one thread each, as the C++ figures")
    add("--kernels", action="store_true", help="print what the kernels are, and how fast, instead")
    add("--json", metavar="FILE", help="write all figures")
    add("--plot", metavar="FILE", help="write a picture of the ratios (PNG)")
    add("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in options.names:
        if name not in every:
            parser.error(f"nothing is called {name!r}; there are {', '.join(every)}")
    options.names = options.names or every
    return options


def described(name):
    """The first sentence of a file's docstring, without importing it."""
    folder = "costs" if name in COSTS else "workloads"
    return (HERE / folder / f"{name}.py").read_text().split('"""')[1].split("\n")[0]


def numbers_of(chosen, options):
    """The numbers of the sizes of a workload that are wanted."""
    numbers = range(len(chosen.sizes))
    if options.sizes is None:
        return numbers
    wanted = [int(n) for n in options.sizes.split(",")]
    return [n for n in numbers if n in wanted]


def show_kernels(options):
    """Print the kernels of the derivatives, compiled in this process."""
    from tests.speed import kernels, libraries

    library = libraries.load("fungrad")
    for name in [name for name in options.names if name not in COSTS]:
        chosen = workload.load(name)
        for size in [chosen.sizes[n] for n in numbers_of(chosen, options)]:
            derivative = library.functions(chosen, size)[1]
            kernels.report(derivative, chosen.inputs(size), chosen.title(size))
    return 0


def figures_of(chosen, options, environment):
    """The figures of a workload, one per size."""
    numbers = numbers_of(chosen, options)
    times = {}
    if "times" in options.measure and numbers:
        command = ["tests.speed.programs", chosen.name, *map(str, numbers)]
        command += ["--seconds", str(options.seconds), "--peers", options.peers]
        times = reported(command, {})
    result = []
    for number in numbers:
        size = chosen.sizes[number]
        found = Figures(
            chosen.title(size),
            chosen.is_small_loop(size),
            not chosen.is_eager(size),
            chosen.jax_to_cpp(size),
            **times.get(str(number), {}),
        )
        if "first" in options.measure and found.is_compiled:
            add_first_calls(found, chosen.name, number, options.peers, environment)
        result.append(found)
    return result


def add_first_calls(found, name, number, peers, environment):
    """Add the first calls of fungrad, on an empty cache and on the one it leaves, and of JAX.

    Of short ones the medians of several.
    """
    has_jax = "jax" in peers and bool(installed("jax"))
    samples = [first_calls(name, number, has_jax, environment)]
    if max(call["seconds"] for call in samples[0].values()) < LONG:
        for _ in range(SHORT_CALLS - 1):
            samples.append(first_calls(name, number, has_jax, environment))
    for measure, library in samples[0]:
        calls = [sample[measure, library] for sample in samples]
        getattr(found, measure)[library] = median(call["seconds"] for call in calls)
        found.memory[library] = median(call["bytes"] for call in calls)


def first_calls(name, number, has_jax, environment):
    """What fresh processes report, by measure and library."""
    command = ["tests.speed.first_call", name, str(number)]
    result = {}
    with empty_cache() as folder:
        cached = {**environment, "FUNGRAD_CACHE_DIR": folder}
        for measure in ("cold", "warm"):
            result[measure, "fungrad"] = reported([*command, "fungrad"], cached)
    if has_jax:
        result["cold", "jax"] = reported([*command, "jax"], environment)
    return result


def rows_of(name, wanted):
    """The rows of a cost; of one that has cases, of those whose titles match."""
    module = importlib.import_module(f"tests.speed.costs.{name}")
    if not hasattr(module, "cases"):
        return module.rows()
    chosen = [rows for title, rows in module.cases().items() if re.search(wanted, title)]
    return [row for rows in chosen for row in rows()]


def cost_rows(name, wanted):
    """The rows of a cost, measured in a process of its own."""
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.speed", "--in-this-process", name, "--rows", wanted],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed")
    (line,) = [line for line in done.stdout.split("\n") if line.startswith(RESULT)]
    return [Row(**row) for row in json.loads(line.removeprefix(RESULT))]


def report(figures, rows, options):
    """Print the tables; write what is asked for."""
    if figures:
        print(markdown(figures, options.one_core))
    if rows:
        print(f"\n{markdown_of_rows(rows)}")
    if options.json:
        content = {
            "machine": machine(),
            "workloads": [f.as_dict() for f in figures],
            "costs": [as_dict(row) for row in rows],
        }
        Path(options.json).write_text(json.dumps(content, indent=1))
    if options.plot:
        from tests.speed import plot

        plot.save(figures, options.plot)


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
