"""Arguments: which of them a transform looks at, as flat leaves, and how to call with new ones."""

import inspect
import operator
from functools import lru_cache

from fungrad.core.tree import flatten, flatten_with_path, keystr
from fungrad.core.tree_kinds import kind_of, kinds


class Selected:
    """The leaves of the chosen arguments, and the call with other values in their places."""

    __slots__ = ("args", "is_single", "kwargs", "leaves", "names", "places", "trees")

    def __init__(self, args, kwargs, places, is_single, names=None):
        self.args, self.kwargs, self.places, self.is_single = args, kwargs, places, is_single
        self.names = names
        self.leaves, self.trees = [], []
        for p in places:
            leaves, tree = flatten(args[p] if type(p) is int else kwargs[p])
            self.leaves += leaves
            self.trees.append(tree)

    @property
    def tree(self):
        """The structure of the tuple of chosen arguments."""
        return flatten(self.rebuild([0] * len(self.leaves)))[1]

    def call(self, function, values):
        """The function with the values in the places of the leaves."""
        if len(self.args) == 1 and self.is_single and not self.kwargs:
            return function(self.trees[0].unflatten(values))
        args, kwargs = list(self.args), dict(self.kwargs)
        for p, part in zip(self.places, self._parts(values), strict=True):
            (args if type(p) is int else kwargs)[p] = part
        return function(*args, **kwargs)

    def _parts(self, values):
        parts, start = [], 0
        for tree in self.trees:
            stop = start + tree.num_leaves
            parts.append(tree.unflatten(values[start:stop]))
            start = stop
        return parts

    def rebuild(self, values):
        """The values as the chosen argument, a tuple of them, or a dict by names."""
        parts = self._parts(values)
        if self.is_single:
            return parts[0]
        if self.names is not None:
            return dict(zip(self.names, parts, strict=True))
        return tuple(parts)

    def label(self, number):
        """The name of a leaf for error texts: "argument 0['w']"."""
        seen = 0
        for p, tree in zip(self.places, self.trees, strict=True):
            if number < seen + tree.num_leaves:
                value = self.args[p] if type(p) is int else self.kwargs[p]
                path, _ = flatten_with_path(value)[0][number - seen]
                return f"argument {p if type(p) is int else repr(p)}{keystr(path)}"
            seen += tree.num_leaves
        return f"argument {number}"


class AllArguments:
    """What `Selected` is for all of the positional arguments."""

    __slots__ = ("args", "leaves", "tree")

    def __init__(self, args):
        self.args = args
        self.leaves, self.tree = flatten(args)

    def call(self, function, values):
        """The function with the values in the places of the leaves."""
        return function(*self.tree.unflatten(values))

    def rebuild(self, values):
        """The values as a tuple of arguments."""
        return self.tree.unflatten(values)

    def path(self, number):
        """The path of a leaf in the tuple of arguments for error texts: "[0]['w']"."""
        return keystr(flatten_with_path(self.args)[0][number][0])

    def label(self, number):
        """The name of a leaf for error texts: "argument 0['w']"."""
        path = flatten_with_path(self.args)[0][number][0]
        return f"argument {path[0].idx}{keystr(path[1:])}"


class AllLeaves:
    """What `AllArguments` is where all of them are leaves themselves."""

    __slots__ = ("leaves",)

    call = None  # the function is called with the values as they are

    def __init__(self, args):
        self.leaves = args

    @property
    def tree(self):
        """The structure of the tuple of arguments."""
        return _tuple_of_leaves(len(self.leaves))

    def rebuild(self, values):
        """The values as a tuple of arguments."""
        return tuple(values)

    def path(self, number):
        """The path of a leaf for error texts: "[0]"."""
        return f"[{number}]"

    def label(self, number):
        """The name of a leaf for error texts: "argument 0"."""
        return f"argument {number}"


@lru_cache
def _tuple_of_leaves(count):
    """The structure of a tuple of leaves."""
    return flatten((0,) * count)[1]


class OnlyLeaf:
    """What `Selected` is for the only argument of a call, which is itself a leaf."""

    __slots__ = ("leaves",)

    call = None  # the function is called with the value as it is

    def __init__(self, args):
        self.leaves = args

    def rebuild(self, values):
        """The value."""
        return values[0]

    def label(self, number):
        """The name of the leaf for error texts: "argument 0"."""
        return "argument 0"


def all_arguments(args):
    """The leaves of a tuple of arguments."""
    return AllLeaves(args) if are_leaves(args) else AllArguments(args)


