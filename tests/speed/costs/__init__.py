"""What is not a program: calls, imports, compilations. Each file has `rows()`, which returns rows."""
