"""Draws by trial, in loops without branches.

Of a method most of whose first trials are accepted, all elements make the first trial in one loop;
then, block by block, those that are left make one trial after another together. Of another one all
elements of a block make their trials in step, until each has had one that ends it. So each loop is
vectorised, and no branch depends on what is drawn.
"""

from contextlib import ExitStack, contextmanager

import numpy as np

from fungrad.compiler.language import parts
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.views import View
from fungrad.core.program import Literal
from fungrad.primitives.trials import ON_ARRAYS

_build = Builder()

#: Elements of which those that are left are tried together.
_BLOCK = 512
#: What the trials of an element are worth, in operations.
_WORK = 40


def sample(build, primitive, inputs, outputs):
    """Write the draws of a sampler (see `fungrad.primitives.trials`), element by element.

    Where all elements share their parameters, the method is chosen once and not for each of them.
    """
    operands = [build.scalar(v) if _is_scalar(v) else _line(build.contiguous(v)) for v in inputs]
    draws = _Draws(build, primitive, operands, _line(build.output(outputs[0])))
    parameters = inputs[1:]
    if not all(map(_is_scalar, parameters)):
        draws.write(None)
    elif all(type(v) is Literal for v in parameters):
        values = [v.value for v in parameters]
        if primitive.is_closed(ON_ARRAYS, *values):
            draws.write_closed()
        else:
            usable = primitive.usable(ON_ARRAYS, *values)
            draws.write(bool(primitive.is_first(ON_ARRAYS, *usable)))
    else:
        _by_value(build.entry, draws, primitive, operands[1:])


def _by_value(entry, draws, primitive, parameters):
    """Write a choice between the methods that is made when the program runs."""
    with ExitStack() as blocks:
        is_closed = primitive.is_closed(_build, *parameters)
        if is_closed is not None:
            with entry.branch(is_closed) as choice:
                draws.write_closed()
            blocks.enter_context(entry.block(choice.otherwise))
        usable = primitive.usable(_build, *parameters)
        with entry.branch(primitive.is_first(_build, *usable)) as choice:
            draws.write(True)
        with entry.block(choice.otherwise):
            draws.write(False)


