"""Every exception class of fungrad. Each docstring shows a failing program and the repaired one.

The programs are run by a test. They begin with `import math`, `import numpy as np`,
`import fungrad.numpy as fnp`, `from fungrad import *` and `from fungrad.errors import *`.
"""


class FungradError(Exception):
    """The base of all of fungrad's own exceptions."""


class ProgramError(FungradError):
    """A program broke the rules of the language: a defect of fungrad or of a user's primitive.

    The message ends with the printed program; a correct program is returned by the check.

    Fails:

        x, y = Variable(f64), Variable(f64)
        check(Program((x,), (Equation(tanh, (y,), (x,)),), (x,)))

    Repaired:

        x, y = Variable(f64), Variable(f64)
        check(Program((x,), (Equation(tanh, (x,), (y,)),), (y,)))
    """

    def __init__(self, message, program=None):
        super().__init__(f"{message}, in\n{program!r}" if program is not None else message)


class ShapeError(FungradError, ValueError):
    """The shapes of the operands do not fit.

    Fails: `jit(fnp.add)(np.ones(3), np.ones(4))`.
    Repaired: `jit(fnp.add)(np.ones(3), np.ones(3))`.
    """


class DtypeError(FungradError, TypeError):
    """An operand has a dtype for which the function is not defined.

    Fails: `jit(fnp.left_shift)(1.5, 2)`. Repaired: `jit(fnp.left_shift)(1, 2)`.
    """


class CheckError(FungradError, ValueError):
    """A condition that `debug.check` was given does not hold.

    Fails: `debug.check(np.all(np.diff([2, 1]) > 0), "the times must rise")`.
    Repaired: `debug.check(np.all(np.diff([1, 2]) > 0), "the times must rise")`.
    """


class NonScalarOutputError(FungradError, TypeError):
    """`grad` needs a function whose output is a scalar.

    Fails: `grad(lambda x: x ** 2)(np.ones(3))`.
    Repaired: `grad(lambda x: (x ** 2).sum())(np.ones(3))`, or `jacrev`, or `elementwise_grad`.
    """


class IntegerInputError(FungradError, TypeError):
    """Arrays of integers and booleans have no derivative.

    Fails: `grad(lambda x: x.sum() * 1.0)(np.arange(3))`.
    Repaired: `grad(lambda x: x.sum() * 1.0)(np.arange(3.0))`, or `allow_int=True` for a float0
    result.
    """


class IntegerOutputError(FungradError, TypeError):
    """The output of a differentiated function is an integer or boolean, whose derivative is 0.

    Fails: `grad(lambda x: x.argmax())(np.ones(3))`.
    Repaired: `grad(lambda x: x.max())(np.ones(3))`.
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

    Fails:

        kept = []
        grad(lambda x: kept.append(x * x) or x * 1.0)(3.0)
        kept[0] + 1.0

    Repaired: return the value (`has_aux=True` carries extra outputs).

        _, kept = grad(lambda x: (x * 1.0, x * x), has_aux=True)(3.0)
        kept + 1.0
    """


class TreeMismatchError(FungradError, TypeError, ValueError):
    """Two pytrees that must have the same structure do not.

    Fails: `vjp(np.sin, 1.0)[1]((1.0, 2.0))`. Repaired: `vjp(np.sin, 1.0)[1](1.0)`.
    """


class TangentMismatchError(FungradError, TypeError, ValueError):
    """A tangent or cotangent does not have the shape or dtype of its value.

    Fails: `jvp(np.sin, (1.0,), (np.ones(3),))`. Repaired: `jvp(np.sin, (1.0,), (1.0,))`.
    """


class AxesError(FungradError, TypeError, ValueError):
    """`in_axes` or `out_axes` of `vmap` does not fit the arguments.

    Fails: `vmap(fnp.dot, in_axes=(0, 0))(np.ones((3, 2)), np.ones((4, 2)))`.
    Repaired: `vmap(fnp.dot, in_axes=(0, None))(np.ones((3, 2)), np.ones(2))`.
    """


