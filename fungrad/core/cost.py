"""What programs cost, from their types alone: bytes, and arithmetic operations.

The rules belong to the primitives (`flops`, `runs`); this is their sum over a program.
"""

from fungrad.core.program import derived
from fungrad.core.types import ArrayType


def nbytes(type):
    """The bytes of a value of a type; of one element for a stack, whose height is not known."""
    while not isinstance(type, ArrayType):
        type = type.element
    return type.size * type.dtype.itemsize


def total_bytes(variables):
    """The bytes of the values of several variables."""
    return sum(nbytes(v.type) for v in variables)


@derived
def flops_of(program):
    """The arithmetic operations of a program, and whether that is certain.

    It is not where a loop decides at run time how often it turns: one turn is counted then.
    """
    total, is_certain = 0, True
    for e in program.equations:
        inputs, outputs = [v.type for v in e.inputs], [v.type for v in e.outputs]
        total += e.primitive.flops(inputs, outputs)
        for inner, times in e.primitive.runs():
            flops, inner_is_certain = flops_of(inner)
            total += flops * (1 if times is None else times)
            is_certain = is_certain and inner_is_certain and times is not None
    return total, is_certain


@derived
def count_equations(program):
    """The number of equations, those of inner programs among them."""
    return sum(
        1 + sum(count_equations(inner) for inner, _ in e.primitive.runs())
        for e in program.equations
    )


@derived
def bytes_moved(program):
    """The bytes that one equation after another reads and writes; movements are free."""
    total = 0
    for e in program.equations:
        inner = e.primitive.runs()
        if inner:
            total += sum(bytes_moved(p) * (1 if times is None else times) for p, times in inner)
        elif not is_view(e):
            total += total_bytes(e.inputs) + total_bytes(e.outputs)
    return total


@derived
def peak_bytes(program):
    """The most bytes that are alive at once where equations run one after another.

    A value dies after its last use; the arguments live to the end. The result of a free movement
    is a view, which keeps its operand alive.
    """
    owner, last, alive = {}, {}, 0
    for v in program.inputs:
        owner[v] = v
    for i, e in enumerate(program.equations):
        for v in e.outputs:
            owner[v] = owner.get(e.inputs[0], v) if is_view(e) else v
        last.update({owner[v]: i for v in (*e.inputs, *e.outputs) if v in owner})
    for v in (*program.inputs, *program.outputs):
        last[owner.get(v)] = len(program.equations)
    dying = {}
    for v, i in last.items():
        dying.setdefault(i, []).append(v)
    alive = most = total_bytes(program.inputs)
    for i, e in enumerate(program.equations):
        made = total_bytes([v for v in e.outputs if owner[v] is v])
        most = max(most, alive + max(made, _inside(e)))
        alive += made - total_bytes(dying.get(i, ()))
    return most


def _inside(e):
    """The most bytes that the programs of an equation need beside its operands."""
    return max(
        [max(peak_bytes(p) - total_bytes(p.inputs), 0) for p, _ in e.primitive.runs()], default=0
    ) + (total_bytes(e.outputs) if e.primitive.runs() else 0)


def is_view(e):
    """Whether NumPy evaluates the equation as a view of its first operand."""
    return getattr(e.primitive, "is_free", False) and bool(e.inputs) and not e.primitive.is_creation
