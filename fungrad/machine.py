"""The names by which JAX programs speak of arrays and devices: here there are NumPy and one CPU."""

import os
import platform
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version

import numpy as np

import fungrad
from fungrad.api.operands import is_numeric, operand_of
from fungrad.core import tree
from fungrad.core.tracer import type_of_value
from fungrad.numpy.array_kind import Array


class Device:
    """The CPU, under the names that JAX programs look for.

    >>> devices()[0].platform
    'cpu'
    """

    platform = device_kind = "cpu"
    id = process_index = local_hardware_id = 0

    def __repr__(self):
        return "CpuDevice(id=0)"


_CPU = Device()


def typeof(x):
    """The type of a value, as programs print it: its shape and its dtype.

    >>> typeof(np.ones((2, 3), np.float32)), typeof(1.0).dtype
    (f32[2,3], dtype('float64'))
    """
    x, _ = operand_of(x)
    return type_of_value(x)


def device_put(x, device=None, *, src=None, donate=False, may_alias=None):
    """The leaves as NumPy arrays and scalars: everything is on the one device.

    >>> device_put({"a": [1.0, 2]})
    {'a': [np.float64(1.0), np.int64(2)]}
    """
    return tree.map(lambda leaf: operand_of(leaf)[0], x)


def device_get(x):
    """The leaves as NumPy arrays and scalars; what is no number stays as it is.

    >>> device_get((np.ones(2), "name"))
    (array([1., 1.]), 'name')
    """
    return tree.map(lambda leaf: operand_of(leaf)[0] if is_numeric(leaf) else leaf, x)


def block_until_ready(x):
    """The same: nothing runs behind the back of Python.

    >>> block_until_ready([1.0, 2.0])
    [1.0, 2.0]
    """
    return x


copy_to_host_async = block_until_ready


def effects_barrier():
    """Nothing: callbacks and prints have run when a call returns.

    >>> effects_barrier()
    """


def devices(backend=None):
    """[the CPU]; RuntimeError for another kind of device.

    >>> len(devices())
    1
    """
    if backend not in (None, "cpu"):
        raise RuntimeError(f"devices: {backend!r} was asked for; fungrad runs on the CPU only")
    return [_CPU]


def local_devices(process_index=None, backend=None, host_id=None):
    """[the CPU].

    >>> local_devices()
    [CpuDevice(id=0)]
    """
    return devices(backend)


def device_count(backend=None):
    """1: the cores of the CPU are `fungrad.threads`'.

    >>> device_count()
    1
    """
    return len(devices(backend))


local_device_count = device_count


def default_backend():
    """'cpu'.

    >>> default_backend()
    'cpu'
    """
    return "cpu"


@contextmanager
def default_device(device=None):
    """A context that changes nothing.

    >>> with default_device(devices("cpu")[0]):
    ...     device_put(1)
    np.int64(1)
    """
    yield device


def live_arrays(platform=None):
    """[]: arrays are NumPy's, which keeps no list of them.

    >>> live_arrays()
    []
    """
    return []


@contextmanager
def named_scope(name):
    """A context that changes nothing: equations carry the lines that made them.

    >>> with named_scope("layer"):
    ...     device_put(1)
    np.int64(1)
    """
    yield


def named_call(fun, *, name=None):
    """The function, under another name if one is given.

    >>> named_call(lambda x: x, name="identity").__name__
    'identity'
    """

    @wraps(fun)
    def call(*args, **kwargs):
        return fun(*args, **kwargs)

    if name is not None:
        call.__name__ = call.__qualname__ = str(name)
    return call


def print_environment_info(return_string=False):
    """Print, or return, the versions and the machine that a report of a fault should name.

    >>> "fungrad" in print_environment_info(return_string=True)
    True
    """
    packages = [f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "llvmlite")]
    text = "\n".join(
        [
            f"fungrad {fungrad.__version__}",
            *packages,
            f"python {platform.python_version()} on {platform.platform()}",
            f"cores: {os.cpu_count()}",
        ]
    )
    return text if return_string else print(text)