class CarryTypeError(FungradError, TypeError):
    """The carry of a loop comes out of the body with another type than it went in.

    Fails: `lax.scan(lambda c, x: (c + x, c), np.int64(0), np.ones(3))`.
    Repaired: `lax.scan(lambda c, x: (c + x, c), np.float64(0), np.ones(3))`. A Python number
    takes the type that the body gives it, so a plain `0` works as well.
    """


class BranchTypeError(FungradError, TypeError):
    """The branches of `cond` or `switch` return different types.

    Fails: `lax.cond(True, lambda: 1.0, lambda: (1.0, 2.0))`.
    Repaired: `lax.cond(True, lambda: (1.0, 0.0), lambda: (1.0, 2.0))`.
    """


class OutOfBoundsError(FungradError, IndexError):
    """An index lies outside the array.

    Fails: `jit(lambda x, i: x[i])(np.ones(3), 3)`.
    Repaired: `jit(lambda x, i: x[i])(np.ones(3), 2)`, or `x.at[i].get(mode="clip")`.
    """


class BooleanIndexError(UnknownValueError, IndexError):
    """A boolean mask was used as an index where its values are not known.

    Fails: `jit(lambda x: x[x > 0].sum())(np.ones(3))`.
    Repaired: `jit(lambda x: fnp.where(x > 0, x, 0).sum())(np.ones(3))`.
    """


class StaticArgumentError(FungradError, TypeError, ValueError):
    """A static argument of `jit` cannot be hashed, or is named wrongly.

    Fails: `jit(fnp.reshape, static_argnums=1)(np.ones(6), [2, 3])`.
    Repaired: `jit(fnp.reshape, static_argnums=1)(np.ones(6), (2, 3))`.
    """


class ViewWriteError(FungradError, ValueError):
    """A traced array was written through a view, or a view was used after its array was written.

    Fails:

        def f(x):
            y = fnp.zeros((2, 2)) * x
            row = y[0]
            row[1] = x
            return y.sum()
        grad(f)(3.0)

    Repaired:

        def f(x):
            y = fnp.zeros((2, 2)) * x
            y[0, 1] = x
            return y.sum()
        grad(f)(3.0)
    """


class CustomRuleError(FungradError, TypeError):
    """A custom derivative rule is missing or returns the wrong structure.

    Fails:

        f = custom_vjp(lambda x, y: x * y)
        f.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, c: c * kept[1])
        grad(f)(2.0, 3.0)

    Repaired: a tuple with one cotangent (or None) per argument.

        f = custom_vjp(lambda x, y: x * y)
        f.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, c: (c * kept[1], c * kept[0]))
        grad(f)(2.0, 3.0)
    """


class LinearityError(FungradError, TypeError):
    """A function given to `linear_transpose` is not linear, or a rule cannot be transposed.

    Fails: `linear_transpose(np.sin, 1.0)(1.0)`.
    Repaired: `linear_transpose(lambda x: 2 * x, 1.0)(1.0)`, or `vjp` for the derivative.
    """


class NotDifferentiableError(FungradError, TypeError):
    """A primitive says that it has no derivative in this mode; the message names the way out.

    Fails: `grad(lambda x: pure_callback(np.sin, x, x))(1.0)`.
    Repaired: `grad(lambda x: x * pure_callback(np.sin, x, stop_gradient(x)))(1.0)`.
    """


class CompilationError(FungradError, RuntimeError):
    """Generated code could not be built: a defect of fungrad. The message carries the source."""


class UnknownAxisNameError(FungradError, NameError):
    """A collective such as `psum` names an axis that no enclosing `vmap` has.

    Fails: `vmap(lambda x: lax.psum(x, "rows"))(np.ones(3))`.
    Repaired: `vmap(lambda x: lax.psum(x, "rows"), axis_name="rows")(np.ones(3))`.
    """
