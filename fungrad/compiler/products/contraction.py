"""Contractions on BLAS or by tiles: transposes are flags, slices strides, batches loops.

Labels fall into batch, left, right and contracted ones. Where the axes of a group lie next to each
other in memory they count as one axis, and the operands are matrices; else an operand is packed.
"""

from itertools import pairwise

from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.views import View
from fungrad.compiler.moves.copy import contiguous, copy
from fungrad.compiler.products import packed
from fungrad.core.record import record

#: Products of more operations are shared by threads each by itself: see `product_parts`.
_SHARED_ALONE = 2_000_000


@record(frozen=True)
class _Matrix:
    """One matrix of a batch: element (i, j) of matrix b at b*batch + i*row + j*column."""

    view: View
    batch: tuple  # strides, one per batch label
    row: int
    column: int


def contract(build, primitive, inputs, outputs):
    """Write the calls of a contraction."""
    x, y = (build.view(v) for v in inputs)
    Product(build, primitive, x, y, build.output(outputs[0])).write()


def add_product(build, primitive, inputs, outputs):
    """Write a copy of the total, unless it dies, and calls that add the product to it."""
    target = build.begin(outputs[0], inputs[0])
    x, y = (build.view(v) for v in inputs[1:])
    factor = -1 if primitive.is_subtracted else 1
    Product(build, primitive.product, x, y, target, True, factor).write()


