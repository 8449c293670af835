"""Functions with derivative rules of the user's own, as closed programs."""

from fungrad.control.batching import widened
from fungrad.control.programs import OfProgram, marks, present, spread
from fungrad.core.errors import CustomRuleError, LinearityError
from fungrad.core.evaluation import evaluate
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.core.running import run
from fungrad.transforms.batch import batch
from fungrad.transforms.interpret import zeros
from fungrad.transforms.transpose import transpose


class FailedRule:
    """A rule that raised when it was recorded; the error is raised again when it is needed."""

    def __init__(self, error):
        self.error = error


class LateRule:
    """A rule that is recorded when it is needed, by `record(perturbed)`, which returns its programs.

    That of a function that is called in a rule of its own; or one that asks which arguments are
    perturbed (`asks`): those that have a tangent, which is known no earlier.
    """

    def __init__(self, record, asks=False):
        self._record, self._programs, self.asks = record, {}, asks

    def programs(self, perturbed):
        """The programs of the rule, recorded once for all it asks for."""
        key = perturbed if self.asks else None
        if key not in self._programs:
            self._programs[key] = self._record(key)
        return self._programs[key]


class _Custom(OfProgram):
    """What both kinds of custom functions share: they compute what `program` computes."""

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.label} has a custom rule and cannot be transposed")

    def runs(self):
        return ((self.program, 1),)

    def _require(self, rule, tangents):
        """The programs of the rule, unless it failed or a closed-over value has a tangent."""
        if isinstance(rule, FailedRule):
            raise rule.error
        if any(t is not None for t in tangents[self.argument_count :]):
            raise CustomRuleError(
                f"{self.label} closes over a value that is being differentiated, for which its "
                "custom rule gives no derivative; pass the value as an argument"
            )
        if isinstance(rule, LateRule):
            return rule.programs(tuple([t is not None for t in tangents[: self.argument_count]]))
        return rule

    def _batched(self, marked, axis):
        """The rule over a batch axis, recorded late where it was to be."""
        rule = self.rule
        if isinstance(rule, FailedRule):
            return rule
        if isinstance(rule, LateRule):
            record = lambda perturbed: self._batched_rule(rule.programs(perturbed), marked, axis)
            return LateRule(record, rule.asks)
        return self._batched_rule(rule, marked, axis)

    def batch(self, inputs, batched, axis):
        wide = (True,) * len(self.program.outputs)
        program, _ = batch(self.program, tuple(batched), axis, wide)
        rule = self._batched(tuple(batched), axis)
        return self.replace(program=program, rule=rule)(*inputs), wide

    def _argument_marks(self, batched):
        """For each differentiable argument whether it has the batch axis."""
        arguments = self.program.inputs[: self.argument_count]
        return tuple(
            [b for v, b in zip(arguments, batched, strict=False) if v.type.is_differentiable]
        )

    @property
    def inlined(self):
        """The program that the compiler puts in place of the call."""
        return self.program

    def emit(self, build, inputs, outputs):
        build.inline(self.program, inputs, outputs)


class CustomJvp(_Custom, Routine):
    """`program` with the rule (x, dx) -> (y, dy), a tuple of one program; x is all operands.

    Operands after the first `argument_count` are closed-over values. Arguments without a tangent
    get a zero one; those of integer dtype have none.
    """

    program: Program
    rule: object
    argument_count: int
    label: str

    name = "custom_jvp"

    def jvp(self, inputs, tangents):
        (rule,) = self._require(self.rule, tangents)
        arguments = self.program.inputs[: self.argument_count]
        moving = [
            zeros(v.type) if t is None else t
            for v, t in zip(arguments, tangents, strict=False)
            if v.type.is_differentiable
        ]
        results = run(rule, [*inputs, *moving])
        n = len(self.program.outputs)
        has_tangent = [v.type.is_differentiable for v in self.program.outputs]
        return results[:n], spread(results[n:], has_tangent)

    def _batched_rule(self, rules, marked, axis):
        (rule,) = rules
        wide = (True,) * len(rule.outputs)
        return (batch(rule, (*marked, *self._argument_marks(marked)), axis, wide)[0],)


