"""Calls of functions of functions, pytrees and segments: values from formulas."""

import numpy as np
import scipy.integrate

import fungrad
from fungrad import (
    checkpoint_policies,
    custom_derivatives,
    debug,
    flatten_util,
    ops,
    test_util,
    tree,
    tree_util,
)
from fungrad.numpy.at import AtIndex
from fungrad.scipy import integrate, optimize
from fungrad.scipy.sparse import linalg as krylov
from tests.tables.row import Table, t

TABLE = Table("fungrad", fungrad)
X = np.array([0.3, -0.7, 1.2])
V = np.array([1.0, 2.0, -1.0])


def cube(x):
    return np.sum(x**3)


TABLE.row("grad", X, by=lambda f, x: f(cube)(x), to=lambda x: 3 * x**2)
TABLE.row("value_and_grad", X, by=lambda f, x: f(cube)(x), to=lambda x: (np.sum(x**3), 3 * x**2))
for _name in "jacfwd jacrev jacobian".split():
    TABLE.row(_name, X, by=lambda f, x: f(np.sin)(x), to=lambda x: np.diag(np.cos(x)))
TABLE.row("hessian", X, by=lambda f, x: f(cube)(x), to=lambda x: np.diag(6 * x))
TABLE.row("jvp", X, V, by=lambda f, x, v: f(np.sin, (x,), (v,)),
          to=lambda x, v: (np.sin(x), np.cos(x) * v))  # fmt: skip
TABLE.row("vjp", X, V, by=lambda f, x, v: f(np.sin, x)[1](v)[0], to=lambda x, v: np.cos(x) * v)
TABLE.row("linearize", X, V, by=lambda f, x, v: f(np.sin, x)[1](v), to=lambda x, v: np.cos(x) * v)
TABLE.row("linear_transpose", X, V, by=lambda f, x, v: f(lambda y: x * y, v)(v)[0], to=np.multiply)
TABLE.row("vmap", X, V, by=lambda f, x, v: f(lambda a, b: a * b)(x, v), to=np.multiply)
TABLE.row("jit", X, by=lambda f, x: f(np.sin)(x), to=np.sin)
for _name in ("checkpoint", "remat"):
    TABLE.row(_name, X, by=lambda f, x: f(np.sin)(x), to=np.sin)
TABLE.row("disable_jit", X, by=lambda f, x: _inside(f(), fungrad.jit(np.sin), x), to=np.sin)
for _name in "debug_nans debug_infs enable_x64 log_compiles explain_cache_misses".split():
    TABLE.row(_name, X, by=lambda f, x: _inside(f(True), np.sin, x), to=np.sin, batches=False)
TABLE.row("closure_convert", X, V, by=lambda f, x, v: (lambda g, c: g(v, *c))(
    *f(lambda y: x * y, v)), to=np.multiply)  # fmt: skip
TABLE.row("pure_callback", X, by=lambda f, x: f(
    np.sin, fungrad.ShapeDtypeStruct(x.shape, float), x, vmap_method="broadcast_all"),
    to=np.sin, smooth=False)  # fmt: skip
TABLE.row("make_jaxpr", X, by=lambda f, x: len(f(np.sin)(np.ones(3)).equations), to=1, smooth=False)
TABLE.row("eval_shape", X, by=lambda f, x: f(np.sin, np.ones(3)).shape, to=(3,), smooth=False)
TABLE.row("ShapeDtypeStruct", (2, 3), float, by=lambda f, *a: f(*a).shape, to=(2, 3))
TABLE.row("typeof", X, by=lambda f, x: f(x).shape, to=(3,), smooth=False)
TABLE.row("float0", by=lambda f: f.itemsize, to=0)
TABLE.row("Array", X, by=lambda f, x: isinstance(x, f), to=True, smooth=False)
for _name in ("block_until_ready", "device_put", "device_get"):
    TABLE.row(_name, X, to=lambda x: x)
