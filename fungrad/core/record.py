"""Classes of named parts, which are made in a fifth of the time that `dataclasses` takes.

Most files of the library are imported during somebody's first call, and to make one dataclass takes
0.4 ms there: longer than the rest of the file.
"""

from operator import attrgetter

_FEW = 20  # objects of a class


def record(cls=None, *, frozen=False, eq=True, slots=False, repr=True):
    """A decorator: the annotated names of a class are its parts, as in a dataclass.

    It gives the class `__init__`, `__repr__`, and where parts say what is equal (`eq`) `__eq__`,
    with `__hash__` where it is `frozen`. Defaults stand in the class; one that is a class, such as
    `list`, is called for every object. `__post_init__` is called.

    >>> @record(frozen=True)
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0), Point(1.0) == Point(1.0, 0.0)
    (Point(x=1.0, y=0.0), True)
    """
    if cls is None:
        return lambda cls: record(cls, frozen=frozen, eq=eq, slots=slots, repr=repr)
    names = tuple(cls.__dict__.get("__annotations__", ()))
    made = {"_fields": names, "__match_args__": names, "__reduce__": _reduce}
    made["__init__"] = _first_initialiser(cls, names, frozen)
    if repr:
        made["__repr__"] = _representation
    if frozen:
        made |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if eq:
        made |= _equality(names, frozen)
    if slots:
        return _with_slots(cls, names, made)
    for name, value in made.items():
        setattr(cls, name, value)
    return cls


def _first_initialiser(cls, names, frozen):
    """An initialiser for some objects; who makes more gets that of `_initialiser` in its place.

    To write that one out takes as long as forty objects do here, and most classes make fewer in
    the program that imports them.
    """
    defaults = {n: cls.__dict__[n] for n in names if n in cls.__dict__}
    prepare, left = getattr(cls, "__post_init__", None), _FEW

    def __init__(self, *parts, **named):
        nonlocal left
        left -= 1
        values = {**defaults, **dict(zip(names, parts, strict=False)), **named}
        is_clear = len(parts) + len(named) <= len(values) == len(names)
        if left < 0 or not is_clear or not named.keys().isdisjoint(names[: len(parts)]):
            made = _initialiser(cls, names, frozen)
            for owner in type(self).__mro__:
                if owner.__dict__.get("__init__") is __init__:
                    owner.__init__ = made
            return made(self, *parts, **named)
        for name, value in values.items():
            is_fresh = isinstance(value, type) and value is defaults.get(name)
            object.__setattr__(self, name, value() if is_fresh else value)
        if prepare is not None:
            prepare(self)

    return __init__


def _initialiser(cls, names, frozen):
    """The function that takes the parts; written out, because it is called often."""
    defaults = {f"_of_{n}": cls.__dict__[n] for n in names if n in cls.__dict__}
    parameters = [f"{n}=_of_{n}" if f"_of_{n}" in defaults else n for n in names]
    form = "    _set(self, {0!r}, {0})" if frozen else "    self.{0} = {0}"
    fresh = [n for n in names if isinstance(defaults.get(f"_of_{n}"), type)]
    lines = [f"def __init__({', '.join(['self', *parameters])}):"]
    lines += [f"    if {n} is _of_{n}: {n} = _of_{n}()" for n in fresh]
    lines += map(form.format, names)
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    namespace = {"_set": object.__setattr__, **defaults}
    exec("\n".join(lines if names else [*lines, "    pass"]), namespace)
    namespace["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return namespace["__init__"]


def _equality(names, frozen):
    parts = attrgetter(*names) if names else lambda self: ()

    def __eq__(self, other):
        return parts(self) == parts(other) if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash(parts(self))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _with_slots(cls, names, made):
    """The class anew, whose objects have these parts and no others."""
    gone = {*names, "__dict__", "__weakref__"}
    namespace = {name: value for name, value in vars(cls).items() if name not in gone}
    return type(cls)(cls.__name__, cls.__bases__, {**namespace, **made, "__slots__": names})


def _representation(self):
    parts = ", ".join([f"{name}={getattr(self, name)!r}" for name in self._fields])
    return f"{type(self).__qualname__}({parts})"


def _reduce(self):
    return type(self), tuple([getattr(self, name) for name in self._fields])


def _refuse(self, name, *value):
    raise AttributeError(f"cannot change {name}: a {type(self).__name__} stays as it is made")
