"""BLAS and LAPACK as kernels for generated source: arguments by value, arrays by row.

`gemm_float64(m, n, k, alpha, a, lda, ta, b, ldb, tb, beta, c, ldc)` and so on, one name per routine
and dtype (`NAMES` matches them). The machine code refers to SciPy's library by symbol, never by
address, so that it can be kept on disk. For arrays stored by row:

    gemm(m, n, k, alpha, a, lda, ta, b, ldb, tb, beta, c, ldc)
        C = alpha op(A) op(B) + beta C, of which C is m x n
    gemms(count, sa, sb, sc, m, ...)
        the same for count matrices, that many elements apart
    gemv(m, n, alpha, a, lda, ta, x, incx, beta, y, incy)
        y = alpha op(A) x + beta y, of which A is m x n, and ta 0 or 1
    ger(m, n, alpha, x, incx, y, incy, a, lda)
        A = A + alpha x y^T
    dot(n, x, incx, y, incy, result)
        result[0] = the sum of x y, not conjugated
    trsm(left, lower, ta, unit, m, n, alpha, a, lda, b, ldb)
        B = alpha op(A)^-1 B, or alpha B op(A)^-1, of which B is m x n
    potrf(lower, n, a, lda)
        A = its Cholesky factor, in that triangle; status k > 0: minor k is not positive

By column, as LAPACK has it (`pivots`: int32, from 1):

    getrf(m, n, a, lda, pivots)
        P L U = A; status k > 0: U[k, k] is 0
    getrs(ta, n, nrhs, a, lda, pivots, b, ldb)
        B = op(A)^-1 B, from what getrf has left
    getri(n, a, lda, pivots, work, lwork)
        A = A^-1, from what getrf has left
    geqrf(m, n, a, lda, tau, work, lwork)
        A = R and, below its diagonal, the reflectors whose product is Q
    orgqr(m, n, k, a, lda, tau, work, lwork)
        A = the first n columns of Q, from the k reflectors that geqrf has left
    geqp3(m, n, a, lda, pivots, tau, work, lwork, rwork)
        as geqrf, of columns in the order pivots, which are 0 before
    gtsv(n, nrhs, dl, d, du, b, ldb)
        B = T^-1 B, of which the diagonals dl, d and du are overwritten
    gesdd(job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, rwork, iwork)
        U diag(s) Vh = A; job 0: s alone, 1: min(m, n) vectors, 2: all of them
    syevd(jobz, lower, n, a, lda, s, work, lwork, rwork, lrwork, iwork, liwork)
        s = the eigenvalues of a Hermitian A, which becomes their vectors if jobz is 1
    geev(jobvl, jobvr, n, a, lda, w, wi, vl, ldvl, vr, ldvr, work, lwork, rwork)
        w = the eigenvalues, real ones with imaginary parts wi; V their vectors, as LAPACK packs them
    gees(jobvs, sort, select, n, a, lda, sdim, w, wi, vs, ldvs, work, lwork, rwork, bwork)
        A = the Schur form T and VS = Z with Z T Z^H = A; with sort 0, select and bwork are not used
    trsen(job, jobvs, select, n, a, lda, vs, ldvs, w, wi, sdim, s, rwork, work, lwork, iwork,
          liwork)
        brings the chosen eigenvalues of such a form to the front
    trsyl(ta, tb, sign, m, n, a, lda, b, ldb, c, ldc, s)
        C = s[0] X with op(A) X + sign X op(B) = C, of Schur forms A and B
    gehrd(n, first, last, a, lda, tau, work, lwork)
        A = the Hessenberg form and, below it, the reflectors; first is 1 and last n
    orghr(n, first, last, a, lda, tau, work, lwork)
        A = Q, from what gehrd has left

`rwork` is for complex matrices only, `wi` for real ones. Work sizes are those of LAPACK.

`ta`, `tb`: 0 as it is, 1 transposed, 2 conjugated and transposed. Other flags are 0 or 1. A leading
dimension is at least the length of a row. Empty dimensions are allowed, and what is multiplied by
beta = 0 is not read.
"""

from functools import cache

from fungrad.compiler.execution.plan import TOO_LARGE
from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar, parameters
from fungrad.compiler.products import product_batches, product_parts, scipy_library
from fungrad.compiler.products.turned import with_turned_rows

_LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}

