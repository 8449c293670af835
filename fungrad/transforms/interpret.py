"""What the transforms share: a new program recorded from the equations of an old one."""

from fungrad.core.errors import ProgramError
from fungrad.core.program import Literal
from fungrad.core.tracing import Recording
from fungrad.core.types import ArrayType
from fungrad.primitives.movement import Fill


class Environment(dict):
    """The traced values of the variables of a program; a literal stands for itself."""

    def read(self, v):
        """The value of a variable or literal."""
        return v.value if type(v) is Literal else self.get(v)

    def write(self, variables, values):
        """Bind variables to values."""
        self.update(zip(variables, values, strict=True))


def record(recording, primitive, inputs):
    """The outputs of a primitive as a tuple, recorded even when no operand is traced."""
    outputs = recording.record(primitive, inputs)
    return outputs if primitive.has_many_outputs else (outputs,)


def as_tuples(primitive, *results):
    """Results of a rule as one tuple per result, however many outputs there are."""
    return results if primitive.has_many_outputs else tuple([(r,) for r in results])


def transform_recording(name, program):
    """A recording in which the program is rewritten; no value is looked at."""
    return Recording(f"{name} of {program.name}", hides_values=True, takes_constants=True)


def finish(recording, outputs, program):
    """The rewritten program under the old one's name; it must not have captured anything."""
    result = recording.finish(outputs, program.name)
    if recording.captures:
        raise ProgramError(
            f"a rule used arrays that are not among its inputs while {recording.title} was "
            f"written: {recording.captures}; rules may use scalars and primitives that make arrays",
            program,
        )
    return result


def zeros(type):
    """Zeros of a type, recorded; a type that is not an array's makes its own."""
    if not isinstance(type, ArrayType):
        return type.zeros()
    return Fill(type.shape)(type.dtype.type(0))
