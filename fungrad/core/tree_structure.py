"""The structure of a pytree, and the walks from a tree to its structure and leaves and back."""

from operator import itemgetter
from weakref import WeakValueDictionary

from fungrad.core.errors import TreeMismatchError
from fungrad.core.tree_kinds import kind_of, kinds
from fungrad.core.tree_nodes import Node, intern_lock
from fungrad.core.tree_paths import keystr
from fungrad.core.tree_specialised import builder_of, is_small, matcher_of

_structures = WeakValueDictionary()  # (node, *children): the structure, while somebody uses it
_kept: dict = {}  # the same for plain ones, kept alive so that they are found at once
_MOST_KEPT = 10_000
_USES_BEFORE_CODE = 4
_set = object.__setattr__


class PyTreeDef:
    """The structure of a pytree: its containers with a `*` for each leaf.

    Immutable and interned: equal structures are one object, so comparing and hashing cost nothing.
    """

    __slots__ = (
        *("node", "num_leaves", "num_nodes", "is_plain", "_children", "__weakref__"),
        *("_build", "_match", "_uses"),  # generated functions, when used often enough
    )

    def __new__(cls, node, children):
        key = (node, *children)
        with intern_lock:
            self = _structures.get(key)
            if self is None:
                self = _structures[key] = object.__new__(cls)
                self._fill(node, key[1:])
        if self.is_plain:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[key] = self
        return self

    def _fill(self, node, children):
        is_leaf = node is None
        _set(self, "node", node)
        _set(self, "_children", children)
        _set(self, "num_nodes", 1 + sum([c.num_nodes for c in children]))
        _set(self, "num_leaves", 1 if is_leaf else sum([c.num_leaves for c in children]))
        _set(self, "is_plain", is_leaf or (node.is_plain and all(c.is_plain for c in children)))
        _set(self, "_build", itemgetter(0) if is_leaf else None)
        _set(self, "_match", None)
        _set(self, "_uses", 0)

    def __setattr__(self, name, value):
        raise AttributeError("a PyTreeDef is immutable")

    def unflatten(self, leaves):
        """The tree of this structure with the given leaves.

        >>> flatten(({"a": 1}, 2))[1].unflatten([10, 20])
        ({'a': 10}, 20)
        """
        if type(leaves) is not list and type(leaves) is not tuple:
            leaves = tuple(leaves)
        if len(leaves) != self.num_leaves:
            wanted = f"{self.num_leaves} {'leaf' if self.num_leaves == 1 else 'leaves'}"
            raise TreeMismatchError(f"unflatten: {self} takes {wanted}, got {len(leaves)}")
        build = self._build
        return build(leaves) if build is not None else self._build_nested(leaves)

    def _build_nested(self, leaves):
        self._count_use()
        build = self.node.build
        if self.num_nodes == self.num_leaves + 1:
            return build(leaves)
        parts = []
        start = 0
        for child in self._children:
            stop = start + child.num_leaves
            parts.append(child.unflatten(leaves[start:stop]))
            start = stop
        return build(parts)

    def _count_use(self):
        """Generate the functions of a structure that is used for the fourth time."""
        uses = self._uses + 1
        _set(self, "_uses", uses)
        if uses == _USES_BEFORE_CODE and is_small(self):
            _set(self, "_build", builder_of(self))
            _set(self, "_match", matcher_of(self))

    def match(self, tree):
        """The leaves of a tree of this structure, or None when it has another; faster than flatten.

        Keys of dicts are compared by `==`.

        >>> pair = flatten((1, 2))[1]
        >>> pair.match((3, 4)), pair.match([3, 4])
        ([3, 4], None)
        """
        match = self._match
        if match is not None:
            return match(tree)
        self._count_use()
        leaves, found = flatten(tree)
        return leaves if found is self else None

    def children(self):
        """The structures of the children, a list.

        >>> flatten(({"a": 1}, 2))[1].children()
        [PyTreeDef({'a': *}), PyTreeDef(*)]
        """
        return list(self._children)

    def node_data(self):
        """The class of the container and its static data; None for a leaf.

        >>> flatten({"a": 1})[1].node_data()
        (<class 'dict'>, ('a',))
        """
        return None if self is LEAF else (self.node.kind.type, self.node.data)

    def flatten_up_to(self, tree):
        """The subtrees of `tree` at the leaves of this structure, of which it is an extension.

        >>> flatten((1, 2))[1].flatten_up_to(([3, 4], None))
        [[3, 4], None]
        """
        return subtrees(self, tree, "flatten_up_to")

    def compose(self, inner):
        """This structure with `inner` in place of each leaf.

        >>> flatten((1, 2))[1].compose(flatten([1])[1])
        PyTreeDef(([*], [*]))
        """
        if self is LEAF:
            return inner
        return PyTreeDef(self.node, [c.compose(inner) for c in self._children])

    def __reduce__(self):
        if self is LEAF:
            return "LEAF"
        return _restored, (self.node.kind.type, self.node.data, self._children)

    def __str__(self):
        return f"PyTreeDef({_show(self)})"

    __repr__ = __str__


LEAF = PyTreeDef(None, ())


def _restored(type, data, children):
    return PyTreeDef(Node(kind_of(type), data), children)


def _show(structure):
    if structure is LEAF:
        return "*"
    return structure.node.kind.show(structure.node.data, [_show(c) for c in structure.children()])


