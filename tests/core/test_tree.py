"""Laws of pytrees, and the texts of their errors."""

import copy
import functools
import gc
import pickle
import re
import weakref
from collections import Counter, OrderedDict, defaultdict, namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar, dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fungrad import tree as public_tree
from fungrad import tree_util
from fungrad.core import tree
from fungrad.core.errors import TreeMismatchError
from fungrad.core.tree import DictKey, FlattenedIndexKey, GetAttrKey, Partial, SequenceKey

Point = namedtuple("Point", ["x", "y"])


def label(x):
    """The repr of a parameter without addresses: the same in every process."""
    return re.sub(r" at 0x\w+", "", repr(x))


@dataclass
class Layer:
    weight: Any
    bias: Any = None


@dataclass(frozen=True, slots=True)
class Activated:
    layer: Any
    name: str = field(default="tanh", metadata={"static": True})


@tree.register_dataclass
@dataclass(frozen=True)
class Optimiser:
    moments: Any
    rate: float = tree.static(default=0.1)


@tree.register_pytree_node_class
class Interval:
    def __init__(self, low, high, unit):
        self.low, self.high, self.unit = low, high, unit

    def tree_flatten(self):
        return (self.low, self.high), self.unit

    @classmethod
    def tree_unflatten(cls, unit, ends):
        return cls(*ends, unit)

    def __repr__(self):
        return f"Interval({self.low}, {self.high}, {self.unit!r})"

    def __eq__(self, other):
        return type(other) is Interval and vars(self) == vars(other)


@tree.register_pytree_with_keys_class
class Keyed(Interval):
    def tree_flatten_with_keys(self):
        return ((GetAttrKey("low"), self.low), (GetAttrKey("high"), self.high)), self.unit

    def __eq__(self, other):
        return type(other) is Keyed and vars(self) == vars(other)


@tree.register_static
class Mode(str):
    pass


def list_factory():
    return []


def containers(children):
    texts = st.sampled_from("abcde")
    mappings = st.dictionaries(texts, children, max_size=4)
    return st.one_of(
        st.lists(children, max_size=4),
        st.lists(children, max_size=4).map(tuple),
        mappings,
        st.dictionaries(st.integers(0, 5), children, max_size=3),
        mappings.map(OrderedDict),
        mappings.map(lambda d: defaultdict(list_factory, d)),
        st.builds(Point, children, children),
        st.builds(Layer, children, children),
        st.builds(Activated, children, texts),
        st.builds(Optimiser, children, st.sampled_from([0.1, 0.2])),
        st.builds(Interval, children, children, st.sampled_from(["m", None, ("k", 1)])),
        st.builds(Keyed, children, children, texts),
        st.just(None),
        texts.map(Mode),
    )


leaf_values = st.integers() | st.text(max_size=3)
trees = st.recursive(leaf_values, containers, max_leaves=12)

EXAMPLES = [
    1,
    None,
    (),
    [],
    {},
    (1, 2),
    [1, [2, (3,)]],
    {"b": 1, "a": (2, None)},
    {3: 1, 1: 2},
    Point(1, (2, 3)),
    OrderedDict(b=1, a=2),
    defaultdict(list_factory, b=1, a=2),
    Layer(1, {"c": 2}),
    Activated((1, 2), "relu"),
    Optimiser([1, 2], 0.2),
    Interval(1, (2,), "m"),
    Keyed(1, 2, None),
    Mode("fast"),
    Counter("ab"),
]


# ---- laws


def assert_round_trip(x):
    leaves, structure = tree.flatten(x)
    for _ in range(6):  # the generated functions take over at the fourth use
        again = structure.unflatten(leaves)
        assert again == x
        assert type(again) is type(x)
        matched = structure.match(x)
        assert len(matched) == len(leaves)
        assert all(a is b for a, b in zip(matched, leaves, strict=True))


@pytest.mark.parametrize("x", EXAMPLES, ids=label)
def test_unflatten_inverts_flatten_on_examples(x):
    assert_round_trip(x)


@given(trees)
def test_unflatten_inverts_flatten(x):
    assert_round_trip(x)


