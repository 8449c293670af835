"""The kinds of containers that pytrees are made of, and the table from classes to kinds."""

import dataclasses
from collections import OrderedDict, defaultdict
from functools import partial
from operator import itemgetter

from fungrad.core.tree_nodes import SELF_EVIDENT, Node, NodeKind, copied, is_hashable
from fungrad.core.tree_paths import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey


class TupleKind(NodeKind):
    """Tuples; the children are the items."""

    def __init__(self):
        self.type = tuple
        self.node = Node(self)

    def open(self, container):
        return self.node, container

    def builder(self, data):
        return tuple

    def keys(self, container, data):
        return [SequenceKey(i) for i in range(len(container))]

    def phrase(self, data, count):
        return f"a tuple of length {count}"

    def show(self, data, children):
        return f"({children[0]},)" if len(children) == 1 else f"({', '.join(children)})"


class ListKind(NodeKind):
    """Lists; the children are the items."""

    def __init__(self):
        self.type = list
        self.node = Node(self)

    def open(self, container):
        return self.node, container

    def builder(self, data):
        return list

    def keys(self, container, data):
        return [SequenceKey(i) for i in range(len(container))]

    def phrase(self, data, count):
        return f"a list of length {count}"

    def show(self, data, children):
        return f"[{', '.join(children)}]"


class NoneKind(NodeKind):
    """None, a container without children."""

    def __init__(self):
        self.type = type(None)
        self.node = Node(self)

    def open(self, container):
        return self.node, ()

    def builder(self, data):
        return lambda children: None

    def keys(self, container, data):
        return []

    def phrase(self, data, count):
        return "None"

    def show(self, data, children):
        return "None"


class DictKind(NodeKind):
    """Dicts; the children are the values in the order of the sorted keys, which are the data."""

    _most_orders = 4096

    def __init__(self):
        self.type = dict
        self.orders = {}  # keys as they come and their types: the node, and a function to the values

    def open(self, container):
        keys = tuple(container)
        try:
            node, values = self.orders[keys, tuple(map(type, keys))]
        except KeyError:
            node, values = self._sort(keys)
        return node, values(container)

    def _sort(self, keys):
        data = sorted_keys(keys)
        found = Node(self, data), _getter(data)
        if SELF_EVIDENT.issuperset(map(type, keys)):
            if len(self.orders) >= self._most_orders:
                self.orders.clear()
            self.orders[keys, tuple(map(type, keys))] = found
        return found

    def builder(self, data):
        return lambda children: dict(zip(data, children, strict=True))

    def keys(self, container, data):
        return [DictKey(k) for k in data]

    def phrase(self, data, count):
        return "a dict" + _with_keys(data)

    def show(self, data, children):
        return "{" + ", ".join(f"{k!r}: {c}" for k, c in zip(data, children, strict=True)) + "}"


class OrderedDictKind(NodeKind):
    """OrderedDicts; the children are the values in their own order."""

    def __init__(self):
        self.type = OrderedDict

    def open(self, container):
        return Node(self, tuple(container)), container.values()

    def builder(self, data):
        return lambda children: OrderedDict(zip(data, children, strict=True))

    def keys(self, container, data):
        return [DictKey(k) for k in data]

    def phrase(self, data, count):
        return "an OrderedDict" + _with_keys(data)

    def show(self, data, children):
        return _show_custom(f"OrderedDict[{data}]", children)


class DefaultDictKind(NodeKind):
    """Defaultdicts, as dicts; the data are the factory of new values and the sorted keys."""

    def __init__(self):
        self.type = defaultdict

    def open(self, container):
        keys = sorted_keys(tuple(container))
        return Node(self, (container.default_factory, keys)), [container[k] for k in keys]

    def builder(self, data):
        factory, keys = data
        return lambda children: defaultdict(factory, zip(keys, children, strict=True))

    def keys(self, container, data):
        return [DictKey(k) for k in data[1]]

    def phrase(self, data, count):
        return f"a defaultdict of {data[0]}" + _with_keys(data[1])

    def show(self, data, children):
        return _show_custom(f"defaultdict[{data}]", children)


class NamedTupleKind(NodeKind):
    """Instances of one namedtuple class; the children are the fields."""

    def __init__(self, type):
        self.type = type
        self.node = Node(self)

    def open(self, container):
        return self.node, container

    def builder(self, data):
        return self.type._make

    def keys(self, container, data):
        return [GetAttrKey(name) for name in self.type._fields]

    def phrase(self, data, count):
        return f"a namedtuple {self.type.__name__}"

    def show(self, data, children):
        return _show_custom(f"namedtuple[{self.type.__name__}]", children)