TABLE.row("effects_barrier", by=lambda f: f() is None, to=True)
TABLE.row("clear_caches", by=lambda f: f() is None, to=True, sized=False)
TABLE.row("config", by=lambda f: f.read("jax_enable_x64"), to=True)
TABLE.row("checkpoint_policies", X, by=lambda f, x: fungrad.checkpoint(
    np.sin, policy=f.nothing_saveable)(x), to=np.sin)  # fmt: skip


def _inside(context, function, x):
    with context:
        return function(x)


def _custom_jvp(f, x):
    g = f(lambda x: np.sin(x))
    g.defjvp(lambda p, t: (g(*p), np.cos(p[0]) * t[0]))
    return g(x)


def _custom_vjp(f, x):
    g = f(lambda x: np.sin(x))
    g.defvjp(lambda x: (g(x), x), lambda x, c: (np.cos(x) * c,))
    return g(x)


def _custom_gradient(f, x):
    return f(lambda x: (np.sin(x), lambda c: np.cos(x) * c))(x)


CUSTOM = Table("custom_derivatives", custom_derivatives)
for _table in (TABLE, CUSTOM):
    _table.row("custom_jvp", X, by=_custom_jvp, to=np.sin)
    _table.row("custom_vjp", X, by=_custom_vjp, to=np.sin)
    _table.row("custom_gradient", X, by=_custom_gradient, to=np.sin)
CUSTOM.row("closure_convert", X, V, by=lambda f, x, v: (lambda g, c: g(v, *c))(
    *f(lambda y: x * y, v)), to=np.multiply)  # fmt: skip

DEBUG = Table("debug", debug)
DEBUG.row("print", X, by=lambda f, x: (f("{}", x[0]), x)[1], to=lambda x: x)
DEBUG.row("callback", X, by=lambda f, x: (f(lambda v: None, x), x)[1], to=lambda x: x)

FLAT = Table("flatten_util", flatten_util)
FLAT.row("ravel_pytree", X, V, by=lambda f, x, v: f({"a": x, "b": v})[0],
         to=lambda x, v: np.concatenate([x, v]))  # fmt: skip

OPS = Table("ops", ops)
IDS = t([0, 1, 0])
for _name, _wanted in {
    "segment_sum": [1.5, -0.7], "segment_prod": [0.36, -0.7], "segment_min": [0.3, -0.7],
    "segment_max": [1.2, -0.7],
}.items():  # fmt: skip
    OPS.row(_name, X, IDS, 2, to=np.array(_wanted))

INTEGRATE = Table("scipy.integrate", integrate)
INTEGRATE.row("trapezoid", X, V, to=scipy.integrate.trapezoid)

KRYLOV = Table("scipy.sparse.linalg", krylov)
MATRIX = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 5.0]])
for _name in ("cg", "gmres", "bicgstab"):
    KRYLOV.row(_name, X, by=lambda f, b: f(MATRIX, b, tol=1e-12)[0],
               to=lambda b: np.linalg.solve(MATRIX, b))  # fmt: skip

# ---- pytrees

TREE = {"a": 2.0, "b": (3.0, 4.0)}
PAIRS = [("['a']", 2.0), ("['b'][0]", 3.0), ("['b'][1]", 4.0)]


def _shown_paths(pairs):
    return tuple((tree_util.keystr(path), leaf) for path, leaf in pairs)


