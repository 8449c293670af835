"""Stages as HTML: sections that fold, equations that link to the user's lines and back."""

import itertools
import re
from html import escape

from fungrad.core.cost import total_bytes
from fungrad.core.program import Program, rows
from fungrad.inspection.lines import listing, place_of
from fungrad.inspection.tables import Table, bytes_text

_numbers = itertools.count()

_STYLE = """
.fungrad summary {cursor: pointer; font-weight: 600; margin-top: .4em}
.fungrad summary small {font-weight: 400; color: #777}
.fungrad pre {margin: .2em 0 .2em 1.2em; line-height: 1.35; font-size: 12px; overflow-x: auto}
.fungrad .line {display: block; min-width: max-content}
.fungrad .line:target {background: #fff3b0; color: #000}
.fungrad .type {color: #2a7ab0}
.fungrad .word {font-weight: 600}
.fungrad .note {color: #888}
.fungrad a {color: inherit; text-decoration: underline dotted}
.fungrad td, .fungrad th {padding: .1em .8em; text-align: right}
"""

_TYPE = re.compile(r"(\b(?:[iufc]\d+|bool)\[[\d,]*\])")
_RIGHT = re.compile(r"( = )([a-z_0-9]+)")


def page(stages):
    """The stages of `show` as one piece of HTML."""
    key = f"fungrad{next(_numbers)}"
    places, where = [], {}
    for number, stage in enumerate(stages):
        if isinstance(stage.content, Program):
            for k, (_, equation) in enumerate(rows(stage.content)):
                place = equation and place_of(equation)
                if place:
                    places.append(place)
                    where.setdefault((place.path, place.line), []).append((number, k))
    parts = [f'<div class="fungrad"><style>{_STYLE}</style>', _lines(key, places, where)]
    for number, stage in enumerate(stages):
        is_open = " open" if stage.title == "the program" else ""
        summary = f" <small>{escape(stage.summary)}</small>" if stage.summary else ""
        indent = ' style="margin-left:1.5em"' if stage.is_detail else ""
        parts.append(f"<details{is_open}{indent}><summary>{escape(stage.title)}{summary}</summary>")
        parts.append(f"{_body(key, number, stage.content)}</details>")
    return "".join([*parts, "</div>"])


def _body(key, number, content):
    if isinstance(content, Table):
        return content.html()
    if not isinstance(content, Program):
        return f"<pre>{escape(content)}</pre>"
    lines = []
    listed = list(rows(content))
    width = min(max(len(line) for line, _ in listed), 80)
    for k, (line, equation) in enumerate(listed):
        text = _RIGHT.sub(r'\1<span class="word">\2</span>', escape(line))
        text = _TYPE.sub(r'<span class="type">\1</span>', text)
        if equation is not None:
            text += " " * max(width - len(line), 0) + _beside(key, equation)
        lines.append(f'<span class="line" id="{key}-{number}-{k}">{text}</span>')
    return f"<pre>{''.join(lines)}</pre>"


def _beside(key, equation):
    made = bytes_text(total_bytes(equation.outputs))
    place = place_of(equation)
    if place is None:
        return f'<span class="note">  {made:>8}</span>'
    link = f'<a href="#{_anchor(key, place)}" title="{escape(place.text)}">{escape(place.name)}</a>'
    return f'<span class="note">  {made:>8}  {link}</span>'


def _anchor(key, place):
    return f"{key}-{abs(hash(place.path)) % 10**8}-{place.line}"


def _lines(key, places, where):
    """The user's functions, each line with links to the equations that come from it."""
    parts = []
    for lines in listing(places):
        shown = []
        for place in lines:
            found = where.get((place.path, place.line), [])
            count = len([1 for number, _ in found if number == 0])
            links = "".join(f' <a href="#{key}-{n}-{k}">{n}.{k}</a>' for n, k in found[:12])
            text = _indented(place)
            note = f'<span class="note">  # {_many(count)}:{links}</span>' if found else ""
            shown.append(
                f'<span class="line" id="{_anchor(key, place)}">'
                f'<span class="note">{place.line:4} </span>{escape(text)}{note}</span>'
            )
        title = f"the source of {escape(lines[0].function)}"
        parts.append(f"<details><summary>{title}</summary><pre>{''.join(shown)}</pre></details>")
    return "".join(parts)


def _many(count):
    return f"{count} equation{'' if count == 1 else 's'}"


def _indented(place):
    import linecache

    return linecache.getline(place.path, place.line).rstrip()
