"""What machine code depends on besides its source: found without LLVM, and different where it matters."""

import os
import subprocess
import sys

from fungrad.compiler.execution import environment


def described(**changes):
    """The description, with what these functions of the module return."""
    before = {name: getattr(environment, name) for name in changes}
    environment.description.cache_clear()
    try:
        for name, value in changes.items():
            setattr(environment, name, lambda *_, value=value: value)
        return environment.description()
    finally:
        for name, function in before.items():
            setattr(environment, name, function)
        environment.description.cache_clear()


def test_the_library_the_tools_and_the_processor_are_in_it():
    usual = described()
    assert usual == described()
    for name, value in (("_library", "0"), ("_content", b"1.0"), ("processor", ("x86", "avx"))):
        assert described(**{name: value}) != usual


def put(path, text, time):
    """Write a file that was changed last at a time."""
    path.write_text(text)
    os.utime(path, (time, time))


def test_a_changed_file_changes_it(monkeypatch, tmp_path):
    folder = tmp_path / "fungrad"
    (folder / "compiler").mkdir(parents=True)
    (folder / "core").mkdir()
    put(folder / "core" / "a.py", "1", 1e9)
    monkeypatch.setattr(environment, "__file__", str(folder / "compiler" / "x" / "y.py"))
    seen = [environment._library()]
    put(folder / "core" / "a.py", "22", 1e9)
    seen.append(environment._library())
    put(folder / "core" / "a.py", "22", 1e9 + 1)
    seen.append(environment._library())
    put(folder / "core" / "b.py", "", 1e9)
    seen.append(environment._library())
    (folder / "core" / "__pycache__").mkdir()
    (folder / "nn").mkdir()
    put(folder / "nn" / "c.py", "", 1e9)  # what makes programs does not compile them
    assert environment._library() == seen[-1] and len(set(seen)) == 4
    put(folder / "core" / "b.py", "", environment.IMPORTED + 1)  # while this process runs
    assert len({environment._library() for _ in range(3)}) == 3


def test_an_archive_has_a_description_too(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "a.zip" / "fungrad" / "c" / "e.py"))
    assert len(environment._library()) == 32


def test_neither_llvm_nor_numba_is_imported():
    program = (
        "import sys; from fungrad.compiler.execution import environment; environment.description(); "
        "print('llvmlite' in sys.modules, 'numba' in sys.modules)"
    )
    output = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert output[1] == "False" and (output[0] == "False" or sys.platform != "linux")
