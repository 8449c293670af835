"""Translates generated Python source to LLVM text, through Numba's front end and no further.

Of Numba's pipeline only what generated source needs is run: byte code, types, lowering. Static
single assignment, rewrites, Numba's optimiser, its wrappers and its execution engine are not
(measured: 12 ms instead of 55 ms for a kernel of twenty operations). So a name has one type
wherever it is assigned. Importing this module imports Numba.
"""

import math
from typing import ClassVar

import numpy as np
from llvmlite import ir
from numba.core import cgutils, compiler, cpu, lowering, typed_passes, types, typing, untyped_passes
from numba.core.codegen import CodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.registry import cpu_target
from numba.np.numpy_support import from_dtype

from fungrad.compiler.language.arguments import Scalar, parameters
from fungrad.compiler.llvm import pointers

#: The status of a function in which Numba raised an exception; generated source never does.
RAISED = -3


class _Typing(typing.Context):
    """Numba's typing context, that remembers how functions of numbers and pointers were typed."""

    _remembered: ClassVar = {}

    def __init__(self, context):
        self.__dict__ = context.__dict__

    def resolve_function_type(self, func, args, kws):
        is_plain = type(func) is types.Function and not kws
        if not is_plain or not all(isinstance(a, _NUMBERS_AND_POINTERS) for a in args):
            return super().resolve_function_type(func, args, kws)
        key = func, args
        if key not in self._remembered:
            self._remembered[key] = super().resolve_function_type(func, args, kws)
        return self._remembered[key]


_typing = _Typing(cpu_target.typing_context)
_NUMBERS_AND_POINTERS = (types.Number, types.Boolean, types.NumberClass, types.CPointer)


class _Lower(lowering.Lower):
    """Numba's lowering, leaner for numbers, and able to pass complex numbers by symbol."""

    def lower_binop(self, resty, expr, op):
        signature = self.fndesc.calltypes[expr]
        if not all(isinstance(a, types.Number | types.Boolean) for a in signature.args):
            return super().lower_binop(resty, expr, op)
        operands = []
        for operand, wanted in zip((expr.lhs, expr.rhs), signature.args, strict=True):
            value = self.loadvar(operand.name)
            given = self.typeof(operand.name)
            operands.append(self.context.cast(self.builder, value, given, wanted))
        function = self.context.typing_context.resolve_value_type(op)
        typed = _typing.resolve_function_type(function, signature.args, {})
        value = self.context.get_function(function, typed)(self.builder, operands)
        return self.context.cast(self.builder, value, typed.return_type, resty)

    def lower_getitem(self, resty, expr, value, index, signature):
        if not isinstance(signature.args[0], types.CPointer):
            return super().lower_getitem(resty, expr, value, index, signature)
        address = self._element(value, index, signature)
        element = self.context.unpack_value(self.builder, signature.args[0].dtype, address)
        return self.context.cast(self.builder, element, signature.args[0].dtype, resty)

    def lower_setitem(self, target_var, index_var, value_var, signature):
        if not isinstance(signature.args[0], types.CPointer):
            return super().lower_setitem(target_var, index_var, value_var, signature)
        dtype = signature.args[0].dtype
        address = self._element(target_var, index_var, signature)
        value = self.loadvar(value_var.name)
        value = self.context.cast(self.builder, value, self.typeof(value_var.name), dtype)
        return self.context.pack_value(self.builder, dtype, value, address)

    def _element(self, pointer, index, signature):
        """The address of an element; Numba's own would store a bool as one bit, not as a byte."""
        given, wanted = self.typeof(index.name), signature.args[1]
        index = self.context.cast(self.builder, self.loadvar(index.name), given, wanted)
        return self.builder.gep(self.loadvar(pointer.name), [index], inbounds=True)

    def _lower_call_ExternalFunction(self, fnty, expr, signature):
        values = self.fold_call_args(fnty, signature, expr.args, expr.vararg, expr.kws)
        packer = self.context.get_arg_packer(fnty.sig.args)
        function_type = ir.FunctionType(ir.IntType(64), list(packer.argument_types))
        callee = cgutils.get_or_insert_function(self.module, function_type, fnty.symbol)
        return self.builder.call(callee, packer.as_arguments(self.builder, values))


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(typed_passes.NativeLowering):
    _name = "fungrad_lowering"
    lowering_class = _Lower


