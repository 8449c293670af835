"""checkpoint (remat) and its policies."""

from functools import partial, wraps

from fungrad.api.arguments import parameter_positions
from fungrad.api.closing import close, finished, known_values, operands_of, record_closed
from fungrad.api.titles import title_of
from fungrad.control.checkpoint import Checkpoint
from fungrad.core.tracing import state
from fungrad.core.tree import flatten
from fungrad.primitives.contraction import Contract
from fungrad.primitives.elementwise import Named


class _Policy:
    """A policy: whether the outputs of a primitive are saved. Equal by its parameters."""

    def __init__(self, name, accepts, *parameters):
        self.name, self.accepts, self.parameters = name, accepts, parameters

    def __call__(self, primitive, *_, **__):
        return self.accepts(primitive)

    def __eq__(self, other):
        same = isinstance(other, _Policy) and self.name == other.name
        return same and self.parameters == other.parameters

    def __hash__(self):
        return hash((self.name, self.parameters))

    def __repr__(self):
        return self.name


class checkpoint_policies:
    """What the forward pass of a checkpointed function saves; names and meanings are JAX's."""

    everything_saveable = _Policy("everything_saveable", lambda p: True)
    nothing_saveable = _Policy("nothing_saveable", lambda p: False)
    dots_saveable = _Policy("dots_saveable", lambda p: isinstance(p, Contract))
    checkpoint_dots = dots_saveable
    dots_with_no_batch_dims_saveable = _Policy(
        "dots_with_no_batch_dims_saveable",
        lambda p: isinstance(p, Contract) and not p.groups.batch,
    )
    checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable

    @staticmethod
    def save_only_these_names(*names):
        """Save values that `checkpoint_name` gave one of these names."""
        chosen = frozenset(names)
        return _Policy(
            "save_only_these_names",
            lambda p: isinstance(p, Named) and p.label in chosen,
            chosen,
        )

    @staticmethod
    def save_any_names_but_these(*names):
        """Save named values, except those with one of these names."""
        chosen = frozenset(names)
        return _Policy(
            "save_any_names_but_these",
            lambda p: isinstance(p, Named) and p.label not in chosen,
            chosen,
        )

    @staticmethod
    def save_anything_except_these_names(*names):
        """Save every value, except named ones with one of these names."""
        chosen = frozenset(names)
        return _Policy(
            "save_anything_except_these_names",
            lambda p: not (isinstance(p, Named) and p.label in chosen),
            chosen,
        )

    @staticmethod
    def save_and_offload_only_these_names(
        *, names_which_can_be_saved, names_which_can_be_offloaded, offload_src, offload_dst
    ):
        """Save values with a name of either kind: there is no other memory to move them to."""
        names = *names_which_can_be_saved, *names_which_can_be_offloaded
        return checkpoint_policies.save_only_these_names(*names)

    @staticmethod
    def save_from_both_policies(first, second):
        """Save what either policy saves."""
        return _Policy("save_from_both_policies", lambda p: first(p) or second(p), first, second)


def checkpoint(fun=None, *, prevent_cse=True, policy=None, static_argnums=(), static_argnames=()):
    """The same function, whose intermediate values the backward pass computes again.

    Args:
        fun: a function of arrays and pytrees; without it, a decorator factory.
        prevent_cse: accepted as in JAX; recomputation is never merged with the forward pass.
        policy: which intermediate values are kept all the same; see `checkpoint_policies`.
        static_argnums, static_argnames: arguments that are Python values.

    >>> from fungrad import grad
    >>> grad(checkpoint(lambda x: (x * x) * x))(2.0)
    np.float64(12.0)
    """
    if fun is None:
        return partial(
            checkpoint,
            policy=policy,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    places = parameter_positions(fun)
    title = title_of("checkpoint", fun)

    @wraps(fun, assigned=("__name__", "__doc__"), updated=())
    def checkpointed(*args, **kwargs):
        if state.recording is None:
            return fun(*args, **kwargs)
        static = {n % len(args) for n in numbers if n < len(args)}
        static |= {places[name] for name in names if name in places}
        moving = {i: x for i, x in enumerate(args) if i not in static}
        leaves, tree = flatten((moving, {k: x for k, x in kwargs.items() if k not in names}))
        operands, types, weak = operands_of(leaves)

        def call(*tracers):
            moving, named = tree.unflatten(tracers)
            full = [moving.get(i, x) for i, x in enumerate(args)]
            return fun(*full, **{**kwargs, **named})

        known = None if state.recording.hides_values else known_values(operands)
        closed = close(call, types, weak, title, known)
        primitive = Checkpoint(closed.program, policy)
        results = record_closed(primitive, [*closed.captures, *operands], closed)
        return closed.tree.unflatten(finished(results, operands))

    return checkpointed


remat = checkpoint


def checkpoint_name(x, name):
    """`x` (a pytree), under a name that checkpoint policies can refer to.

    >>> checkpoint_name(2.0, "activation")
    2.0
    """
    from fungrad.core import tree as trees

    return trees.map(Named(name), x)


__all__ = ["checkpoint", "checkpoint_name", "checkpoint_policies", "remat"]
