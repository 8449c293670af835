"""The report: names by namespace and priority, present or absent, with the laws each obeys."""

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time

from tests.coverage_of_names.catalogue import PRIORITIES, catalogue, is_present

LETTERS = {True: "yes", False: "FAILS", None: "-"}


def main():
    """Print the report; the exit status is 1 where a name of the first priority breaks a law."""
    options = _options()
    wanted = {
        (space, name)
        for space, by_priority in catalogue().items()
        for names in by_priority.values()
        for name in names
        if not options.namespace or space in options.namespace
    }
    shown = {} if options.present else _examined(wanted)
    totals = []
    for space, by_priority in catalogue().items():
        for priority in PRIORITIES:
            names = [n for n in by_priority.get(priority, ()) if (space, n) in wanted]
            if names:
                totals.append(_print(space, priority, names, shown, options.present))
    if not options.present:
        print(f"\n{'':22s}names present  {'  '.join(f'{law:>10s}' for law in _laws())}")
        print("\n".join(line for line, _ in totals))
    return int(any(fails for _, fails in totals))


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m tests.coverage_of_names",
        description="Names by namespace and priority, present or absent, and for each the laws that "
        "its calls in tests/tables obey, tried now: values beside a reference; the first derivative "
        "in both modes, and the second, beside differences; compiled; as a row of a batch. A dash: "
        "the law has no meaning for the name. ?: no call of it is in the tables.",
    )
    parser.add_argument("--present", action="store_true", help="try nothing: presence only")
    parser.add_argument("--namespace", action="append", help="only this namespace")
    return parser.parse_args()


def _laws():
    from tests.tables.laws import LAWS

    return LAWS


def _examined(wanted):
    """{(namespace, name): {law: True, False where a call breaks it, None without a meaning}}."""
    from tests.tables import all_rows
    from tests.tables.laws import CHECKS, applies

    rows = [row for row in all_rows() if wanted.intersection(row.names)]
    shown = {key: dict.fromkeys(CHECKS) for row in rows for key in row.names}
    start = time.perf_counter()
    for law, check in CHECKS.items():
        chosen = [row for row in rows if applies(law, row)]
        for row, error in _failures(law, check, chosen):
            for key in row.names:
                holds = error is None and shown[key][law] is not False
                shown[key][law] = holds
            if error is not None:
                print(f"{row} breaks the law of {law}: {error!r:.300}", file=sys.stderr)
        took = time.perf_counter() - start
        print(f"{law}: {len(chosen)} calls, {took:.0f} s", file=sys.stderr)
    return shown


def _failures(law, check, rows):
    """Each row with the error that its law raises, or None."""
    if law == "jit":
        yield from _compiled_together(rows)
        return
    for row in rows:
        yield row, _error(check, row)


def _compiled_together(rows, size=12):
    """The first row of each name in programs of several, or alone where such a program fails."""
    from tests.tables.laws import compiled

    seen, first = set(), []
    for row in rows:
        if not seen.issuperset(row.names):
            seen.update(row.names)
            first.append(row)
    for start in range(0, len(first), size):
        group = first[start : start + size]
        if _error(compiled, group) is None:
            yield from ((row, None) for row in group)
        else:
            yield from ((row, _error(compiled, [row])) for row in group)


def _error(check, given):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            check(given)
    except Exception as error:
        return error
    return None


def _print(space, priority, names, shown, only_present):
    """Print the names of a namespace; return its line of the summary and whether a P0 law fails."""
    present = [n for n in names if is_present(space, n)]
    print(f"\n{space} {priority}: {len(present)} of {len(names)} present")
    absent = [n for n in names if n not in present]
    if absent:
        print(f"  absent: {' '.join(absent)}")
    if only_present:
        return "", False
    counts = {law: [] for law in _laws()}
    for name in present:
        found = shown.get((space, name))
        for law in _laws():
            counts[law].append("?" if found is None else LETTERS[found[law]])
        print(f"  {name:32s}" + "".join(f"{counts[law][-1]:>12s}" for law in _laws()))
    columns = [
        f"{marks.count('yes')} of {len(marks) - marks.count('-')}" for marks in counts.values()
    ]
    line = f"{space:18s} {priority}  {len(present):5d} of {len(names):<4d} "
    fails = priority == "P0" and any("FAILS" in marks for marks in counts.values())
    return line + "  ".join(f"{c:>10s}" for c in columns), fails


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="fungrad-names-") as folder:
        os.environ.setdefault("FUNGRAD_CACHE_DIR", folder)
        sys.exit(main())