@given(trees)
def test_equal_structures_are_one_object(x):
    structure = tree.structure(x)
    assert tree.structure(tree.map(lambda _: 0.0, x)) is structure
    assert tree.structure(x, is_leaf=lambda _: False) is structure
    assert tree.flatten_with_path(x)[1] is structure
    assert pickle.loads(pickle.dumps(structure)) is structure
    assert copy.deepcopy(structure) is structure
    assert {structure: 1}[tree.structure(copy.deepcopy(x))] == 1


@given(trees, trees)
def test_match_tells_structures_apart(x, y):
    structure = tree.structure(x)
    is_same = structure is tree.structure(y)
    assert is_same == (structure == tree.structure(y))
    assert is_same == (repr(structure) == repr(tree.structure(y)))
    for _ in range(6):
        assert (structure.match(y) is not None) == is_same


@given(trees)
def test_map_is_a_functor(x):
    assert tree.map(lambda leaf: leaf, x) == x
    assert tree.map(repr, tree.map(lambda leaf: [leaf], x, is_leaf=_never)) == tree.map(
        repr, tree.map(lambda leaf: [leaf], x)
    )
    assert tree.map(lambda leaf: (leaf, 1)[0], x) == x


def _never(_):
    return False


@given(trees)
def test_map_of_two_trees_pairs_the_leaves(x):
    pairs = []
    tree.map(lambda a, b: pairs.append((a, b)), x, x)
    assert pairs == [(leaf, leaf) for leaf in tree.leaves(x)]


@given(trees)
def test_structure_counts(x):
    structure = tree.structure(x)
    assert structure.num_leaves == len(tree.leaves(x))
    if structure is not tree.LEAF:
        children = structure.children()
        assert structure.num_leaves == sum(c.num_leaves for c in children)
        assert structure.num_nodes == 1 + sum(c.num_nodes for c in children)
        given_children, _ = tree.flatten_one_level(x)
        assert [tree.structure(c) for c in given_children] == children
    assert repr(structure).count("*") == structure.num_leaves


@given(trees)
def test_paths_lead_to_the_leaves(x):
    pairs = tree.leaves_with_path(x)
    assert [leaf for _, leaf in pairs] == tree.leaves(x)
    for path, leaf in pairs:
        assert follow(x, path) is leaf
    assert tree.map_with_path(lambda path, leaf, other: (len(path), leaf, other)[1], x, x) == x


def follow(x, path):
    for key in path:
        if isinstance(key, GetAttrKey):
            x = getattr(x, key.name)
        elif isinstance(key, FlattenedIndexKey):
            x = tree.flatten_one_level(x)[0][key.key]
        else:
            x = x[key.key if isinstance(key, DictKey) else key.idx]
    return x


@given(trees, trees)
def test_compose_fills_the_leaves(x, y):
    filled = tree.map(lambda _: y, x)
    structure = tree.structure(x)
    assert tree.structure(filled) is structure.compose(tree.structure(y))
    subtrees = structure.flatten_up_to(filled)
    assert len(subtrees) == structure.num_leaves
    assert all(tree.structure(subtree) is tree.structure(y) for subtree in subtrees)


@given(trees, trees)
def test_broadcast_repeats_each_leaf_of_the_prefix(x, y):
    filled = tree.map(lambda _: y, x)
    count = len(tree.leaves(y))
    expected = [leaf for leaf in tree.leaves(x) for _ in range(count)]
    assert tree.broadcast_prefix(x, filled) == expected
    assert tree.leaves(tree.broadcast(x, filled)) == expected
    assert tree.structure(tree.broadcast(x, filled)) is tree.structure(filled)


@given(trees, trees)
def test_transpose_twice_changes_nothing(x, y):
    outer, inner = tree.structure(x), tree.structure(y)
    numbers = outer.compose(inner).unflatten(range(outer.num_leaves * inner.num_leaves))
    turned = tree.transpose(outer, inner, numbers)
    assert tree.structure(turned) is inner.compose(outer)
    assert tree.transpose(inner, outer, turned) == numbers
    if outer.num_leaves:
        assert tree.transpose(outer, None, numbers) == turned


