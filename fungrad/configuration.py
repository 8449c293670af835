"""`config`: the switches of a JAX program, each wired to fungrad's own, or explained."""

import os
import warnings
from contextlib import contextmanager
from functools import partial

from fungrad.api.telling import explain_cache_misses, log_compiles
from fungrad.control.call import settings
from fungrad.core.thread_state import state
from fungrad.debug.nans import debug_infs, debug_nans

_DTYPES = (
    "dtypes are NumPy's: float64 unless an array is of another dtype. For single precision make "
    "arrays of float32; they stay float32"
)


class Switch:
    """A name of `config`: what it is, and what a new value does."""

    def __init__(self, value, change=None):
        self.value, self._change = value, change

    def set(self, name, value):
        """Take a new value."""
        if self._change is not None:
            self._change(name, value)
        self.value = value


def _enable_x64(name, value):
    if not value:
        warnings.warn(f"{name} = {value!r} changes nothing: {_DTYPES}", UserWarning, stacklevel=4)


def _toggle(switch, name, value):
    switch.enable() if value else switch.disable()


def _disable_jit(name, value):
    settings.is_compiled = not value


def _enable_checks(name, value):
    type(state).checks_programs = bool(value)


def _cache_folder(name, value):
    if value is None:
        os.environ.pop("FUNGRAD_CACHE_DIR", None)
    else:
        os.environ["FUNGRAD_CACHE_DIR"] = os.fspath(value)


def _one_of(accepted, why, name, value):
    if value not in accepted:
        raise ValueError(f"{name} = {value!r} is not supported, only {accepted[-1]!r}: {why}")


def _only(*accepted, why):
    return Switch(accepted[0], partial(_one_of, accepted, why))


class Config:
    """The switches of JAX programs: `update(name, value)`, `read(name)`, or attributes.

    Names are JAX's, with or without `jax_`. What has no meaning here is accepted where the value
    asks for what is so anyway, and is an error otherwise; unknown names are an error.

    >>> config.update("jax_enable_x64", True)
    >>> config.jax_debug_nans
    False
    """

    def __init__(self):
        broadcasts = "arrays broadcast as NumPy's"
        self.__dict__["_switches"] = {
            "enable_x64": Switch(True, _enable_x64),
            "debug_nans": Switch(False, partial(_toggle, debug_nans)),
            "debug_infs": Switch(False, partial(_toggle, debug_infs)),
            "disable_jit": Switch(False, _disable_jit),
            "log_compiles": Switch(False, partial(_toggle, log_compiles)),
            "explain_cache_misses": Switch(False, partial(_toggle, explain_cache_misses)),
            "enable_checks": Switch(False, _enable_checks),
            "compilation_cache_dir": Switch(None, _cache_folder),
            "enable_compilation_cache": _only(True, why="name a folder: compilation_cache_dir"),
            "check_tracer_leaks": Switch(True),  # a leaked tracer is an error where it is used
            "default_matmul_precision": Switch(None),  # products are as precise as their dtype
            "traceback_filtering": Switch(None),
            "numpy_rank_promotion": _only("allow", why=broadcasts),
            "numpy_dtype_promotion": _only("standard", why="promotion is NumPy's"),
            "default_prng_impl": _only("threefry2x32", why="keys are threefry2x32's"),
            "threefry_partitionable": _only(True, why="draws are JAX's by default"),
            "platforms": _only(None, "", "cpu", why="fungrad runs on the CPU"),
            "platform_name": _only(None, "", "cpu", why="fungrad runs on the CPU"),
            "default_device": Switch(None),
        }

    def update(self, name, value):
        """Set a switch; AttributeError for unknown names, ValueError for unsupported values.

        >>> config.update("jax_enable_x46", True)
        Traceback (most recent call last):
            ...
        AttributeError: config has no switch 'jax_enable_x46'; nearest: enable_x64, enable_checks
        """
        self._switch(name).set(name, value)

    def read(self, name):
        """The value of a switch.

        >>> config.read("jax_numpy_rank_promotion")
        'allow'
        """
        return self._switch(name).value

    def _switch(self, name):
        import difflib

        found = self._switches.get(str(name).removeprefix("jax_").removeprefix("fungrad_"))
        if found is not None:
            return found
        near = difflib.get_close_matches(str(name).removeprefix("jax_"), self._switches, 3)
        hint = f"; nearest: {', '.join(near)}" if near else f"; there are {list(self._switches)}"
        raise AttributeError(f"config has no switch {name!r}{hint}")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.read(name)

    def __setattr__(self, name, value):
        self.update(name, value)

    def __dir__(self):
        return ["read", "update", *[f"jax_{name}" for name in self._switches]]


config = Config()


@contextmanager
def enable_x64(new_val=True):
    """A context that changes nothing, and warns where it asks for less: dtypes are NumPy's.

    >>> with enable_x64():
    ...     np.ones(2).dtype
    dtype('float64')
    """
    if not new_val:
        warnings.warn(f"enable_x64({new_val!r}) changes nothing: {_DTYPES}", stacklevel=3)
    yield


@contextmanager
def default_matmul_precision(new_val):
    """A context that changes nothing: products are computed in the dtype of their operands.

    >>> with default_matmul_precision("float32"):
    ...     np.ones((1, 1)) @ np.ones((1, 1))
    array([[1.]])
    """
    yield


__all__ = ["config", "default_matmul_precision", "enable_x64"]