# ---- from a tree to its leaves and structure: the hot path of every call of a transform


def flatten(tree, is_leaf=None):
    """The leaves of a tree, left to right, and its structure.

    `is_leaf(subtree)` is asked at each level; where it is true, the whole subtree is one leaf.

    >>> flatten({"b": (1, 2), "a": None, "c": 3})
    ([1, 2, 3], PyTreeDef({'a': None, 'b': (*, *), 'c': *}))
    >>> flatten((1, None), is_leaf=lambda x: x is None)
    ([1, None], PyTreeDef((*, *)))
    """
    if is_leaf is not None:
        leaves = []
        return leaves, _flatten_until(tree, is_leaf, leaves)
    try:
        kind = kinds[type(tree)]
    except KeyError:
        kind = kind_of(type(tree))
    if kind is None:
        return [tree], LEAF
    leaves = []
    node, children = kind.open(tree)
    return leaves, _flatten_children(node, children, leaves)


def _flatten_children(node, children, leaves):
    """Append the leaves of the children; return the structure of the container."""
    key = [node]
    for child in children:
        try:
            kind = kinds[type(child)]
        except KeyError:
            kind = kind_of(type(child))
        if kind is None:
            leaves.append(child)
            key.append(LEAF)
        else:
            inner, grandchildren = kind.open(child)
            key.append(_flatten_children(inner, grandchildren, leaves))
    key = tuple(key)
    try:
        return _kept[key]
    except KeyError:
        return PyTreeDef(node, key[1:])


def _flatten_until(tree, is_leaf, leaves):
    """Append the leaves of a tree, where `is_leaf(subtree)` ends the walk; return its structure."""
    kind = kind_of(type(tree))
    if kind is None or is_leaf(tree):
        leaves.append(tree)
        return LEAF
    node, children = kind.open(tree)
    return PyTreeDef(node, [_flatten_until(child, is_leaf, leaves) for child in children])


def flatten_paths(tree, path, is_leaf, leaves):
    """Append (path, leaf) pairs, `is_leaf(path, subtree)` ending the walk; return the structure."""
    kind = kind_of(type(tree))
    if kind is None or is_leaf(path, tree):
        leaves.append((path, tree))
        return LEAF
    node, children = kind.open(tree)
    keys = kind.keys(tree, node.data)
    pairs = zip(keys, children, strict=True)
    return PyTreeDef(node, [flatten_paths(c, (*path, k), is_leaf, leaves) for k, c in pairs])


# ---- a tree beside a structure


def subtrees(structure, tree, title):
    """The subtrees at the leaves of `structure`; TreeMismatchError, begun by `title`, on mismatch."""
    leaves = structure.match(tree)
    return _matched(structure, tree, title, True) if leaves is None else leaves


def leaves_like(structure, tree, title):
    """The leaves of a tree of this very structure; TreeMismatchError, begun by `title`, if not.

    >>> leaves_like(flatten((1, 2))[1], [1, 2], "vjp")
    Traceback (most recent call last):
      ...
    fungrad.core.errors.TreeMismatchError: vjp: expected a tuple of length 2, got a list of length 2
    """
    leaves = structure.match(tree)
    return _matched(structure, tree, title, False) if leaves is None else leaves


def _matched(structure, tree, title, is_prefix):
    parts = []
    difference = _match(structure, tree, is_prefix, parts)
    if difference is None:
        return parts
    path, expected, given = difference
    where = f"at {keystr(path)}: " if path else ""
    raise TreeMismatchError(f"{title}: {where}expected {expected}, got {given}")


def _match(structure, tree, is_prefix, parts):
    """Append the subtrees at the leaves; return the first difference: path, expected, given."""
    kind = kind_of(type(tree))
    if structure is LEAF:
        parts.append(tree)
        return None if is_prefix or kind is None else ((), "a leaf", phrase_of(tree))
    node, inner = structure.node, structure.children()
    expected = node.kind.phrase(node.data, len(inner))
    if kind is not node.kind:
        return (), expected, phrase_of(tree)
    given, children = kind.open(tree)
    children = tuple(children)
    if len(children) != len(inner) or (given is not node and given.data != node.data):
        return (), expected, phrase_of(tree) + _key_changes(tree, node, given)
    for i, (part, child) in enumerate(zip(inner, children, strict=True)):
        difference = _match(part, child, is_prefix, parts)
        if difference is not None:
            path, expected, given = difference
            return (kind.keys(tree, node.data)[i], *path), expected, given
    return None


def _key_changes(tree, node, given):
    """Which keys a dict lacks and which it has besides, for dicts too long to be read."""
    if given is node:
        return ""
    wanted, found = node.kind.keys(tree, node.data), given.kind.keys(tree, given.data)
    missing = [str(k) for k in wanted if k not in found]
    besides = [str(k) for k in found if k not in wanted]
    changes = [("lacks", missing), ("has besides", besides)]
    texts = [f"{verb} {', '.join(keys[:4])}" for verb, keys in changes if keys]
    return f" ({', '.join(texts)})" if texts else ""


def phrase_of(tree):
    """What an error text calls the outermost level of a tree: "a list of length 3"."""
    kind = kind_of(type(tree))
    if kind is None:
        return f"a leaf of type {type(tree).__name__}"
    node, children = kind.open(tree)
    return kind.phrase(node.data, len(tuple(children)))
