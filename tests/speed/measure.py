"""Measuring: interleaved medians in one process, and times that fresh processes report."""

import compileall
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

SHORTEST = 2e-4  # a sample lasts at least this long, so that the clock does not matter
#: In which the threads of the call before go to sleep, those of PyTorch and JAX after milliseconds:
#: until then they take a core from whoever comes next.
PAUSE = 50e-3
#: In which the threads of the call itself come to the cores where they stay.
WARM = 30e-3
LONG = 0.3  # of calls that take longer, three samples are enough
ROOT = Path(__file__).parents[2]


def medians(calls, seconds=2.0, rounds=7, pause=PAUSE):
    """The median time of each call, in seconds; the calls take turns, sample by sample.

    Each call is warmed up first. At least `rounds` samples of each are taken, and more until
    `seconds` have passed.
    """
    for call in calls.values():
        _call_for(WARM, call)  # the second call may still prepare what the later ones use
    if max(_sample(call, 1) for call in calls.values()) > LONG:
        rounds = min(rounds, 3)
    repeats = {name: _repeats(call) for name, call in calls.items()}
    samples = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or any(len(s) < rounds for s in samples.values()):
            for name, call in calls.items():
                time.sleep(pause)
                _call_for(WARM, call)
                samples[name].append(_sample(call, repeats[name]))
    finally:
        gc.enable()
    return {name: median(values) for name, values in samples.items()}


def _call_for(seconds, call):
    end = time.perf_counter() + seconds
    call()
    while time.perf_counter() < end:
        call()


def _sample(call, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def _repeats(call):
    repeats = 1
    while min(_sample(call, repeats) for _ in range(3)) * repeats < SHORTEST:
        repeats *= 2
    return repeats


def installed(*names):
    """Those of the libraries that can be imported, by name."""
    found = {}
    for name in names:
        try:
            found[name] = __import__(name)
        except ImportError:
            print(f"{name} is not installed; its figures are left out", file=sys.stderr)
    return found


def reported(what, environment):
    """What a fresh interpreter prints as JSON on its last line: code, or a module and arguments."""
    command = ["-c", what] if isinstance(what, str) else ["-m", *what]
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise RuntimeError(f"a measured process failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().split("\n")[-1])


def in_fresh_processes(codes, rounds=7):
    """The median of what each code reports, in turns, each time from a fresh interpreter."""
    samples = {name: [] for name in codes}
    with installation() as environment:
        for _ in range(rounds):
            for name, code in codes.items():
                samples[name].append(reported(code, environment))
    return {name: median(values) for name, values in samples.items()}


@contextmanager
def installation():
    """The environment of processes that import a copy of the library, with bytecode beside it.

    That is how installers leave a package, the other libraries among them: no measured process has
    to compile the sources of one, or to write what the next one reads.
    """
    with tempfile.TemporaryDirectory(prefix="fungrad-installed-") as folder:
        for package in ("fungrad", "tests/speed"):
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, Path(folder, package), ignore=left_out)
        compileall.compile_dir(folder, quiet=1)
        names = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
        yield {**dict.fromkeys(names, ""), "PYTHONPATH": folder, "PYTHONSAFEPATH": "1"}


def empty_cache():
    """A new folder for the cache of compiled code, removed with the object."""
    return tempfile.TemporaryDirectory(prefix="fungrad-speed-")
