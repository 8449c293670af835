"""draw: the layout keeps its promises, and the picture has a box for everything."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import draw, lax, make_program
from fungrad.errors import UnknownValueError
from fungrad.inspection.graph import Graph
from fungrad.inspection.layout import Box, Line, place

SVG = "{http://www.w3.org/2000/svg}"


def random_graph(generator, n):
    boxes = [Box(float(generator.integers(30, 120)), 36.0) for _ in range(n)]
    lines = []
    for k in range(1, n):
        for tail in {int(t) for t in generator.integers(0, k, 2)}:
            lines.append(Line(boxes[tail], boxes[k]))
    return boxes, lines


@pytest.mark.parametrize("n", [1, 2, 12, 40])
def test_boxes_do_not_overlap_and_lines_go_down(generator, n):
    boxes, lines = random_graph(generator, n)
    width, height = place(boxes, lines)
    for k, a in enumerate(boxes):
        assert a.width / 2 - 1e-6 <= a.x <= width - a.width / 2 + 1e-6
        assert 18 - 1e-6 <= a.y <= height - 18 + 1e-6
        for b in boxes[k + 1 :]:
            apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= 36
            assert apart
    for line in lines:
        heights = [y for _, y in line.points]
        assert heights == sorted(heights) and len(set(heights)) == len(heights)
        assert line.points[0] == (line.tail.x, line.tail.y)
        assert line.points[-1] == (line.head.x, line.head.y)


def test_a_tree_has_no_crossings():
    leaves = [Box(50.0, 36.0) for _ in range(8)]
    pairs = [Box(50.0, 36.0) for _ in range(4)]
    root = Box(50.0, 36.0)
    shuffled = [leaves[i] for i in (3, 0, 6, 5, 1, 7, 2, 4)]
    lines = [Line(leaf, pairs[k // 2]) for k, leaf in enumerate(leaves)]
    lines += [Line(p, root) for p in pairs]
    place([*shuffled, *pairs, root], lines)
    assert pairs[0].x != pairs[1].x
    for p, (a, b) in zip(pairs, zip(leaves[::2], leaves[1::2], strict=True), strict=True):
        others = [leaf for leaf in leaves if leaf not in (a, b)]
        assert not any(min(a.x, b.x) < o.x < max(a.x, b.x) for o in others)
        assert min(a.x, b.x) <= p.x <= max(a.x, b.x)


def test_every_equation_input_and_output_has_a_box():
    program = make_program(lambda x, y: (fnp.sin(x) * y, 2.0, x))(np.ones(3), 2.0)
    graph = Graph(program)
    kinds = [box.content.kind for box in graph.boxes]
    assert kinds.count("input") == 2 and kinds.count("output") == 3
    assert len(graph.boxes) == 2 + 3 + len(program.equations)
    assert "24 B" in graph.boxes[2].content.hint


def texts(svg):
    return [e.text for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def paths(svg):
    return [e for e in ElementTree.fromstring(svg).iter(f"{SVG}path") if e.get("marker-end")]


def test_the_picture_of_a_program():
    picture = draw(lambda x: fnp.tanh(x @ x).sum())(np.ones((3, 3)))
    found = texts(picture.svg)
    assert {"tanh", "contract", "sum", "f64[3,3]", "result"} <= set(found)
    assert picture._repr_svg_() == picture.svg
    loop = draw(lambda x: lax.fori_loop(0, 7, lambda i, c: c * 2, x))(1.0)
    assert "scan × 7" in texts(loop.svg) and "body of scan" in texts(loop.svg)


@pytest.mark.parametrize("optimized", [False, True])
def test_residuals_are_lines_between_the_halves(optimized):
    f = lambda w, x: (fnp.tanh(w @ x) ** 2).sum()
    for mode, last in (("reverse", "ct y"), ("forward", "d y")):
        svg = draw(f, mode, optimized)(np.ones((4, 3)), np.ones(3)).svg
        residual = [p for p in paths(svg) if p.get("marker-end") == "url(#residual)"]
        assert len(residual) >= 3 and last in texts(svg)
        hints = [p.find(f"{SVG}title").text for p in residual]
        assert any("f64[4,3], 96 B" in h for h in hints), "the weights are read again"
        assert any("f64[4], 32 B" in h for h in hints), "tanh is read again"
        assert any("64 B kept" in t or "32 B kept" in t for t in texts(svg))


def test_saving(tmp_path):
    picture = draw(fnp.sin)(1.0)
    picture.save(tmp_path / "sine.svg")
    assert (tmp_path / "sine.svg").read_text() == picture.svg
    with pytest.raises(ValueError, match="name a file .svg, not sine.png"):
        picture.save(tmp_path / "sine.png")


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="mode must be None, 'forward' or 'reverse', it is 'both'"):
        draw(fnp.sin, mode="both")
    with pytest.raises(TypeError, match="draw: expected a function"):
        draw(3)
    with pytest.raises(UnknownValueError):
        draw(lambda x: x if x > 0 else -x)(1.0)
