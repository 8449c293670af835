"""Every exception class of fungrad. Each docstring shows a failing program and the repaired one."""


class FungradError(Exception):
    """The base of all of fungrad's own exceptions."""


class ProgramError(FungradError):
    """A program broke the rules of the language: a defect of fungrad or of a user's primitive.

    The message ends with the printed program.
    """

    def __init__(self, message, program=None):
        super().__init__(f"{message}, in\n{program!r}" if program is not None else message)


class ShapeError(FungradError, ValueError):
    """The shapes of the operands do not fit.

    Fails: `fnp.ones(3) + fnp.ones(4)`. Repaired: `fnp.ones(3) + fnp.ones(3)`.
    """


class DtypeError(FungradError, TypeError):
    """An operand has a dtype for which the function is not defined.

    Fails: `fnp.left_shift(1.5, 2)`. Repaired: `fnp.left_shift(1, 2)`.
    """


class NonScalarOutputError(FungradError, TypeError):
    """`grad` needs a function whose output is a scalar.

    Fails: `grad(lambda x: x ** 2)(np.ones(3))`.
    Repaired: `grad(lambda x: (x ** 2).sum())(np.ones(3))`, or `jacrev`, or `elementwise_grad`.
    """


class IntegerInputError(FungradError, TypeError):
    """Arrays of integers and booleans have no derivative.

    Fails: `grad(lambda x: x.sum() * 1.0)(np.arange(3))`.
    Repaired: `grad(...)(np.arange(3.0))`, or `allow_int=True` for a float0 result.
    """


class IntegerOutputError(FungradError, TypeError):
    """The output of a differentiated function is an integer or boolean, whose derivative is 0.

    Fails: `grad(lambda x: x.argmax())(np.ones(3))`. Repaired: differentiate a real output.
    """


class ComplexError(FungradError, TypeError):
    """A complex input or output where a real one is meant, or the other way round.

    Fails: `grad(lambda z: z ** 2)(1j)`. Repaired: `grad(lambda z: z ** 2, holomorphic=True)(1j)`.
    """


class UnknownValueError(FungradError, TypeError):
    """Python asked for a value that does not exist while a function is traced.

    Fails: `jit(lambda x: x if x > 0 else -x)(1.0)`.
    Repaired: `jit(lambda x: fnp.where(x > 0, x, -x))(1.0)`, or `lax.cond`, or `static_argnums`.
    """


class LostDerivativeError(FungradError, TypeError):
    """A conversion would have dropped the derivative of a traced value in silence.

    Fails: `grad(lambda x: math.sin(x))(1.0)`.
    Repaired: `grad(lambda x: np.sin(x))(1.0)`, or `math.sin(stop_gradient(x))`.
    """


class LeakedTracerError(FungradError, RuntimeError):
    """A traced value was used after the trace that made it had ended.

    Fails: a traced function that stores an intermediate value in a global and reads it later.
    Repaired: return the value as an output (`has_aux=True` carries extra outputs).
    """


class TreeMismatchError(FungradError, TypeError, ValueError):
    """Two pytrees that must have the same structure do not.

    Fails: `vjp(f, x)[1]((1.0, 2.0))` where `f` returns one array. Repaired: one cotangent.
    """


class TangentMismatchError(FungradError, TypeError):
    """A tangent or cotangent does not have the shape or dtype of its value.

    Fails: `jvp(np.sin, (1.0,), (np.ones(3),))`. Repaired: `jvp(np.sin, (1.0,), (1.0,))`.
    """


class AxesError(FungradError, ValueError):
    """`in_axes` or `out_axes` of `vmap` does not fit the arguments.

    Fails: `vmap(f, in_axes=(0, 0))(np.ones(3), np.ones(4))`. Repaired: equal sizes, or `None`.
    """


class CarryTypeError(FungradError, TypeError):
    """The carry of a loop comes out of the body with another type than it went in.

    Fails: `scan(lambda c, x: (c + x, c), 0, np.ones(3))`. Repaired: start from `0.0`.
    """


class BranchTypeError(FungradError, TypeError):
    """The branches of `cond` or `switch` return different types.

    Fails: `cond(p, lambda: 1.0, lambda: (1.0, 2.0))`. Repaired: the same pytree from both.
    """


class OutOfBoundsError(FungradError, IndexError):
    """An index lies outside the array.

    Fails: `x[3]` for `x` of shape (3,). Repaired: `x[2]`, or `x.at[3].get(mode="clip")`.
    """


class BooleanIndexError(FungradError, IndexError):
    """A boolean mask was used as an index where its values are not known.

    Fails: `jit(lambda x: x[x > 0].sum())(x)`.
    Repaired: `jit(lambda x: fnp.where(x > 0, x, 0).sum())(x)`.
    """


class StaticArgumentError(FungradError, TypeError, ValueError):
    """A static argument of `jit` cannot be hashed, or is named wrongly.

    Fails: `jit(f, static_argnums=1)(x, [1, 2])`. Repaired: `jit(f, static_argnums=1)(x, (1, 2))`.
    """


class ViewWriteError(FungradError, ValueError):
    """A traced array was written through a view, or a view was used after its array was written.

    Fails: `row = y[0]; row[1] = 5.0`. Repaired: `y[0, 1] = 5.0`.
    """


class CustomRuleError(FungradError, TypeError):
    """A custom derivative rule is missing or returns the wrong structure.

    Fails: a `defvjp` backward function that returns one value for two arguments.
    Repaired: a tuple with one cotangent (or None) per argument.
    """


class LinearityError(FungradError, TypeError):
    """A function given to `linear_transpose` is not linear, or a rule cannot be transposed."""


class NotDifferentiableError(FungradError, TypeError):
    """A primitive says that it has no derivative in this mode; the message names the way out."""


class CompilationError(FungradError, RuntimeError):
    """Generated code could not be built: a defect of fungrad. The message carries the source."""


class UnknownAxisNameError(FungradError, NameError):
    """A collective such as `psum` names an axis that no enclosing `vmap` has.

    Fails: `psum(x, "batch")` outside `vmap(..., axis_name="batch")`. Repaired: inside one.
    """
