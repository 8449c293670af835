"""LLVM's functions: as llvmlite declares them, loaded without its Python, and by no import lock."""

import ctypes
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from fungrad.compiler.llvm import library, machine

TEXT = """
define double @other(double %x) { %y = fmul double %x, %x  ret double %y }
define i64 @f(i64 %n) { %m = call i64 @abs(i64 %n)  ret i64 %m }
declare i64 @abs(i64)
"""


def kind_of(type):
    """What a C type is to who calls: all objects of LLVM's are the same."""
    if isinstance(type, type_of_pointers) and type is not ctypes.POINTER(ctypes.c_char_p):
        return ctypes.c_void_p
    return ctypes.c_int if type is ctypes.c_uint else type


type_of_pointers = type(ctypes.POINTER(ctypes.c_int))


@pytest.mark.parametrize("table", [library.LONG_FUNCTIONS, library.SHORT_FUNCTIONS])
def test_the_functions_are_those_that_llvmlite_declares(table):
    from llvmlite.binding import ffi

    for name, result, operands in library.signatures(table):
        theirs = getattr(ffi.lib, f"LLVMPY_{name}")
        if theirs.argtypes is not None:
            known = list(map(kind_of, theirs.argtypes))
            assert known == operands[: len(known)], name
        if result is not None:
            assert kind_of(theirs.restype) == result, name


def test_functions_of_other_versions_come_from_llvmlite(monkeypatch):
    expected = machine.object_code([TEXT], ("f",))
    monkeypatch.setattr(library, "_KNOWN_VERSIONS", ("none",))
    others = library.library.__wrapped__()
    assert type(others) is SimpleNamespace
    monkeypatch.setattr(machine, "library", lambda: others)
    monkeypatch.setattr(library, "library", lambda: others)
    monkeypatch.setattr(machine, "_places", [machine._Place()])
    monkeypatch.setattr(machine, "_target", machine._target.__wrapped__)
    assert machine.object_code([TEXT], ("f",)) == expected
    assert "f:" in machine.assembly([TEXT], ("f",)) and len(machine.vectors()) == 2


def test_threads_compile_at_once(monkeypatch):
    """Each in a place of its own, or else one after another: the same code as alone."""
    texts = [TEXT.replace("@abs(i64 %n)", f"@abs(i64 {n})") for n in range(6)]
    expected = [machine.object_code([each], ("f",)) for each in texts]
    monkeypatch.setattr(machine, "_places", [machine._Place() for _ in range(3)])
    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            found = threads.map(lambda each: machine.object_code([each], ("f",)), texts)
            assert list(found) == expected
    assert all(place.machines for place in machine._places)


def test_what_is_wrong_with_a_text_is_said():
    with pytest.raises(RuntimeError, match="parse.*expected"):
        machine.object_code(["define i64 @f( {"], ("f",))
    with pytest.raises(RuntimeError, match="link"):
        machine.object_code([TEXT, TEXT], ("f",))
    with pytest.raises(RuntimeError, match="dominate"):
        wrong = "define i64 @f() { %a = add i64 %b, 1  %b = add i64 %a, 1  ret i64 %b }"
        machine.object_code([wrong], ("f",))


def test_what_nobody_else_sees_is_left_out():
    code, imports = machine.object_code([TEXT], ("f",), 0)
    assert imports == ["abs"]
    assert b"other" not in code and b"other" in machine.object_code([TEXT], ("f", "other"), 0)[0]


def test_the_thread_of_llvm_imports_nothing(tmp_path, monkeypatch):
    """A process that forks meanwhile would inherit the lock of the import, and wait for ever."""
    monkeypatch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path))
    program = """
import sys, threading
import numpy as np
import fungrad
found = []
class Recorder:
    def find_spec(name, path=None, target=None):
        found.append((threading.current_thread().name, name))
sys.meta_path.insert(0, Recorder)
f = fungrad.jit(fungrad.grad(lambda x: np.sin(x @ x).sum()))
assert np.isfinite(f(np.eye(40))).all()
names = {name for thread, name in found if thread == "fungrad LLVM"}
assert any("llvm.machine" in name for _, name in found) and not names, names
print("llvmlite.binding" in sys.modules)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
