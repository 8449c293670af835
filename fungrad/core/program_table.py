"""The table of recorded programs: equations that were recorded before give the same program.

A structural key says what was recorded: the types of the inputs, and per entry a primitive (or a
whole program, or a captured value) with the numbers of its operands' slots. So the second recording
of the same equations finds the program of the first, and with it all that was derived from it.
"""

from collections import OrderedDict

from fungrad.core.program import Equation, Literal, Program, Variable, check, infer_outputs
from fungrad.core.thread_state import state

INPUT = "input"  # the entry of a captured value in a structural key

programs: OrderedDict = OrderedDict()  # by structural key
_MOST_PROGRAMS = 4096


def recorded_program(key, name, firsts, sources, known):
    """The program with a structural key that is not in the table yet, which it enters.

    The key is the types of the inputs, the entries, the slots of the outputs, and the user's lines,
    where these are kept: they tell apart programs that were written elsewhere. `firsts` are the
    first output slots of the entries, `sources` the user's lines by first slot, `known` types by
    slot, which need not be inferred again.
    """
    types, entries, ids, lines = key
    if lines is None:
        entries, firsts = _one_by_one(entries, firsts)
    whole = (types, entries, ids, lines)
    program = programs.get(whole)
    if program is None:
        program = programs[whole] = _build(types, entries, ids, name, firsts, sources, known)
    programs[key] = program
    while len(programs) > _MOST_PROGRAMS:
        programs.popitem(last=False)
    return program


def _one_by_one(entries, firsts):
    """The entries with the equations of programs in the places of these, and their first slots.

    So one program is found for what was recorded at once and for what was recorded step by step.
    """
    if not any([type(what) is Program for what, _ in entries]):
        return entries, firsts
    result, starts = [], []
    for (what, ids), first in zip(entries, firsts, strict=True):
        if type(what) is not Program or any([e.source for e in what.equations]):
            result.append((what, ids))
            starts.append(first)
            continue
        places = dict(zip(what.inputs, ids, strict=True))
        for e in what.equations:
            operands = tuple([v if type(v) is Literal else places[v] for v in e.inputs])
            result.append((e.primitive, operands))
            starts.append(first)
            places.update(zip(e.outputs, range(first, first + len(e.outputs)), strict=True))
            first += len(e.outputs)
    return tuple(result), starts


def clear_programs():
    """Forget every recorded program and what was derived from it."""
    programs.clear()


def _build(types, entries, ids, name, firsts, sources, known):
    variables = [Variable(t) for t in types]
    inputs = list(variables)
    equations = []
    for (what, operands), first in zip(entries, firsts, strict=True):
        if what is INPUT:
            variables.append(Variable(operands))
            inputs.append(variables[-1])
            continue
        arguments = tuple([i if type(i) is Literal else variables[i] for i in operands])
        source = sources.get(first)
        if isinstance(what, Program):
            block = _inlined(what, arguments, source)
        else:
            if first in known and not what.has_many_outputs:
                outputs = (known[first],)
            else:
                outputs = infer_outputs(what, [v.type for v in arguments])
            block = [Equation(what, arguments, tuple([Variable(t) for t in outputs]), source)]
        equations += block
        for e in block:
            variables.extend(e.outputs)
    outputs = tuple([i if type(i) is Literal else variables[i] for i in ids])
    program = Program(tuple(inputs), tuple(equations), outputs, name)
    if len(inputs) > len(types):
        places = {v: i for i, v in enumerate(variables)}
        made = [v for e in equations for v in e.outputs]
        program.derived["recorded_places"] = [places[v] for v in (*inputs, *made)]
    return check(program) if state.checks_programs else program


def recorded_places(program):
    """Where the recording of a program keeps the value of each of the program's slots.

    None where the numbers are the same: captured values are inputs of the program, but the
    recording numbers them among the outputs of equations.
    """
    return program.derived.get("recorded_places")


def _inlined(program, arguments, source):
    """The equations of a program on other variables."""
    environment = dict(zip(program.inputs, arguments, strict=True))
    block = []
    for e in program.equations:
        new = tuple([Variable(v.type) for v in e.outputs])
        operands = tuple([environment.get(v, v) for v in e.inputs])
        block.append(Equation(e.primitive, operands, new, e.source or source))
        environment.update(zip(e.outputs, new, strict=True))
    return block
