"""Syntax trees of generated source.

One thread at a time makes one: CPython counts the depth of all trees that are being made together,
and fails where a second thread begins one meanwhile (python/cpython#106905).
"""

import ast

from fungrad.core.forks import renewed_lock

_lock = renewed_lock()


def functions(source):
    """The functions of a source, as syntax trees."""
    with _lock:
        return ast.parse(source).body
