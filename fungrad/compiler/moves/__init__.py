"""Statements that move elements: copies, transposed copies, writing by index. Imports `language`."""
