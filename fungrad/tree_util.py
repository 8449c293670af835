"""Functions on pytrees and the registration of classes, with the names of `jax.tree_util`.

>>> from fungrad import tree_util
>>> leaves, treedef = tree_util.tree_flatten({"weight": 1.0, "bias": (2.0, 3.0)})
>>> leaves
[2.0, 3.0, 1.0]
>>> tree_util.tree_unflatten(treedef, [20, 30, 10])
{'bias': (20, 30), 'weight': 10}
"""

from fungrad.core import tree
from fungrad.core.tree import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    Partial,
    PyTreeDef,
    SequenceKey,
    all_leaves,
    flatten_one_level,
    flatten_one_level_with_keys,
    is_tree_node,
    keystr,
    register_dataclass,
    register_leaf,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    treedef_children,
    treedef_is_leaf,
    treedef_tuple,
)
from fungrad.lazy import no_other_names

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "SequenceKey",
    "all_leaves",
    "default_registry",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "is_tree_node",
    "keystr",
    "register_dataclass",
    "register_leaf",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "tree_all",
    "tree_broadcast",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_with_path",
    "tree_reduce",
    "tree_reduce_associative",
    "tree_structure",
    "tree_transpose",
    "tree_unflatten",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_tuple",
]

tree_all = tree.all
tree_broadcast = tree.broadcast
tree_flatten = tree.flatten
tree_flatten_with_path = tree.flatten_with_path
tree_leaves = tree.leaves
tree_leaves_with_path = tree.leaves_with_path
tree_map = tree.map
tree_map_with_path = tree.map_with_path
tree_reduce = tree.reduce
tree_reduce_associative = tree.reduce_associative
tree_structure = tree.structure
tree_transpose = tree.transpose
tree_unflatten = tree.unflatten


class PyTreeRegistry:
    """The classes that are containers, as an object; there is one, `default_registry`.

    >>> default_registry.is_node(dict)
    True
    """

    flatten = staticmethod(tree.flatten)
    flatten_one_level = staticmethod(flatten_one_level)
    flatten_one_level_with_keys = staticmethod(flatten_one_level_with_keys)
    is_node = staticmethod(is_tree_node)
    register_node = staticmethod(register_pytree_node)
    register_dataclass_node = staticmethod(register_dataclass)

    @staticmethod
    def flatten_with_path(tree_, is_leaf=None):
        """The (path, leaf) pairs of a tree and its structure; `is_leaf` takes path and subtree.

        >>> default_registry.flatten_with_path([5])
        ([((SequenceKey(idx=0),), 5)], PyTreeDef([*]))
        """
        return tree.flatten_with_path(tree_, is_leaf, is_leaf_takes_path=True)


default_registry = PyTreeRegistry()

__getattr__ = no_other_names(__name__)