class _Draws:
    """The kernels that draw: first trials of all elements, then what these have left to do.

    `is_first` says by which method; None: that differs from element to element.
    """

    def __init__(self, build, primitive, operands, target):
        self.build, self.primitive = build, primitive
        self.operands, self.target = operands, target

    def write(self, is_first):
        """Write the kernels, and call them."""
        first, second = self.primitive.methods
        usual = first if is_first else second
        if usual.is_direct:
            with self._kernel() as (writer, operands, i, drawn):
                self._first_trial(usual, is_first, operands, i, drawn)
            self._further_trials(usual, is_first)
        if is_first is None and first is not second:
            self._in_step(first, is_first)
        elif not usual.is_direct:
            self._in_step(usual, is_first)

    def write_closed(self):
        """Write the kernel of draws that need no trials."""
        with self._kernel() as (writer, operands, i, drawn):
            drawn.store((i,), self.primitive.closed_form(_build, *_at(operands, i)))

    def _finished(self, value, key, parameters, is_first):
        """The result of a draw."""
        primitive = self.primitive
        result = primitive.finish(_build, value, key, *parameters, is_first)
        is_closed = primitive.is_closed(_build, *parameters) if is_first is None else None
        if is_closed is None:
            return result
        return _build.select(is_closed, primitive.closed_form(_build, key, *parameters), result)

    @contextmanager
    def _kernel(self):
        """A kernel, whose turns threads may share, and in it a loop over the elements."""
        writer = self.build.kernel(f"{self.primitive.name}_kernel")
        writer.in_parts = True
        operands = [_operand(writer, x) for x in self.operands]
        size = writer.integer(self.target.shape[0])
        drawn = writer.array(self.target, is_written=True)
        with writer.loop(size) as i:
            yield writer, operands, i, drawn
        self.build.call(writer)

    def _first_trial(self, method, is_first, operands, i, drawn):
        """A trial without branches, which is vectorised; nan stands for what is not drawn yet."""
        primitive = self.primitive
        key, *parameters = _at(operands, i)
        usable = primitive.usable(_build, *parameters)
        constants = method.prepare(_build, *usable)
        states = method.start(_build, key, constants)
        (is_accepted, *_), value, _ = method.step(_build, key, constants, states)
        if is_first is None and primitive.methods[0] is not method:
            is_other = primitive.is_first(_build, *usable)
            is_accepted = is_accepted & _build("logical_not", is_other)
        value = self._finished(value, key, parameters, is_first)
        drawn.store((i,), _build.select(is_accepted, value, np.nan))

    def _further_trials(self, method, is_first):
        """Trials of those elements of a block that are left, by their number, until none is."""
        build, n = self.build, self.target.shape[0]
        writer = build.kernel(f"{self.primitive.name}_rest_kernel")
        writer.in_parts = True
        operands = [_operand(writer, x) for x in self.operands]
        drawn = writer.array(self.target, is_written=True)
        left, values, flags = (
            writer.array(build.temporary(dtype, (n,)), is_written=True)
            for dtype in ("int64", "float64", "bool")
        )
        size = writer.integer(n)
        with writer.loop(writer.integer(-(-n // _BLOCK))) as block:
            start = writer.let(block * _BLOCK)
            extent = _build("minimum", size - start, constant(_BLOCK, INDEX))
            count = writer.variable(constant(0, INDEX), "count")
            with writer.loop(writer.let(extent)) as j:
                i = writer.let(start + j)
                is_left = _build("isnan", drawn.load(i))
                if is_first is None and self.primitive.methods[0] is not method:
                    usable = self.primitive.usable(_build, *_at(operands, i)[1:])
                    is_left = is_left & _build(
                        "logical_not", self.primitive.is_first(_build, *usable)
                    )
                _keep(count, left, start, i, is_left)
            states = [writer.variable(x, "state") for x in method.start(_build, None, None)]
            with writer.repeat():
                now = [x.value for x in states]
                extent = count.value
                writer.leave(_build.equal(extent, constant(0, INDEX)))
                with writer.loop(extent) as j:
                    place = writer.let(start + j)
                    i = left.load(place)
                    found, value, following = self._trial(method, is_first, operands, i, now)
                    values.store((place,), value)
                    flags.store((place,), found)
                count.set(constant(0, INDEX))
                with writer.loop(extent) as j:
                    place = writer.let(start + j)
                    i = left.load(place)
                    drawn.store((i,), values.load(place))
                    _keep(count, left, start, i, _build("logical_not", flags.load(place)))
                for state, x in zip(states, following, strict=True):
                    state.set(x)
        build.call(writer)

    def _trial(self, method, is_first, operands, i, states):
        """Whether a trial of an element is accepted, the result if it is, and the next states."""
        key, *parameters = _at(operands, i)
        usable = self.primitive.usable(_build, *parameters)
        constants = method.prepare(_build, *usable)
        accepted, value, following = method.step(_build, key, constants, states)
        found = accepted[0]
        for condition in accepted[1:]:
            found = found | condition
        value = self._finished(value, key, parameters, is_first)
        return found, value, following

    def _in_step(self, method, is_first):
        """Trials of all elements of a block at once, each time; a result counts when it is found.

        An element for which a trial was found keeps finding one, as in a search.
        """
        build, n, primitive = self.build, self.target.shape[0], self.primitive
        blocks, operations = -(-n // _BLOCK), n * _WORK
        count_of_parts = parts.PARTS if operations > parts.WORTH_WAKING else 1
        writer = build.kernel(f"{primitive.name}_search_kernel")
        writer.in_parts = True
        writer.integers.append((parts.WORK, operations))
        operands = [_operand(writer, x) for x in self.operands]
        drawn = writer.array(self.target, is_written=True)
        size, share = writer.integer(n), writer.integer(-(-blocks // count_of_parts))
        memory = []

        def begun(i):
            key, *parameters = _at(operands, i)
            usable = primitive.usable(_build, *parameters)
            constants = method.prepare(_build, *usable)
            is_own = None if is_first is not None else primitive.is_first(_build, *usable)
            return key, parameters, constants, is_own

        with writer.loop(writer.parameter(count_of_parts), "part") as part:
            own = writer.let(part * _BLOCK)
            left = _build("minimum", share, writer.integer(blocks) - part * share)
            with writer.loop(writer.let(left)) as number:
                start = writer.let((part * share + number) * _BLOCK)
                extent = writer.let(_build("minimum", size - start, constant(_BLOCK, INDEX)))
                with writer.loop(extent) as j:
                    i = writer.let(start + j)
                    key, _, constants, is_own = begun(i)
                    states = method.start(_build, key, constants)
                    if not memory:
                        memory += [self._scratch(writer, x, count_of_parts) for x in states]
                    for place, x in zip(memory, states, strict=True):
                        place.store((own + j,), x)
                    if is_own is None:
                        drawn.store((i,), constant(np.nan, drawn.dtype))
                    else:
                        drawn.store((i,), _build.select(is_own, np.nan, drawn.load(i)))
                with writer.repeat():
                    open_ones = writer.variable(constant(0, INDEX), "open")
                    with writer.loop(extent) as j:
                        i = writer.let(start + j)
                        key, parameters, constants, is_own = begun(i)
                        states = [place.load(own + j) for place in memory]
                        (found,), value, following = method.step(_build, key, constants, states)
                        value = self._finished(value, key, parameters, is_first)
                        before = drawn.load(i)
                        is_new = _build("isnan", before) & found
                        drawn.store((i,), _build.select(is_new, value, before))
                        for place, x in zip(memory, following, strict=True):
                            place.store((own + j,), x)
                        is_open = _build("logical_not", found)
                        if is_own is not None:
                            is_open = is_open & is_own
                        open_ones.set(open_ones.symbol + _build.cast(is_open, INDEX))
                    writer.leave(_build.equal(open_ones.value, constant(0, INDEX)))
        build.call(writer)

    def _scratch(self, writer, state, count_of_parts):
        """Memory for a state of the elements of a block, for each part."""
        view = self.build.temporary(state.dtype, (count_of_parts * _BLOCK,))
        return writer.array(view, is_written=True)


def _keep(count, left, start, i, is_left):
    """Append an element to those that are left, if it is."""
    number = count.value
    left.store((start + number,), i)
    count.set(number + _build.cast(is_left, INDEX))


def _is_scalar(v):
    return type(v) is Literal or not v.type.shape


def _operand(writer, x):
    """The elements of an operand, or its value where it has rank 0."""
    return writer.array(x) if isinstance(x, View) else writer.scalar(x)


def _at(operands, i):
    """The elements of operands."""
    return [x.load(i) if hasattr(x, "load") else x for x in operands]


def _line(view):
    """A row-major view as one axis."""
    size = 1
    for n in view.shape:
        size *= n
    return type(view)(view.buffer, view.offset, (size,), (1,))