@given(st.recursive(st.text(min_size=1, max_size=2), containers))
def test_reductions_keep_the_order(x):
    whole = "".join(tree.leaves(x))
    assert tree.reduce(lambda a, b: a + b, x, "") == whole
    assert tree.reduce_associative(lambda a, b: a + b, x, identity="") == whole
    assert tree.all(x)


def test_structures_of_large_and_deep_trees_need_no_generated_code():
    assert_round_trip(list(range(3000)))
    deep = 1
    for _ in range(200):
        deep = {"a": deep}
    assert_round_trip(deep)


# ---- what is a container


@pytest.mark.parametrize(
    "leaf",
    [1.5, "ab", np.ones(2), np.float32(1), {1, 2}, Counter("a"), range(3), object(), Layer, dict],
    ids=label,
)
def test_everything_else_is_a_leaf(leaf):
    leaves, structure = tree.flatten(leaf)
    assert leaves[0] is leaf and structure is tree.LEAF
    assert tree.treedef_is_leaf(structure)
    assert structure.unflatten([7]) == 7


def test_dicts_are_flattened_in_the_order_of_their_keys():
    assert tree.leaves({"b": 1, "a": 2}) == [2, 1]
    assert tree.leaves(defaultdict(int, b=1, a=2)) == [2, 1]
    assert tree.leaves(OrderedDict(b=1, a=2)) == [1, 2]
    assert tree.structure({"b": 1, "a": 2}) is tree.structure({"a": 1, "b": 2})
    assert tree.structure(OrderedDict(b=1, a=2)) is not tree.structure(OrderedDict(a=1, b=2))


def test_defaultdict_keeps_its_factory():
    assert tree.map(lambda x: x + 1, defaultdict(list_factory, a=1))["new"] == []


def test_keys_and_static_data_of_other_types_are_told_apart():
    for unit in (1, 1.0, True, np.float64(1)):
        assert type(tree.map(lambda x: x, Interval(0, 0, unit)).unit) is type(unit)
        assert type(next(iter(tree.map(lambda x: x, {unit: 0})))) is type(unit)
    assert tree.structure({1: 0}) != tree.structure({1.0: 0})
    assert tree.structure({(1,): 0}) != tree.structure({(True,): 0})
    assert tree.structure(Interval(0, 0, 0.0)) != tree.structure(Interval(0, 0, -0.0))
    assert tree.structure(Interval(0, 0, np.nan)) == tree.structure(Interval(0, 0, np.nan))


class Colour(Enum):
    RED = 1


def test_static_data_of_many_types():
    for unit in ["m", 1, 1.5, 1j, None, True, b"x", (1, ("a", None)), int, Colour.RED, len]:
        assert_round_trip(Interval(1, 2, unit))
    assert_round_trip(Interval(1, 2, np.dtype(float)))
    assert_round_trip(Interval(1, 2, frozenset({1})))


def test_static_data_in_mutable_containers_are_copied():
    options = {"steps": [1, 2], "names": {"a"}}
    x = Interval(1, 2, options)
    structure = tree.structure(x)
    assert structure is tree.structure(Interval(3, 4, {"names": {"a"}, "steps": [1, 2]}))
    options["steps"].append(3)
    assert structure.unflatten([1, 2]).unit == {"steps": [1, 2], "names": {"a"}}
    structure.unflatten([1, 2]).unit["steps"].append(4)
    assert structure.unflatten([1, 2]).unit == {"steps": [1, 2], "names": {"a"}}
    assert tree.structure(x) is not structure


def test_dataclasses_are_containers_without_registration():
    leaves, structure = tree.flatten(Activated(Layer(1, 2), "relu"))
    assert leaves == [1, 2]
    assert structure != tree.structure(Activated(Layer(1, 2), "tanh"))
    assert tree_util.is_tree_node(Layer)


def test_dataclasses_are_rebuilt_without_their_constructors():
    @dataclass
    class Checked:
        value: Any
        scale: InitVar[float]
        scaled: Any = field(init=False)

        def __post_init__(self, scale):
            assert isinstance(self.value, float)
            self.scaled = scale * self.value

    doubled = tree.map(lambda x: [x], Checked(1.0, 3.0))
    assert (doubled.value, doubled.scaled) == ([1.0], [3.0])


