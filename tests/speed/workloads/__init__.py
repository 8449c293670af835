"""The programs that are measured, one per file: plain functions of a library, nothing else.

A file is its mathematics, written once for every library that has NumPy's and JAX's names. Its
docstring says what is computed and where it comes from; it defines

    SIZES           the sizes that are measured: tuples of what the functions below take
    TINY            sizes at which the tests check it
    inputs(*size)   the arguments, pytrees of NumPy arrays, as a tuple
    primal(library, *size)      the function of the arguments
    derivative(library, *size)  what is derived from it (by default the gradient in all arguments)

and, where they apply,

    PEERS           the libraries besides fungrad that can express it ("jax" by default)
    jax_primal, jax_derivative  what is faster in JAX than the functions above
    torch_primal, torch_derivative  the same on tensors; so for every library
    expected(size, *inputs)     the derivative in closed form
    EAGER           sizes that run without jit
    SMALL_LOOP      whether it is a loop with a small body, a group of its own in the summary
    CPP             per size, how many times as long as the best C++ code JAX takes on one core
"""
