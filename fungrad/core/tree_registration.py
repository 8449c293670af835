"""Classes as pytrees: registration of user classes, static fields, and partial functions."""

import dataclasses
import functools
from operator import methodcaller

from fungrad.core.tree_kinds import DataclassKind, NamedTupleKind, RegisteredKind, kinds
from fungrad.core.tree_paths import GetAttrKey


def register_pytree_node(nodetype, flatten_func, unflatten_func, flatten_with_keys_func=None):
    """Make instances of a class containers of a pytree.

    `flatten_func(container)` returns (children, static data); `unflatten_func(static data,
    children)` returns the container. Raises ValueError for a class that is registered already.

    >>> class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    >>> register_pytree_node(
    ...     Interval, lambda i: ((i.low, i.high), None), lambda _, ends: Interval(*ends))
    >>> from fungrad.core import tree
    >>> tree.leaves(Interval(1.0, (2.0, 3.0)))
    [1.0, 2.0, 3.0]
    """
    known = kinds.get(nodetype)
    if known is not None and not isinstance(known, (NamedTupleKind, DataclassKind)):
        raise ValueError(f"{nodetype.__name__} is registered as a pytree already")
    kinds[nodetype] = RegisteredKind(nodetype, flatten_func, unflatten_func, flatten_with_keys_func)


def register_pytree_with_keys(nodetype, flatten_with_keys, unflatten_func, flatten_func=None):
    """Make instances of a class containers whose children have path keys.

    `flatten_with_keys(container)` returns (pairs of key and child, static data).

    >>> class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    >>> register_pytree_with_keys(
    ...     Interval,
    ...     lambda i: (((GetAttrKey("low"), i.low), (GetAttrKey("high"), i.high)), None),
    ...     lambda _, ends: Interval(*ends))
    >>> from fungrad.core import tree
    >>> [tree.keystr(path) for path, _ in tree.leaves_with_path(Interval(1.0, [2.0]))]
    ['.low', '.high[0]']
    """

    def flatten_without_keys(container):
        pairs, data = flatten_with_keys(container)
        return [child for _, child in pairs], data

    flatten_func = flatten_func or flatten_without_keys
    register_pytree_node(nodetype, flatten_func, unflatten_func, flatten_with_keys)


def register_pytree_node_class(cls):
    """Decorate a class with methods `tree_flatten(self)` and `tree_unflatten(cls, data, children)`.

    >>> @register_pytree_node_class
    ... class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    ...     def tree_flatten(self):
    ...         return (self.low, self.high), None
    ...     @classmethod
    ...     def tree_unflatten(cls, data, children):
    ...         return cls(*children)
    >>> from fungrad.core import tree
    >>> tree.map(lambda x: 10 * x, Interval(1.0, 2.0)).high
    20.0
    """
    register_pytree_node(cls, methodcaller("tree_flatten"), cls.tree_unflatten)
    return cls


def register_pytree_with_keys_class(cls):
    """Decorate a class with methods `tree_flatten_with_keys(self)` and `tree_unflatten`.

    >>> @register_pytree_with_keys_class
    ... class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    ...     def tree_flatten_with_keys(self):
    ...         return ((GetAttrKey("low"), self.low), (GetAttrKey("high"), self.high)), None
    ...     @classmethod
    ...     def tree_unflatten(cls, data, children):
    ...         return cls(*children)
    >>> from fungrad.core import tree
    >>> [tree.keystr(path) for path, _ in tree.leaves_with_path(Interval(1.0, 2.0))]
    ['.low', '.high']
    """
    flatten = methodcaller("tree_flatten") if hasattr(cls, "tree_flatten") else None
    with_keys = methodcaller("tree_flatten_with_keys")
    register_pytree_with_keys(cls, with_keys, cls.tree_unflatten, flatten)
    return cls


def register_dataclass(nodetype, data_fields=None, meta_fields=None, drop_fields=()):
    """Make instances of a class containers: the data fields are children, the meta fields static.

    Without lists of names, the fields of the dataclass that are marked `static()` are meta fields.
    Containers are rebuilt by calling the class with the fields as keywords; `drop_fields` are left
    to their defaults. Raises ValueError when a field of a dataclass is not accounted for.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Layer:
    ...     weight: float
    ...     activation: str = static(default="tanh")
    >>> from fungrad.core import tree
    >>> tree.flatten(Layer(2.0))
    ([2.0], PyTreeDef(CustomNode(Layer[('tanh',)], [*])))
    """
    if (data_fields is None) != (meta_fields is None):
        raise TypeError(
            "register_dataclass: give both data_fields and meta_fields, or neither; "
            f"got {data_fields=}, {meta_fields=}"
        )
    if data_fields is None:
        data_fields, meta_fields = _inferred_fields(nodetype)
    data_fields, meta_fields = tuple(data_fields), tuple(meta_fields)
    _check_fields(nodetype, data_fields, meta_fields, drop_fields)

    def flatten(container):
        children = tuple([getattr(container, name) for name in data_fields])
        return children, tuple([getattr(container, name) for name in meta_fields])

    def flatten_with_keys(container):
        children, data = flatten(container)
        return list(zip(map(GetAttrKey, data_fields), children, strict=True)), data

    def unflatten(data, children):
        static = zip(meta_fields, data, strict=True)
        return nodetype(**dict(static), **dict(zip(data_fields, children, strict=True)))

    register_pytree_node(nodetype, flatten, unflatten, flatten_with_keys)
    return nodetype


