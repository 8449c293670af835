"""Requests: what a function in machine code is made from, and the key of all that it depends on."""

from fungrad.compiler.execution import environment, symbols
from fungrad.compiler.execution.loading import KEY_SIZE, slots_symbol
from fungrad.compiler.llvm.python_caller import slots_text
from fungrad.core.digest import blake2b


class Request:
    """What is to be built, and its key: the digest of all that the machine code depends on.

    `kernels` are what it calls: kernels, or requests that are built before it.
    """

    def __init__(
        self, kind, source, name, arguments, kernels, language="python", effort=3, in_parts=False
    ):
        self.kind = kind
        self.source, self.name, self.language, self.effort = source, name, language, effort
        self.arguments, self.in_parts = tuple(arguments), in_parts
        routines = {} if language == "llvm" else symbols.routines(source)
        self.kernels = {**routines, **(kernels or {})}
        self.needs = {k.symbol: k for k in self.kernels.values()}
        calls = sorted((called, k.symbol) for called, k in self.kernels.items())
        form = kind, name, self.arguments, language, effort, in_parts
        text = repr((environment.description(), form, calls, source))
        self.key = blake2b(text.encode(), digest_size=KEY_SIZE).hexdigest()
        self.symbol = f"{name}.{self.key}"

    @property
    def exports(self):
        names = (self.symbol,)
        if self.kind == "entry":
            names += (slots_symbol(self.symbol),)
        return names

    def texts(self):
        """The LLVM texts, in which the function has the name `symbol`."""
        if self.language == "llvm":
            return [str(self.source).replace(f"@{self.name}(", f"@{self.symbol}(")]
        functions = {called: (k.symbol, k.arguments) for called, k in self.kernels.items()}
        function = self.source, self.name, self.arguments, self.symbol, functions
        texts = None if self.language == "numba" else _translated(*function, self.in_parts)
        if texts is None:
            from fungrad.compiler.llvm.translate import translate  # imports Numba: 400 ms

            texts = translate(*function)
        if self.kind == "entry":
            texts.append(slots_text(self.symbol, self.arguments))
        return texts


def _translated(*function):
    """The LLVM texts of a Python source; None where it is outside the generated language."""
    from fungrad.compiler.llvm import kernel_language

    try:
        return [kernel_language.translate(*function)]
    except kernel_language.OutsideError:
        return None