def test_dataclasses_with_other_bases_are_leaves():
    @dataclass
    class Failure(Exception):
        code: int

    class Extended(Layer):  # it may have state beside the fields
        pass

    assert tree.structure(Failure(1)) is tree.LEAF
    assert tree.structure(Extended(1)) is tree.LEAF


def test_register_leaf_ends_the_walk():
    @tree.register_leaf
    @dataclass(frozen=True)
    class Unit:
        name: str

    assert tree.leaves([Unit("kg")]) == [Unit("kg")]


def test_registration_overrides_what_was_recognised():
    @dataclass
    class Pair:
        a: Any
        b: Any

    assert tree.leaves(Pair(1, 2)) == [1, 2]
    tree.register_dataclass(Pair, data_fields=["a"], meta_fields=["b"])
    assert tree.leaves(Pair(1, 2)) == [1]
    assert_round_trip(Pair((1, 2), 3))


def test_register_dataclass_for_a_class_that_is_no_dataclass():
    class Plain:
        def __init__(self, a, b):
            self.a, self.b = a, b

    tree.register_dataclass(Plain, ["b"], ["a"])
    doubled = tree.map(lambda x: 2 * x, Plain(1, 2))
    assert (doubled.a, doubled.b) == (1, 4)


def test_register_dataclass_drops_fields():
    @functools.partial(
        tree.register_dataclass, data_fields=["a"], meta_fields=[], drop_fields=["cache"]
    )
    @dataclass
    class Cached:
        a: Any
        cache: Any = None

    assert tree.map(lambda x: x + 1, Cached(1, "full")) == Cached(2, None)


def test_register_pytree_node_without_keys_and_with():
    class Pair:
        def __init__(self, *items):
            self.items = items

    def flatten_with_keys(pair):
        return zip("ab", pair.items, strict=True), None

    tree.register_pytree_node(
        Pair,
        lambda pair: (iter(pair.items), None),
        lambda _, items: Pair(*items),
        flatten_with_keys,
    )
    assert tree.map(lambda x: x + 1, Pair(1, 2)).items == (2, 3)
    assert [path for path, _ in tree.leaves_with_path(Pair(1, (2,)))] == [
        ("a",),
        ("b", SequenceKey(0)),
    ]
    assert tree.keystr(("b", SequenceKey(0))) == "b[0]"


def test_partial_has_its_arguments_as_children():
    power = Partial(pow, 2, mod=5)
    assert tree.leaves(power) == [2, 5]
    assert [tree.keystr(path) for path, _ in tree.leaves_with_path(power)] == [
        ".args[0]",
        ".keywords['mod']",
    ]
    assert tree.map(lambda x: x + 1, power)(3) == pow(3, 3, 6)
    assert power(3) == 3
    assert tree.structure(power) is tree.structure(Partial(pow, 3, mod=7))


def test_partial_of_partials():
    outer = Partial(Partial(max, 1, default=0), 2)
    assert tree.leaves(outer) == [1, 2, 0]
    opaque = Partial(functools.partial(max, 1), 2)
    assert tree.leaves(opaque) == [2]
    assert tree.map(lambda x: x + 3, opaque)(0) == 5
    assert tree.structure(opaque) is tree.structure(tree.map(lambda x: x, opaque))


# ---- is_leaf


def test_is_leaf_ends_the_walk():
    x = {"a": None, "b": [(1, 2), 3]}
    assert tree.leaves(x, is_leaf=lambda v: v is None) == [None, 1, 2, 3]
    assert tree.leaves(x, is_leaf=lambda v: type(v) is tuple) == [(1, 2), 3]
    assert repr(tree.structure(x, lambda v: type(v) is list)) == "PyTreeDef({'a': None, 'b': *})"
    assert tree.map(lambda v: v or 0, (None, 1), is_leaf=lambda v: v is None) == (0, 1)
    assert tree.leaves(x, is_leaf=lambda v: True) == [x]