def _inferred_fields(nodetype):
    if not dataclasses.is_dataclass(nodetype):
        raise TypeError(
            "register_dataclass: data_fields and meta_fields are needed for a class that is no "
            f"dataclass, got {nodetype!r}"
        )
    fields = dataclasses.fields(nodetype)
    meta_fields = [f.name for f in fields if f.metadata.get("static", False)]
    return [f.name for f in fields if f.name not in meta_fields], meta_fields


def _check_fields(nodetype, data_fields, meta_fields, drop_fields):
    named = {*data_fields, *meta_fields}
    if overlap := sorted(set(data_fields) & set(meta_fields)):
        raise ValueError(f"register_dataclass: {overlap} are both data_fields and meta_fields")
    if not dataclasses.is_dataclass(nodetype):
        return
    wanted = {f.name for f in dataclasses.fields(nodetype) if f.init} - set(drop_fields)
    if missing := sorted(wanted - named):
        raise ValueError(
            f"register_dataclass: the fields {missing} of {nodetype.__name__} are neither "
            "data_fields nor meta_fields; name them in drop_fields to leave them out"
        )
    if unexpected := sorted(named - wanted):
        raise ValueError(
            f"register_dataclass: {unexpected} are no arguments of {nodetype.__name__}()"
        )


def register_static(cls):
    """Decorate a class so that its instances are containers without children: static data.

    They must be hashable.

    >>> @register_static
    ... class Mode(str):
    ...     pass
    >>> from fungrad.core import tree
    >>> tree.flatten((1.0, Mode("fast")))
    ([1.0], PyTreeDef((*, CustomNode(Mode[fast], []))))
    """
    register_pytree_with_keys(cls, lambda x: ((), x), lambda x, _: x)
    return cls


def register_leaf(cls):
    """Decorate a dataclass or namedtuple class so that its instances are leaves.

    >>> @register_leaf
    ... @dataclasses.dataclass(frozen=True)
    ... class Unit:
    ...     name: str
    >>> from fungrad.core import tree
    >>> tree.leaves((Unit("kg"), 1.0))
    [Unit(name='kg'), 1.0]
    """
    kinds[cls] = None
    return cls


def static(**kwargs):
    """A dataclass field that is static: `dataclasses.field` with `metadata={"static": True}`.

    >>> @dataclasses.dataclass
    ... class Layer:
    ...     weight: float
    ...     activation: str = static(default="tanh")
    >>> from fungrad.core import tree
    >>> tree.leaves(Layer(2.0))
    [2.0]
    """
    metadata = {"static": True, **(kwargs.pop("metadata", None) or {})}
    return dataclasses.field(metadata=metadata, **kwargs)


class _Opaque:
    """A partial function that `functools.partial` does not look into."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def __eq__(self, other):
        return isinstance(other, _Opaque) and self.function == other.function

    def __hash__(self):
        return hash(self.function)

    def __repr__(self):
        return repr(self.function)


class Partial(functools.partial):
    """A `functools.partial` that is a pytree: the bound arguments are children, `func` is static.

    >>> from fungrad.core import tree
    >>> tenfold = tree.map(lambda x: 10 * x, Partial(pow, 2, mod=3))
    >>> tenfold.args, tenfold.keywords
    ((20,), {'mod': 30})
    """

    def __new__(cls, func, *args, **kwargs):
        if isinstance(func, Partial):
            args = (*func.args, *args)
            kwargs = {**func.keywords, **kwargs}
            func = func.func
        elif isinstance(func, functools.partial):
            func = _Opaque(func)  # its arguments are part of the function, not children
        return super().__new__(cls, func, *args, **kwargs)


def _flatten_partial(partial):
    children = (GetAttrKey("args"), partial.args), (GetAttrKey("keywords"), partial.keywords)
    return children, partial.func


register_pytree_with_keys(
    Partial,
    _flatten_partial,
    lambda func, children: Partial(func, *children[0], **children[1]),
    lambda partial: ((partial.args, partial.keywords), partial.func),
)