#: Per function of `tree`: how it is called, and what that gives, as numbers.
PYTREES = {
    "all": (lambda f: f(TREE), True),
    "broadcast": (lambda f: tree.leaves(f({"a": 1.0, "b": 2.0}, TREE)), (1.0, 2.0, 2.0)),
    "flatten": (lambda f: tuple(f(TREE)[0]), (2.0, 3.0, 4.0)),
    "flatten_with_path": (lambda f: _numbered(f(TREE)[0]), (2.0, 3.0, 4.0)),
    "leaves": (lambda f: tuple(f(TREE)), (2.0, 3.0, 4.0)),
    "leaves_with_path": (lambda f: _numbered(f(TREE)), (2.0, 3.0, 4.0)),
    "map": (lambda f: f(lambda x: 2 * x, TREE)["b"], (6.0, 8.0)),
    "map_with_path": (lambda f: f(lambda p, x: x * len(p), TREE)["b"], (6.0, 8.0)),
    "reduce": (lambda f: f(lambda x, y: x - y, TREE), -5.0),
    "reduce_associative": (lambda f: f(lambda x, y: x + y, TREE), 9.0),
    "structure": (lambda f: f(TREE).num_leaves, 3),
    "transpose": (lambda f: f(tree.structure({"a": 0, "b": 0}), tree.structure((0, 0)),
                              {"a": (1, 2), "b": (3, 4)})[1]["b"], 4),
    "unflatten": (lambda f: f(tree.structure(TREE), [5.0, 6.0, 7.0])["b"], (6.0, 7.0)),
}  # fmt: skip


def _numbered(pairs):
    assert [(tree_util.keystr(p), x) for p, x in pairs] == PAIRS
    return tuple(x for _, x in pairs)


TREES, TREE_UTIL = Table("tree", tree), Table("tree_util", tree_util)
for _name, (_call, _wanted) in PYTREES.items():
    TREES.row(_name, by=lambda f, c=_call: c(f), to=_wanted)
    if hasattr(tree_util, f"tree_{_name}"):
        TREE_UTIL.row(f"tree_{_name}", by=lambda f, c=_call: c(f), to=_wanted)

TREES.row("static", by=lambda f: len(tree.leaves(tree.map(lambda x: x, (1.0, 2.0)))) if f else 0,
          to=2)  # fmt: skip


