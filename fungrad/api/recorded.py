"""A user's function, recorded on the leaves of its arguments, with values where they are known."""


import numpy as np

from fungrad.api import plans
from fungrad.api.operands import is_numeric, numeric_leaves, plain_operand
from fungrad.api.ownership import owned, owned_halves, owner_of, settled
from fungrad.api.zeros import zeros_like
from fungrad.core.evaluation import evaluate, slots
from fungrad.core.program import Literal
from fungrad.core.program_table import recorded_places
from fungrad.core.running import run
from fungrad.core.thread_state import examinations
from fungrad.core.tracing import DEFERRED, Recording, Tracer, state
from fungrad.core.tree import LEAF, flatten
from fungrad.core.types import type_of
from fungrad.numpy.dispatch import has_tracer
from fungrad.transforms.jvp import jvp

ndarray, new = np.ndarray, object.__new__
GRADIENT = "gradient"  # what the plan of the gradient of a recorded program is kept under


class Recorded:
    """One call of a function: its program, the operands of the program, and what it returned.

    `operands` are the values (or tracers of an enclosing trace) of the program's inputs: the
    leaves that were traced, then the captured values. `leaves` are the flat outputs. The function is
    called by `call(function, tracers)`, or where that is None with the tracers as arguments.
    """

    __slots__ = ("_positions", "is_nested", "leaves", "operands", "program", "recording", "tree")

    def __init__(self, recording, operands, tracers, call):
        self.recording = recording
        self._positions = None
        recording.__enter__()  # written out: a with statement takes longer
        try:
            function = recording.function
            result = function(*tracers) if call is None else call(function, tracers)
            if type(result) is Tracer:
                self.leaves, self.tree = [result], LEAF
                self.program = recording.finish(self.leaves)
            else:
                self._flatten(result)
        except BaseException as error:
            recording.__exit__(type(error), error, error.__traceback__)
            raise
        recording.__exit__(None, None, None)
        self.operands = [*operands, *recording.captures] if recording.captures else operands
        self.is_nested = recording.parent is not None and has_tracer(self.operands)

    @classmethod
    def of(cls, function, operands, weak, call, title):
        """The call of a function on operands, of which some are weak."""
        recording = Recording(title, False, False, function)
        return cls(recording, operands, recording.add_operands(operands, weak), call)

    @classmethod
    def plainly(cls, function, leaves, call, title):
        """The call of a function on floats and arrays of floats; None where a leaf is none.

        They may be traced, if their values are known.
        """
        recording = Recording(title, False, False, function)
        values, types, operands, tracers = recording.values, recording.input_types, [], []
        for x in leaves:
            is_weak = type(x) is float
            value = x.recording.values[x.id] if type(x) is Tracer else x
            value = plain_operand(value)
            if value is None:
                return None
            if type(x) is Tracer:
                is_weak = x.weak
                operands.append(x)
            else:
                operands.append(value)
            tracer = new(Tracer)  # as in `add_operands`, without calls
            tracer.recording, tracer.id, tracer.weak = recording, len(values), is_weak
            tracer.origin = tracer.views = None
            tracers.append(tracer)
            values.append(value)
            types.append(type_of(value))
        return cls(recording, operands, tracers, call)

    def _flatten(self, result):
        """Finish the recording of a function that returned more, or else, than one tracer."""
        numeric, self.tree = flatten(result)
        self.leaves = numeric
        for leaf in numeric:
            if type(leaf) is not Tracer and not is_numeric(leaf):
                numeric, self._positions = numeric_leaves(self.leaves)
                break
        self.program = self.recording.finish(numeric)

    # ---- what the program computed

    @property
    def positions(self):
        """The place of each leaf among the program's outputs; None for what is not numeric."""
        return [*range(len(self.leaves))] if self._positions is None else self._positions

    @property
    def is_numeric(self):
        """Whether all leaves are numbers and arrays."""
        return self._positions is None

    def output_type(self, k):
        """The type of output leaf k of the program."""
        return self.program.outputs[k].type

    def outputs(self, values):
        """The flat outputs for the user: program outputs in their places, the rest as it was."""
        if self._positions is None:
            return list(values)
        return [
            leaf if k is None else values[k]
            for leaf, k in zip(self.leaves, self._positions, strict=True)
        ]

    def values(self):
        """The outputs of the program, without evaluating anything twice."""
        if self.is_nested:
            return self._inline()[0]
        known = [self._known(v) for v in self.program.outputs]
        if any(v is DEFERRED for v in known):
            known = evaluate(self.program, self.operands)
        self._examine(known)
        return owned(known, self.operands)

    def _known(self, v):
        if type(v) is Literal:
            return v.value
        return self._slot_values()[slots(self.program)[v]]

    def _slot_values(self):
        values, places = self.recording.values, recorded_places(self.program)
        return values if places is None else [values[i] for i in places]

    def _inline(self):
        """Record the program in the enclosing trace: its outputs, and what is in each slot."""
        values = self._slot_values()[len(self.operands) :]
        return state.recording.inline_outputs(self.program, self.operands, values)

    def active(self, count):
        """Marks for the program's inputs: the first `count` are differentiated."""
        return plans.active(self.program, count)

    # ---- derivatives

    def gradient(self):
        """The outputs, and the derivative of the first in the leaves that were traced."""
        recording = self.recording
        plan = self.program.derived.get(GRADIENT)
        if plan is None:
            plan = plans.Gradient(self.program, len(recording.input_types))
            self.program.derived[GRADIENT] = plan
        is_plain = recording.is_evaluated and not self.is_nested and not examinations
        if not is_plain or not plan.is_direct:
            return self._run_gradient(plan)
        if plan.pull is None:
            plan.prepare()
        outputs, pulled = plan.pull(recording.values)
        if plan.is_shared:
            outputs, pulled = owned_halves(outputs, pulled, self.operands)
        return outputs, (pulled if plan.is_complete else plan.complete(pulled))

    def _run_gradient(self, plan):
        outputs, residuals = self.split(plan.halves)
        seeds = [plan.seed] if any(plan.halves.given) else []
        pulled = plan.complete(run(plan.halves.backward, [*residuals, *seeds]))
        if self.is_nested:
            return outputs, pulled
        return owned_halves(outputs, pulled, self.operands)

    def split(self, halves):
        """The program's outputs and the residuals of a derivative in two halves."""
        if halves.slots is not None:
            if self.is_nested:
                outputs, at = self._inline()
                return outputs, [at(s) for s in halves.slots]
            values = self._slot_values()
            residuals = [values[s] for s in halves.slots]
            numbers = slots(self.program)
            outputs = [
                v.value if type(v) is Literal else values[numbers[v]] for v in self.program.outputs
            ]
            is_known = self.recording.is_evaluated
            if is_known or not any([v is DEFERRED for v in (*residuals, *outputs)]):
                self._examine(outputs)
                return outputs, residuals
        results = run(halves.forward, self.operands)
        n = len(self.program.outputs)
        return results[:n], results[n:]

    def _examine(self, outputs):
        """Let `debug_nans` look at what the function returned."""
        if state.examine is not None:
            state.examine(self.program, self.operands, outputs)

    def halved(self, halves, places):
        """The outputs, and the residuals of a derivative in two halves.

        `places` is where they are in the recording, see `plans.places_of`.
        """
        if places is None or not self.recording.is_evaluated or self.is_nested or examinations:
            outputs, residuals = self.split(halves)
            if not self.is_nested:
                residuals = self._detached(residuals, range(len(residuals)))
                outputs = owned(outputs, [*self.operands, *residuals])
            return outputs, residuals
        values = self.recording.values
        residuals = [values[i] for i in places.residuals]
        if places.shared:
            residuals = self._detached(residuals, places.shared)
        outputs = [values[i] for i in places.outputs]
        if places.is_shared or places.is_kept:
            outputs = owned(outputs, [*self.operands, *residuals])
        return outputs, residuals

    def _detached(self, residuals, numbers):
        """Residuals that stay as they are when the user writes into the arguments.

        `numbers` are those of the residuals that may share memory with them.
        """
        arguments = self.operands[: self.recording.input_count]
        owners = {id(owner_of(x)) for x in arguments if isinstance(x, ndarray)}
        for k in numbers if owners else ():
            r = residuals[k]
            if isinstance(r, ndarray) and id(r if r.base is None else owner_of(r)) in owners:
                residuals[k] = np.array(r)
        return residuals

    def jvp(self, active, tangents):
        """The outputs, and their tangents along those of the leaves that are marked in `active`.

        Where the values are known already, only what is linear in the tangents is computed.
        """
        recording = self.recording
        if recording.is_evaluated and not self.is_nested and not examinations:
            plan = plans.tangents(self.program, active)
            if plan.is_direct and not (recording.parent and has_tracer(tangents)):
                outputs, pushed = plan.push(recording.values, tangents)
                if plan.is_shared:
                    outputs, pushed = owned_halves(outputs, pushed, [*self.operands, *tangents])
                return outputs, plan.complete(pushed)
        marks = active + (False,) * (len(self.program.inputs) - len(active))
        program, out_active = jvp(self.program, marks)
        results = run(program, [*self.operands, *tangents])
        n = len(self.program.outputs)
        pushed = iter(results[n:])
        pairs = zip(out_active, self.program.output_types, strict=True)
        pushed = [next(pushed) if has else zeros_like(t) for has, t in pairs]
        results = settled([*results[:n], *pushed], [*self.operands, *tangents])
        return results[:n], results[n:]


def run_linear(program, inputs):
    """As `run`, for the half of a derivative that is linear: NumPy is given fewer equations.

    The results are settled.
    """
    if state.examine is None and state.wrap_evaluator is None:
        if state.recording is None or not has_tracer(inputs):
            function, is_shared = plans.linear_evaluator(program)
            results = function(*inputs)
            return owned(results, inputs) if is_shared else results
    return settled(run(program, inputs), inputs)
