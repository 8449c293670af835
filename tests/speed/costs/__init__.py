"""What is not a program: calls, imports, compilations.

Each file has `rows()`, which returns rows, or if there are many, `cases()`: for each title a
function that measures its rows.
"""