class Pair:
    """A class of a user, which each way of registering makes a pytree."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def tree_flatten(self):
        """The parts, and nothing else."""
        return (self.left, self.right), None

    @classmethod
    def tree_unflatten(cls, _, parts):
        """From the parts."""
        return cls(*parts)


def _registered(register):
    """The leaves of a new class after `register(class)`."""
    kind = type("Kind", (Pair,), {})
    register(kind)
    return tuple(tree.leaves(kind(1.0, 2.0)))


def _with_keys(x):
    return ((tree_util.GetAttrKey("left"), x.left), (tree_util.GetAttrKey("right"), x.right)), None


_MAKE = Pair.tree_unflatten
for _name, _register in {
    "register_pytree_node": lambda f: lambda k: f(k, k.tree_flatten, k.tree_unflatten),
    "register_pytree_node_class": lambda f: f,
    "register_pytree_with_keys": lambda f: lambda k: f(k, _with_keys, k.tree_unflatten),
}.items():
    TREE_UTIL.row(_name, by=lambda f, r=_register: _registered(r(f)), to=(1.0, 2.0))
TREE_UTIL.row("register_static", by=lambda f: len(tree.leaves(f(type("S", (Pair,), {
    "__hash__": object.__hash__, "__eq__": object.__eq__}))(1, 2))), to=0)  # fmt: skip
TREE_UTIL.row("register_dataclass", X, by=lambda f, x: tree.map(
    lambda v: 2 * v, f(type("D", (), {"__init__": lambda s, left: setattr(s, "left", left)}),
                       ["left"], [])(x)).left, to=lambda x: 2 * x)  # fmt: skip
TREE_UTIL.row("Partial", X, by=lambda f, x: f(np.multiply, 2.0)(x), to=lambda x: 2 * x)
TREE_UTIL.row("PyTreeDef", by=lambda f: isinstance(tree.structure(TREE), f), to=True)
TREE_UTIL.row("keystr", by=lambda f: f((tree_util.DictKey("a"), tree_util.SequenceKey(0))) ==
              "['a'][0]", to=True)  # fmt: skip
for _name, _argument, _shown in [
    ("DictKey", "a", "['a']"), ("GetAttrKey", "a", ".a"), ("SequenceKey", 1, "[1]"),
    ("FlattenedIndexKey", 1, "[<flat index 1>]"),
]:  # fmt: skip
    TREE_UTIL.row(_name, by=lambda f, a=_argument, s=_shown: str(f(a)) == s, to=True)
for _name in ("KeyPath", "KeyEntry"):
    TREE_UTIL.row(_name, by=lambda f: f is not None, to=True)
TREE_UTIL.row("all_leaves", by=lambda f: f([1.0, 2.0]), to=True)
TREE_UTIL.row("is_tree_node", by=lambda f: f(dict), to=True)
TREE_UTIL.row("treedef_is_leaf", by=lambda f: f(tree.structure(1.0)), to=True)
TREE_UTIL.row("treedef_children", by=lambda f: len(f(tree.structure((1, 2)))), to=2)
TREE_UTIL.row("treedef_tuple", by=lambda f: f([tree.structure(1.0)] * 2) == tree.structure((1, 2)),
              to=True)  # fmt: skip
TREE_UTIL.row("flatten_one_level", by=lambda f: len(list(f((1.0, (2.0,)))[0])), to=2)

# ---- item updates, checkpoints, minimisers, checks

AT = Table("at", AtIndex)
ROWS_AT, UPDATES = np.array([0, 2, 2]), np.array([0.5, -1.5, 2.5])


def _at(method, x, *values):
    return method(fungrad.at(x)[ROWS_AT], *values)


def _updated(ufunc):
    def update(x, values):
        y = x.copy()
        ufunc.at(y, ROWS_AT, values)
        return y

    return update


AT.row("get", X, by=_at, to=lambda x: x[ROWS_AT])
AT.row("set", X, t(0.5), by=_at, to=lambda x, v: np.array([v, x[1], v]))
for _name, _ufunc in {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "mul": np.multiply,
    "divide": np.divide, "min": np.minimum, "max": np.maximum,
}.items():  # fmt: skip
    AT.row(_name, X, UPDATES, by=_at, to=_updated(_ufunc))
AT.row("power", np.abs(X), by=lambda f, x: f(fungrad.at(x)[1:], 3.0),
       to=lambda x: np.concatenate([x[:1], x[1:] ** 3]))  # fmt: skip
AT.row("apply", X, by=lambda f, x: f(fungrad.at(x)[1:], np.sin),
       to=lambda x: np.concatenate([x[:1], np.sin(x[1:])]))  # fmt: skip

POLICIES = Table("checkpoint_policies", checkpoint_policies)
for _name in """everything_saveable nothing_saveable dots_saveable checkpoint_dots
        dots_with_no_batch_dims_saveable checkpoint_dots_with_no_batch_dims""".split():
    POLICIES.row(_name, X, by=lambda f, x: fungrad.checkpoint(np.sin, policy=f)(x), to=np.sin)
for _name in """save_only_these_names save_any_names_but_these
        save_anything_except_these_names""".split():
    POLICIES.row(_name, X, by=lambda f, x: fungrad.checkpoint(np.sin, policy=f("a"))(x), to=np.sin)
POLICIES.row("save_from_both_policies", X, by=lambda f, x: fungrad.checkpoint(np.sin, policy=f(
    checkpoint_policies.nothing_saveable, checkpoint_policies.dots_saveable))(x),
    to=np.sin)  # fmt: skip

OPTIMIZE = Table("scipy.optimize", optimize)
OPTIMIZE.row("minimize", by=lambda f: f(lambda x: ((x - V) ** 2).sum(), np.zeros(3)).x, to=V,
             tolerance=1e-5)  # fmt: skip
OPTIMIZE.row("OptimizeResults", by=lambda f: len(f._fields), to=9)

CHECKS = Table("test_util", test_util)
CHECKS.row("check_grads", by=lambda f: f(np.sin, (X,), 2) is None, to=True)
CHECKS.row("check_jvp", by=lambda f: f(np.sin, lambda p, t: fungrad.jvp(np.sin, p, t), (X,)) is None,
           to=True)  # fmt: skip
CHECKS.row("check_vjp", by=lambda f: f(np.sin, lambda *p: fungrad.vjp(np.sin, *p), (X,)) is None,
           to=True)  # fmt: skip
