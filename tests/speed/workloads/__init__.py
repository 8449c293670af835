"""One workload per file; each has `rows()`, which returns a list of `tests.speed.table.Row`."""
