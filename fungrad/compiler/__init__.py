"""From program to machine code. Imports core, primitives and optimize; Numba only when it compiles."""