def test_is_leaf_may_take_the_path():
    x = {"a": (1, 2), "b": (3, 4)}
    stops = lambda path, v: path == (DictKey("b"),)
    assert [v for _, v in tree.leaves_with_path(x, stops, is_leaf_takes_path=True)] == [
        1,
        2,
        (3, 4),
    ]
    lengths = tree.map_with_path(
        lambda path, v: len(path), x, is_leaf=stops, is_leaf_takes_path=True
    )
    assert lengths == {"a": (2, 2), "b": 1}
    assert len(tree.leaves_with_path(x, is_leaf=lambda v: type(v) is tuple)) == 2
    assert len(tree_util.default_registry.flatten_with_path(x, stops)[0]) == 3


def test_none_in_a_prefix_is_a_leaf_through_is_leaf():
    full = ({"a": 1, "b": 2}, (3, None), 4)
    assert tree.broadcast_prefix((0, None, 1), full, is_leaf=lambda x: x is None) == [0, 0, None, 1]
    assert tree.broadcast_prefix(0, full) == [0] * 4
    assert tree.broadcast_prefix(None, full, is_leaf=lambda x: x is None) == [None] * 4


# ---- printing


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1, "*"),
        (None, "None"),
        ((), "()"),
        ((1,), "(*,)"),
        ([1, (2, 3)], "[*, (*, *)]"),
        ({"b": (1, 2), "a": 3}, "{'a': *, 'b': (*, *)}"),
        ({}, "{}"),
        (Point(1, 2), "CustomNode(namedtuple[Point], [*, *])"),
        (OrderedDict(b=1), "CustomNode(OrderedDict[('b',)], [*])"),
        (defaultdict(int, a=1), "CustomNode(defaultdict[(<class 'int'>, ('a',))], [*])"),
        (Interval(1, 2, "m"), "CustomNode(Interval[m], [*, *])"),
        (Optimiser(1), "CustomNode(Optimiser[(0.1,)], [*])"),
        (Activated(1), "CustomNode(Activated[('tanh',)], [*])"),
        (Mode("fast"), "CustomNode(Mode[fast], [])"),
    ],
)
def test_structures_print(x, text):
    assert repr(tree.structure(x)) == f"PyTreeDef({text})"


def test_paths_print():
    path = (DictKey("a"), SequenceKey(0), GetAttrKey("x"), FlattenedIndexKey(3), DictKey(2))
    assert tree.keystr(path) == "['a'][0].x[<flat index 3>][2]"
    assert tree.keystr(path, simple=True, separator="/") == "a/0/x/3/2"
    assert tree.keystr(path[:2], separator="/") == "['a']/[0]"
    assert tree.keystr(()) == ""
    assert repr(path[0]) == "DictKey(key='a')"
    assert repr(path[1:4]) == "(SequenceKey(idx=0), GetAttrKey(name='x'), FlattenedIndexKey(key=3))"
    assert DictKey("a") == DictKey("a") and DictKey(1) != SequenceKey(1)
    assert tree.leaves([path[0]]) == [path[0]]


# ---- errors


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (
            {"params": [(1, 2)]},
            {"params": [[1, 2, 3]]},
            "at ['params'][0]: expected a tuple of length 2, got a list of length 3",
        ),
        ((1, 2), (1, 2, 3), "expected a tuple of length 2, got a tuple of length 3"),
        ((1, (2,)), (1, 2), "at [1]: expected a tuple of length 1, got a leaf of type int"),
        ((None, 1), (2, 3), "at [0]: expected None, got a leaf of type int"),
        ([{"a": 1}], [{"b": 1}], "at [0]: expected a dict with the key 'a', got a dict with "),
        ({"a": 1}, {}, "expected a dict with the key 'a', got a dict without keys"),
        ({"a": 1, "b": 1}, OrderedDict(a=1), "expected a dict with the keys 'a', 'b', got an Ord"),
        (Point(1, 2), (1, 2), "expected a namedtuple Point, got a tuple of length 2"),
        (Layer(1, (2,)), Layer(1, [2]), "at .bias: expected a tuple of length 1, got a list"),
        (
            Activated(1, "relu"),
            Activated(1, "tanh"),
            "expected an Activated with the static name='relu', got an Activated with the static n",
        ),
        (
            Interval(1, 2, "m"),
            Interval(1, 2, "s"),
            "expected an Interval with 2 children and the static data 'm', got an Interval with 2",
        ),
        (Keyed(1, (2,), 0), Keyed(1, [2], 0), "at .high: expected a tuple of length 1"),
        (Interval(1, (2,), 0), Interval(1, [2], 0), "at [<flat index 1>]: expected a tuple"),
    ],
    ids=label,
)
def test_mismatch_names_the_first_difference(x, y, text):
    for _ in range(6):
        with pytest.raises(TreeMismatchError) as error:
            tree.map(lambda a, b: 0, x, y)
        assert str(error.value).startswith("tree_map: " + text)
    with pytest.raises(TreeMismatchError) as error:
        tree.map_with_path(lambda path, a, b: 0, x, y)
    assert str(error.value).startswith("tree_map_with_path: " + text)
    with pytest.raises(TreeMismatchError) as error:
        tree.broadcast(x, y)
    assert str(error.value).startswith("tree_broadcast: " + text)


