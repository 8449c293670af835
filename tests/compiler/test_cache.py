"""Compiled code on disk: found again, never wrong, never in the way."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from fungrad.compiler.execution import cache, environment
from fungrad.compiler.llvm import build
from fungrad.compiler.llvm.build import Array, Pointer, Result, Scalar, entry, kernel

PROGRAM = """
import sys
import numpy as np
from fungrad.compiler.llvm import build
from fungrad.compiler.llvm.build import Array, Pointer, Result, Scalar

square = build.kernel('''
def square(n, x, y):
    for i in range(n):
        y[i] = x[i] * x[i]
    return 0
''', "square", (Scalar("int64"), Pointer("float64"), Pointer("float64")))
f = build.entry('''
def f(n, x, y, r):
    status = square(n, x, y)
    return status + dot_float64(n, x, 1, y, 1, r)
''', "f", (Scalar("int64"), Array("float64"), Array("float64"), Result("float64")),
    {"square": square})
assert f(3, np.arange(3.0), np.empty(3)) == 9.0
print(build.statistics(), "numba" in sys.modules)
"""
COMPILED = (
    "{'compiled_kernels': 2, 'compiled_entries': 1, 'loaded_kernels': 0, 'loaded_entries': 0} False"
)
LOADED = (
    "{'compiled_kernels': 0, 'compiled_entries': 0, 'loaded_kernels': 2, 'loaded_entries': 1} False"
)

SOURCE = "def f(x, y):\n    y[0] = 2.0 * x\n    return 0"
ARGUMENTS = (Scalar("float64"), Result("float64"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    path = tmp_path / "cache"
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path / "first"))
    entry(SOURCE, "f", ARGUMENTS)  # so that the code of all builtins is there
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(path))
    monkeypatch.setattr(cache, "_warned", False)
    build.clear()
    return path


def _run(**environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def _built():
    """The counters' change, when the example is built anew in this process."""
    build.clear()
    before = build.statistics()
    assert entry(SOURCE, "f", ARGUMENTS)(4.0) == 8.0
    after = build.statistics()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def test_a_second_process_compiles_nothing():
    first, second = _run(), None
    assert first.communicate()[0].strip() == COMPILED
    second = _run()
    assert second.communicate()[0].strip() == LOADED


def test_two_processes_compile_at_once(folder):
    processes = [_run() for _ in range(2)]
    assert all(p.communicate()[0] and p.returncode == 0 for p in processes)
    assert len(list(folder.iterdir())) == 4
    assert _run().communicate()[0].strip() == LOADED


def test_memory_then_disk_then_compiler():
    assert _built() == {"compiled_entries": 1}
    assert _built() == {"loaded_entries": 1}
    build.clear(on_disk=True)
    assert _built() == {"compiled_entries": 1}


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "foreign", "other"])
def test_a_damaged_file_is_ignored_mended_and_said_once(folder, damage):
    _built()
    (path,) = folder.iterdir()
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    path.write_bytes(
        {
            "truncated": content[:-7],
            "empty": b"",
            "flipped": bytes(flipped),
            "foreign": b"\x7fELF" + bytes(100),
            "other": cache._packed("another key", b"", {"imports": []}),
        }[damage]
    )
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert _built() == {"compiled_entries": 1}
    assert path.read_bytes()[-50:] == content[-50:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _built() == {"loaded_entries": 1}
        path.write_bytes(b"")
        assert _built() == {"compiled_entries": 1}


def test_code_that_cannot_be_linked_is_compiled_anew(folder):
    _built()
    (path,) = folder.iterdir()
    code, details = cache.load(path.stem)
    details["image"][1].append("no_such_symbol")
    cache.save(path.stem, code, details)
    assert _built() == {"compiled_entries": 1}
    assert _built() == {"loaded_entries": 1}


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(blocked / "cache"))
    with pytest.warns(RuntimeWarning, match="cache of compiled code: cannot") as warned:
        assert _built() == {"compiled_entries": 1}
        assert _built() == {"compiled_entries": 1}
    assert len(warned) == 1


def test_the_environment_is_part_of_the_key(monkeypatch):
    assert _built() == {"compiled_entries": 1}
    monkeypatch.setattr(environment, "description", lambda: "another processor")
    assert _built() == {"compiled_entries": 1}


def test_the_least_recently_used_files_go(folder):
    for i in range(6):
        cache.save(f"key{i}", bytes(1000), {})
        os.utime(folder / f"key{i}.code", (1e9 + i, 1e9 + i))
    assert cache.load("key0") == (bytes(1000), {})  # and so it is the one used last
    cache.trim(maximum_files=4)
    assert {p.stem for p in folder.iterdir()} == {"key0", "key3", "key4", "key5"}
    cache.trim(maximum_bytes=2500)
    assert {p.stem for p in folder.iterdir()} == {"key0", "key5"}


def test_what_a_crash_left_behind_goes(folder):
    folder.mkdir()
    for name, age in (("tmpold", 1e9), ("tmpnew", None)):
        (folder / name).write_bytes(b"half")
        if age:
            os.utime(folder / name, (age, age))
    cache.trim()
    assert [p.name for p in folder.iterdir()] == ["tmpnew"]


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    assert cache.folder() == tmp_path / "cache"
    monkeypatch.delenv("FUNGRAD_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "fungrad"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "fungrad"


def test_a_program_whose_kernels_are_cached_apart():
    x = np.arange(3.0)
    scale = """
def scale(n, x):
    for i in range(n):
        x[i] *= 2.0
    return 0
"""
    inner = kernel(scale, "scale", (Scalar("int64"), Pointer("float64")))
    source = "def f(n, x):\n    return scale(n, x)"
    arguments = (Scalar("int64"), Array("float64"))
    entry(source, "f", arguments, {"scale": inner})(3, x)
    build.clear()
    before = build.statistics()["loaded_kernels"]
    inner = kernel(scale, "scale", (Scalar("int64"), Pointer("float64")))
    assert build.statistics()["loaded_kernels"] == before + 1
    entry(source, "f", arguments, {"scale": inner})(3, x)
    np.testing.assert_array_equal(x, [0, 4, 8])
