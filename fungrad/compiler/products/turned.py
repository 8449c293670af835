"""Small products of rows by rows, A B^T: one operand is turned first, so that BLAS reads columns.

What OpenBLAS multiplies without packing it multiplies fast in three of four layouts; where the terms
of a sum stand side by side in both operands it adds up each element by itself: 64 x 128 times
(32 x 128)^T, float32, takes 8.4 us, of the columns of the second 5.5. Gradients in the inputs of
layers are such products. To turn the smaller operand takes a tenth of that.
"""

from fungrad.compiler.language.arguments import LLVM_TYPES
from fungrad.compiler.products.packing import Shape, turning_text

UNPACKED = 1_000_000  # so many multiplications OpenBLAS does without packing first
_LEAST_LINES = 16  # of the operand that is turned: fewer are multiplied fast as they are
_LEAST_RESULT = 1024  # elements
_MOST_ELEMENTS = 16384  # that are turned, on the stack
_LINES = 4  # that are turned at a time


def with_turned_rows(text, name, dtype, parameters):
    """The LLVM text of a gemm of that name, in which small products of rows by rows are turned.

    `parameters` are its (LLVM type, LLVM name) pairs, `text` is that of the product by BLAS.
    """
    number = LLVM_TYPES[dtype]
    shape = Shape(dtype, _LINES, _LINES, 1)
    turn = turning_text(shape).replace("define i64 @turn(", f"define internal i64 @{name}.turn(")
    text = text.replace(f"define i64 @{name}(", f"define internal i64 @{name}.blas(")
    declared = ", ".join(f"{kind} {given}" for kind, given in parameters)
    changed = {f"%{x}": f"%{x}.new" for x in ("a", "lda", "ta", "b", "ldb", "tb")}
    passed = ", ".join(f"{kind} {changed.get(given, given)}" for kind, given in parameters)
    return f"""{text}{turn}
define i64 @{name}({declared}) {{
entry:
  %a.is_by_row = icmp eq i64 %ta, 0
  %b.is_by_row = icmp eq i64 %tb, 1
  %are_rows = and i1 %a.is_by_row, %b.is_by_row
  %mn = mul i64 %m, %n
  %work = mul i64 %mn, %k
  %is_small = icmp ult i64 %work, {UNPACKED}
  %b.is_turned = icmp sle i64 %n, %m
  %lines = select i1 %b.is_turned, i64 %n, i64 %m
  %is_wide = icmp sge i64 %lines, {_LEAST_LINES}
  %is_large = icmp sge i64 %mn, {_LEAST_RESULT}
  %above = add i64 %lines, {_LINES - 1}
  %width = and i64 %above, {-_LINES}
  %elements = mul i64 %width, %k
  %has_room = icmp ult i64 %elements, {_MOST_ELEMENTS}
  %is_medium = and i1 %is_small, %is_large
  %is_fit = and i1 %is_wide, %has_room
  %is_worth = and i1 %is_medium, %is_fit
  %is_turned = and i1 %is_worth, %are_rows
  br i1 %is_turned, label %begin, label %whole
whole:
  %status = call i64 @{name}.blas({declared})
  ret i64 %status
begin:
  %turned = alloca [{_MOST_ELEMENTS} x {number}], align 64
  %source = select i1 %b.is_turned, ptr %b, ptr %a
  %step = select i1 %b.is_turned, i64 %ldb, i64 %lda
  br label %head
head:
  %j = phi i64 [0, %begin], [%j.next, %body]
  %more = icmp slt i64 %j, %lines
  br i1 %more, label %body, label %done
body:
  %left = sub i64 %lines, %j
  %from = mul i64 %j, %step
  %line = getelementptr {number}, ptr %source, i64 %from
  %to = getelementptr {number}, ptr %turned, i64 %j
  %ready = call i64 @{name}.turn(i64 %k, i64 %left, ptr %line, i64 %step, ptr %to, i64 %width)
  %j.next = add i64 %j, {_LINES}
  br label %head
done:
  %a.new = select i1 %b.is_turned, ptr %a, ptr %turned
  %lda.new = select i1 %b.is_turned, i64 %lda, i64 %width
  %ta.new = select i1 %b.is_turned, i64 0, i64 1
  %b.new = select i1 %b.is_turned, ptr %turned, ptr %b
  %ldb.new = select i1 %b.is_turned, i64 %width, i64 %ldb
  %tb.new = select i1 %b.is_turned, i64 0, i64 1
  %made = call i64 @{name}.blas({passed})
  ret i64 %made
}}
"""
