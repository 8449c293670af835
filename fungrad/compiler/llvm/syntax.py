"""Syntax trees of generated source.

One thread at a time makes one: CPython counts the depth of all trees that are being made together,
and fails where a second thread begins one meanwhile (python/cpython#106905).
"""

import ast
import os
from threading import Lock

_lock = Lock()


def functions(source):
    """The functions of a source, as syntax trees."""
    with _lock:
        return ast.parse(source).body


def _after_fork():
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
