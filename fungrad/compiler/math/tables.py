"""Constant tables that expansions look up, by name."""

TABLES: dict = {}
