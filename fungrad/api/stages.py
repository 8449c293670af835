"""The stages of a jitted function: traced, lowered, compiled."""

import numpy as np

from fungrad.api.operands import operand_of
from fungrad.api.telling import told
from fungrad.core.cost import total_bytes
from fungrad.core.record import record
from fungrad.core.tree import flatten
from fungrad.core.types import ArrayType


class Traced:
    """A function recorded for some types: its program, what it closes over, its output tree."""

    __slots__ = ("captures", "donated", "executable", "leaves", "positions", "program", "tree")

    def __init__(self, program, captures, tree, leaves, positions, donated):
        self.program, self.captures, self.tree = program, tuple(captures), tree
        self.leaves, self.positions, self.donated = leaves, positions, donated
        self.executable = None

    def compiled(self):
        """The machine code of the program, built at the first call."""
        if self.executable is None:
            from fungrad.compiler.runtime import compile_program

            with told("compiled", self.program.name):
                self.executable = compile_program(self.program, self.donated)
        return self.executable

    def direct(self, tree, leaves):
        """A function from arguments that are like these leaves of a tree to the output, or None.

        It returns NotImplemented for other arguments. Machine code checks the arrays, so that only
        the types of numbers are left to be compared.
        """
        if not self.executable.is_checked:
            return None
        match, call, captures = tree.match, self.executable.call, self.captures
        unflatten = self.tree.unflatten if self.positions is None else self.unflatten
        numbers = [(i, type(x)) for i, x in enumerate(leaves) if type(x) is not np.ndarray]
        if any(type(x) is np.ndarray and not x.ndim for x in leaves):
            return None

        def call_directly(args):
            leaves = match(args)
            if leaves is None:
                return NotImplemented
            for i, kind in numbers:
                if type(leaves[i]) is not kind:
                    return NotImplemented
            results = call(*captures, *leaves)
            return results if results is NotImplemented else unflatten(results)

        return call_directly

    def unflatten(self, results):
        """The results as the function's output."""
        if self.positions is not None:
            flat = list(self.leaves)
            for place, y in zip(self.positions, results, strict=True):
                flat[place] = y
            results = flat
        return self.tree.unflatten(results)


class Stage:
    """A traced function on its way to machine code: `lower()`, then `compile()`, then a call."""

    def __init__(self, traced, tree, static, jitted):
        self._traced, self._tree = traced, tree
        self._static, self._jitted = static, jitted

    @property
    def program(self):
        """The program."""
        return self._traced.program

    jaxpr = program

    @property
    def captures(self):
        """The closed-over values, which are the first inputs of the program."""
        return self._traced.captures

    @property
    def out_info(self):
        """The shapes and dtypes of the outputs, as the pytree that the function returns."""
        from fungrad.api.inspecting import ShapeDtypeStruct

        types = self.program.output_types
        return self._traced.unflatten([ShapeDtypeStruct(t.shape, t.dtype) for t in types])

    def lower(self):
        """The stage before compilation."""
        return self

    def as_text(self):
        """The generated Numba source."""
        return self._traced.compiled().source

    def cost_analysis(self):
        """Arithmetic operations and bytes read and written, as a dict with JAX's keys.

        `fungrad.cost` says more. Where a loop decides at run time how often it turns, one turn is
        counted.
        """
        from fungrad.compiler.traffic import memory_traffic
        from fungrad.core.cost import flops_of
        from fungrad.optimize import optimize

        better = optimize(self.program)
        return {"flops": flops_of(better)[0], "bytes accessed": memory_traffic(better)}

    def memory(self):
        """The `MemoryAnalysis` of a call; stacks of `while` loops, which grow, are not in it."""
        program, donated = self.program, self._traced.donated
        interface = self._traced.compiled().interface
        gifts = [place for kind, place in interface.outputs if kind == "gift"]
        shared = total_bytes([program.inputs[i] for i in gifts if i in donated])
        return MemoryAnalysis(
            total_bytes(program.inputs), total_bytes(program.outputs), shared, interface.workspace
        )

    def compile(self):
        """The compiled function; it takes arguments of exactly these types."""
        self._traced.compiled()
        return Compiled(self)


@record(frozen=True)
class MemoryAnalysis:
    """What a call of a compiled function takes, in bytes, under JAX's names."""

    argument_size_in_bytes: int
    output_size_in_bytes: int
    alias_size_in_bytes: int
    temp_size_in_bytes: int


class Compiled:
    """A compiled function for one set of argument types; static arguments may be left out."""

    def __init__(self, stage):
        self._stage = stage

    @property
    def out_info(self):
        """The shapes and dtypes of the outputs, as the pytree that the function returns."""
        return self._stage.out_info

    def as_text(self):
        """The generated Numba source."""
        return self._stage.as_text()

    def cost_analysis(self):
        """Arithmetic operations and bytes read and written, as a dict with JAX's keys."""
        return self._stage.cost_analysis()

    def memory_analysis(self):
        """The bytes of a call: its arguments, its results, what is shared by both, its workspace."""
        return self._stage.memory()

    def __call__(self, *args, **kwargs):
        stage = self._stage
        leaves, tree = flatten((args, kwargs) if kwargs else args)
        if tree is not stage._tree and stage._static:
            args, kwargs, static = stage._jitted._split_static(args, kwargs)
            if static and static != stage._static:
                names = [f"{k!r}={v!r}" for k, _, v in stage._static]
                raise TypeError(
                    f"{stage._jitted._title}: compiled for the static arguments {', '.join(names)}"
                )
            leaves, tree = flatten((args, kwargs) if kwargs else args)
        traced = stage._traced
        expected = traced.program.input_types[len(traced.captures) :]
        given = [ArrayType(np.shape(x), operand_of(x)[0].dtype) for x in leaves]
        if tree is not stage._tree or tuple(given) != tuple(expected):
            raise TypeError(
                f"{stage._jitted._title}: compiled for {list(expected)}, called with {given}"
            )
        return stage._jitted._call_traced(traced, leaves)