def test_mismatch_of_long_dicts_is_short():
    x = {f"k{i:02}": 0 for i in range(30)}
    with pytest.raises(TreeMismatchError) as error:
        tree.map(lambda a, b: 0, x, {**x, "new": 1})
    assert str(error.value).endswith(", ... (has besides ['new'])")
    assert len(str(error.value)) < 250
    with pytest.raises(TreeMismatchError, match=r"lacks \['k00'\], has besides \['z'\]\)"):
        tree.map(lambda a, b: 0, x, {**dict(list(x.items())[1:]), "z": 1})


def test_leaves_like_wants_the_very_structure():
    structure = tree.structure({"a": 1})
    assert tree.leaves_like(structure, {"a": 5}, "vjp") == [5]
    with pytest.raises(TreeMismatchError) as error:
        tree.leaves_like(structure, {"a": (1, 2)}, "vjp")
    assert str(error.value) == "vjp: at ['a']: expected a leaf, got a tuple of length 2"


def test_static_data_equal_but_of_other_types_fit():
    assert tree.map(lambda a, b: a + b, Interval(1, 2, 1), Interval(1, 2, 1.0)).low == 2
    assert tree.leaves_like(tree.structure(Interval(1, 2, 1)), Interval(3, 4, True), "f") == [3, 4]


def test_wrong_number_of_leaves():
    for _ in range(6):
        with pytest.raises(TreeMismatchError) as error:
            tree.unflatten(tree.structure((1, 2)), [1])
        assert str(error.value) == "unflatten: PyTreeDef((*, *)) takes 2 leaves, got 1"
    with pytest.raises(TreeMismatchError, match="takes 1 leaf, got 2"):
        tree.unflatten(tree.LEAF, [1, 2])


def test_keys_that_cannot_be_sorted():
    for x in ({2: 1, "a": 2}, defaultdict(int, {2: 1, "a": 2})):
        with pytest.raises(ValueError, match="must be sortable, got 2, 'a' .* an OrderedDict"):
            tree.flatten(x)
    assert tree.leaves(OrderedDict({2: 1, "a": 2})) == [1, 2]


def test_static_data_that_cannot_be_hashed():
    with pytest.raises(TypeError, match="static data of Interval .* hashable.*arrays belong to"):
        tree.flatten(Interval(1, 2, np.ones(3)))
    with pytest.raises(TypeError, match="static data of Activated .* hashable"):
        tree.flatten(Activated(1, [np.ones(3)]))


def test_transpose_of_other_structures():
    with pytest.raises(TreeMismatchError) as error:
        tree.transpose(tree.structure([1, 2]), tree.structure((1, 2)), [(1, 2), (3, (4, 5))])
    assert str(error.value) == (
        "tree_transpose: at [1][1]: expected a leaf, got a tuple of length 2"
    )
    with pytest.raises(ValueError, match="needs inner_treedef"):
        tree.transpose(tree.structure([]), None, [])


