"""Pytrees: nested containers of arrays, taken apart into leaves and structure and put together.

Containers are lists, tuples, dicts, None, namedtuples, OrderedDicts, defaultdicts, dataclasses and
registered classes (`tree_kinds`, `tree_registration`). Everything else is a leaf.
"""

import builtins
import functools

from fungrad.core.tree_kinds import kind_of
from fungrad.core.tree_paths import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    SequenceKey,
    keystr,
)
from fungrad.core.tree_registration import (
    Partial,
    register_dataclass,
    register_leaf,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    static,
)
from fungrad.core.tree_structure import (
    LEAF,
    PyTreeDef,
    flatten,
    flatten_paths,
    leaves_like,
    subtrees,
)

__all__ = [
    "LEAF",
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "SequenceKey",
    "all",
    "all_leaves",
    "broadcast",
    "broadcast_prefix",
    "flatten",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "flatten_with_path",
    "is_tree_node",
    "keystr",
    "leaves",
    "leaves_like",
    "leaves_with_path",
    "map",
    "map_with_path",
    "reduce",
    "reduce_associative",
    "register_dataclass",
    "register_leaf",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "static",
    "structure",
    "transpose",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_tuple",
    "unflatten",
]

_MISSING = object()


def unflatten(treedef, leaves):
    """The tree of a structure with the given leaves.

    Raises TreeMismatchError when their number is wrong.

    >>> unflatten(structure({"a": 1, "b": (2, 3)}), [10, 20, 30])
    {'a': 10, 'b': (20, 30)}
    """
    return treedef.unflatten(leaves)


def leaves(tree, is_leaf=None):
    """The leaves of a tree, left to right.

    >>> leaves({"b": (1, 2), "a": None, "c": 3})
    [1, 2, 3]
    """
    return flatten(tree, is_leaf)[0]


def structure(tree, is_leaf=None):
    """The structure of a tree.

    >>> structure({"b": (1, 2), "a": None, "c": 3})
    PyTreeDef({'a': None, 'b': (*, *), 'c': *})
    """
    return flatten(tree, is_leaf)[1]


def map(f, tree, *rest, is_leaf=None):
    """The tree of `f(leaf, *others)`, where `others` stand in the further trees at the same place.

    These have the structure of the first, or a subtree where that has a leaf. Raises
    TreeMismatchError, which names the first place where they differ.

    >>> map(lambda x, y: x + y, {"a": 1, "b": (2, 3)}, {"a": 10, "b": (20, 30)})
    {'a': 11, 'b': (22, 33)}
    """
    first, treedef = flatten(tree, is_leaf)
    if not rest:
        return treedef.unflatten([f(x) for x in first])
    others = [subtrees(treedef, other, "tree_map") for other in rest]
    return treedef.unflatten([f(*xs) for xs in zip(first, *others, strict=True)])


def reduce(function, tree, initializer=_MISSING, is_leaf=None):
    """The leaves combined from left to right: `function(function(a, b), c)`.

    >>> reduce(lambda total, x: total + x, {"a": 1, "b": (2, 3)})
    6
    """
    start = () if initializer is _MISSING else (initializer,)
    return functools.reduce(function, leaves(tree, is_leaf), *start)


def reduce_associative(operation, tree, *, identity=_MISSING, is_leaf=None):
    """The leaves combined in halves, to logarithmic depth; `identity` is the value without leaves.

    >>> reduce_associative(lambda x, y: f"({x}{y})", ["a", ["b", "c"], "d"])
    '((ab)(cd))'
    """
    parts = leaves(tree, is_leaf)
    if not parts and identity is _MISSING:
        raise TypeError("reduce_associative: a tree without leaves needs an identity")
    return _combine(operation, parts) if parts else identity


def _combine(operation, parts):
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return operation(_combine(operation, parts[:half]), _combine(operation, parts[half:]))


def all(tree, *, is_leaf=None):
    """Whether every leaf is true.

    >>> all({"a": True, "b": (1, 0)})
    False
    """
    return builtins.all(leaves(tree, is_leaf))


def transpose(outer_treedef, inner_treedef, pytree_to_transpose):
    """The tree of trees turned inside out; an inner structure of None is inferred.

    Raises TreeMismatchError unless the tree is the outer structure filled with inner ones.

    >>> transpose(structure([1, 2]), structure({"x": 1, "y": 2}), [{"x": 1, "y": 2}] * 2)
    {'x': [1, 1], 'y': [2, 2]}
    """
    if inner_treedef is None:
        inner = subtrees(outer_treedef, pytree_to_transpose, "tree_transpose")
        if not inner:
            raise ValueError("tree_transpose: an outer tree without leaves needs inner_treedef")
        inner_treedef = structure(inner[0])
    whole = outer_treedef.compose(inner_treedef)
    flat = leaves_like(whole, pytree_to_transpose, "tree_transpose")
    count = inner_treedef.num_leaves
    return inner_treedef.unflatten([outer_treedef.unflatten(flat[i::count]) for i in range(count)])


