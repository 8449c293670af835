"""Names that are imported when they are first used."""

import importlib
import sys


def lazy_names(package, names, modules=()):
    """`__getattr__`, `__dir__` and `__all__` of a package that imports on demand.

    `names` maps a module of the package to the public names that it defines; `modules` are public
    modules themselves.
    """
    where = {name: module for module, listed in names.items() for name in listed}
    public = sorted({*where, *modules})

    def load(name):
        if name in where:
            value = getattr(importlib.import_module(f"{package}.{where[name]}"), name)
        elif name in modules:
            value = importlib.import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: public, public