class DataclassKind(NodeKind):
    """Instances of one dataclass that nobody registered; fields marked as static are the data.

    They are rebuilt field by field. `__init__` and `__post_init__` do not run, since they may check
    what a traced value cannot answer.
    """

    def __init__(self, type):
        fields = dataclasses.fields(type)
        self.type = type
        self.static_names = tuple([f.name for f in fields if f.metadata.get("static", False)])
        self.names = tuple([f.name for f in fields if f.name not in self.static_names])
        self.node = None if self.static_names else Node(self, ())

    def open(self, container):
        children = [getattr(container, name) for name in self.names]
        if self.node is not None:
            return self.node, children
        return Node(self, tuple([getattr(container, n) for n in self.static_names])), children

    def builder(self, data):
        def build(children):
            container = object.__new__(self.type)
            for name, value in zip(self.static_names, data, strict=True):
                object.__setattr__(container, name, value)
            for name, value in zip(self.names, children, strict=True):
                object.__setattr__(container, name, value)
            return container

        return build

    def keys(self, container, data):
        return [GetAttrKey(name) for name in self.names]

    def phrase(self, data, count):
        pairs = zip(self.static_names, data, strict=True)
        static = ", ".join([f"{name}={value!r}" for name, value in pairs])
        return _a(self.type) + (f" with the static {static}" if static else "")

    def show(self, data, children):
        return _show_custom(f"{self.type.__name__}[{data}]", children)


class RegisteredKind(NodeKind):
    """Instances of a class that somebody registered, with the functions given for it."""

    def __init__(self, type, flatten, unflatten, flatten_with_keys=None):
        self.type = type
        self.flatten = flatten
        self.unflatten = unflatten
        self.flatten_with_keys = flatten_with_keys
        self.node = Node(self)

    def open(self, container):
        children, data = self._pair(self.flatten(container))
        return self.node if data is None else Node(self, data), children

    def _pair(self, result):
        try:
            children, data = result
        except (TypeError, ValueError):
            raise TypeError(
                f"the flatten function of {self.type.__name__} must return a pair "
                f"(children, static data), got {result!r}"
            ) from None
        return children, data

    def builder(self, data):
        if is_hashable(data):
            return lambda children: self.unflatten(data, tuple(children))
        return lambda children: self.unflatten(copied(data), tuple(children))

    def keys(self, container, data):
        if self.flatten_with_keys is not None:
            return [key for key, _ in self._pair(self.flatten_with_keys(container))[0]]
        return [FlattenedIndexKey(i) for i in range(len(tuple(self.open(container)[1])))]

    def phrase(self, data, count):
        static = "" if data is None or data == () else f" and the static data {data!r}"
        children = "1 child" if count == 1 else f"{count} children"
        return f"{_a(self.type)} with {children}{static}"

    def show(self, data, children):
        return _show_custom(f"{self.type.__name__}[{data}]", children)


# ---- keys and texts


def sorted_keys(keys):
    """The keys of a dict in order; ValueError when they cannot be ordered."""
    try:
        return tuple(sorted(keys))
    except TypeError as error:
        raise ValueError(
            f"the keys of a dict in a pytree must be sortable, got {', '.join(map(repr, keys))} "
            f"({error}): use keys of one type, or an OrderedDict"
        ) from None


def _getter(keys):
    """The function from a dict to the values of the keys, a tuple."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return partial(_values, keys)


def _values(keys, mapping):
    return tuple([mapping[k] for k in keys])


def _a(type):
    return f"{'an' if type.__name__[0] in 'AEIOUaeiou' else 'a'} {type.__name__}"


def _with_keys(keys):
    if not keys:
        return " without keys"
    shown = ", ".join([repr(k) for k in keys[:8]]) + (", ..." if len(keys) > 8 else "")
    return f" with the {'key' if len(keys) == 1 else 'keys'} {shown}"


def _show_custom(label, children):
    return f"CustomNode({label}, [{', '.join(children)}])"


# ---- the table

TUPLE = TupleKind()
kinds: dict = {  # the class of every value seen so far; None for leaves
    tuple: TUPLE,
    list: ListKind(),
    type(None): NoneKind(),
    dict: DictKind(),
    OrderedDict: OrderedDictKind(),
    defaultdict: DefaultDictKind(),
    SequenceKey: None,
    DictKey: None,
    GetAttrKey: None,
    FlattenedIndexKey: None,
}


def kind_of(type):
    """The kind of the containers of a class, or None when its instances are leaves."""
    try:
        return kinds[type]
    except KeyError:
        return kinds.setdefault(type, _recognise(type))


def _recognise(type):
    if issubclass(type, tuple) and hasattr(type, "_fields"):
        return NamedTupleKind(type)
    if "__dataclass_fields__" in vars(type) and type.__new__ is object.__new__:
        return DataclassKind(type)
    return None