#: Routine: its arguments, and the Fortran call by column (of complex matrices: another one); `!`
#: turns a flag round, because an array by row is its transpose by column. A call that ends in
#: `info` returns that.
_CALLS = {
    "gemm": (
        "m n k alpha a lda ta b ldb tb beta c ldc",
        "gemm tb ta n m k alpha b ldb a lda beta c ldc",
    ),
    "gemv": (
        "m n alpha a lda ta x incx beta y incy",
        "gemv !ta n m alpha a lda x incx beta y incy",
    ),
    "ger": (
        "m n alpha x incx y incy a lda",
        "ger n m alpha y incy x incx a lda",
        "geru n m alpha y incy x incx a lda",
    ),
    "trsm": (
        "left lower ta unit m n alpha a lda b ldb",
        "trsm !left !lower ta unit n m alpha a lda b ldb",
    ),
    "potrf": ("lower n a lda", "potrf !lower n a lda info"),
    "getrf": ("m n a lda pivots", "getrf m n a lda pivots info"),
    "getrs": ("ta n nrhs a lda pivots b ldb", "getrs ta n nrhs a lda pivots b ldb info"),
    "getri": ("n a lda pivots work lwork", "getri n a lda pivots work lwork info"),
    "geqrf": ("m n a lda tau work lwork", "geqrf m n a lda tau work lwork info"),
    "orgqr": (
        "m n k a lda tau work lwork",
        "orgqr m n k a lda tau work lwork info",
        "ungqr m n k a lda tau work lwork info",
    ),
    "geqp3": (
        "m n a lda pivots tau work lwork rwork",
        "geqp3 m n a lda pivots tau work lwork info",
        "geqp3 m n a lda pivots tau work lwork rwork info",
    ),
    "gtsv": ("n nrhs dl d du b ldb", "gtsv n nrhs dl d du b ldb info"),
    "gesdd": (
        "job m n a lda s u ldu vt ldvt work lwork rwork iwork",
        "gesdd job m n a lda s u ldu vt ldvt work lwork iwork info",
        "gesdd job m n a lda s u ldu vt ldvt work lwork rwork iwork info",
    ),
    "syevd": (
        "jobz lower n a lda s work lwork rwork lrwork iwork liwork",
        "syevd jobz lower n a lda s work lwork iwork liwork info",
        "heevd jobz lower n a lda s work lwork rwork lrwork iwork liwork info",
    ),
    "gees": (
        "jobvs sort select n a lda sdim w wi vs ldvs work lwork rwork bwork",
        "gees jobvs sort select n a lda sdim w wi vs ldvs work lwork bwork info",
        "gees jobvs sort select n a lda sdim w vs ldvs work lwork rwork bwork info",
    ),
    "trsen": (
        "job jobvs select n a lda vs ldvs w wi sdim s rwork work lwork iwork liwork",
        "trsen job jobvs select n a lda vs ldvs w wi sdim s rwork work lwork iwork liwork info",
        "trsen job jobvs select n a lda vs ldvs w sdim s rwork work lwork info",
    ),
    "trsyl": (
        "ta tb sign m n a lda b ldb c ldc s",
        "trsyl ta tb sign m n a lda b ldb c ldc s info",
    ),
    "gehrd": (
        "n first last a lda tau work lwork",
        "gehrd n first last a lda tau work lwork info",
    ),
    "orghr": (
        "n first last a lda tau work lwork",
        "orghr n first last a lda tau work lwork info",
        "unghr n first last a lda tau work lwork info",
    ),
    "geev": (
        "jobvl jobvr n a lda w wi vl ldvl vr ldvr work lwork rwork",
        "geev jobvl jobvr n a lda w wi vl ldvl vr ldvr work lwork info",
        "geev jobvl jobvr n a lda w vl ldvl vr ldvr work lwork rwork info",
    ),
}

#: The letter that Fortran takes for each value of a flag.
_FLAGS = {
    **{"ta": "NTC", "tb": "NTC", "!ta": "TN", "unit": "NU", "!left": "LR", "!lower": "LU"},
    **{"lower": "UL", "job": "NSA", "jobz": "NV", "jobvl": "NV", "jobvr": "NV", "jobvs": "NV"},
    **{"sort": "NS"},
}
_LEADING = {"lda", "ldb", "ldc", "ldu", "ldvt", "ldvl", "ldvr", "ldvs", "lwork", "lrwork", "liwork"}
_SIZES = {"m", "n", "k", "nrhs", "incx", "incy", "sign", "first", "last", *_LEADING}
_INTEGERS, _REALS = {"pivots", "iwork", "select", "sdim", "bwork"}, {"s", "rwork"}

NAMES = rf"\b(?:{'|'.join(_CALLS)}|gemms|dot)_(?:{'|'.join(_LETTERS)})\b"


