"""show: every stage as text and as HTML, beside the user's lines."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import jit, lax, show
from fungrad.core.program import Program, check
from fungrad.errors import UnknownValueError


def loss(p, x):
    wide = fnp.sin(p["w"]) * x
    return wide.sum()


ARGUMENTS = {"w": np.ones(3)}, 2.0


def titles(text):
    return [line[5:].partition(" (")[0] for line in text.split("\n") if line.startswith("---- ")]


def test_the_stages_of_a_loss():
    text = show(loss)(*ARGUMENTS)
    assert titles(text) == [
        "the program",
        "the program after optimisation",
        "forward mode: (x, dx) -> (y, dy)".partition(" (")[0],
        "reverse mode, the forward half: x -> (y, residuals)".partition(" (")[0],
        "reverse mode, the backward half: (residuals, ct_y) -> ct_x".partition(" (")[0],
        "the kernels",
        "the Numba source",
    ]
    assert "b: f64[]" in text and "cos" in text and "def " in text
    assert repr(text) == str(text)
    for stage in text.stages:
        if isinstance(stage.content, Program):
            check(stage.content)


def test_equations_stand_beside_their_lines_and_bytes():
    text = show(loss)(*ARGUMENTS)
    line = next(line for line in text.split("\n") if "= sin" in line)
    assert re.search(r'# +24 B  test_show.py:\d+  wide = fnp.sin\(p\["w"\]\) \* x$', line)
    backward = next(s for s in text.stages if "backward half" in s.title)
    assert 'wide = fnp.sin(p["w"]) * x' in backward.text


def test_each_pass_that_changed_something_is_a_stage():
    text = show(lambda x: fnp.sin(x) + fnp.sin(x) + (2.0 - 2.0))(np.ones(3))
    names = [s.title for s in text.stages if s.is_detail]
    assert names[0] == "after share_common_subexpressions"
    assert "share_common_subexpressions" in text and "5 → 4" in text or "4 → 3" in text
    assert names[0] not in text, "what a pass made is too long for a terminal"


def test_residuals_are_counted():
    stage = next(s for s in show(loss)(*ARGUMENTS).stages if "forward half" in s.title)
    assert "24 B of residuals" in stage.summary


def test_functions_without_derivatives_and_jitted_ones():
    text = show(jit(lambda x, n: (x // n, x > 1), static_argnums=1))(np.arange(3), 2)
    assert titles(text)[-1] == "the Numba source" and "mode" not in text
    assert "scan" in show(lambda x: lax.fori_loop(0, 3, lambda i, c: c * 2, x))(1.0)
    several = show(lambda x: (x * 2, x))(np.ones(3))
    assert "backward half" in several


class _Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"][1:]] if "href" in found else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_html_is_balanced_and_its_links_lead_somewhere():
    html = show(loss)(*ARGUMENTS)._repr_html_()
    page = _Balance()
    page.feed(html)
    assert not page.open
    assert len(set(page.ids)) == len(page.ids)
    assert page.links and set(page.links) <= set(page.ids)
    assert html.count("<details") == len(show(loss)(*ARGUMENTS).stages) + 1  # and the source
    assert "<lambda>" not in show(lambda x: x * 2)(1.0)._repr_html_()


def test_two_pages_share_no_ids():
    pages = []
    for _ in range(2):
        page = _Balance()
        page.feed(show(loss)(*ARGUMENTS)._repr_html_())
        pages.append(set(page.ids))
    assert not pages[0] & pages[1]


def test_what_cannot_be_shown():
    with pytest.raises(TypeError, match="show: expected a function"):
        show(3)
    with pytest.raises(UnknownValueError):
        show(lambda x: x if x > 0 else -x)(1.0)
