"""Linear algebra on LAPACK: matrices in the last two axes, a loop over the batch."""

from fungrad.compiler.scalar import BOOL, INDEX, Builder, call, constant
from fungrad.compiler.statements import Return

_build = Builder()


def cholesky(build, primitive, inputs, outputs):
    """Write the factorisation of each matrix, in place of its lower triangle; 0 above it."""
    view, target = build.view(inputs[0]), build.output(outputs[0])
    n = target.shape[-1]
    _copy_lower_triangles(build, view, target)
    with build.batch(target.shape[:-2], [target]) as (pointer,):
        size = build.entry.integer(n)
        build.call_checked(
            f"potrf_{target.buffer.dtype.name}", [constant(1, INDEX), size, pointer, size]
        )


def _copy_lower_triangles(build, view, target):
    writer = build.kernel("triangle_kernel")
    x, y = writer.array(view), writer.array(target, is_written=True)
    zero = constant(0, target.buffer.dtype)

    def loops(index):
        if len(index) < len(view.shape):
            with writer.loop(writer.integer(view.shape[len(index)])) as i:
                loops((*index, i))
            return
        is_upper = call("less", BOOL, index[-2], index[-1])
        y.store(index, _build.select(is_upper, zero, x.load(*index)))

    loops(())
    build.call(writer)


def triangular_solve(build, primitive, inputs, outputs):
    """Write the solution for each matrix, in place of the right-hand sides."""
    target = build.begin(outputs[0], inputs[1])
    matrices = build.contiguous(inputs[0])
    _require_diagonals(build, matrices)
    m, n = target.shape[-2:]
    form = 2 if primitive.conjugated else 1 if primitive.transposed else 0
    dtype = target.buffer.dtype
    with build.batch(target.shape[:-2], [matrices, target]) as (a, b):
        rows, columns = build.entry.integer(m), build.entry.integer(n)
        flags = [1, 0 if primitive.upper else 1, form, 0]
        build.call_routine(
            f"trsm_{dtype.name}",
            [
                *[constant(f, INDEX) for f in flags],
                *[rows, columns, constant(1, dtype), a],
                *[build.entry.integer(max(m, 1)), b, build.entry.integer(max(n, 1))],
            ],
        )


def _require_diagonals(build, matrices):
    """Write a search for zeros on the diagonals, which make a matrix singular."""
    writer = build.kernel("diagonal_kernel")
    x = writer.array(matrices)
    writer.errors.append(build.equation.primitive)
    failed = writer.variable(constant(0, INDEX), "failed")
    batch, n = matrices.shape[:-2], matrices.shape[-1]

    def loops(index):
        if len(index) < len(batch):
            with writer.loop(writer.integer(batch[len(index)])) as i:
                loops((*index, i))
            return
        with writer.loop(writer.integer(n)) as i:
            is_zero = _build.equal(x.load(*index, i, i), constant(0, x.dtype))
            failed.set(_build.select(is_zero, constant(1, INDEX), failed.symbol))

    loops(())
    writer.write(Return(failed.symbol))
    build.call(writer)
