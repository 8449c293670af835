"""Scalar expressions compiled into one Numba function that loops over arrays, for tests."""

import numba
import numpy as np
import pytest
from numba.np.numpy_support import from_dtype

from fungrad.compiler.language.numba_scalar import NumbaPrinter
from fungrad.compiler.language.scalar import topological_order
from fungrad.compiler.llvm import intrinsics


def compiled(roots, dtypes, contract=True, vectorised=True):
    """A function `(**arrays) -> dict of arrays` of expressions by name.

    `dtypes` are those of the symbols, by name. Each expression has a loop of its own. Without
    vector loops, compilation takes a third of the time.
    """
    dtypes = {name: np.dtype(dtype) for name, dtype in dtypes.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "LOOP_VECTORIZE", int(vectorised))
        patch.setattr(numba.config, "SLP_VECTORIZE", 0)
        kernel = kernel_of(roots, dtypes, contract)

    def apply(**arrays):
        inputs = [np.ascontiguousarray(arrays[name], dtype) for name, dtype in dtypes.items()]
        outputs = {name: np.empty(inputs[0].size, root.dtype) for name, root in roots.items()}
        kernel(*inputs, *outputs.values())
        return outputs

    return apply


def source(roots, dtypes):
    """The source of the function that `compiled` compiles."""
    outputs = [f"output{i}" for i in range(len(roots))]
    lines = [f"def kernel({', '.join(f'{name}_array' for name in dtypes)}, {', '.join(outputs)}):"]
    for output, root in zip(outputs, roots.values(), strict=True):
        printer = NumbaPrinter()
        printer.assign("result", root)
        lines.append(f"    for i in range({output}.size):")
        used = {node.attribute for node in topological_order([root]) if node.op == "symbol"}
        lines += [f"        {name} = {name}_array[i]" for name in dtypes if name in used]
        lines += [f"        {line}" for line in printer.lines]
        lines.append(f"        {output}[i] = result")
    return "\n".join(lines)


def kernel_of(roots, dtypes, contract=True):
    """The compiled function `(*inputs, *outputs)`."""
    names = dict(intrinsics.NAMES)
    exec(source(roots, dtypes), names)
    all_dtypes = [*dtypes.values(), *(root.dtype for root in roots.values())]
    signature = numba.void(*[from_dtype(dtype)[::1] for dtype in all_dtypes])
    options = {"fastmath": {"contract"} if contract else False, "error_model": "numpy"}
    return numba.njit(signature, **options)(names["kernel"])
