"""The innermost kernels of large matrix products: panels of operands, tiles of the result.

A panel is a part of an operand, `width` rows or columns by `depth` terms of the sum, in which the
elements of one term stand side by side. Panels at the end are narrower, but take as much room.
"""

from typing import NamedTuple

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar


class Shape(NamedTuple):
    """A tile of the result: `rows` of `vectors` of a `length`, which stay in registers."""

    dtype: str
    length: int
    rows: int
    vectors: int

    @property
    def columns(self):
        """The width of a tile."""
        return self.length * self.vectors

    @staticmethod
    def of(dtype):
        """The shape for this machine; None where it has no long vectors."""
        from fungrad.compiler.llvm.machine import vectors

        n_bytes, registers = vectors()
        if n_bytes < 32:
            return None
        return Shape(dtype, 8 * n_bytes // int(dtype[-2:]), registers // 4, 3)


_INT = Scalar("int64")


def _kernel(text, name, arguments):
    from fungrad.compiler.llvm.build import kernel

    return kernel(text, name, arguments, None, "llvm", effort=1)


def _vector(shape, length):
    """LLVM's names of a vector of a length, of its mask, and of its intrinsics."""
    return (
        f"<{length} x {LLVM_TYPES[shape.dtype]}>",
        f"<{length} x i1>",
        f"v{length}f{shape.dtype[-2:]}",
    )


def _declared(shape, length):
    v, m, s = _vector(shape, length)
    return f"""declare {v} @llvm.masked.load.{s}.p0(ptr, i32, {m}, {v})
declare void @llvm.masked.store.{s}.p0({v}, ptr, i32, {m})
declare {v} @llvm.fma.{s}({v}, {v}, {v})
"""


def _splat(name, kind, value, length):
    """The instructions of a vector of one value."""
    wide = f"<{length} x {kind}>"
    return f"""  %{name}.0 = insertelement {wide} poison, {kind} {value}, i32 0
  %{name} = shufflevector {wide} %{name}.0, {wide} poison, <{length} x i32> zeroinitializer"""


def _mask(name, lanes, length):
    """The instructions of a mask of the first lanes."""
    steps = ", ".join(f"i64 {i}" for i in range(length))
    return f"""{_splat(f"{name}.wide", "i64", lanes, length)}
  %{name} = icmp slt <{length} x i64> <{steps}>, %{name}.wide"""


# ---- panels


def copying(shape, name, width):
    """The kernel `name(depth, left, x, step, y)`: y[k*width + j] = x[k*step + j], j < width, left.

    What lies beyond the end is 0.
    """
    length = min(shape.length, width)
    v, m, s = _vector(shape, length)
    number = LLVM_TYPES[shape.dtype]
    masks, moves = [], []
    for i in range(width // length):
        masks.append(f"  %left{i} = sub nsw i64 %left, {i * length}")
        masks.append(_mask(f"mask{i}", f"%left{i}", length))
        moves.append(f"""  %x{i} = getelementptr {number}, ptr %x.k, i64 {i * length}
  %v{i} = call {v} @llvm.masked.load.{s}.p0(ptr %x{i}, i32 4, {m} %mask{i}, {v} zeroinitializer)
  %y{i} = getelementptr {number}, ptr %y.k, i64 {i * length}
  store {v} %v{i}, ptr %y{i}, align 4""")
    newline = "\n"
    text = f"""{_declared(shape, length)}
define i64 @{name}(i64 %depth, i64 %left, ptr %x, i64 %step, ptr noalias %y) {{
entry:
{newline.join(masks)}
  br label %head
head:
  %k = phi i64 [0, %entry], [%k.next, %body]
  %more = icmp slt i64 %k, %depth
  br i1 %more, label %body, label %done
body:
  %from = mul nsw i64 %k, %step
  %x.k = getelementptr {number}, ptr %x, i64 %from
  %to = mul nsw i64 %k, {width}
  %y.k = getelementptr {number}, ptr %y, i64 %to
{newline.join(moves)}
  %k.next = add nsw i64 %k, 1
  br label %head
done:
  ret i64 0
}}"""
    return _kernel(text, name, _panel_arguments(shape))


def _panel_arguments(shape):
    return _INT, _INT, Pointer(shape.dtype, aliased=True), _INT, Pointer(shape.dtype)


def turning(shape):
    """The kernel `turn(depth, left, x, step, y, width)`: y[k*width + j] = x[j*step + k], j < left.

    It is for a panel of `shape.rows`, or for as many lines of a wider one: squares of that size
    are exchanged in registers. What lies beyond the end is a copy of the last line.
    """
    return _kernel(turning_text(shape), "turn", (*_panel_arguments(shape), _INT))


def turning_text(shape):
    """The text of that kernel."""
    size, number = shape.rows, LLVM_TYPES[shape.dtype]
    lines, singles = [], []
    for j in range(size):
        lines.append(f"""  %in{j} = icmp sgt i64 %left, {j}
  %j{j} = select i1 %in{j}, i64 {j}, i64 %last
  %from{j} = mul nsw i64 %j{j}, %step
  %x{j} = getelementptr {number}, ptr %x, i64 %from{j}""")
        singles.append(f"""  %x{j}.r = getelementptr {number}, ptr %x{j}, i64 %r
  %r{j} = load {number}, ptr %x{j}.r
  %y{j}.r = getelementptr {number}, ptr %y.r, i64 {j}
  store {number} %r{j}, ptr %y{j}.r""")
    newline = "\n"
    return f"""
define i64 @turn(i64 %depth, i64 %left, ptr %x, i64 %step, ptr noalias %y, i64 %width) {{
entry:
  %last = sub nsw i64 %left, 1
{newline.join(lines)}
  %squares = sdiv i64 %depth, {size}
  br label %head
head:
  %n = phi i64 [0, %entry], [%n.next, %body]
  %k = mul nsw i64 %n, {size}
  %more = icmp slt i64 %n, %squares
  br i1 %more, label %body, label %rest
body:
{_square(shape)}
  %n.next = add nsw i64 %n, 1
  br label %head
rest:
  %r = phi i64 [%k, %head], [%r.next, %single]
  %more.r = icmp slt i64 %r, %depth
  br i1 %more.r, label %single, label %done
single:
  %to.r = mul nsw i64 %r, %width
  %y.r = getelementptr {number}, ptr %y, i64 %to.r
{newline.join(singles)}
  %r.next = add nsw i64 %r, 1
  br label %rest
done:
  ret i64 0
}}"""


def _square(shape):
    """The instructions that exchange rows and columns of a square at column k of its lines.

    Lines i and i + size/2 are merged, again and again (see `lanes`).
    """
    size, (vector, _, _) = shape.rows, _vector(shape, shape.rows)
    number, half, turn = LLVM_TYPES[shape.dtype], size // 2, 0
    lines = []
    for i in range(size):
        lines.append(f"""  %s{i} = getelementptr {number}, ptr %x{i}, i64 %k
  %v0.{i} = load {vector}, ptr %s{i}, align 4""")
    for turn in range(size.bit_length() - 1):
        for i in range(size):
            start = (i % 2) * half
            picked = [k for j in range(start, start + half) for k in (j, j + size)]
            mask = ", ".join(f"i32 {k}" for k in picked)
            lines.append(
                f"  %v{turn + 1}.{i} = shufflevector {vector} %v{turn}.{i // 2}, "
                f"{vector} %v{turn}.{i // 2 + half}, <{size} x i32> <{mask}>"
            )
    for i in range(size):
        lines.append(f"""  %k{i} = add nsw i64 %k, {i}
  %to{i} = mul nsw i64 %k{i}, %width
  %t{i} = getelementptr {number}, ptr %y, i64 %to{i}
  store {vector} %v{turn + 1}.{i}, ptr %t{i}, align 4""")
    return "\n".join(lines)


# ---- tiles


def multiplying(shape):
    """The kernel `tile(depth, factor, a, b, adds, c, ldc, rows, columns)`.

    c[i*ldc + j] = factor times the sum over k < depth of a[k*shape.rows + i] b[k*shape.columns +
    j], added to c if `adds` is not 0, for i below `rows` and j below `columns`. Where there are
    fewer columns than in the shape, vectors that are empty are left out.
    """
    number = LLVM_TYPES[shape.dtype]
    taken = f"i64 %depth, {number} %factor, ptr noalias %a, ptr noalias %b, i64 %adds, "
    taken += "ptr noalias %c, i64 %ldc, i64 %rows, i64 %columns"
    cases = [_tile(shape, count, taken) for count in range(1, shape.vectors + 1)]
    text = [_declared(shape, shape.length), "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"]
    text += [*cases, f"define i64 @tile({taken}) {{", "entry:"]
    for count in range(1, shape.vectors):
        text.append(f"""  %fit{count} = icmp sle i64 %columns, {shape.length * count}
  br i1 %fit{count}, label %with{count}, label %beyond{count}
beyond{count}:""")
    text.append(f"  br label %with{shape.vectors}")
    for count in range(1, shape.vectors + 1):
        text.append(f"""with{count}:
  %status{count} = call i64 @tile.{count}({taken.replace("noalias ", "")})
  ret i64 0""")
    pointer = Pointer(shape.dtype)
    kinds = _INT, Scalar(shape.dtype), pointer, pointer, _INT, pointer, _INT, _INT, _INT
    return _kernel("\n".join([*text, "}"]), "tile", kinds)


def _tile(shape, count, taken):
    """The function for so many vectors per row; of the last one, some lanes may be beyond."""
    number, length = LLVM_TYPES[shape.dtype], shape.length
    v, m, s = _vector(shape, length)
    newline = "\n"
    cells = [(i, j) for i in range(shape.rows) for j in range(count)]
    places = []
    for i in range(shape.rows):
        places.append(f"""  %row{i} = mul nsw i64 %ldc, {i}
  %c{i}.0 = getelementptr {number}, ptr %c, i64 %row{i}
  call void @llvm.prefetch.p0(ptr %c{i}.0, i32 1, i32 3, i32 1)""")
        for j in range(1, count):
            places.append(f"""  %c{i}.{j} = getelementptr {number}, ptr %c{i}.0, i64 {j * length}
  call void @llvm.prefetch.p0(ptr %c{i}.{j}, i32 1, i32 3, i32 1)""")
    sums = [
        f"  %d{i}.{j} = phi {v} [zeroinitializer, %entry], [%e{i}.{j}, %turn]" for i, j in cells
    ]
    turn = []
    for j in range(count):
        turn.append(f"""  %b{j}.at = getelementptr {number}, ptr %b.k, i64 {j * length}
  %b{j} = load {v}, ptr %b{j}.at, align 4""")
    for i in range(shape.rows):
        turn.append(f"""  %a{i}.at = getelementptr {number}, ptr %a.k, i64 {i}
  %a{i} = load {number}, ptr %a{i}.at
{_splat(f"w{i}", number, f"%a{i}", length)}""")
        for j in range(count):
            turn.append(
                f"  %e{i}.{j} = call {v} @llvm.fma.{s}({v} %w{i}, {v} %b{j}, {v} %d{i}.{j})"
            )
    rows = []
    for i in range(shape.rows):
        rows.append(f"""  %is.row{i} = icmp sgt i64 %rows, {i}
  br i1 %is.row{i}, label %row.{i}, label %done
row.{i}:""")
        for j in range(count):
            read, written = ("%some", "%last") if j == count - 1 else ("%all", "%every")
            rows.append(f"""  %old{i}.{j} = call {v} @llvm.masked.load.{s}.p0(ptr %c{i}.{j}, i32 4,
    {m} {read}, {v} zeroinitializer)
  %new{i}.{j} = call {v} @llvm.fma.{s}({v} %e{i}.{j}, {v} %scale, {v} %old{i}.{j})
  call void @llvm.masked.store.{s}.p0({v} %new{i}.{j}, ptr %c{i}.{j}, i32 4, {m} {written})""")
    true = ", ".join(["i1 true"] * length)
    return f"""
define internal i64 @tile.{count}({taken}) {{
entry:
{newline.join(places)}
  br label %turn
turn:
  %k = phi i64 [0, %entry], [%k.next, %turn]
{newline.join(sums)}
  %k.a = mul nsw i64 %k, {shape.rows}
  %k.b = mul nsw i64 %k, {shape.columns}
  %a.k = getelementptr {number}, ptr %a, i64 %k.a
  %b.k = getelementptr {number}, ptr %b, i64 %k.b
{newline.join(turn)}
  %k.next = add nsw i64 %k, 1
  %more = icmp slt i64 %k.next, %depth
  br i1 %more, label %turn, label %summed
summed:
  %lanes = sub nsw i64 %columns, {(count - 1) * length}
{_mask("last", "%lanes", length)}
  %every = or {m} %last, <{true}>
  %is.added = icmp ne i64 %adds, 0
{_splat("all", "i1", "%is.added", length)}
  %some = and {m} %all, %last
{_splat("scale", number, "%factor", length)}
{newline.join(rows)}
  br label %done
done:
  ret i64 0
}}"""
