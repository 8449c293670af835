"""fungrad: composable transformations of numerical functions, on NumPy, compiled for the CPU.

This file is the table of contents: where each public name lives. Modules are imported when one of
their names is first used, so that `import fungrad` costs no more than `import numpy`.
"""

from fungrad.lazy import lazy_names

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "api.gradient": ("grad", "value_and_grad"),
        "api.products": ("jvp", "linear_transpose", "linearize", "vjp"),
        "api.recorded": ("float0",),
        "api.jacobians": (
            "elementwise_grad",
            "hessian",
            "hvp",
            "jacfwd",
            "jacobian",
            "jacrev",
            "vhp",
        ),
        "api.vectorize": ("vmap",),
        "api.jitting": ("clear_caches", "disable_jit", "jit"),
        "api.threading": ("threads",),
        "api.custom_jvp": ("custom_jvp",),
        "api.custom_vjp": ("custom_gradient", "custom_vjp"),
        "api.closing": ("closure_convert",),
        "api.callbacks": ("io_callback", "pure_callback"),
        "api.checkpointing": ("checkpoint", "checkpoint_policies", "remat"),
        "api.inspecting": (
            "ShapeDtypeStruct",
            "eval_shape",
            "make_jaxpr",
            "make_program",
        ),
        "debug.nans": ("debug_infs", "debug_nans"),
        "inspection.compare": ("compare_modes",),
        "inspection.cost": ("cost",),
        "inspection.draw": ("draw",),
        "inspection.show": ("show",),
        "numpy": ("at",),
        "lax": ("stop_gradient",),
        "core.tree": ("Partial",),
        "core.primitive": ("Pointwise", "Primitive", "Reduction", "Routine"),
    },
    modules=(
        "custom_batching",
        "custom_derivatives",
        "debug",
        "errors",
        "estimators",
        "flatten_util",
        "lax",
        "nn",
        "numpy",
        "optim",
        "random",
        "scipy",
        "test_util",
        "testing",
        "tree",
        "tree_util",
    ),
)
