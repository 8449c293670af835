"""The calculus: transforms `Program -> Program`, one file each. Imports core and primitives."""