@cache
def routine(name):
    """The kernel of a routine, such as `gemm_float64`."""
    from fungrad.compiler.llvm.build import kernel

    called, dtype = name.rsplit("_", 1)
    effort = 0
    if called == "dot":
        effort = 3
        arguments = ["n", "x", "incx", "y", "incy", "result"]
        text = _complex_dot(name, dtype) if dtype.startswith("complex") else _dot(name, dtype)
    elif called == "gemms":
        arguments = [*product_batches.BATCH, *_CALLS["gemm"][0].split()]
        taken = [pair for a in arguments for pair in parameters(_argument(a, dtype), a)]
        one = f"i64 @{name}.one("
        text = _gemm(f"{name}.one", dtype).replace(f"define {one}", f"define internal {one}")
        has_pool = product_parts.is_shared("gemm")
        text += product_batches.batched(name, f"{name}.one", dtype, taken, has_pool)
    else:
        arguments = _CALLS[called][0].split()
        text = _gemm(name, dtype) if called == "gemm" else _text(name, called, dtype)
        if product_parts.is_shared(called):
            taken = [pair for a in arguments for pair in parameters(_argument(a, dtype), a)]
            text = text.replace(f"define i64 @{name}(", f"define internal i64 @{name}.whole(")
            text += product_parts.dispatcher(called, name, dtype, taken)
    return kernel(text, name, [_argument(a, dtype) for a in arguments], None, "llvm", effort)


def _gemm(name, dtype):
    """The LLVM text of a product of two matrices."""
    text = _text(name, "gemm", dtype)
    if dtype.startswith("complex"):
        return text
    arguments = _CALLS["gemm"][0].split()
    taken = [pair for a in arguments for pair in parameters(_argument(a, dtype), a)]
    return with_turned_rows(text, name, dtype, taken)


def _argument(name, dtype):
    if name in ("alpha", "beta"):
        return Scalar(dtype)
    if (
        name in product_batches.BATCH
        or name in _SIZES
        or name.removeprefix("!") in _FLAGS
        or name in ("left", "lower")
    ):
        return Scalar("int64")
    real = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    kind = "int32" if name in _INTEGERS else real if name in _REALS else dtype
    return Pointer(kind, aliased=True)


def _text(name, called, dtype):
    """The LLVM text of a routine: check and store the values, call Fortran, return `info`."""
    arguments, *calls = (part.split() for part in _CALLS[called])
    function, *call = calls[-1] if dtype.startswith("complex") else calls[0]
    fortran = f"@fungrad.scipy.{_LETTERS[dtype]}{function}"
    empty = _empty_product(dtype) if called == "gemv" else ""
    lines = _stored([a for a in arguments if a in _SIZES or a in ("alpha", "beta")], dtype)
    letters = []
    for flag in call:
        if flag in _FLAGS:
            own = flag.removeprefix("!")
            letters.append(f'@letters.{own} = private constant [4 x i8] c"{_FLAGS[flag]:4}"')
            lines.append(f"  %at.{own} = getelementptr i8, ptr @letters.{own}, i64 %{own}")
    passed = ", ".join(f"ptr {_place(a)}" for a in call)
    return f"""{chr(10).join(letters)}
declare void {fortran}({", ".join(["ptr"] * len(call))})
{_declared_gemm(dtype) if empty else ""}
define i64 @{name}({_parameters(arguments, dtype)}) {{
entry:
{_allocated(arguments, dtype)}
  %at.info = alloca i32
  store i32 0, ptr %at.info
{_sizes_checked(arguments)}
{chr(10).join(lines)}
{empty}
  call void {fortran}({passed})
  %info = load i32, ptr %at.info
  %status = sext i32 %info to i64
  ret i64 %status
too_large:
  ret i64 {TOO_LARGE}
}}
"""


def _dot(name, dtype):
    """A real inner product: a Fortran function, which returns its value."""
    number = LLVM_TYPES[dtype]
    arguments = ["n", "x", "incx", "y", "incy", "result"]
    fortran = f"@fungrad.scipy.{_LETTERS[dtype]}dot"
    return f"""
declare {number} {fortran}(ptr, ptr, ptr, ptr, ptr)
define i64 @{name}({_parameters(arguments, dtype)}) {{
entry:
{_allocated(arguments, dtype)}
{_sizes_checked(arguments)}
{chr(10).join(_stored(["n", "incx", "incy"], dtype))}
  %value = call {number} {fortran}(ptr %at.n, ptr %x, ptr %at.incx, ptr %y, ptr %at.incy)
  store {number} %value, ptr %result
  ret i64 0
too_large:
  ret i64 {TOO_LARGE}
}}
"""