_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    typed_passes.NopythonTypeInference,
    _Lowering,
    typed_passes.NoPythonBackend,
)


class _Pipeline(compiler.CompilerBase):
    """Numba's pipeline, reduced to `_PASSES`."""

    def define_pipelines(self):
        manager = PassManager("fungrad")
        for each in _PASSES:
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]


class _Texts(CodeLibrary):
    """A code library that keeps the LLVM text of what is put into it, and compiles nothing."""

    def __init__(self, name):
        super().__init__(cpu_target.target_context.codegen(), name)
        self.texts, self.linked = [], {}

    def add_ir_module(self, ir_module):
        self.texts.append(str(ir_module))

    def add_linking_library(self, library):
        self.linked[library.name] = library

    def finalize(self):
        pass

    def get_function(self, name):
        raise NotImplementedError(name)

    get_llvm_str = get_asm_str = finalize


def numba_type(argument):
    """The Numba type under which source sees an argument."""
    dtype = from_dtype(argument.dtype)
    return dtype if isinstance(argument, Scalar) else types.CPointer(dtype)


def external(symbol, arguments):
    """A function of that symbol, for the namespace of source that calls it."""
    signature = types.int64(*map(numba_type, arguments))
    return types.ExternalFunction(symbol, signature)


def namespace(functions):
    """The global names of a source, given the functions it calls: {name: (symbol, arguments)}."""
    try:
        from fungrad.compiler.llvm import intrinsics
    except ModuleNotFoundError:
        words = {}
    else:
        words = {name: v for name, v in vars(intrinsics).items() if not name.startswith("_")}
    exported = {name: getattr(pointers, name) for name in pointers.__all__}
    called = {name: external(*function) for name, function in functions.items()}
    return {**words, "np": np, "math": math, **exported, **called}


def translate(source, name, arguments, symbol, functions):
    """The LLVM modules, as texts, of the function `name` of `source` under the name `symbol`.

    `functions` are what it calls by symbol. The first text defines
    `i64 symbol(arguments)` by the C calling convention.
    """
    names = namespace(functions)
    exec(compile(source, f"<{symbol}>", "exec"), names)
    library = _Texts(symbol)
    with global_compiler_lock:
        result = compiler.compile_extra(
            _typing,
            cpu_target.target_context,
            names[name],
            tuple(map(numba_type, arguments)),
            types.int64,
            _flags(),
            {},
            library=library,
            pipeline_class=_Pipeline,
        )
        linked = [str(each._get_module_for_linking()) for each in library.linked.values()]
    convention = _c_convention(result.fndesc.llvm_func_name, arguments, symbol)
    (text,) = library.texts
    return [text + convention, *linked]


def _flags():
    flags = compiler.Flags()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.forceinline = True
    flags.error_model = "numpy"
    flags.fastmath = cpu.FastMathOptions({"contract"})
    return flags


def _c_convention(inner, arguments, symbol):
    """The text of the function with the C calling convention around Numba's, to be inlined."""
    taken = [each for i, a in enumerate(arguments) for each in parameters(a, f"a{i}")]
    declared = ", ".join(f"{kind} {name}" for kind, name in taken)
    passed = "".join(f", {kind.removesuffix(' noalias')} {name}" for kind, name in taken)
    return f"""
define i64 @{symbol}({declared}) {{
  %value = alloca i64
  %exception = alloca ptr
  store i64 0, ptr %value
  %code = call i32 @"{inner}"(ptr %value, ptr %exception{passed})
  %returned = load i64, ptr %value
  %fine = icmp eq i32 %code, 0
  %status = select i1 %fine, i64 %returned, i64 {RAISED}
  ret i64 %status
}}
"""
