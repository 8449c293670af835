"""Functions with derivative rules of the user's own, as closed programs."""

from fungrad.control.programs import marks, present, spread
from fungrad.core.errors import CustomRuleError, LinearityError
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.core.tracing import evaluate, run
from fungrad.transforms.batch import batch
from fungrad.transforms.interpret import zeros
from fungrad.transforms.transpose import transpose


class FailedRule:
    """A rule that raised when it was recorded; the error is raised again when it is needed."""

    def __init__(self, error):
        self.error = error


class _Custom:
    """What both kinds of custom functions share: they compute what `program` computes."""

    has_many_outputs = True
    is_deferred = True
    may_name_axes = True

    def infer(self, *types):
        return self.program.output_types

    def evaluate(self, *values):
        return tuple(evaluate(self.program, values))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.label} has a custom rule and cannot be transposed")

    def _require(self, rule, tangents):
        """The rule, unless it failed or a closed-over value is being differentiated."""
        if isinstance(rule, FailedRule):
            raise rule.error
        if any(t is not None for t in tangents[self.argument_count :]):
            raise CustomRuleError(
                f"{self.label} closes over a value that is being differentiated, for which its "
                "custom rule gives no derivative; pass the value as an argument"
            )
        return rule

    @property
    def inlined(self):
        """The program that the compiler puts in place of the call."""
        return self.program

    def emit(self, build, inputs, outputs):
        build.inline(self.program, inputs, outputs)


class CustomJvp(_Custom, Routine):
    """`program` with the rule (x, dx) -> (y, dy) as a program; x is all operands.

    Operands after the first `argument_count` are closed-over values. Arguments without a tangent
    get a zero one; those of integer dtype have none.
    """

    program: Program
    rule: object
    argument_count: int
    label: str

    name = "custom_jvp"

    def jvp(self, inputs, tangents):
        rule = self._require(self.rule, tangents)
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

    def batch(self, inputs, batched, axis):
        program, out = batch(self.program, tuple(batched), axis)
        if isinstance(self.rule, FailedRule):
            return CustomJvp(program, self.rule, self.argument_count, self.label)(*inputs), out
        own = self.rule.inputs[len(self.program.inputs) :]
        active = [
            b
            for v, b in zip(self.program.inputs[: self.argument_count], batched, strict=False)
            if v.type.is_differentiable
        ]
        assert len(own) == len(active)
        _, rule_out = batch(self.rule, (*batched, *active), axis)
        n = len(out)
        moved = spread(rule_out[n:], [v.type.is_differentiable for v in self.program.outputs])
        out = tuple([a or b or bool(m) for a, b, m in zip(out, rule_out[:n], moved, strict=True)])
        program, _ = batch(self.program, tuple(batched), axis, out)
        forced = (*out, *(o for o, m in zip(out, moved, strict=True) if m is not None))
        rule, _ = batch(self.rule, (*batched, *active), axis, forced)
        return CustomJvp(program, rule, self.argument_count, self.label)(*inputs), out


class CustomVjp(_Custom, Routine):
    """`program` with a forward rule x -> (y, residuals) and a backward rule.

    The backward rule takes the residuals, then the cotangents of the differentiable outputs, and
    returns the cotangents of the differentiable arguments.
    """

    program: Program
    forward: object
    backward: object
    argument_count: int
    label: str

    name = "custom_vjp"

    def jvp(self, inputs, tangents):
        forward = self._require(self.forward, tangents)
        backward = self._require(self.backward, tangents)
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

    def batch(self, inputs, batched, axis):
        program, out = batch(self.program, tuple(batched), axis, self._all(self.program))
        if isinstance(self.forward, FailedRule) or isinstance(self.backward, FailedRule):
            rules = (self.forward, self.backward)
            return CustomVjp(program, *rules, self.argument_count, self.label)(*inputs), out
        marked = tuple(batched)
        forward, _ = batch(self.forward, marked, axis, self._all(self.forward))
        wide = (True,) * len(self.backward.inputs)
        backward, _ = batch(self.backward, wide, axis, self._all(self.backward))
        differentiable = [
            b
            for v, b in zip(self.program.inputs[: self.argument_count], batched, strict=False)
            if v.type.is_differentiable
        ]
        backward = summed_where_shared(backward, differentiable)
        rules = (forward, backward)
        return CustomVjp(program, *rules, self.argument_count, self.label)(*inputs), out

    def _all(self, program):
        return (True,) * len(program.outputs)


def summed_where_shared(program, batched):
    """Cotangents of arguments without the batch axis are summed over it."""
    from fungrad.control.programs import recorded
    from fungrad.primitives.reductions import Sum

    if all(batched):
        return program

    def shared(*v):
        results = run(program, list(v))
        return [
            x if b else Sum((0,))(x) for x, b in zip(results, batched, strict=True)
        ]

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
        from fungrad.control.scan import widened

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
