"""From the text of generated functions to machine code. Imports `language`, `math` and
`execution`, llvmlite, and Numba's front end for what the own translators do not know."""