def test_registration_errors():
    with pytest.raises(ValueError, match="Interval is registered as a pytree already"):
        tree.register_pytree_node_class(Interval)
    with pytest.raises(TypeError, match="give both data_fields and meta_fields"):
        tree.register_dataclass(Layer, data_fields=["weight"])
    with pytest.raises(TypeError, match="needed for a class that is no dataclass"):
        tree.register_dataclass(int)
    with pytest.raises(ValueError, match=r"\['bias'\] of Layer are neither"):
        tree.register_dataclass(Layer, ["weight"], [])
    with pytest.raises(ValueError, match=r"\['depth'\] are no arguments of Layer"):
        tree.register_dataclass(Layer, ["weight", "bias"], ["depth"])
    with pytest.raises(ValueError, match=r"\['bias'\] are both"):
        tree.register_dataclass(Layer, ["weight", "bias"], ["bias"])


def test_flatten_functions_must_return_pairs():
    class Wrong:
        pass

    tree.register_pytree_node(Wrong, lambda x: [1, 2, 3], lambda data, children: Wrong())
    with pytest.raises(TypeError, match=r"of Wrong must return a pair .*got \[1, 2, 3\]"):
        tree.flatten(Wrong())


def test_leaves_have_no_level():
    with pytest.raises(ValueError, match="a float is a leaf of pytrees"):
        tree.flatten_one_level(1.0)
    with pytest.raises(ValueError, match="a float is a leaf of pytrees"):
        tree.flatten_one_level_with_keys(1.0)


def test_reductions_of_nothing():
    with pytest.raises(TypeError):
        tree.reduce(lambda a, b: a, ())
    with pytest.raises(TypeError, match="needs an identity"):
        tree.reduce_associative(lambda a, b: a, ())
    assert tree.reduce(lambda a, b: a, (), 5) == 5
    assert tree.reduce_associative(lambda a, b: a, (), identity=5) == 5
    assert tree.all(()) and not tree.all((1, 0))


# ---- interning


def test_structures_are_immutable():
    with pytest.raises(AttributeError, match="immutable"):
        tree.structure((1, 2)).num_leaves = 3


def test_structures_with_functions_do_not_outlive_their_users():
    def make():
        array = np.ones(3)
        return lambda: array

    gc.disable()
    try:
        function = make()
        probe = weakref.ref(function)
        x = (Partial(function, 1.0), 2.0)
        structure = tree.structure(x)
        for _ in range(6):
            structure.match(structure.unflatten([1.0, 2.0]))
        assert tree.structure(x) is structure
        del function, x, structure
        assert probe() is None
    finally:
        gc.enable()


def test_structures_are_the_same_in_every_thread():
    def structures(n):
        return [tree.structure(Interval(1, [2] * i, ("thread", i))) for i in range(100)]

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(structures, range(8))
    for other in others:
        assert all(a is b for a, b in zip(first, other, strict=True))


# ---- the public modules


def test_tree_util_levels_and_structures():
    structure = tree.structure
    assert tree_util.treedef_tuple([structure(1), structure([2])]) is structure((1, [2]))
    assert tree_util.treedef_tuple([]) is structure(())
    assert tree_util.treedef_children(structure((1, [2]))) == [structure(1), structure([2])]
    assert tree_util.treedef_is_leaf(structure(None)) and not tree_util.treedef_is_leaf(
        structure([1])
    )
    assert structure({"a": 1}).node_data() == (dict, ("a",))
    assert structure(1).node_data() is None
    assert tree_util.flatten_one_level(None) == ((), None)
    assert tree_util.flatten_one_level_with_keys([5]) == (((SequenceKey(0), 5),), None)
    assert tree_util.all_leaves([1, "a"]) and not tree_util.all_leaves([None])
    assert tree_util.all_leaves([None], is_leaf=lambda x: x is None)
    assert [tree_util.is_tree_node(t) for t in (list, type(None), Point, Interval, int)] == [
        *(True, True, True, True, False)
    ]
    registry = tree_util.default_registry
    assert registry.flatten((1, 2)) == ([1, 2], structure((1, 2)))
    assert registry.is_node(tuple) and registry.flatten_one_level([1]) == ((1,), None)


def test_public_names():
    assert len(public_tree.__all__) == 14
    assert tree_util.tree_map is public_tree.map
    assert len(tree_util.__all__) == 37  # jax.tree_util's 36 and register_leaf
    assert tree_util.PyTreeDef is type(public_tree.structure(1))
    assert isinstance(tree_util.KeyPath, type(tuple[Any, ...]))
