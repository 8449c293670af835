"""The user's source lines that equations come from."""

import linecache
import re
from dataclasses import dataclass
from pathlib import PurePath

from fungrad.transforms.transpose import BACKWARD

_SOURCE = re.compile(r"(?P<path>.*):(?P<line>\d+) in (?P<function>.*)")


@dataclass(frozen=True)
class Place:
    """A line of a file: where the user wrote what became an equation."""

    path: str
    line: int
    function: str
    is_backward: bool = False

    @property
    def text(self):
        """The line itself, "" where the file is not there."""
        return linecache.getline(self.path, self.line).strip()

    @property
    def name(self):
        """The file and line: "model.py:12"; for a cell of a notebook "line 12"."""
        return f"line {self.line}" if self._is_cell else f"{PurePath(self.path).name}:{self.line}"

    @property
    def address(self):
        """The whole path and line; for a cell of a notebook "line 12"."""
        return f"line {self.line}" if self._is_cell else f"{self.path}:{self.line}"

    @property
    def _is_cell(self):
        return "ipykernel" in self.path or self.path.startswith("<")


def place_of(equation):
    """The place of an equation, or None where it is not known."""
    return place_at(equation.source or "")


def place_at(source):
    """The place that a text "path:line in function" names, or None."""
    match = _SOURCE.fullmatch(source.removesuffix(BACKWARD))
    if match is None:
        return None
    found = match["path"], int(match["line"]), match["function"]
    return Place(*found, source.endswith(BACKWARD))


def listing(places):
    """The lines of each function from the first place in it to the last, as Places."""
    spans = {}
    for place in places:
        first, last = spans.get((place.path, place.function), (place.line, place.line))
        spans[place.path, place.function] = min(first, place.line), max(last, place.line)
    return [
        [Place(path, line, function) for line in range(first, last + 1)]
        for (path, function), (first, last) in spans.items()
        if linecache.getline(path, first)
    ]
