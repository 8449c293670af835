"""What kernels and entries are written in: scalar expressions, index arithmetic, views of memory,
statements, and their text. Imports core; knows no code generator."""
