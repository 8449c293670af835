"""Whether one loop does all that another one does: the derivative of a loop repeats the loop.

Carried values are equal in all turns if they start alike and the bodies compute alike from what is
equal. So they are taken to be equal where they start alike, and told apart until nothing changes.
"""

from fungrad.core.program import Literal, acts
from fungrad.core.record import record


@record
class Turns:
    """A loop for comparison: programs that run in each turn, and what their inputs stand for.

    `fixed` and `rows` are operands; `carry` those that the carried values start as. The inputs of
    a program are named by pairs ("fixed" | "rows" | "carry", number). The first program returns
    the next carried values and what is kept of each turn, the others what has to be the same.
    """

    fixed: tuple
    rows: tuple
    carry: tuple
    programs: tuple  # of pairs (program, names of its inputs)


def corresponding(loop, other):
    """For each output of the first program of `other` the number of an equal one of `loop`.

    None where there is not one for each, or where the other programs differ.
    """
    classes = [list(loop.carry), list(other.carry)]
    count = _count(classes)
    while True:
        table = {}
        numbers = [_numbers(*pair, table) for pair in zip((loop, other), classes, strict=True)]
        classes = [
            list(zip(before, outputs[0], strict=False))
            for before, outputs in zip(classes, numbers, strict=True)
        ]
        if _count(classes) == count:
            break
        count = _count(classes)
        classes = _renamed(classes)
    if numbers[0][1:] != numbers[1][1:]:
        return None
    n = [len(loop.carry), len(other.carry)]
    values = [[*c, *outputs[0][k:]] for c, outputs, k in zip(classes, numbers, n, strict=True)]
    place = {}
    for k, value in enumerate(values[0]):
        place.setdefault((value, k < n[0]), k)
    found = [place.get((value, k < n[1])) for k, value in enumerate(values[1])]
    return None if None in found else tuple(found)


def _count(classes):
    return len({c for side in classes for c in side})


def _renamed(classes):
    """The classes as numbers, so that their names do not grow."""
    names = {}
    return [[names.setdefault(c, len(names)) for c in side] for side in classes]


def _numbers(turns, carry, table):
    """For each program the numbers of its outputs: equal only for what is equal."""
    known = {"fixed": turns.fixed, "rows": turns.rows, "carry": carry}
    result = []
    for program, names in turns.programs:
        keys = [(kind, known[kind][k]) for kind, k in names]
        inputs = [table.setdefault(key, len(table)) for key in keys]
        result.append(_outputs(program, inputs, table))
    return result


def _outputs(program, inputs, table):
    """The numbers of the outputs of a program on inputs of these numbers."""
    number = dict(zip(program.inputs, inputs, strict=True))

    def of(v):
        return v if type(v) is Literal else number[v]

    for e in program.equations:
        operands = tuple([of(v) for v in e.inputs])
        keys = _keys(e, operands, table)
        number.update({v: table.setdefault(k, len(table)) for v, k in zip(e.outputs, keys)})
    return [of(v) for v in program.outputs]


def _keys(e, operands, table):
    """What tells the outputs of an equation from others; of a choice, one output at a time."""
    branches = getattr(e.primitive, "branches", None)
    if branches is None or acts(e):
        return [(e.primitive, operands, k) for k in range(len(e.outputs))]
    index, *given = operands
    of_branches = [_outputs(branch, given, table) for branch in branches]
    return [("branches", index, values) for values in zip(*of_branches, strict=True)]
