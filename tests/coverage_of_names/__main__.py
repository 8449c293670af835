"""The report: names by namespace and priority, present or absent, with the laws shown of each."""

import argparse
import sys

import pytest

from tests.coverage_of_names.catalogue import PRIORITIES, catalogue, is_present
from tests.coverage_of_names.recording import LAWS, Recording

_WHERE = """tests/numpy tests/lax tests/nn tests/random tests/scipy tests/api tests/core tests/control
    tests/debug tests/programs tests/laws/test_kinks.py""".split()


def main():
    """Print the report; the exit status is 1 where tests fail."""
    options = _options()
    plugin, status = Recording(), 0
    if not options.present:
        plugin.install()
        status = pytest.main(["-q", "-p", "no:randomly", *options.tests], plugins=[plugin])
    for space, by_priority in catalogue().items():
        if options.namespace and space not in options.namespace:
            continue
        for priority in PRIORITIES:
            if priority in by_priority:
                _print(space, priority, by_priority[priority], plugin.shown, options)
    return int(status)


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m tests.coverage_of_names",
        description="Names by namespace and priority: present or absent, and the laws that the "
        f"tests show of each: {', '.join(LAWS)}.",
    )
    parser.add_argument("tests", nargs="*", default=_WHERE, help="the tests to run")
    parser.add_argument("--present", action="store_true", help="run no tests: presence only")
    parser.add_argument("--namespace", action="append", help="only this namespace")
    parser.add_argument("--verbose", action="store_true", help="a line for every name")
    return parser.parse_args()


def _print(space, priority, names, shown, options):
    present = [n for n in names if is_present(space, n)]
    print(f"\n{space} {priority}: {len(present)} of {len(names)} present")
    absent = [n for n in names if n not in present]
    if absent:
        print(f"  absent: {' '.join(absent)}")
    if options.present:
        return
    if options.verbose:
        for name in present:
            laws = shown.get((space, name), set())
            print(f"  {name:28s} {' '.join(law if law in laws else '-' for law in LAWS)}")
        return
    for law in LAWS:
        lacking = [n for n in present if law not in shown.get((space, n), ())]
        listed = f"; not of {' '.join(lacking)}" if 0 < len(lacking) < len(present) else ""
        print(f"  {law}: shown of {len(present) - len(lacking)}{listed}")


if __name__ == "__main__":
    sys.exit(main())
