"""Primitives: frozen classes whose fields are parameters and whose methods are rules."""

from abc import abstractmethod
from weakref import WeakSet

from fungrad.core.program import Program, subprograms
from fungrad.core.tracing import Tracer, state
from fungrad.core.types import type_of


class Interned(type):
    """The metaclass of primitives.

    The annotations of a class are its fields, as in a dataclass; class attributes of the same name
    are defaults. Equal parameters give the same object, so identity is equality.
    """

    _table: dict = {}
    _most = 50_000
    _complete: WeakSet = WeakSet()  # the classes that have every rule

    def __new__(mcs, name, bases, namespace):
        cls = super().__new__(mcs, name, bases, namespace)
        cls.fields = tuple(namespace.get("__annotations__", ()))
        return cls

    def __call__(cls, *args, **kwargs):
        key = (cls, args, tuple(kwargs.items())) if kwargs else (cls, args)
        try:
            return Interned._table[key]
        except KeyError:
            pass
        if cls not in Interned._complete:
            cls._require_rules()
        values = cls._bound(args, kwargs)
        whole = (cls, tuple(values.values()))
        if len(Interned._table) >= Interned._most:
            Interned._table.clear()
        self = Interned._table.get(whole)
        if self is None:
            self = Interned._table[whole] = object.__new__(cls)
            self.__dict__.update(values)
        Interned._table[key] = self
        return self

    def _require_rules(cls):
        """TypeError where a rule is missing; a class that has them all is not asked again."""
        missing = [n for n in dir(cls) if getattr(getattr(cls, n), "__isabstractmethod__", False)]
        missing = [n for n in missing if n not in cls.fields]
        if missing:
            raise TypeError(f"primitive {cls.__name__} lacks the rules {', '.join(missing)}")
        Interned._complete.add(cls)

    def _bound(cls, args, kwargs):
        """The value of every field, in order."""
        values = dict(zip(cls.fields, args, strict=False))
        unknown = [name for name in kwargs if name not in cls.fields or name in values]
        values.update(kwargs)
        missing = [n for n in cls.fields if n not in values and not _has_default(cls, n)]
        if len(args) > len(cls.fields) or unknown or missing:
            raise TypeError(
                f"{cls.__name__} has the parameters {', '.join(cls.fields) or 'none'}; got "
                f"{len(args)} values{f' and {unknown}' if unknown else ''}"
            )
        return {name: values[name] if name in values else getattr(cls, name) for name in cls.fields}


def _has_default(cls, name):
    default = getattr(cls, name, None)
    return hasattr(cls, name) and not getattr(default, "__isabstractmethod__", False)


