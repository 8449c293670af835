"""Templates: programs compiled for every size at which they come out the same way.

A program of an outline (see `program_key`) was compiled with open numbers: a recipe says how the
form of its interface follows from the integers and scalars of any program of that outline, and for
which of them it does. What is on disk serves other processes.
"""

from collections import OrderedDict

from fungrad.compiler.execution import cache as disk
from fungrad.compiler.execution.interface import Interface
from fungrad.compiler.execution.recipe import Recipe
from fungrad.core.forks import renewed_lock

_MOST_OUTLINES = 1024
_MOST_OF_AN_OUTLINE = 16

_known = OrderedDict()  # of each key of an outline: its templates, the latest first
_closed = set()  # keys of outlines
_lock = renewed_lock()


class Template:
    """A recipe of an interface, and the key of the machine code of the entry."""

    def __init__(self, recipe, entry):
        self.recipe, self.entry = recipe, entry

    def interface(self, outline):
        """The interface of the program of an outline, or None where the code is not for it."""
        form = self.recipe.filled([*outline.integers, *outline.scalars])
        return None if form is None else Interface.from_form(form)


def find(outline):
    """The interface of a program of an outline and the key of its entry, or None."""
    for template in _templates(outline.key):
        interface = template.interface(outline)
        if interface is not None:
            return interface, template.entry
    return None


def add(outline, template):
    """Keep a template of an outline, also on disk."""
    known = [template, *_templates(outline.key)][:_MOST_OF_AN_OUTLINE]
    _remember(outline.key, known)
    data = [(t.recipe.as_data(), t.entry) for t in known]
    disk.save(outline.key, b"", {"templates": data})


def close(key):
    """Note that programs of an outline take no open numbers: each is compiled for itself."""
    _closed.add(key)


def is_closed(key):
    """Whether that was noted."""
    return key in _closed


def clear():
    """Forget all templates; what is on disk stays."""
    with _lock:
        _known.clear()
        _closed.clear()


def _templates(key):
    with _lock:
        known = _known.get(key)
        if known is not None:
            _known.move_to_end(key)
            return known
    found = disk.load(key)
    data = [] if found is None else found[1]["templates"]
    return _remember(key, [Template(Recipe(*recipe), entry) for recipe, entry in data])


def _remember(key, templates):
    with _lock:
        _known[key] = templates
        if len(_known) > _MOST_OUTLINES:
            _known.popitem(last=False)
    return templates
