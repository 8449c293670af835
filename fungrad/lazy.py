"""Names that are imported when they are first used, and what is said of names that do not exist."""

import importlib
import sys
import time
from types import ModuleType

#: When the library was imported: files that change later are not the ones that this process runs.
IMPORTED = time.time()

#: Namespaces in which a name that is missing elsewhere is looked for, and what NumPy or SciPy has.
_SPACES = """numpy numpy.linalg numpy.fft lax lax.linalg nn nn.initializers random scipy.special
    scipy.linalg scipy.stats tree tree_util ops debug optim errors dtypes flatten_util
    custom_derivatives custom_batching ad_checkpoint""".split()

_ONE_CPU = "there is one CPU: use vmap, and fungrad.threads for its cores"
_MUTABLE = "carry the value through scan, or assign to an array made inside the function: y[i] = v"

#: Names of JAX without a counterpart, and what serves instead.
_INSTEAD = {
    **dict.fromkeys(
        """pmap shard_map smap make_mesh set_mesh reshard NamedSharding P Shard sharding
        process_count process_index host_count host_id distributed""".split(),
        _ONE_CPU,
    ),
    **dict.fromkeys("Ref new_ref empty_ref free_ref freeze ref".split(), _MUTABLE),
    **dict.fromkeys("jet experimental".split(), "nest jvp or grad for derivatives of any order"),
    **dict.fromkeys("export extend ffi".split(), "use make_program, Primitive and pure_callback"),
    **dict.fromkeys(
        "ensure_compile_time_eval no_tracing no_execution".split(),
        "what does not depend on traced values is computed while tracing, by plain NumPy",
    ),
    **dict.fromkeys(
        "checking_leaks check_tracer_leaks".split(),
        "a traced value that is used after its trace raises LeakedTracerError, always",
    ),
    **dict.fromkeys(
        "numpy_rank_promotion numpy_dtype_promotion".split(), "promotion is NumPy's, always"
    ),
    "enable_checks": "fungrad.testing.check_primitive checks rules of your own",
    "default_prng_impl": "keys are threefry2x32",
    "debug_key_reuse": "split a key for each draw",
    "key_dtype": "keys are uint32 arrays",
    "ds": "use lax.dynamic_slice_in_dim, or x[start : start + size] with known numbers",
    "ad": "use jvp, vjp, linearize and linear_transpose",
    "softmax_custom_jvp": "nn.softmax has its rule",
    "breakpoint": "Python's breakpoint() stops in eager code; run compiled code so in disable_jit()",
    "log": "use debug.callback with a function that logs",
    "sph_harm_y": "write the recurrence of Legendre functions with lax.fori_loop",
    "profiler": "use fungrad.cost and fungrad.compare_modes",
    "scaled_matmul": "use lax.dot_general",
    "scaled_dot_general": "use lax.dot_general",
    "wofz": "use dawsn and erfcx, its parts on the axes",
    "image": "use lax.dot_general with a matrix of weights",
}


def lazy_names(package, names, modules=()):
    """`__getattr__`, `__dir__` and `__all__` of a package that imports on demand.

    `names` maps a module to the public names that it defines: of the package, or by its whole name
    from "fungrad." on; `modules` are public modules of the package themselves.
    """
    where = {name: module for module, listed in names.items() for name in listed}
    public = sorted({*where, *modules})

    def load(name):
        if name in where:
            path = where[name]
            path = path if path.startswith("fungrad.") else f"{package}.{path}"
            value = getattr(importlib.import_module(path), name)
        elif name in modules:
            value = importlib.import_module(f"{package}.{name}")
        else:
            raise AbsentNameError(package, name)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: public, public


def import_as_modules(package, names):
    """Let objects of a package be imported as JAX's modules of their names are.

    `import fungrad.scipy.stats.norm as norm` binds the object itself.
    """
    for name in names:
        path = f"{package}.{name}"
        sys.modules[path] = _ObjectModule(path)


class _ObjectModule(ModuleType):
    """What `from package.object import name` looks into."""

    def __getattr__(self, name):
        package, _, own = self.__name__.rpartition(".")
        return getattr(sys.modules[package].__getattr__(own), name)


def no_other_names(package):
    """The `__getattr__` of a module that has all of its names: it says what is near another one."""

    def refuse(name):
        raise AbsentNameError(package, name)

    return refuse


class AbsentNameError(AttributeError):
    """A module has no such name; the text says what serves instead, and is made when it is read."""

    def __init__(self, package, name):
        super().__init__(package, name)
        self.package, self.name = package, name

    def __str__(self):
        package, name = self.package, self.name
        ways = [_INSTEAD[name]] if name in _INSTEAD else []
        names = {*dir(sys.modules[package])} - {"no_other_names"}
        near = [n for n in sorted(names) if name in n and n[0] != "_"]
        near = near or _similar(name, names)
        if near:
            ways.append(f"nearest: {', '.join(near[:3])}")
        elsewhere = next((space for space in _SPACES if _has(space, name)), None)
        if elsewhere:
            ways.append(f"there is fungrad.{elsewhere}.{name}")
        peer = package.removeprefix("fungrad.")
        if peer.startswith(("numpy", "scipy")) and hasattr(_module(peer), name):
            ways.append(f"{peer}.{name} works on plain arrays and on stop_gradient values")
        return "; ".join([f"{package} has no {name!r}", *ways])


def _similar(name, names):
    from difflib import get_close_matches

    return get_close_matches(name, names, 3, cutoff=0.65)


def _has(space, name):
    module = _module(f"fungrad.{space}")
    return module is not None and name in dir(module)


def _module(path):
    try:
        return importlib.import_module(path)
    except ImportError:
        return None