class Primitive(metaclass=Interned):
    """An operation of the language. Subclass a kind: Pointwise, Reduction or Routine.

    The annotated names of a subclass are its parameters, which must be hashable:

        class Scale(Pointwise):
            factor: float

    With `has_many_outputs`, `infer`, `evaluate`, `jvp` and `batch` return tuples of outputs.
    """

    has_many_outputs = False
    is_deferred = False  # evaluated on demand when recorded with values: holds a program
    is_creation = False  # recorded inside a trace although no operand is traced
    has_effects = False  # does something besides computing: never removed
    computes = True  # does arithmetic, rather than move or convert elements
    #: (another primitive, k) where this is output k of that one, applied to the same inputs: where
    #: a program has both, one equation computes both.
    part_of = None

    @property
    def name(self):
        """The name that programs print."""
        return type(self).__name__.lower()

    def __call__(self, *inputs):
        recording = state.recording
        for x in inputs:
            if type(x) is Tracer:
                return self._leak(x) if recording is None else recording.record(self, inputs)
        if recording is not None and (self.is_creation or recording.takes_constants):
            if self.is_creation or self._makes_array(inputs):
                return recording.record(self, inputs)
        return self.evaluate(*inputs)

    def _makes_array(self, inputs):
        """Whether the output is more than a scalar: rules must not put arrays into programs."""
        inferred = self.infer(*[type_of(getattr(x, "value", x)) for x in inputs])
        return any(t.shape for t in (inferred if self.has_many_outputs else (inferred,)))

    def _leak(self, tracer):
        tracer.recording.require_open(tracer)
        raise RuntimeError("a traced value was used on another thread than its trace")

    @abstractmethod
    def infer(self, *types):
        """The output type for input types; raises an error that names axis and sizes."""

    @abstractmethod
    def evaluate(self, *values):
        """The output for NumPy arrays and scalars."""

    @abstractmethod
    def jvp(self, inputs, tangents):
        """The output and its tangent; a tangent of None means "no tangent"."""

    @abstractmethod
    def transpose(self, cotangents, inputs, linear):
        """The cotangents of the inputs (None where not linear).

        `linear[i]` says whether the equation is to be transposed in input i; `inputs[i]` is then
        its ArrayType, else its value. `cotangents` has one entry per output; none is None for
        single-output primitives.
        """

    @abstractmethod
    def batch(self, inputs, batched, axis):
        """The output for inputs with a batch axis in front where `batched`, and whether it has one.

        `axis.size` is the size of the batch, `axis.name` its name or None.
        """

    def flops(self, inputs, outputs):
        """How many arithmetic operations an evaluation takes, for types of inputs and outputs.

        Those of the programs that it runs (see `runs`) are not among them.
        """
        return (
            sum(getattr(t, "size", 1) for t in outputs)
            if self.computes and not subprograms(self)
            else 0
        )

    def runs(self):
        """The programs that one evaluation runs, as (program, times) pairs.

        `times` is None where only the evaluation itself can tell.
        """
        return tuple([(program, 1) for _, program in subprograms(self)])

    def replace(self, **changes):
        """The primitive with some parameters exchanged."""
        return type(self)(**{name: getattr(self, name) for name in self.fields} | changes)

    def __setattr__(self, name, value):
        raise AttributeError(f"primitives are frozen; {name} of {self} cannot be set")

    def __reduce__(self):
        return type(self), tuple([getattr(self, name) for name in self.fields])

    def __repr__(self):
        return str(self)

    def __str__(self):
        shown = []
        for name in self.fields:
            value = getattr(self, name)
            if _is_shown(value):
                shown.append(f"{name}={_format_parameter(value)}")
        return f"{self.name}[{', '.join(shown)}]" if shown else self.name


def _is_shown(value):
    if isinstance(value, tuple) and value and all(isinstance(v, Program) for v in value):
        return False
    return not (isinstance(value, Program) or callable(value) or value is None)


def _format_parameter(value):
    if isinstance(value, tuple):
        return "(" + " ".join(map(_format_parameter, value)) + ")"
    return str(value)


class Pointwise(Primitive):
    """One element of the output is a scalar expression of elements of the inputs.

    Elementwise functions, and movements of elements: reshape, transpose, slice, gather, iota.
    Where `is_free`, recomputing costs no more than reading.
    """

    is_free = False

    def flops(self, inputs, outputs):
        """One operation per element; none for what only moves elements."""
        return outputs[0].size if self.computes and not self.is_free else 0

    @abstractmethod
    def element(self, build, index, read, types, output):
        """The scalar expression of the output element at `index`.

        `index` is a tuple of scalar integer expressions; `read(i, index)` is the element of
        input i at an index; `types` are the input types and `output` is the output type; `build`
        makes scalar expressions (see `fungrad.compiler.language.scalar`).
        """


class Reduction(Primitive):
    """Elements are combined along `axes`: the output has the remaining axes.

    `combine` is the name of the binary scalar function; `identity(dtype)` its neutral element.
    """

    def flops(self, inputs, outputs):
        """One operation per element that is combined."""
        return inputs[0].size

    @abstractmethod
    def identity(self, dtype):
        """The neutral element of `combine` as a NumPy scalar."""


class Routine(Primitive):
    """Statements of its own: BLAS, LAPACK, sort, scatter, loops and branches.

    The compiler finds the statements by the method `emit(build, inputs, outputs)`.
    """

    @abstractmethod
    def emit(self, build, inputs, outputs):
        """Write the statements that compute `outputs` from `inputs` (see `fungrad.compiler`)."""
