"""Which public names are present, by priority, and which laws the tests show of each.

`python -m tests.coverage_of_names` prints the report; `--help` lists its options.
"""
