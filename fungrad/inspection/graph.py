"""Programs as graphs: a box per input, equation and output, a line per use of a value."""

from dataclasses import dataclass

from fungrad.core.cost import nbytes, total_bytes
from fungrad.core.primitive import Pointwise, Reduction
from fungrad.core.program import Literal, variable_names
from fungrad.inspection.layout import Box, Line, place
from fungrad.inspection.lines import place_of
from fungrad.inspection.tables import bytes_text

_LETTER = 6.7  # the width of a letter in a box


@dataclass
class Label:
    """What a box shows: two lines, a kind that gives the colour, and a text to hover for."""

    title: str
    below: str
    kind: str
    hint: str


class Graph:
    """The boxes and lines of a program, with places.

    `makers` are the boxes of its variables. The first inputs, `hidden` of them, have no box: `uses`
    has the (variable, box) pairs that read them. `inputs` and `results` are the names of the others
    and of the outputs.
    """

    def __init__(self, program, hidden=0, inputs=None, results=None):
        self.program = program
        self.names = variable_names(program)
        self.boxes, self.lines, self.makers, self.uses = [], [], {}, []
        shown = program.inputs[hidden:]
        hidden = set(program.inputs[:hidden])
        inputs = inputs or [self.names[v] for v in shown]
        if results is None:
            count = len(program.outputs)
            results = ["result"] if count == 1 else [f"result {k}" for k in range(count)]
        for v, name in zip(shown, inputs, strict=True):
            if self._is_used(v):
                hint = f"input {name}: {v.type}, {bytes_text(nbytes(v.type))}"
                self.makers[v] = self._box(name, str(v.type), "input", hint)
        for e in program.equations:
            box = self._box(*self._of_equation(e))
            for v in dict.fromkeys(e.inputs):
                self._use(v, box, hidden)
            self.makers.update(dict.fromkeys(e.outputs, box))
        for name, v in zip(results, program.outputs, strict=True):
            if type(v) is Literal:
                self._box(f"{name}: {v!r}", str(v.type), "output", name)
                continue
            box = self._box(name, str(v.type), "output", f"{name}: {v.type}")
            self._use(v, box, hidden)
        self.width, self.height = place(self.boxes, self.lines)

    def _is_used(self, v):
        return v in self.program.outputs or any(v in e.inputs for e in self.program.equations)

    def _box(self, title, below, kind, hint):
        width = max(_LETTER * max(len(title), 0.86 * len(below)) + 16, 44)
        box = Box(width, 36.0, Label(title, below, kind, hint), kind == "input")
        self.boxes.append(box)
        return box

    def _use(self, v, box, hidden):
        if type(v) is Literal:
            return
        if v in hidden:
            self.uses.append((v, box))
        else:
            self.lines.append(Line(self.makers[v], box, v))

    def _of_equation(self, e):
        named = [self.names.get(v) or repr(v) for v in e.inputs]
        literals = [repr(v) for v in e.inputs if type(v) is Literal]
        title = " ".join([e.primitive.name, *literals])
        if e.primitive.runs():
            _, turns = e.primitive.runs()[0]
            title = e.primitive.name + (f" × {turns}" if turns not in (None, 1) else "")
        below = " ".join([str(v.type) for v in e.outputs][:2])
        if len(e.outputs) > 2:
            below += f" +{len(e.outputs) - 2}"
        outputs = ", ".join([f"{self.names[v]}: {v.type}" for v in e.outputs])
        hint = f"{outputs} = {e.primitive} {' '.join(named)}\n{bytes_text(total_bytes(e.outputs))}"
        place = place_of(e)
        if place:
            hint += f"\n{place.name}  {place.text}"
        return title, below, kind_of(e.primitive), hint


def kind_of(primitive):
    """The kind of a primitive for its colour."""
    if primitive.runs():
        return "program"
    if isinstance(primitive, Pointwise):
        return "pointwise" if primitive.computes and not primitive.is_free else "movement"
    return "reduction" if isinstance(primitive, Reduction) else "routine"