def are_leaves(arguments):
    """Whether all arguments are leaves of a pytree themselves."""
    for x in arguments:
        kind = type(x)
        if (kinds[kind] if kind in kinds else kind_of(kind)) is not None:
            return False
    return True


def is_leaf(argument):
    """Whether an argument is itself a leaf of a pytree."""
    return kind_of(type(argument)) is None


class SelectedLeaf:
    """What `Selected` is for one argument that is itself a leaf."""

    __slots__ = ("args", "kwargs", "leaves", "place")

    def __init__(self, args, kwargs, place):
        self.args, self.kwargs, self.place = args, kwargs, place
        self.leaves = [args[place]]

    @property
    def tree(self):
        """The structure of the tuple of chosen arguments."""
        return flatten((0,))[1]

    def call(self, function, values):
        """The function with the value in the place of the leaf."""
        if len(self.args) == 1 and not self.kwargs:
            return function(values[0])
        args = list(self.args)
        args[self.place] = values[0]
        return function(*args, **self.kwargs)

    def rebuild(self, values):
        """The value."""
        return values[0]

    def label(self, number):
        """The name of the leaf for error texts: "argument 0"."""
        return f"argument {self.place}"


class SelectedLeaves:
    """What `Selected` is for several positional arguments that are leaves themselves."""

    __slots__ = ("args", "kwargs", "leaves", "places")

    def __init__(self, args, kwargs, places):
        self.args, self.kwargs, self.places = args, kwargs, places
        self.leaves = [args[p] for p in places]

    @property
    def tree(self):
        """The structure of the tuple of chosen arguments."""
        return flatten(self.places)[1]

    def call(self, function, values):
        """The function with the values in the places of the leaves."""
        args = list(self.args)
        for p, value in zip(self.places, values, strict=True):
            args[p] = value
        return function(*args, **self.kwargs)

    def rebuild(self, values):
        """The values as a tuple."""
        return tuple(values)

    def label(self, number):
        """The name of a leaf for error texts: "argument 0"."""
        return f"argument {self.places[number]}"


def select_arguments(fun, args, kwargs, argnums, argnames, title):
    """The arguments that `argnums` or `argnames` choose."""
    if argnames is not None:
        return _by_name(fun, args, kwargs, argnames, title)
    if type(argnums) is int and 0 <= argnums < len(args):
        if is_leaf(args[argnums]):
            return SelectedLeaf(args, kwargs, argnums)
        return Selected(args, kwargs, (argnums,), True)
    is_single = not isinstance(argnums, tuple | list)
    numbers = (argnums,) if is_single else argnums
    if any(isinstance(n, str) for n in numbers):
        return _by_name(fun, args, kwargs, argnums, title)
    places = tuple([_position(n, args, kwargs, title) for n in numbers])
    if len(set(places)) < len(places):
        raise TypeError(f"{title}: argnums={argnums!r} names an argument twice")
    if not is_single and all([is_leaf(args[p]) for p in places]):
        return SelectedLeaves(args, kwargs, places)
    return Selected(args, kwargs, places, is_single)


def _position(n, args, kwargs, title):
    """The position that a number from an argnums names; a negative one counts from the end."""
    try:
        place = operator.index(n)
    except TypeError:
        raise TypeError(
            f"{title}: argnums={n!r}; it must be an int, a string, or a tuple of them"
        ) from None
    if not -len(args) <= place < len(args):
        given = f"{len(args)} positional argument{'s' if len(args) != 1 else ''}"
        hint = f" and keywords {', '.join(kwargs)}; use argnames for those" if kwargs else ""
        raise TypeError(f"{title}: argnums={n!r}, but the call has {given}{hint}")
    return place % len(args)


def _by_name(fun, args, kwargs, argnames, title):
    is_single = isinstance(argnames, str)
    names = (argnames,) if is_single else tuple(argnames)
    kwargs = dict(kwargs)
    positions = parameter_positions(fun)
    places = []
    for name in names:
        if name in kwargs:
            places.append(name)
        elif name in positions and positions[name] < len(args):
            places.append(positions[name])
        else:
            raise TypeError(f"{title}: the call has no argument named {name!r}")
    if len(set(places)) < len(places):
        raise TypeError(f"{title}: argnames={argnames!r} names an argument twice")
    return Selected(args, kwargs, tuple(places), is_single, None if is_single else names)


def parameter_positions(fun):
    """The position of each positional parameter by name."""
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        return {}
    allowed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {p.name: i for i, p in enumerate(parameters) if p.kind in allowed}
