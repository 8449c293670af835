"""Stacks: what a `while` loop saves for its backward pass, one element per iteration.

The number of elements is known only when the loop has run, so a stack has a type of its own. In
NumPy it is a list; compiled code grows a buffer geometrically. Elements may be stacks themselves:
a `while` loop inside another loop. A stack without elements also stands for one of zeros.
"""

import operator
from typing import ClassVar
from weakref import WeakValueDictionary

import numpy as np

from fungrad.core.evaluation import evaluator
from fungrad.core.primitive import Routine
from fungrad.core.program import Equation, Program, Variable
from fungrad.core.record import record
from fungrad.core.types import ArrayType
from fungrad.primitives.movement import Broadcast
from fungrad.transforms.batch import batch
from fungrad.transforms.transpose import transpose

#: The type of a number of turns.
COUNT = ArrayType((), np.int64)


class StackType:
    """The type of a stack whose elements have the type `element`, an array type or a stack's.

    Interned like array types.
    """

    __slots__ = ("__weakref__", "element")
    _interned: ClassVar = WeakValueDictionary()

    def __new__(cls, element):
        self = cls._interned.get(element)
        if self is None:
            self = object.__new__(cls)
            self.element = element
            self = cls._interned.setdefault(element, self)
        return self

    @property
    def shape(self):
        """The shape of an element, so that a batch axis goes in front of every element."""
        return self.element.shape

    @property
    def is_differentiable(self):
        """Whether the elements have tangents."""
        return self.element.is_differentiable

    def with_shape(self, shape):
        """A stack of elements of another shape."""
        return StackType(self.element.with_shape(shape))

    @property
    def add(self):
        """The primitive that adds two stacks of this type."""
        return AddStacks()

    def zeros(self):
        """A stack that stands for zeros, recorded."""
        return EmptyStack(self.element)()

    def broadcast(self, size):
        """The primitive that puts a batch axis in front of every element."""
        element = self.element
        if isinstance(element, StackType):
            return MapStack(_program_of(element.broadcast(size), element))
        axes = tuple(range(1, len(element.shape) + 1))
        return MapStack(_program_of(Broadcast((size, *element.shape), axes), element))

    def value(self, elements):
        """The stack of these elements: what compiled code returns."""
        return Stack(tuple(elements), self)

    def __reduce__(self):
        return StackType, (self.element,)

    def __repr__(self):
        return f"stack({self.element})"


@record(frozen=True)
class Stack:
    """The value of a stack without jit: its elements, in order of the iterations.

    A leaf of pytrees: it is an operand as arrays are, and only loops look into it.
    """

    elements: tuple
    type: StackType

    is_operand = True

    def rows(self, count):
        """The elements, or zeros for a stack without any."""
        return self.elements or (zero_element(self.type.element),) * count


class EmptyStack(Routine):
    """A stack without elements: what a branch that was not taken leaves to its backward pass."""

    element: object
    is_creation = True

    @property
    def name(self):
        return "empty_stack"

    def infer(self):
        return StackType(self.element)

    def evaluate(self):
        return Stack((), StackType(self.element))

    def jvp(self, inputs, tangents):
        return self(), None

    def transpose(self, cotangents, inputs, linear):
        return ()

    def batch(self, inputs, batched, axis):
        wide = self.element.with_shape((axis.size, *self.element.shape))
        return EmptyStack(wide)(), True

    def emit(self, build, inputs, outputs):
        build.empty_stack(self, inputs, outputs)


class MapStack(Routine):
    """A linear program of one input and one output, applied to every element."""

    program: Program

    def runs(self):
        return ((self.program, None),)

    @property
    def name(self):
        return "map_stack"

    def infer(self, x):
        return StackType(self.program.output_types[0])

    def evaluate(self, x):
        function = evaluator(self.program, False)
        elements = tuple([function(e)[0] for e in x.elements])
        return Stack(elements, StackType(self.program.output_types[0]))

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        program, _ = transpose(self.program, (True,), (True,), True)
        return (MapStack(program)(*cotangents),)

    def batch(self, inputs, batched, axis):
        program, _ = batch(self.program, (True,), axis)
        return MapStack(program)(*inputs), True

    def emit(self, build, inputs, outputs):
        build.map_stack(self, inputs, outputs)


def _program_of(primitive, type):
    """The program that applies one primitive."""
    x, y = Variable(type), Variable(primitive.infer(type))
    return Program((x,), (Equation(primitive, (x,), (y,)),), (y,), primitive.name)


class AddStacks(Routine):
    """The elementwise sum of two stacks of one length: cotangents of a stack read twice."""

    @property
    def name(self):
        return "add_stacks"

    def infer(self, x, y):
        return x

    def evaluate(self, x, y):
        if not (x.elements and y.elements):
            return x if x.elements else y
        plus = self.evaluate if isinstance(x.type.element, StackType) else operator.add
        return Stack(tuple(map(plus, x.elements, y.elements)), x.type)

    def jvp(self, inputs, tangents):
        moving = [t for t in tangents if t is not None]
        return self(*inputs), self(*moving) if len(moving) == 2 else moving[0]

    def transpose(self, cotangents, inputs, linear):
        return tuple([cotangents[0] if is_linear else None for is_linear in linear])

    def batch(self, inputs, batched, axis):
        if not all(batched):
            raise AssertionError("stacks that are added come from one loop")
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.add_stacks(self, inputs, outputs)


def zero_element(type):
    """Zeros of the type of an element."""
    return Stack((), type) if isinstance(type, StackType) else np.zeros(type.shape, type.dtype)[()]


def element_type(type):
    """The type of one element of a scanned value: an array along its first axis, or a stack."""
    if isinstance(type, StackType):
        return type.element
    return ArrayType(type.shape[1:], type.dtype)


def stacked_type(element, length):
    """The type of `length` elements on top of each other; a stack where that is not known."""
    if length is None or isinstance(element, StackType):
        return StackType(element)
    return element.with_shape((length, *element.shape))
