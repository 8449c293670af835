"""Records: the classes of named parts that dataclasses would make."""

import copy
import pickle
from dataclasses import dataclass

import pytest

from fungrad.core.record import record


@record(frozen=True)
class Point:
    """Two numbers."""

    x: float
    y: float = 0.0


@record(frozen=True, slots=True)
class Key:
    """One part."""

    name: str


@record(slots=True)
class Body:
    """A part that is made for every object."""

    lines: list = list

    def __post_init__(self):
        self.lines.append("first")


def test_parts_defaults_and_what_is_printed():
    assert Point(1.0) == Point(1.0, y=0.0) != Point(1.0, 2.0)
    assert repr(Point(1.0, 2.0)) == "Point(x=1.0, y=2.0)"
    assert len({Point(1.0), Point(1.0, 0.0), Point(2.0)}) == 2
    for wrong in ((), (1, 2, 3)):
        with pytest.raises(TypeError, match="__init__"):
            Point(*wrong)


def test_they_are_as_dataclasses_are():
    @dataclass(frozen=True)
    class Other:
        x: float
        y: float = 0.0

    assert Point(1.0) != Other(1.0) and Point(1.0) != (1.0, 0.0)
    match Point(3.0):
        case Point(x, y):
            assert (x, y) == (3.0, 0.0)


def test_frozen_ones_stay():
    for frozen in (Point(1.0), Key("a")):
        with pytest.raises(AttributeError, match="stays as it is made"):
            frozen.name = 2.0
        with pytest.raises(AttributeError):
            del frozen.x
        assert copy.copy(frozen) == frozen == pickle.loads(pickle.dumps(frozen))


def test_what_is_made_for_every_object():
    one, other = Body(), Body(["zero"])
    assert one.lines == ["first"] and other.lines == ["zero", "first"]
    assert Body().lines is not one.lines
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    with pytest.raises(AttributeError):
        one.other = 1


def test_objects_may_be_told_apart_by_themselves():
    @record(frozen=True, eq=False)
    class Thing:
        part: int

    assert Thing(1) != Thing(1) and len({Thing(1), Thing(1)}) == 2


def test_the_first_objects_are_as_the_later_ones():
    """The initialiser is written out when a class has made some objects."""

    def made():
        @record(frozen=True)
        class Pair:
            x: int
            y: list = list
            z: int = 0

            def __post_init__(self):
                self.y.append(self.x)

        return Pair

    new, old = made(), made()
    for number in range(50):
        old(number)
    for cls in (new, old):
        calls = cls(1), cls(1, [2]), cls(1, z=3), cls(y=[5], x=1), cls(1, [], 2)
        found = [(each.x, each.y, each.z) for each in calls]
        assert found == [(1, [1], 0), (1, [2, 1], 0), (1, [1], 3), (1, [5, 1], 0), (1, [1], 2)]
        for parts, named in [((), {}), ((1,), {"x": 1}), ((1, [], 2, 3), {}), ((1,), {"w": 2})]:
            with pytest.raises(TypeError, match="__init__"):
                cls(*parts, **named)
