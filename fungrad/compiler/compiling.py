"""What the cache lacks: programs optimised, written out as source, compiled, and kept on disk.

The passes and code generation are imported when the first `Compilation` has begun: a thread loads
LLVM meanwhile.
"""

from fungrad.compiler.execution import cache as disk
from fungrad.compiler.execution import templates
from fungrad.compiler.llvm import build
from fungrad.compiler.llvm.compilation import Compilation
from fungrad.compiler.runtime import Executable


def compiled(program, donated, shape):
    """The executable of a program; where it has an outline, it is kept for others of the same."""
    with Compilation() as compilation:
        from fungrad.optimize import optimize
        from fungrad.optimize.half_precision import uses_half, without_half

        assembly, recipe = None, None
        if shape is not None and not uses_half(program):
            assembly, recipe = with_open_sizes(program, donated, shape)
        if assembly is None:
            better = optimize(program)
            if uses_half(better):
                from fungrad.compiler.on_bits import OnBits

                return OnBits(program, compiled(without_half(better), donated, None))
            assembly = assembled(program, donated, False)
        kernels = {}
        for k in assembly.kernels:
            what = "kernel", k.source, k.function, k.arguments, None
            kernels[k.name] = build.Request(*what, in_parts=k.in_parts)
            compilation.add(kernels[k.name])
        what = assembly.source, "entry", assembly.arguments, kernels
        compilation.add(build.entry_request(*what))
        code = compilation.finish()[-1]
    if recipe is not None:
        template = templates.Template(recipe, code.key)
        templates.add(shape, template)
        return Executable(program, donated, template.interface(shape), code)
    interface = assembly.interface
    if shape is not None and interface.is_plain:
        disk.save(shape.exact, b"", {"form": assembly.form, "entry": code.key})
    return Executable(program, donated, interface, code, assembly.callbacks)


def assembled(program, donated, has_remarks=True):
    """The assembly of a program."""
    from fungrad.compiler.assemble import assemble  # imports all of code generation: 20 ms
    from fungrad.optimize import optimize

    return assemble(optimize(program), donated, has_remarks)


def with_open_sizes(program, donated, shape):
    """The assembly of a program of an outline with sizes left open, and the recipe of its form.

    Twice None where something takes no open numbers: then each size is compiled for itself.
    """
    from fungrad.compiler.execution.opening import opened, recipe_of

    if templates.is_closed(shape.key):
        return None, None
    numbers, program = opened(program, shape)
    try:
        assembly = assembled(program, donated, False)
        count = len(shape.integers) + len(shape.scalars)
        recipe = recipe_of(numbers, count, assembly.form)
    except Exception:  # whatever is wrong with the program itself is said when it is compiled anew
        templates.close(shape.key)
        return None, None
    finally:
        numbers.close()
    return (None, None) if assembly.meters or assembly.callbacks else (assembly, recipe)
