"""The folder is the layer: imports point down, files stay short, heavy modules come late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fungrad

PACKAGE = Path(fungrad.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# core <- primitives <- numpy, transforms, optimize <- compiler <- control <- api <- the rest.
# Layers of one rank do not import each other.
RANKS = {
    "core": 0,
    "primitives": 1,
    "numpy": 2,
    "transforms": 2,
    "optimize": 2,
    "compiler": 3,
    "control": 4,
    "api": 5,
}
ABOVE_API = 6  # lax, testing, tree, __main__, ...: public modules on top of everything

# Within the compiler, by folder; what stands in none of them puts them together.
COMPILER_RANKS = {
    "language": 0,
    "execution": 1,
    "fusion": 1,
    "math": 1,
    "moves": 1,
    "order": 1,
    "linalg": 2,
    "llvm": 2,
    "loops": 2,
    "products": 2,
    "convolution": 3,
}

# Imports inside functions that may point up, as (file, imported layer), each with its reason.
LATE_IMPORTS_UP = {
    ("numpy/__init__.py", "api"): "numpy.vectorize is vmap under NumPy's name",
}

# Modules that cost more than all of fungrad, and the only folders and files that import them.
HEAVY = ("numba", "llvmlite", "scipy", "sklearn")

LONGEST = 450


def parsed(path):
    return ast.parse(path.read_text(), str(path))


def imports(path):
    """(module, line, whether inside a function) of every import in a file."""

    def walk(node, is_late):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name, child.lineno, is_late
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}:{child.lineno}: relative import"
                names = [child.module]
                if child.module == "fungrad":
                    names = [f"fungrad.{alias.name}" for alias in child.names]
                for name in names:
                    yield name, child.lineno, is_late
            else:
                is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(child, is_late or is_function)

    return list(walk(parsed(path), False))


def layer_of_file(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer_of_module(name):
    """The layer of a module of fungrad; None for other modules and for the package itself."""
    parts = name.split(".")
    return parts[1] if parts[0] == "fungrad" and len(parts) > 1 else None


def rank(layer):
    return RANKS.get(layer, ABOVE_API)


def is_upward(source, target):
    """Whether an import from one layer to another breaks the order."""
    if source == target or target in ("lazy", "__version__"):
        return False
    if rank(source) == ABOVE_API:
        return False
    return rank(target) >= rank(source)


def test_imports_point_down():
    wrong = []
    for path in FILES:
        source = layer_of_file(path)
        if source == "__init__":
            continue
        for name, line, is_late in imports(path):
            target = layer_of_module(name)
            if target is None or not is_upward(source, target):
                continue
            short = str(path.relative_to(PACKAGE))
            if not (is_late and (short, target) in LATE_IMPORTS_UP):
                wrong.append(f"{short}:{line} ({source}) imports {name}")
    assert not wrong, "\n".join(wrong)


def test_imports_within_the_compiler_point_down():
    """Late imports aside: `execution` asks `llvm` for what the cache on disk lacks."""
    wrong = []
    for path in sorted((PACKAGE / "compiler").glob("*/*.py")):
        source = path.parent.name
        for name, line, is_late in imports(path):
            target = (*name.split("."), "", "")[2]
            if is_late or not name.startswith("fungrad.compiler.") or target == source:
                continue
            if COMPILER_RANKS.get(target, 4) >= COMPILER_RANKS[source]:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_no_late_import_is_allowed_in_vain():
    found = {
        (str(path.relative_to(PACKAGE)), layer_of_module(name))
        for path in FILES
        for name, _, is_late in imports(path)
        if is_late
    }
    assert set(LATE_IMPORTS_UP) <= found


def test_the_check_sees_an_import_that_points_up():
    assert is_upward("core", "primitives")
    assert is_upward("numpy", "transforms")
    assert is_upward("transforms", "control")
    assert is_upward("compiler", "lax")
    assert not is_upward("control", "compiler")
    assert not is_upward("lax", "api")


def test_every_folder_has_a_rank_or_stands_above_api():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(RANKS) <= folders


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_modules_are_imported_late(path):
    """numba and llvmlite by the compiler only, scipy inside functions, scikit-learn by the demo."""
    for name, line, is_late in imports(path):
        root = name.split(".")[0]
        where = f"{path.relative_to(PACKAGE)}:{line}"
        if root in ("numba", "llvmlite"):
            assert layer_of_file(path) == "compiler", f"{where} imports {name}"
        elif root in HEAVY:
            assert is_late, f"{where} imports {name} at module level"
        elif layer_of_module(name) == "compiler" and layer_of_file(path) != "compiler":
            assert is_late, f"{where} imports {name} before the first compilation"


FOLDERS = sorted(PACKAGE.rglob("__init__.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
def test_every_folder_says_what_it_is(folder):
    """The docstring of `__init__.py` names the layer, and what it imports, in its first lines."""
    text = ast.get_docstring(parsed(folder))
    assert text, f"{folder.relative_to(PACKAGE)} has no docstring"
    if folder.parent != PACKAGE:
        opening = " ".join(text.splitlines()[:4])
        assert "mports" in opening, f"{folder.relative_to(PACKAGE)} does not say what it imports"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path):
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST, f"{path} has {lines} lines; find the second concept in it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_names_say_something(path):
    """No file is called after being left over, or after its history."""
    assert path.stem not in ("utils", "util", "misc", "helpers", "common", "base"), path
    assert not {"new", "old", "v2", "v3"}.intersection(path.stem.split("_")), path


# ---- what is loaded, seen from a fresh interpreter


def modules_after(code):
    """The top-level modules, and those of fungrad, that a fresh interpreter holds after `code`."""
    report = "import sys; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("\n")[-2].split())


def test_importing_fungrad_loads_nothing_else():
    loaded = modules_after("import fungrad")
    assert not loaded.intersection(HEAVY)
    assert {name for name in loaded if name.startswith("fungrad.")} <= {"fungrad.lazy"}


def test_eager_derivatives_load_no_compiler():
    loaded = modules_after(
        "import numpy as np, fungrad\n"
        "assert fungrad.grad(fungrad.grad(np.tanh))(1.0) < 0\n"
        "assert fungrad.vmap(fungrad.grad(np.sin))(np.ones(3)).shape == (3,)\n"
        "fungrad.jit(np.sin)"
    )
    assert not loaded.intersection(HEAVY)


def test_compiling_loads_llvm_without_the_rest_of_numba():
    loaded = modules_after(
        "import numpy as np, fungrad\n"
        "x = np.ones((20, 3))\n"
        "f = lambda x: np.sort(np.tanh(x @ x.T), axis=0).sum() + np.linalg.cholesky(x.T @ x + np.eye(3)).sum()\n"
        "fungrad.jit(fungrad.grad(f))(x + np.arange(3) * x)\n"
        "total = lambda x: fungrad.lax.while_loop(lambda c: c < 3, lambda c: c + x, x)\n"
        "assert fungrad.jit(fungrad.grad(total))(1.0) == 3"
    )
    assert "llvmlite" in loaded
    assert not {name for name in loaded if name.startswith("numba")}
