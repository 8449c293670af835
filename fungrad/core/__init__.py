"""The language: types, programs, tracing, primitives, pytrees, errors. Imports NumPy only."""


def __getattr__(name):
    """`Tracer`, for `isinstance`, where JAX has it."""
    if name != "Tracer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fungrad.core.tracing import Tracer

    return Tracer
