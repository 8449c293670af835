"""The vocabulary: one block per primitive, one file per family. Imports `core` only."""