def _complex_dot(name, dtype):
    """A loop, because C compilers do not agree on how a function returns a complex number."""
    part = "float" if dtype == "complex64" else "double"
    add, subtract = "fadd reassoc contract", "fsub reassoc contract"
    return f"""
define i64 @{name}(i64 %n, ptr %x, i64 %incx, ptr %y, i64 %incy, ptr %result) {{
entry:
  br label %head
head:
  %i = phi i64 [0, %entry], [%next, %body]
  %real = phi {part} [0.0, %entry], [%real.next, %body]
  %imag = phi {part} [0.0, %entry], [%imag.next, %body]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %ix = mul nsw i64 %i, %incx
  %iy = mul nsw i64 %i, %incy
  %xr.at = getelementptr {{{part}, {part}}}, ptr %x, i64 %ix
  %xi.at = getelementptr {part}, ptr %xr.at, i64 1
  %yr.at = getelementptr {{{part}, {part}}}, ptr %y, i64 %iy
  %yi.at = getelementptr {part}, ptr %yr.at, i64 1
  %xr = load {part}, ptr %xr.at
  %xi = load {part}, ptr %xi.at
  %yr = load {part}, ptr %yr.at
  %yi = load {part}, ptr %yi.at
  %rr = fmul contract {part} %xr, %yr
  %ii = fmul contract {part} %xi, %yi
  %ri = fmul contract {part} %xr, %yi
  %ir = fmul contract {part} %xi, %yr
  %real.half = {add} {part} %real, %rr
  %real.next = {subtract} {part} %real.half, %ii
  %imag.half = {add} {part} %imag, %ri
  %imag.next = {add} {part} %imag.half, %ir
  %next = add nsw i64 %i, 1
  br label %head
done:
  store {part} %real, ptr %result
  %imag.at = getelementptr {part}, ptr %result, i64 1
  store {part} %imag, ptr %imag.at
  ret i64 0
}}
"""


def _place(name):
    """What Fortran takes for an argument: where its value was put, or the array itself."""
    own = name.removeprefix("!")
    by_value = own in _SIZES or own in _FLAGS or own in ("left", "lower", "alpha", "beta", "info")
    return f"%at.{own}" if by_value else f"%{own}"


def _parameters(arguments, dtype):
    taken = [each for a in arguments for each in parameters(_argument(a, dtype), a)]
    return ", ".join(f"{kind} {name}" for kind, name in taken)


def _allocated(arguments, dtype):
    number = LLVM_TYPES[dtype]
    types = {**dict.fromkeys(_SIZES, "i32"), "alpha": number, "beta": number}
    return "\n".join(f"  %at.{a} = alloca {types[a]}" for a in arguments if a in types)


def _stored(values, dtype):
    """Sizes become 32-bit integers; a leading dimension is at least 1, also of an empty array."""
    lines = []
    for value in values:
        if value not in _SIZES:
            for i, (kind, name) in enumerate(parameters(Scalar(dtype), value)):
                lines.append(f"  %at.{value}.{i} = getelementptr {kind}, ptr %at.{value}, i64 {i}")
                lines.append(f"  store {kind} {name}, ptr %at.{value}.{i}")
            continue
        size = f"%{value}.least" if value in _LEADING else f"%{value}"
        if value in _LEADING:
            lines.append(f"  %{value}.some = icmp sgt i64 %{value}, 0")
            lines.append(f"  {size} = select i1 %{value}.some, i64 %{value}, i64 1")
        lines.append(f"  %{value}.int = trunc i64 {size} to i32")
        lines.append(f"  store i32 %{value}.int, ptr %at.{value}")
    return lines


def _sizes_checked(arguments):
    sizes = [a for a in arguments if a in _SIZES]
    lines = ["  %all.0 = or i64 0, 0"]
    for i, size in enumerate(sizes):
        lines.append(f"  %all.{i + 1} = or i64 %all.{i}, %{size}")
    return "\n".join(
        [
            *lines,
            f"  %small = icmp ult i64 %all.{len(sizes)}, {2**31}",
            "  br i1 %small, label %fits, label %too_large",
            "fits:",
        ]
    )


def _declared_gemm(dtype):
    return f"declare void @fungrad.scipy.{_LETTERS[dtype]}gemm({', '.join(['ptr'] * 13)})"


def _empty_product(dtype):
    """A product with an empty sum, from which `gemv` would return without applying beta."""
    gemm = f"@fungrad.scipy.{_LETTERS[dtype]}gemm"
    return f"""  %as_it_is = icmp eq i64 %ta, 0
  %inner = select i1 %as_it_is, i64 %n, i64 %m
  %outer = select i1 %as_it_is, ptr %at.m, ptr %at.n
  %is_empty = icmp eq i64 %inner, 0
  br i1 %is_empty, label %empty, label %full
empty:
  %none = alloca i32
  store i32 0, ptr %none
  %one = alloca i32
  store i32 1, ptr %one
  %as = alloca i8
  store i8 {ord("N")}, ptr %as
  call void {gemm}(ptr %as, ptr %as, ptr %one, ptr %outer, ptr %none, ptr %at.alpha, ptr %x,
    ptr %one, ptr %a, ptr %one, ptr %at.beta, ptr %y, ptr %at.incy)
  ret i64 0
full:"""


@cache
def address(name):
    """The address of SciPy's routine of that Fortran name; its BLAS is on one thread from then on."""
    product_parts.has_one_thread()
    return scipy_library.fortran(name)
