"""Matrix products in parts: threads share the rows or columns of the result.

The threads of OpenBLAS wait for each other inside every product, and by turning in circles, also
for 25 ms after it: where another process takes one of their cores, a product of 1 ms takes 10.
Parts are taken by whoever is free. So SciPy's OpenBLAS (not NumPy's) works on one thread from the
first compiled product on, and products of fungrad go through the pool.
"""

import os
from functools import cache

from fungrad.compiler.language.arguments import LLVM_TYPES
from fungrad.compiler.language.parts import shared
from fungrad.compiler.products.deep_products import splitter
from fungrad.compiler.products.scipy_library import openblas
from fungrad.compiler.products.turned import UNPACKED

PARTS = 4  # of a product with a vector
#: A product has one part for each core of the machine, whatever the number of threads is: with
#: twice as many, packing the other operand for each takes 4 % of 512 x 1024 times 1024 x 1024.
_CORES = max(2, os.cpu_count() or 2)
#: What BLAS packs of the other operand is packed for every part, so a part is not thin.
_LEAST_EXTENT = 128
#: Parts of a thin product are narrow enough to be multiplied without packing (`UNPACKED`), which
#: pays: 64 x 256 times 256 x 1024, float32, one core: 79 Gflop/s at once, 109 in 32 parts. Not
#: where an operand is transposed: such kernels are slower than packing.
_LEAST_WIDTH = 16

#: Per routine: how many operations it takes (the factors), from how many on a second thread is
#: worth being woken (about 30 us), and what differs in a part that begins at %first and has the
#: length %size of %extent.
_ROUTINES = {
    "gemm": (
        ("m", "n", "k"),
        2_000_000,
        f"""
  %by_rows = icmp sgt i64 %m, %n
  %extent = select i1 %by_rows, i64 %m, i64 %n
  %other = select i1 %by_rows, i64 %n, i64 %m
  %of_each = mul i64 %other, %k
  %of_each.some = call i64 @llvm.smax.i64(i64 %of_each, i64 1)
  %fit = sdiv i64 {UNPACKED}, %of_each.some
  %zeros = call i64 @llvm.ctlz.i64(i64 %fit, i1 false)
  %shift = sub i64 63, %zeros
  %shift.some = call i64 @llvm.smax.i64(i64 %shift, i64 0)
  %parts.fine = lshr i64 %extent, %shift.some
  %parts.wide = sdiv i64 %extent, {_LEAST_EXTENT}
  %parts.two = call i64 @llvm.smax.i64(i64 %parts.wide, i64 2)
  %parts.few = call i64 @llvm.smin.i64(i64 %parts.two, i64 {_CORES})
  %parts.least = call i64 @llvm.smax.i64(i64 %parts.fine, i64 %parts.few)
  %flags = or i64 %ta, %tb
  %is_plain = icmp eq i64 %flags, 0
  %is_thin = icmp sle i64 %other, {_LEAST_EXTENT}
  %is_wide_enough = icmp sge i64 %fit, {_LEAST_WIDTH}
  %is_simple = and i1 %is_plain, %is_thin
  %is_fine = and i1 %is_simple, %is_wide_enough
  %parts = select i1 %is_fine, i64 %parts.least, i64 %parts.few""",
        """
  %m.part = select i1 %by_rows, i64 %size, i64 %m
  %n.part = select i1 %by_rows, i64 %n, i64 %size
  %a.as_is = icmp eq i64 %ta, 0
  %a.step = select i1 %a.as_is, i64 %lda, i64 1
  %a.along = select i1 %by_rows, i64 %a.step, i64 0
  %a.moved = mul i64 %a.along, %first
  %a.part = getelementptr ELEMENT, ptr %a, i64 %a.moved
  %b.as_is = icmp eq i64 %tb, 0
  %b.step = select i1 %b.as_is, i64 1, i64 %ldb
  %b.along = select i1 %by_rows, i64 0, i64 %b.step
  %b.moved = mul i64 %b.along, %first
  %b.part = getelementptr ELEMENT, ptr %b, i64 %b.moved
  %c.along = select i1 %by_rows, i64 %ldc, i64 1
  %c.moved = mul i64 %c.along, %first
  %c.part = getelementptr ELEMENT, ptr %c, i64 %c.moved""",
    ),
    "gemv": (
        ("m", "n"),
        200_000,
        f"""
  %as_is = icmp eq i64 %ta, 0
  %parts = add i64 0, {PARTS}
  %extent = select i1 %as_is, i64 %m, i64 %n""",
        """
  %m.part = select i1 %as_is, i64 %size, i64 %m
  %n.part = select i1 %as_is, i64 %n, i64 %size
  %a.step = select i1 %as_is, i64 %lda, i64 1
  %a.moved = mul i64 %a.step, %first
  %a.part = getelementptr ELEMENT, ptr %a, i64 %a.moved
  %y.moved = mul i64 %incy, %first
  %y.part = getelementptr ELEMENT, ptr %y, i64 %y.moved""",
    ),
}


_INTRINSICS = """
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.ctlz.i64(i64, i1)
"""


@cache
def has_one_thread():
    """Whether SciPy's BLAS has been told to work on one thread; not where it is no OpenBLAS."""
    library = openblas()
    if library is None:
        return False
    library.scipy_openblas_set_num_threads(1)
    return True


def is_shared(routine):
    """Whether threads share a routine. BLAS is on one thread for all the others too."""
    return has_one_thread() and routine in _ROUTINES


def dispatcher(routine, name, dtype, parameters):
    """The LLVM text of `name` and of a part of it; `name.whole` is the product by BLAS.

    `parameters` are its (LLVM type, LLVM name) pairs.
    """
    factors, worth_waking, extent, moved = _ROUTINES[routine]
    moved = moved.replace("ELEMENT", LLVM_TYPES[dtype])
    declared = ", ".join(f"{kind} {given}" for kind, given in parameters)
    of_part = ", ".join(
        f"{kind} {given}.part" if f"{given}.part =" in moved else f"{kind} {given}"
        for kind, given in parameters
    )
    part = f"""  %size = sub i64 %last, %first{moved}
  %status = call i64 @{name}.whole({of_part})"""
    is_split = routine == "gemm" and dtype in ("float32", "float64")
    otherwise = "narrow" if is_split else "whole"
    work, whole = [f"%{factor}" for factor in factors], f"@{name}.{otherwise}({declared})"
    least = worth_waking, _LEAST_EXTENT
    text = _INTRINSICS if routine == "gemm" else ""
    text += splitter(name, dtype, parameters) if is_split else ""
    return text + shared(name, parameters, work, least, whole, (extent, part), "%parts")
