"""Nodes: a container of a pytree without its children is a kind and its data.

A kind knows how the containers of one class are taken apart and put together. What is not a child
is data: the keys of a dict, the static fields of a dataclass.
"""

from abc import ABC, abstractmethod
from enum import Enum
from weakref import WeakValueDictionary

import numpy as np

from fungrad.core.forks import renewed_lock

intern_lock = renewed_lock()
_nodes = WeakValueDictionary()


class Node:
    """A container without its children: a kind and its data. Interned, so identity is equality."""

    __slots__ = ("__weakref__", "build", "data", "is_plain", "kind")

    def __new__(cls, kind, data=None):
        try:
            key = (kind, fingerprint(data))
            self = _nodes.get(key)
        except TypeError as error:
            raise TypeError(
                f"the static data of {kind.type.__name__} in a pytree must be hashable, "
                f"got {data!r} ({error}): arrays belong to the children"
            ) from None
        return cls._intern(key, kind, data) if self is None else self

    @classmethod
    def _intern(cls, key, kind, data):
        with intern_lock:
            self = _nodes.get(key)
            if self is None:
                self = object.__new__(cls)
                self.kind = kind
                self.data = data if is_hashable(data) else copied(data)
                self.build = kind.builder(self.data)
                self.is_plain = _is_plain(data)
                _nodes[key] = self
            return self


class NodeKind(ABC):
    """How the containers of one class, `type`, are taken apart and put together."""

    type: type

    @abstractmethod
    def open(self, container):
        """The node and the children of a container."""

    @abstractmethod
    def builder(self, data):
        """The function from a sequence of children to a container with these data."""

    @abstractmethod
    def keys(self, container, data):
        """The path keys of the children."""

    @abstractmethod
    def phrase(self, data, count):
        """What an error text calls such a container: "a tuple of length 2"."""

    @abstractmethod
    def show(self, data, children):
        """The printed structure; `children` are the texts of the children."""


# ---- data


def fingerprint(data):
    """A key that differs whenever the data differ: 1, 1.0 and True are told apart."""
    kind = type(data)
    if kind is str or data is None:
        return data
    if kind is tuple or kind is list:
        return (kind, *[fingerprint(x) for x in data])
    if kind is dict:
        return kind, frozenset([(fingerprint(k), fingerprint(x)) for k, x in data.items()])
    if kind is set:
        return kind, frozenset([fingerprint(x) for x in data])
    if kind is float or kind is complex:
        return kind, repr(data)
    return kind, data


def copied(data):
    """The data with new lists, dicts and sets in it, which nobody else can change."""
    kind = type(data)
    if kind is dict:
        return {k: copied(x) for k, x in data.items()}
    if kind is tuple or kind is list or kind is set:
        return kind([copied(x) for x in data])
    return data


SELF_EVIDENT = frozenset({str, int, bool, bytes, type(None)})  # equal and of one type: the same
_PLAIN = SELF_EVIDENT | {float, complex, type}


def _is_plain(data):
    """Whether data are numbers, texts, classes and dtypes, so that keeping them costs no memory."""
    if type(data) is tuple:
        return all(map(_is_plain, data))
    return type(data) in _PLAIN or isinstance(data, (Enum, np.dtype))


def is_hashable(data):
    """Whether the data can be a key; else they hold a list, dict or set that could change."""
    try:
        hash(data)
    except TypeError:
        return False
    return True