class CustomVjp(_Custom, Routine):
    """`program` with a rule of two programs, x -> (y, residuals) and the backward rule.

    The backward rule takes the residuals, then the cotangents of the differentiable outputs, and
    returns the cotangents of the differentiable arguments.
    """

    program: Program
    rule: object
    argument_count: int
    label: str

    name = "custom_vjp"

    def jvp(self, inputs, tangents):
        forward, backward = self._require(self.rule, tangents)
        results = run(forward, inputs)
        n = len(self.program.outputs)
        arguments = self.program.inputs[: self.argument_count]
        moving = [
            zeros(v.type) if t is None else t
            for v, t in zip(arguments, tangents, strict=False)
            if v.type.is_differentiable
        ]
        residuals = results[n:]
        linear = Pullback(backward, len(residuals), self.label)
        has_tangent = [v.type.is_differentiable for v in self.program.outputs]
        return results[:n], spread(linear(*residuals, *moving), has_tangent)

    def _batched_rule(self, rules, marked, axis):
        forward, backward = rules
        forward, _ = batch(forward, marked, axis, (True,) * len(forward.outputs))
        every = (True,) * len(backward.inputs)
        backward, _ = batch(backward, every, axis, (True,) * len(backward.outputs))
        return forward, summed_where_shared(backward, self._argument_marks(marked))


def summed_where_shared(program, batched):
    """Cotangents of arguments without the batch axis are summed over it."""
    from fungrad.control.programs import recorded
    from fungrad.primitives.reductions import Sum

    if all(batched):
        return program

    def shared(*v):
        results = run(program, list(v))
        return [x if b else Sum((0,))(x) for x, b in zip(results, batched, strict=True)]

    return recorded(shared, list(program.input_types), program.name)


class Pullback(Routine):
    """The linear function of tangents whose transpose is the user's backward rule.

    Reverse mode runs the rule as it is. Forward mode runs the transpose of the rule, which needs
    the rule to be linear in the cotangents.
    """

    backward: Program
    residual_count: int
    label: str
    has_many_outputs = True
    is_deferred = True
    may_name_axes = True

    name = "pullback"

    @property
    def forward(self):
        """(residuals, dx) -> dy, the transpose of the backward rule."""
        n = self.residual_count
        linear = tuple([i >= n for i in range(len(self.backward.inputs))])
        try:
            program, _ = transpose(
                self.backward, linear, (True,) * len(self.backward.outputs), True
            )
        except (LinearityError, AssertionError) as error:
            raise CustomRuleError(
                f"forward mode through {self.label}: its backward rule is not linear in the "
                "cotangent, so it has no transpose; give a custom_jvp rule as well"
            ) from error
        return program

    def runs(self):
        return ((self.forward, 1),)

    def infer(self, *types):
        return self.backward.input_types[self.residual_count :]

    def evaluate(self, *values):
        return tuple(evaluate(self.forward, values))

    def jvp(self, inputs, tangents):
        from fungrad.transforms.jvp import jvp

        if all(t is None for t in tangents[: self.residual_count]):
            n = self.residual_count
            moving = [
                zeros(v) if t is None else t
                for v, t in zip(self.backward.output_types, tangents[n:], strict=True)
            ]
            return self(*inputs), self(*inputs[:n], *moving)
        program, out_active = jvp(self.forward, marks(tangents))
        results = run(program, [*inputs, *present(tangents)])
        n = len(self.backward.inputs) - self.residual_count
        return results[:n], spread(results[n:], out_active)

    def transpose(self, cotangents, inputs, linear):
        types = self.backward.input_types[self.residual_count :]
        seeds = [zeros(t) if c is None else c for c, t in zip(cotangents, types, strict=True)]
        pulled = run(self.backward, [*inputs[: self.residual_count], *seeds])
        none = (None,) * self.residual_count
        rest = [
            c if is_linear else None
            for c, is_linear in zip(pulled, linear[self.residual_count :], strict=True)
        ]
        return (*none, *rest)

    def batch(self, inputs, batched, axis):
        wide = (True,) * len(inputs)
        n = self.residual_count
        inputs = widened(inputs, batched, wide, axis)
        marked = (True,) * len(self.backward.inputs)
        backward, _ = batch(self.backward, marked, axis, (True,) * len(self.backward.outputs))
        results = Pullback(backward, n, self.label)(*inputs)
        return results, (True,) * len(results)

    @property
    def inlined(self):
        """The program that the compiler puts in place of the call."""
        return self.forward

    def emit(self, build, inputs, outputs):
        build.inline(self.forward, inputs, outputs)
