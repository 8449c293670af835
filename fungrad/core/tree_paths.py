"""Paths to the leaves of a pytree: one key per level, printed as in `['layers'][0].weight`."""

from collections.abc import Hashable
from typing import Any

from fungrad.core.record import record

KeyEntry = Any
KeyPath = tuple[KeyEntry, ...]


@record(frozen=True, slots=True)
class SequenceKey:
    """A position in a list or tuple: `[0]`."""

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"


@record(frozen=True, slots=True)
class DictKey:
    """A key of a dict: `['a']`."""

    key: Hashable

    def __str__(self):
        return f"[{self.key!r}]"


@record(frozen=True, slots=True)
class GetAttrKey:
    """An attribute of a namedtuple, dataclass or other object: `.x`."""

    name: str

    def __str__(self):
        return f".{self.name}"


@record(frozen=True, slots=True)
class FlattenedIndexKey:
    """The number of a child of an object whose class was registered without keys."""

    key: int

    def __str__(self):
        return f"[<flat index {self.key}>]"


_CONTENT = {SequenceKey: "idx", DictKey: "key", GetAttrKey: "name", FlattenedIndexKey: "key"}


def keystr(keys: KeyPath, *, simple: bool = False, separator: str = "") -> str:
    """The text of a path; with `simple`, only the names and numbers in it.

    >>> path = (DictKey("layers"), SequenceKey(0), GetAttrKey("weight"))
    >>> keystr(path)
    "['layers'][0].weight"
    >>> keystr(path, simple=True, separator="/")
    'layers/0/weight'
    """
    if simple:
        keys = [getattr(key, _CONTENT[type(key)]) if type(key) in _CONTENT else key for key in keys]
    return separator.join([str(key) for key in keys])
