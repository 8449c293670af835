"""Large matrix products: operands packed as registers read them, once for all threads.

    product_float32(m, n, k, factor, a, lda, ta, b, ldb, tb, adds, c, ldc, scratch)
        C = factor op(A) op(B), added to C if `adds` is not 0, of which C is m x n, by row

One name per dtype (`NAMES` matches them); the arguments are those of `gemm` in `blas`. A stretch of
the sum is packed into `scratch`, of `scratch_size` elements: A in panels of rows, B in panels of
columns. Each tile of C, a panel of rows by a panel of columns, is summed in registers; threads
share the tiles. Two threads of BLAS on two parts of a product each pack one operand as a whole, and
a product of 512 x 1024 x 1024 in float32 takes 12 % longer.

Programs whose shapes differ in one extent, the size of a batch, shall have the same source. So two
large extents decide that a source names this routine; it leaves to `gemm` what is thin, and long
sums for few elements, of which each thread takes a part (see `deep_products`).
"""

from functools import cache

from fungrad.compiler.language import parts
from fungrad.compiler.language.arguments import Pointer, Scalar
from fungrad.compiler.products.deep_products import LEAST_TERMS, MOST_ELEMENTS
from fungrad.compiler.products.packing import Shape, copying, multiplying, turning
from fungrad.compiler.products.turned import UNPACKED

NAMES = r"\bproduct_float(?:32|64)\b"

_LEAST_EXTENT = 32
_TINY = 16  # an extent with which a product is always thin
_LARGE = 2**16  # elements of the largest of the three matrices
_LARGE_TRANSPOSED = 2**15  # the same where BLAS reads an operand across: it is 20 % slower then
_DEPTH = 384  # of a stretch: a panel of rows stays in the cache of 32 kB
#: Elements of a thin operand up to which BLAS multiplies without packing, if nothing is transposed;
#: it is ahead then: 48 x 1024 times 1024 x 256, float32, one core: 107 Gflop/s, packed 96.
_THIN = 12_500
_BLOCK = 1536  # rows and columns that are packed at a time: at most 9 MB of memory
_AT_A_TIME = 32  # multiplications that take as long as one operation of other kernels

_PRODUCT = """
def product(m, n, k, factor, a, lda, ta, b, ldb, tb, adds, c, ldc, scratch):
    least = minimum(m, n)
    is_thin = ta + tb == 0 and least * k <= THIN
    is_deep = m * n <= MOST_ELEMENTS and k >= LEAST_TERMS
    if m * n * k <= UNPACKED or minimum(least, k) < LEAST_EXTENT or is_thin or is_deep:
        return gemm(m, n, k, factor, a, lda, ta, b, ldb, tb, minimum(adds, 1), c, ldc)
    stretches = index_divide(k + (DEPTH - 1), DEPTH)
    for right in range(index_divide(n + (BLOCK - 1), BLOCK)):
        j = right * BLOCK
        width = minimum(n - j, BLOCK)
        columns = index_divide(width + (COLUMNS - 1), COLUMNS)
        for stretch in range(stretches):
            first = index_divide(k * stretch, stretches)
            depth = index_divide(k * (stretch + 1), stretches) - first
            from_b = offset(b, select(tb == 0, first * ldb + j, j * ldb + first))
            to_a = offset(scratch, columns * COLUMNS * depth)
            for left in range(index_divide(m + (BLOCK - 1), BLOCK)):
                i = left * BLOCK
                height = minimum(m - i, BLOCK)
                from_a = offset(a, select(ta == 0, i * lda + first, first * lda + i))
                new = select(left == 0, columns, 0)
                pack(height, width, depth, from_a, lda, ta, from_b, ldb, tb, to_a, scratch,
                    new, new + index_divide(height + (COLUMNS - 1), COLUMNS),
                    (height + new * COLUMNS) * depth)
                rows = index_divide(height + (ROWS - 1), ROWS)
                multiply(height, width, depth, factor, to_a, scratch, adds + stretch,
                    offset(c, i * ldc + j), ldc, rows, rows * columns,
                    index_divide(height * width, AT_A_TIME) * depth)
    return 0
"""

