"""Loops, branches and stacks: programs inside a program. Imports `language`, `moves` and `fusion`."""