class Product:
    """The product of two views under the labels of a contraction, written to or added to a view."""

    def __init__(self, build, primitive, x, y, target, is_added=False, factor=1):
        self.build, self.entry = build, build.entry
        self.primitive = primitive
        self.x, self.y, self.target = x, y, target
        self.is_added, self.factor = is_added, factor
        groups = primitive.groups
        place = primitive.out.index
        self.batch = tuple(sorted(groups.batch, key=place))
        self.left = tuple(sorted(groups.left, key=place))
        self.right = tuple(sorted(groups.right, key=place))
        self.contracted = groups.contracted
        self.sizes = dict(zip(primitive.left, x.shape, strict=True))
        self.sizes.update(zip(primitive.right, y.shape, strict=True))
        self.dtype = target.buffer.dtype
        self.steps = None  # of the batch that one call multiplies

    def size(self, labels):
        """The product of the sizes of labels."""
        size = 1
        for i in labels:
            size *= self.sizes[i]
        return size

    def write(self):
        """Write packing, the loop over the batch, the products, and the copy of the result."""
        p = self.primitive
        x = self._matrix(self.x, p.left, self.left, self.contracted)
        y = self._matrix(self.y, p.right, self.contracted, self.right)
        z = self._joined(self.target, p.out, self.left, self.right)
        if z is None or 1 not in (z.row, z.column):
            made = (*self.batch, *self.left, *self.right)
            shape = tuple([self.sizes[i] for i in made])
            temporary = self.build.temporary(self.dtype, shape)
            z = self._joined(temporary, made, self.left, self.right)
            order = [made.index(i) for i in p.out]
            strides = tuple([temporary.strides[a] for a in order])
            moved = View(temporary.buffer, 0, self.target.shape, strides)
            if self.is_added:
                copy(self.entry, self.target, moved)
            self._loop(x, y, z)
            copy(self.entry, moved, self.target)
            return
        self._loop(x, y, z)

    @property
    def reads_left(self):
        """Whether the left operand is read where it stands, without a copy."""
        return self._readable(self.x, self.primitive.left, self.left, self.contracted) is not None

    # ---- operands as matrices

    def _matrix(self, view, labels, rows, columns):
        """The operand as matrices that BLAS can read, packed if it must be."""
        matrix = self._readable(view, labels, rows, columns)
        if matrix is not None:
            return matrix
        order = (*self.batch, *rows, *columns)
        axes = [labels.index(i) for i in order]
        moved = View(
            view.buffer,
            view.offset,
            tuple([view.shape[a] for a in axes]),
            tuple([view.strides[a] for a in axes]),
        )
        return self._joined(contiguous(self.entry, moved), order, rows, columns)

    def _readable(self, view, labels, rows, columns):
        matrix = self._joined(view, labels, rows, columns)
        if matrix is not None and self._is_readable(matrix, self.size(rows), self.size(columns)):
            return matrix
        return None

    def _is_readable(self, matrix, rows, columns):
        if matrix.column == 1 or columns == 1:
            return rows == 1 or matrix.row >= columns
        return (matrix.row == 1 or rows == 1) and matrix.column >= rows

    def _joined(self, view, labels, rows, columns):
        """The view as matrices with one stride per group of axes, or None."""
        strides = dict(zip(labels, view.strides, strict=True))
        row, column = self._stride(rows, strides), self._stride(columns, strides)
        if row is None or column is None:
            return None
        return _Matrix(view, tuple([strides[i] for i in self.batch]), row, column)

    def _stride(self, labels, strides):
        """The stride of a group of axes as one axis, or None if they cannot be joined."""
        wide = [i for i in labels if self.sizes[i] != 1]
        for i, j in pairwise(wide):
            if strides[i] != strides[j] * self.sizes[j]:
                return None
        return strides[wide[-1]] if wide else 1

    # ---- calls

    def _loop(self, x, y, z, index=()):
        steps = self._steps(x, y, z, len(index))
        if len(index) == len(self.batch) or steps is not None:
            self.steps = steps
            self._product(*[self._pointer(m, index) for m in (x, y, z)], x, y, z)
            return
        with self.entry.loop(self.entry.integer(self.sizes[self.batch[len(index)]])) as i:
            self._loop(x, y, z, (*index, i))

    def _steps(self, x, y, z, looped):
        """How many small matrices one call multiplies, and how far apart they are; or None.

        These are the matrices of all batch axes but the first `looped`, if their memory allows it.
        """
        batch = self.batch[looped:]
        work = self.size(self.left) * self.size(self.right) * self.size(self.contracted)
        is_vector = 1 in (self.size(self.left), self.size(self.right))
        if self.size(batch) < 2 or work > _SHARED_ALONE or is_vector:
            return None
        for split in range(len(batch)):
            outer, inner = batch[:split], batch[split:]
            near, far = (self._distances(labels, (x, y, z)) for labels in (inner, outer))
            if None not in (*near, *far):
                return self.size(batch), self.size(inner), near, far
        return None

    def _distances(self, labels, matrices):
        """How far apart the matrices of some batch axes stand; None where that is not one number."""
        strides = [dict(zip(self.batch, m.batch, strict=True)) for m in matrices]
        return [self._stride(labels, each) for each in strides]

    def _pointer(self, matrix, index):
        """The text of a pointer to one matrix of the batch."""
        view = matrix.view
        position = constant(0, INDEX)
        for i, stride in zip(index, matrix.batch, strict=False):
            position = position + i * self.entry.integer(stride)
        if position.is_constant:
            return self.entry.pointer(view.buffer, view.offset)
        position = position + self.entry.integer(view.offset)
        return self.entry.part(view.buffer, position, view.buffer.size, "matrix").name

    def _product(self, a, b, c, x, y, z):
        m, n = self.size(self.left), self.size(self.right)
        k = self.size(self.contracted)
        if n == 1:
            self._matrix_vector(a, b, c, x, y, z, m, k)
        elif m == 1:
            transposed = _Matrix(y.view, y.batch, y.column, y.row)
            vector = _Matrix(x.view, x.batch, x.column, x.row)
            result = _Matrix(z.view, z.batch, z.column, z.row)
            self._matrix_vector(b, a, c, transposed, vector, result, n, k)
        elif z.column == 1:
            self._matrix_matrix(a, b, c, (m, n, k), x, y, z.row)
        else:
            flipped = [_Matrix(q.view, q.batch, q.column, q.row) for q in (y, x)]
            if self.steps is not None:
                count, inner, *steps = self.steps
                self.steps = count, inner, *[(b, a, c) for a, b, c in steps]
            self._matrix_matrix(b, a, c, (n, m, k), *flipped, z.column)

    def _matrix_matrix(self, a, b, c, sizes, x, y, leading):
        m, n, k = sizes
        steps, layouts = [], (self._layout(x, m, k), self._layout(y, k, n))
        is_transposed = any(flag.attribute for _, flag in layouts)
        if self.steps is None and packed.is_used(self.dtype, m, n, k, is_transposed):
            self._packed_product(a, b, c, sizes, x, y, leading)
            return
        if self.steps is not None:
            count, inner, near, far = self.steps
            steps = [self._integer(n) for n in (count, inner, *near, *far)]
        self._call(
            "gemms" if steps else "gemm",
            steps,
            [self._integer(m), self._integer(n), self._integer(k), self._number(self.factor)],
            [a, *layouts[0], b, *layouts[1]],
            [self._number(int(self.is_added)), c, self._leading(leading, n)],
        )

    def _packed_product(self, a, b, c, sizes, x, y, leading):
        m, n, k = sizes
        scratch = self.build.temporary(self.dtype, (packed.scratch_size(self.dtype, m, n, k),))
        self._call(
            "product",
            [*map(self._integer, sizes), self._number(self.factor)],
            [a, *self._layout(x, m, k), b, *self._layout(y, k, n)],
            [constant(int(self.is_added), INDEX), c, self._leading(leading, n)],
            [self.entry.pointer(scratch.buffer, scratch.offset)],
        )

    def _matrix_vector(self, a, b, c, x, y, z, m, k):
        leading, is_transposed = self._layout(x, m, k)
        rows, columns = (k, m) if is_transposed.attribute else (m, k)
        self._call(
            "gemv",
            [self._integer(rows), self._integer(columns), self._number(self.factor)],
            [a, leading, is_transposed, b, self._step(y.row, k)],
            [self._number(int(self.is_added)), c, self._step(z.row, m)],
        )

    def _layout(self, matrix, rows, columns):
        """The leading dimension, and whether rows and columns are exchanged."""
        if matrix.column == 1 or columns == 1:
            return self._leading(matrix.row, columns), constant(0, INDEX)
        return self._leading(matrix.column, rows), constant(1, INDEX)

    def _leading(self, stride, columns):
        return self._integer(max(stride, columns, 1))

    def _step(self, stride, size):
        return self._integer(stride if size > 1 else 1)

    def _integer(self, value):
        return self.entry.integer(value)

    def _number(self, value):
        return constant(value, self.dtype)

    def _call(self, function, *arguments):
        flat = [a for part in arguments for a in part]
        self.build.call_routine(f"{function}_{self.dtype.name}", flat)
