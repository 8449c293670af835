"""Solutions of equations, differentiated through the equation and not through the solver."""

from fungrad.api.closing import (
    close,
    closure_convert,
    finished,
    known_values,
    leaf_paths,
    operands_of,
    record_closed,
    with_captures_of,
)
from fungrad.api.custom_jvp import custom_jvp
from fungrad.api.products import jvp, linear_transpose
from fungrad.api.titles import title_of
from fungrad.control.linear_solve import LinearSolve
from fungrad.core import tree as trees
from fungrad.core.errors import ShapeError, TreeMismatchError
from fungrad.core.tracing import state
from fungrad.core.tree import flatten


def custom_linear_solve(matvec, b, solve, transpose_solve=None, symmetric=False, has_aux=False):
    """x with matvec(x) = b, by a solver of one's own, whose steps are not differentiated.

    The derivative is that of the solution: each mode solves one more system, with `solve` in
    forward and `transpose_solve` in reverse mode.

    Args:
        matvec: a linear function from a pytree to one of the same structure, shapes and dtypes.
        b: a pytree of arrays.
        solve: `solve(matvec, b) -> x`.
        transpose_solve: `transpose_solve(vecmat, b) -> x`, where vecmat is the transpose of matvec.
        symmetric: whether matvec is its own transpose, and `solve` serves for both.
        has_aux: whether `solve` and `transpose_solve` return (x, aux); so does this function then.

    Raises:
        TreeMismatchError, ShapeError: matvec or a solver returns something unlike b.

    >>> from fungrad import grad
    >>> import fungrad.numpy as fnp
    >>> def f(a):
    ...     return custom_linear_solve(lambda x: a * x, 6.0, lambda mv, b: b / mv(1.0), symmetric=True)
    >>> f(2.0), grad(f)(2.0)
    (3.0, np.float64(-1.5))
    """
    if symmetric and transpose_solve is None:
        transpose_solve = solve
    leaves, tree = flatten(b)
    b, types, weak = operands_of(leaves, "custom_linear_solve: b", tree)
    if state.recording is None:
        result = solve(matvec, tree.unflatten(leaves))
        _require_like(result[0] if has_aux else result, tree, types, "solve")
        return result
    title = f"custom_linear_solve of {title_of('', matvec).strip()}"
    values = known_values(b)

    def outputs_of(function, name, is_pair):
        def call(*v):
            result = function(tree.unflatten(v))
            _require_like(result[0] if is_pair else result, tree, types, name)
            return result

        return call

    product = close(outputs_of(matvec, "matvec", False), types, weak, f"matvec of {title}")
    main = outputs_of(lambda v: solve(matvec, v), "solve", has_aux)
    main = close(main, types, weak, f"solve of {title}", values)
    closed = [product]
    if transpose_solve is not None:
        example = tree.unflatten(b)

        def solve_transposed(v):
            vecmat = linear_transpose(matvec, example)
            result = transpose_solve(lambda c: vecmat(c)[0], v)
            return result[0] if has_aux else result

        call = outputs_of(solve_transposed, "transpose_solve", False)
        closed.append(close(call, types, weak, f"transpose_solve of {title}"))
    (program, product, *transposed), captures = with_captures_of(main, closed)
    primitive = LinearSolve(product, program, transposed[0] if transposed else None, len(captures))
    inputs = [*captures, *b]
    return main.tree.unflatten(finished(record_closed(primitive, inputs, main), inputs))


def _require_like(result, tree, types, name):
    """Errors unless a result has the structure and the types of the right-hand side."""
    leaves, found = flatten(result)
    if found != tree:
        raise TreeMismatchError(
            f"custom_linear_solve: {name} returned the structure {found}, b has {tree}"
        )
    _, made, _ = operands_of(leaves, f"custom_linear_solve: {name}", tree)
    for path, t, wanted in zip(leaf_paths(tree), made, types, strict=True):
        if t.shape != wanted.shape:
            raise ShapeError(f"custom_linear_solve: {name} returned {t}{path}, b has {wanted}")


def custom_root(f, initial_guess, solve, tangent_solve, has_aux=False):
    """x with f(x) = 0, by a solver of one's own, differentiated by the implicit function theorem.

    Derivatives are taken in all values that `f` closes over, in both modes, and not in the guess.

    Args:
        f: a function from a pytree to one of the same structure and shapes.
        initial_guess: where the solver begins.
        solve: `solve(f, initial_guess) -> x`.
        tangent_solve: `tangent_solve(g, y) -> x` with g(x) = y, for linear functions g.
        has_aux: whether `solve` returns (x, aux); so does this function then.

    >>> from fungrad import grad
    >>> def root(a):
    ...     newton = lambda f, x: x - f(x) / (2 * x)
    ...     return custom_root(lambda x: x * x - a, 3.0, newton, lambda g, y: y / g(1.0))
    >>> root(9.0), grad(root)(9.0)
    (3.0, np.float64(0.16666666666666666))
    """
    if state.recording is None:
        return solve(f, initial_guess)
    function, constants = closure_convert(f, initial_guess)

    def root_of(constants, guess):
        return solve(lambda x: function(x, *constants), guess)

    root = custom_jvp(root_of)

    @root.defjvp
    def root_jvp(primals, tangents):
        constants, guess = primals
        result = root(constants, guess)
        x = result[0] if has_aux else result
        _, right = jvp(lambda c: function(x, *c), (constants,), (tangents[0],))

        def of_tangents(t):
            return jvp(lambda x: function(x, *constants), (x,), (t,))[1]

        right = trees.map(lambda r: -r, right)
        dx = custom_linear_solve(of_tangents, right, tangent_solve, tangent_solve)
        if not has_aux:
            return result, dx
        return result, (dx, trees.map(lambda v: v * 0, result[1]))

    return root(constants, initial_guess)


__all__ = ["custom_linear_solve", "custom_root"]