def broadcast(prefix_tree, full_tree, is_leaf=None):
    """The tree with the structure of `full_tree` and, throughout each subtree, the prefix's leaf.

    >>> broadcast({"a": 0, "b": 1}, {"a": (5, 6), "b": 7})
    {'a': (0, 0), 'b': 1}
    """
    return structure(full_tree).unflatten(broadcast_prefix(prefix_tree, full_tree, is_leaf))


def broadcast_prefix(prefix, full, is_leaf=None, title="tree_broadcast"):
    """The leaf of `prefix` for each leaf of `full`, a list.

    `is_leaf` is asked in the prefix. Raises TreeMismatchError, whose text `title` begins.

    >>> broadcast_prefix((0, None), ({"a": 5, "b": 6}, 7), is_leaf=lambda x: x is None)
    [0, 0, None]
    """
    given, treedef = flatten(prefix, is_leaf)
    result = []
    for leaf, subtree in zip(given, subtrees(treedef, full, title), strict=True):
        result += [leaf] * len(leaves(subtree))
    return result


# ---- paths


def flatten_with_path(tree, is_leaf=None, is_leaf_takes_path=False):
    """The (path, leaf) pairs of a tree and its structure.

    >>> flatten_with_path([1, {"x": 3}])[0]
    [((SequenceKey(idx=0),), 1), ((SequenceKey(idx=1), DictKey(key='x')), 3)]
    """
    if is_leaf is None:
        stops = lambda path, x: False
    elif is_leaf_takes_path:
        stops = is_leaf
    else:
        stops = lambda path, x: is_leaf(x)
    pairs = []
    return pairs, flatten_paths(tree, (), stops, pairs)


def leaves_with_path(tree, is_leaf=None, is_leaf_takes_path=False):
    """The (path, leaf) pairs of a tree.

    >>> [(keystr(path), leaf) for path, leaf in leaves_with_path([1, {"x": 3}])]
    [('[0]', 1), ("[1]['x']", 3)]
    """
    return flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


def map_with_path(f, tree, *rest, is_leaf=None, is_leaf_takes_path=False):
    """The tree of `f(path, leaf, *others)`; as `map`.

    >>> map_with_path(lambda path, x: f"{keystr(path)}: {x}", {"a": 1, "b": [2]})
    {'a': "['a']: 1", 'b': ["['b'][0]: 2"]}
    """
    pairs, treedef = flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    others = [subtrees(treedef, other, "tree_map_with_path") for other in rest]
    rows = zip(pairs, *others, strict=True)
    return treedef.unflatten([f(path, x, *more) for (path, x), *more in rows])


# ---- one level


def flatten_one_level(tree):
    """The children of a container and its static data; ValueError for a leaf.

    >>> flatten_one_level({"b": [1, 2], "a": 3})
    ((3, [1, 2]), ('a', 'b'))
    """
    kind = kind_of(type(tree))
    if kind is None:
        raise ValueError(f"a {type(tree).__name__} is a leaf of pytrees and has no children")
    node, children = kind.open(tree)
    return tuple(children), node.data


def flatten_one_level_with_keys(tree):
    """The (key, child) pairs of a container and its static data; ValueError for a leaf.

    >>> flatten_one_level_with_keys({"a": 3})
    (((DictKey(key='a'), 3),), ('a',))
    """
    children, data = flatten_one_level(tree)
    keys = kind_of(type(tree)).keys(tree, data)
    return tuple(zip(keys, children, strict=True)), data


def is_tree_node(type):
    """Whether the instances of a class are containers.

    >>> is_tree_node(dict), is_tree_node(float)
    (True, False)
    """
    return kind_of(type) is not None


def all_leaves(iterable, is_leaf=None):
    """Whether every item is a leaf.

    >>> all_leaves([1, 2.0]), all_leaves([1, (2,)])
    (True, False)
    """
    return builtins.all(
        kind_of(type(x)) is None or (is_leaf is not None and is_leaf(x)) for x in iterable
    )


def treedef_tuple(treedefs):
    """The structure of a tuple of trees.

    >>> treedef_tuple([structure(1), structure([2, 3])])
    PyTreeDef((*, [*, *]))
    """
    return PyTreeDef(kind_of(tuple).node, treedefs)


def treedef_children(treedef):
    """The structures of the children of a container, a list.

    >>> treedef_children(structure((1, [2, 3])))
    [PyTreeDef(*), PyTreeDef([*, *])]
    """
    return treedef.children()


def treedef_is_leaf(treedef):
    """Whether a structure is a single node: a leaf, or an empty container.

    >>> treedef_is_leaf(structure(1)), treedef_is_leaf(structure((1, 2)))
    (True, False)
    """
    return treedef.num_nodes == 1
