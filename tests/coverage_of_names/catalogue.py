"""The names by namespace and priority, and where they are in fungrad."""

import importlib
import tomllib
from pathlib import Path

PRIORITIES = ("P0", "P1", "P2")

#: Namespaces in which every name of the first priority is there, and stays there.
FINISHED = """numpy numpy.linalg lax lax.linalg nn nn.initializers random scipy.linalg tree tree_util
    custom_derivatives flatten_util at""".split()


def catalogue():
    """The names: {namespace: {priority: [name]}}."""
    text = Path(__file__).with_name("names.toml").read_text()
    return {
        space: {priority: names.split() for priority, names in by_priority.items()}
        for space, by_priority in tomllib.loads(text).items()
    }


def home(space):
    """The module or object of a namespace, or None where it does not exist."""
    import fungrad
    from fungrad.numpy.at import AtIndex

    if space in ("fungrad", "at"):
        return fungrad if space == "fungrad" else AtIndex
    try:
        return importlib.import_module(f"fungrad.{space}")
    except ModuleNotFoundError:
        return getattr(fungrad, space, None)


def is_present(space, name):
    """Whether a name is in its namespace."""
    found = home(space)
    return found is not None and hasattr(found, name)


def missing(space, priority):
    """The names of a namespace that are not there."""
    return [n for n in catalogue()[space].get(priority, ()) if not is_present(space, n)]
