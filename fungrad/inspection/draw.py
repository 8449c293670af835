"""draw: programs as pictures."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from fungrad.api.jitting import Jitted, jit
from fungrad.api.titles import title_of
from fungrad.core.cost import nbytes
from fungrad.core.program import Program, subprograms, variable_names
from fungrad.inspection.graph import Graph
from fungrad.inspection.residuals import active_inputs, reverse_halves
from fungrad.inspection.tables import bytes_text
from fungrad.transforms.linearize import linearize

_COLOURS = {
    "input": ("#eceff1", "#607d8b"),
    "output": ("#37474f", "#263238"),
    "pointwise": ("#e3f2fd", "#1976d2"),
    "movement": ("#fafafa", "#b0bec5"),
    "reduction": ("#e8f5e9", "#2e7d32"),
    "routine": ("#fff3e0", "#ef6c00"),
    "program": ("#f3e5f5", "#7b1fa2"),
}
_RESIDUAL = "#d81b60"
_MARGIN, _HEAD, _BETWEEN = 16.0, 44.0, 110.0
_MODES = (None, "forward", "reverse")


def draw(fun, mode=None, optimized=False):
    """A function of the same arguments that returns the program of `fun` as a picture.

    Args:
        fun: a function, jitted or not.
        mode: None for the program alone; "reverse" for the forward half and the backward half of
            reverse mode side by side, the residuals as the lines between them, the backward half
            from bottom to top; "forward" for the program and its linear half.
        optimized: whether to draw what the optimiser makes of the programs.

    Returns:
        A function that returns a `Drawing`: an SVG picture, which a notebook shows and `save`
        writes. Boxes say what they are when the mouse rests on them.

    Raises:
        ValueError for an unknown mode, and the errors of tracing.

    >>> drawing = draw(lambda x: np.tanh(x) * 2.0)(1.0)
    >>> drawing.svg.startswith("<svg"), "tanh" in drawing.svg
    (True, True)
    """
    title_of("draw", fun)
    if mode not in _MODES:
        raise ValueError(f"draw: mode must be None, 'forward' or 'reverse', it is {mode!r}")
    jitted = fun if isinstance(fun, Jitted) else jit(fun)

    def drawn(*args, **kwargs):
        from fungrad.optimize import optimize

        stage = jitted.trace(*args, **kwargs)
        program = stage.program
        better = optimize if optimized else lambda p: p
        if mode is None:
            return Drawing(_alone(better(program)))
        return Drawing(_beside(_halves(program, len(stage.captures), mode, better), mode))

    return drawn


class Drawing:
    """A picture: `svg` is its text."""

    def __init__(self, svg):
        self.svg = svg

    def _repr_svg_(self):
        return self.svg

    def save(self, path):
        """Write the picture to an .svg file."""
        path = Path(path)
        if path.suffix != ".svg":
            raise ValueError(f"Drawing.save: the picture is SVG; name a file .svg, not {path.name}")
        path.write_text(self.svg, encoding="utf-8")


@dataclass
class _Halves:
    """The two halves of a derivative.

    `inputs` and `results` are the names of those of the second that are not residuals.
    """

    first: Program
    second: Program
    residual_count: int
    inputs: list
    results: list


def _halves(program, captured, mode, better):
    active = active_inputs(program, captured)
    names = [
        name for _, name in zip(program.inputs, variable_names(program).values(), strict=False)
    ]
    y = [f"y{k}" if len(program.outputs) > 1 else "y" for k in range(len(program.outputs))]
    if mode == "reverse":
        halves = reverse_halves(program, captured)
        second, moving = halves.backward, halves.has_cotangent
        inputs = [f"ct {name}" for name, given in zip(y, halves.given, strict=True) if given]
        results = [f"ct {name}" for name, has in zip(names, moving, strict=True) if has]
    else:
        halves = linearize(program, active)
        second = halves.linear
        inputs = [f"d {name}" for name, moves in zip(names, active, strict=True) if moves]
        results = [f"d {name}" for name, has in zip(y, halves.out_active, strict=True) if has]
    count = halves.residual_count
    return _Halves(better(halves.forward), better(second), count, inputs, results)


def _alone(program):
    """The program, and beside it those that its equations run."""
    parts = [(program.name, program), *_inner(program)]
    x, body, height = _MARGIN, [], 0.0
    for title, part in parts:
        graph = Graph(part)
        body.append(_heading(x, title))
        body += _graph(graph, x, _HEAD)
        x += max(graph.width, 7.5 * len(title)) + 60
        height = max(height, graph.height)
    return _svg(x - 60 + _MARGIN, height + _HEAD + _MARGIN, body)


def _inner(program):
    for e in program.equations:
        for label, part in subprograms(e.primitive):
            yield f"{label} of {e.primitive.name}", part
            yield from _inner(part)


def _beside(halves, mode):
    """Two halves, and lines for the values that the second takes from the first."""
    first, second = halves.first, halves.second
    count = len(first.outputs) - halves.residual_count
    saved = first.outputs[count:]
    plain = first.replace(outputs=first.outputs[:count])
    left = Graph(_keeping(plain, first))
    hidden = second.inputs[: halves.residual_count]
    right = Graph(second, len(hidden), halves.inputs, halves.results)
    if mode == "reverse":
        _flip(right)
    _stretch(left, right)
    x = _MARGIN + left.width + _BETWEEN
    names = {
        "reverse": ("forward: x → (y, residuals)", "backward: (residuals, ct y) → ct x"),
        "forward": ("values: x → (y, residuals)", "tangents: (residuals, dx) → dy"),
    }[mode]
    body = [_heading(_MARGIN, names[0]), _heading(x, names[1])]
    total = sum({v: nbytes(v.type) for v in saved if v not in first.inputs}.values())
    body += _residual_lines(left, right, dict(zip(hidden, saved, strict=True)), x)
    body += _graph(left, _MARGIN, _HEAD) + _graph(right, x, _HEAD)
    bottom = max(left.height, right.height) + _HEAD + 26
    note = f"residuals: {bytes_text(total)} kept from the forward pass, besides the arguments"
    body.append(
        f'<text x="{_MARGIN}" y="{bottom}" fill="{_RESIDUAL}" font-size="12">{escape(note)}</text>'
    )
    width = max(x + right.width, 7 * len(names[1]) + x, 6.5 * len(note)) + _MARGIN
    return _svg(width, bottom + _MARGIN, body)


def _keeping(plain, whole):
    """The program without residual outputs; inputs that are only saved keep their boxes."""
    return Program(plain.inputs, whole.equations, plain.outputs, plain.name)


def _flip(graph):
    for box in graph.boxes:
        box.y = graph.height - box.y
    for line in graph.lines:
        line.points = [(x, graph.height - y) for x, y in line.points]


def _stretch(left, right):
    """Give both graphs the height of the taller one."""
    height = max(left.height, right.height)
    for graph in (left, right):
        room = graph.height - 36.0
        factor = (height - 36.0) / room if room > 1 else 1.0
        for box in graph.boxes:
            box.y = 18.0 + (box.y - 18.0) * factor
        for line in graph.lines:
            line.points = [(x, 18.0 + (y - 18.0) * factor) for x, y in line.points]
        graph.height = height


def _residual_lines(left, right, sources, offset):
    lines = []
    for v, box in right.uses:
        maker = left.makers.get(sources[v])
        if maker is None:
            continue
        x1, y1 = _MARGIN + maker.x + maker.width / 2, _HEAD + maker.y
        x2, y2 = offset + box.x - box.width / 2, _HEAD + box.y
        bend = max(40.0, (x2 - x1) / 2)
        path = f"M{x1:.1f},{y1:.1f} C{x1 + bend:.1f},{y1:.1f} {x2 - bend:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
        hint = f"{left.names[sources[v]]}: {v.type}, {bytes_text(nbytes(v.type))}"
        is_argument = sources[v] in left.program.inputs
        dash = ' stroke-dasharray="4 3"' if is_argument else ""
        lines.append(
            f'<path d="{path}" fill="none" stroke="{_RESIDUAL}" stroke-width="{_thickness(v)}"'
            f' stroke-opacity="0.65"{dash} marker-end="url(#residual)">'
            f"<title>{escape(hint)}</title></path>"
        )
    return lines


def _thickness(v):
    """Lines of larger arrays are thicker, by the number of digits of their bytes."""
    return round(0.8 + 0.25 * len(str(nbytes(v.type))), 2)


def _graph(graph, dx, dy):
    parts = []
    for line in graph.lines:
        points = [(x + dx, y + dy) for x, y in line.points]
        down = points[-1][1] > points[0][1]
        half = line.tail.height / 2 if down else -line.tail.height / 2
        points[0] = (points[0][0], points[0][1] + half)
        points[-1] = (points[-1][0], points[-1][1] - half)
        v = line.content
        hint = f"{graph.names[v]}: {v.type}, {bytes_text(nbytes(v.type))}"
        parts.append(
            f'<path d="{_smooth(points)}" fill="none" stroke="#78909c"'
            f' stroke-width="{_thickness(v)}" marker-end="url(#use)">'
            f"<title>{escape(hint)}</title></path>"
        )
    return parts + [_box(box, dx, dy) for box in graph.boxes]


def _smooth(points):
    """A path through points whose tangents are vertical."""
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False):
        middle = (y1 + y2) / 2
        path += f" C{x1:.1f},{middle:.1f} {x2:.1f},{middle:.1f} {x2:.1f},{y2:.1f}"
    return path


def _box(box, dx, dy):
    label = box.content
    fill, edge = _COLOURS[label.kind]
    ink = "#ffffff" if label.kind == "output" else "#212121"
    x, y = box.x + dx, box.y + dy
    radius = 16 if label.kind in ("input", "output") else 4
    return (
        f"<g><title>{escape(label.hint)}</title>"
        f'<rect x="{x - box.width / 2:.1f}" y="{y - box.height / 2:.1f}" width="{box.width:.1f}"'
        f' height="{box.height:.1f}" rx="{radius}" fill="{fill}" stroke="{edge}"/>'
        f'<text x="{x:.1f}" y="{y - 2:.1f}" text-anchor="middle" fill="{ink}" font-size="12"'
        f' font-weight="600">{escape(label.title)}</text>'
        f'<text x="{x:.1f}" y="{y + 12:.1f}" text-anchor="middle" fill="{ink}" font-size="10"'
        f' fill-opacity="0.75">{escape(label.below)}</text></g>'
    )


def _heading(x, text):
    return f'<text x="{x:.1f}" y="24" font-size="14" font-weight="700">{escape(text)}</text>'


def _svg(width, height, body):
    markers = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        f' markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{colour}"/>'
        "</marker>"
        for name, colour in (("use", "#78909c"), ("residual", _RESIDUAL))
    )
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
        f'<defs>{markers}</defs><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(body)}</svg>"
    )


__all__ = ["Drawing", "draw"]