_PACK = """
def pack(m, n, depth, a, lda, ta, b, ldb, tb, to_a, to_b, columns, units, operations):
    for u in range(units):
        if u < columns:
            j = u * COLUMNS
            to_j = offset(to_b, j * depth)
            if tb == 0:
                copy_columns(depth, n - j, offset(b, j), ldb, to_j)
            else:
                for p in range(PANELS):
                    i = j + p * ROWS
                    if i < n:
                        turn(depth, n - i, offset(b, i * ldb), ldb, offset(to_j, p * ROWS), COLUMNS)
        else:
            for p in range(PANELS):
                i = (u - columns) * COLUMNS + p * ROWS
                if i < m:
                    to_i = offset(to_a, i * depth)
                    if ta == 0:
                        turn(depth, m - i, offset(a, i * lda), lda, to_i, ROWS)
                    else:
                        copy_rows(depth, m - i, offset(a, i), lda, to_i)
    return 0
"""

_MULTIPLY = """
def multiply(m, n, depth, factor, a, b, adds, c, ldc, rows, units, operations):
    for u in range(units):
        panel = index_divide(u, rows)
        j = panel * COLUMNS
        i = (u - panel * rows) * ROWS
        tile(depth, factor, offset(a, i * depth), offset(b, j * depth), adds,
            offset(c, i * ldc + j), ldc, m - i, n - j)
    return 0
"""


def is_used(dtype, m, n, k, is_transposed=False):
    """Whether a source names this routine for a product of these sizes."""
    if dtype.name not in ("float32", "float64") or any(x <= _TINY for x in (m, n, k)):
        return False  # asked first, so that batches of other sizes meet the next question less often
    if max(m * n, m * k, n * k) < (_LARGE_TRANSPOSED if is_transposed else _LARGE):
        return False
    return Shape.of(dtype.name) is not None


def scratch_size(dtype, m, n, k):
    """The elements of memory that a product packs its operands into."""
    shape = Shape.of(dtype.name)
    if m * n * k <= UNPACKED or min(m, n, k) < _LEAST_EXTENT:
        return 1
    padded = sum(-(-min(x, _BLOCK) // shape.columns) * shape.columns for x in (m, n))
    return padded * min(k, _DEPTH)


@cache
def routine(name):
    """The kernel of a name."""
    from fungrad.compiler.products import blas

    dtype = name.removeprefix("product_")
    shape = Shape.of(dtype)
    constants = {"ROWS": shape.rows, "COLUMNS": shape.columns, "DEPTH": _DEPTH}
    constants |= {"PANELS": shape.columns // shape.rows, "AT_A_TIME": _AT_A_TIME}
    constants |= {"BLOCK": _BLOCK, "UNPACKED": UNPACKED, "LEAST_EXTENT": _LEAST_EXTENT}
    constants |= {"THIN": _THIN, "MOST_ELEMENTS": MOST_ELEMENTS, "LEAST_TERMS": LEAST_TERMS}
    pointer, aliased, factor = Pointer(dtype), Pointer(dtype, aliased=True), Scalar(dtype)

    def arguments(names):
        kinds = {"factor": factor, "scratch": pointer}
        kinds |= dict.fromkeys(("a", "b", "c"), aliased) | dict.fromkeys(("to_a", "to_b"), pointer)
        return [kinds.get(each, Scalar("int64")) for each in names.split()]

    def built(source, name, names, kernels, in_parts=False):
        from fungrad.compiler.llvm.build import kernel

        for word, value in constants.items():
            source = source.replace(word, str(value))
        return kernel(source, name, arguments(names), kernels, effort=0, in_parts=in_parts)

    packing = {
        "copy_columns": copying(shape, "copy_columns", shape.columns),
        "copy_rows": copying(shape, "copy_rows", shape.rows),
        "turn": turning(shape),
    }
    tile = {"tile": multiplying(shape)}
    names = f"m n depth a lda ta b ldb tb to_a to_b columns units {parts.WORK}"
    pack = built(_PACK, "pack", names, packing, in_parts=True)
    names = f"m n depth factor a b adds c ldc rows units {parts.WORK}"
    multiply = built(_MULTIPLY, "multiply", names, tile, in_parts=True)
    names = "m n k factor a lda ta b ldb tb adds c ldc scratch"
    called = {"pack": pack, "multiply": multiply, "gemm": blas.routine(f"gemm_{dtype}")}
    return built(_PRODUCT, "product", names, called)
