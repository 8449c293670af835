"""What a custom rule may ask: which tangents there are, and which arguments are perturbed."""

from fungrad.api.operands import operand_of
from fungrad.api.zeros import zeros_like
from fungrad.core.record import record
from fungrad.core.tracer import type_of_value
from fungrad.core.tree import map as map_tree


@record(frozen=True)
class SymbolicZero:
    """The tangent of an argument that is not differentiated, or that an output does not have.

    Rules set with `symbolic_zeros=True` get it, and every forward rule may return it. It has the
    `shape`, `dtype` and `ndim` of the tangent, and no arithmetic: ask `type(t) is SymbolicZero`.

    >>> zero = zero_from_primal(np.ones(3), symbolic_zeros=True)
    >>> zero.shape, zero.zeros()
    ((3,), array([0., 0., 0.]))
    """

    aval: object

    @property
    def shape(self):
        return self.aval.shape

    @property
    def dtype(self):
        return self.zeros().dtype

    @property
    def ndim(self):
        return len(self.aval.shape)

    def zeros(self):
        """The zero tangent as an array; float0 for integers and booleans."""
        return zeros_like(self.aval)


def zero_from_primal(value, symbolic_zeros=False):
    """The zero tangent of a value: an array, or with `symbolic_zeros` a `SymbolicZero`.

    >>> zero_from_primal(3.0)
    np.float64(0.0)
    >>> zero_from_primal(3.0, symbolic_zeros=True).shape
    ()

    Raises:
        TypeError: the value is no array, number or traced value.
    """
    zero = SymbolicZero(type_of_value(operand_of(value, "zero_from_primal")[0]))
    return zero if symbolic_zeros else zero.zeros()


@record(frozen=True)
class CustomVJPPrimal:
    """An argument's leaf as the `fwd` of a rule with `symbolic_zeros=True` gets it.

    `value` is the leaf, `perturbed` says whether it is being differentiated.

    >>> CustomVJPPrimal(3.0, True).perturbed
    True
    """

    value: object
    perturbed: bool


def custom_vjp_primal_tree_values(tree):
    """The pytree with the value of every `CustomVJPPrimal` in its place.

    >>> custom_vjp_primal_tree_values({"x": CustomVJPPrimal(3.0, True)})
    {'x': 3.0}
    """
    is_primal = lambda x: type(x) is CustomVJPPrimal
    return map_tree(lambda x: x.value if is_primal(x) else x, tree, is_leaf=is_primal)


def without_symbols(tree):
    """The pytree of tangents with arrays of zeros for its symbolic ones."""
    return map_tree(lambda t: t.zeros() if type(t) is SymbolicZero else t, tree)


__all__ = [
    "CustomVJPPrimal",
    "SymbolicZero",
    "custom_vjp_primal_tree_values",
    "zero_from_primal",
]
