"""Sorting, ranks, running combinations, draws by trial: routines along one axis. Imports
`language`."""
