"""Spectra of signals: short-time Fourier transforms and averaged periodograms.

A signal is cut into segments that overlap; each is freed of its trend, weighted by a window and
transformed. P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra",
IEEE Transactions on Audio and Electroacoustics 15, 1967.
"""

from dataclasses import dataclass

import numpy as np

from fungrad import numpy as fnp
from fungrad.core.errors import ShapeError
from fungrad.numpy import fft
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axis


def detrend(data, axis=-1, type="linear", bp=0, overwrite_data=None):
    """The data without its mean ("constant") or its least-squares line ("linear") along an axis.

    `bp` are the places where one line ends and the next begins. `overwrite_data` is accepted and
    has no effect.

    >>> detrend(np.array([1.0, 2.0, 3.0, 4.0])).round(6) + 0.0
    array([0., 0., 0., 0.])
    """
    if type not in ("constant", "linear"):
        raise ValueError(f"detrend: type must be 'constant' or 'linear', got {type!r}")
    data = operand(data)
    axis = normalize_axis(axis, data.ndim)
    if type == "constant":
        return data - fnp.mean(data, axis, keepdims=True)
    n = data.shape[axis]
    ends = sorted({0, *np.atleast_1d(bp).tolist(), n})
    if ends[0] < 0 or ends[-1] > n:
        raise ValueError(f"detrend: bp={bp!r} must lie between 0 and the size {n} of axis {axis}")
    rows = fnp.moveaxis(data, axis, -1)
    parts = []
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        line = np.stack([np.ones(end - start), np.arange(1, end - start + 1) / (end - start)])
        basis = np.linalg.qr(line.T)[0].astype(fnp.result_type(data, np.float32))
        part = rows[..., start:end]
        parts.append(part - (part @ basis) @ basis.T)
    return fnp.moveaxis(fnp.concatenate(parts, -1), -1, axis)


def stft(
    x,
    fs=1.0,
    window="hann",
    nperseg=256,
    noverlap=None,
    nfft=None,
    detrend=False,
    return_onesided=True,
    boundary="zeros",
    padded=True,
    axis=-1,
    scaling="spectrum",
):
    """The short-time Fourier transform: (frequencies, times, values).

    Args:
        x: a signal, real or complex, along `axis`.
        fs: samples per unit of time.
        window: a name or tuple for `scipy.signal.get_window`, or an array of shape (nperseg,).
        nperseg: samples in a segment; noverlap: how many of them it shares with the next, half
            of it by default; nfft: size of the transform, at least nperseg.
        detrend: False, "constant" or "linear", or a function of the segments.
        return_onesided: no negative frequencies, for a real signal.
        boundary: how the signal is continued by half a segment at both ends: "zeros", "even",
            "odd", "constant" or None.
        padded: whether zeros are appended so that the last segment is full.
        scaling: "spectrum" or "psd".

    The axis of `x` becomes that of the frequencies; the times come last.

    >>> f, t, z = stft(np.sin(np.arange(32.0)), nperseg=8)
    >>> f.shape, t.shape, z.shape
    ((5,), (9,), (5, 9))
    """
    plan = _Plan.of("stft", x, fs, window, nperseg, noverlap, nfft, return_onesided)
    x = fnp.moveaxis(operand(x), axis, -1)
    half = plan.segment // 2
    if boundary is not None:
        x = _continued(x, half, boundary)
    if padded:
        missing = -(x.shape[-1] - plan.segment) % plan.step % plan.segment
        x = fnp.concatenate([x, fnp.zeros((*x.shape[:-1], missing), x.dtype)], -1)
    scale = fnp.sqrt(plan.scale(scaling))
    values = plan.transformed(x, detrend) * scale
    times = np.arange(plan.segment / 2, x.shape[-1] - plan.segment / 2 + 1, plan.step) / fs
    if boundary is not None:
        times = times - plan.segment / 2 / fs
    return plan.frequencies(), times, _placed(values, axis)


def istft(
    Zxx,
    fs=1.0,
    window="hann",
    nperseg=None,
    noverlap=None,
    nfft=None,
    input_onesided=True,
    boundary=True,
    time_axis=-1,
    freq_axis=-2,
    scaling="spectrum",
):
    """The signal of a short-time Fourier transform: (times, values).

    Arguments as those of `stft`; segments are added with the weights that undo the window.

    >>> x = np.sin(np.arange(32.0))
    >>> _, y = istft(stft(x, nperseg=8)[2], nperseg=8)
    >>> np.allclose(x, y)
    True
    """
    z = fnp.moveaxis(operand(Zxx), (freq_axis, time_axis), (-1, -2))
    size = 2 * (z.shape[-1] - 1) if input_onesided else z.shape[-1]
    segment = size if nperseg is None else int(nperseg)
    nfft = nfft or (segment if input_onesided and segment == size + 1 else size)
    plan = _Plan(
        fs,
        segment,
        segment // 2 if noverlap is None else int(noverlap),
        nfft,
        input_onesided,
        _window("istft", window, segment, z.dtype),
    )
    rows = (fft.irfft(z, nfft) if input_onesided else fft.ifft(z, nfft))[..., :segment]
    places = plan.places(plan.segment + (z.shape[-2] - 1) * plan.step)
    length = int(places[-1, -1]) + 1
    weight = fnp.at(fnp.zeros(length, plan.window.dtype))[places].add(plan.window**2)
    rows = rows * plan.window / fnp.sqrt(plan.scale(scaling))
    total = fnp.at(fnp.zeros((*rows.shape[:-2], length), rows.dtype))[..., places].add(rows)
    if boundary:
        inner = slice(segment // 2, length - segment // 2)
        total, weight = total[..., inner], weight[inner]
    values = total / fnp.where(weight > 1e-10, weight, 1.0)
    times = np.arange(values.shape[-1]) / fs
    if values.ndim > 1 and freq_axis % np.ndim(Zxx) < time_axis % np.ndim(Zxx):
        time_axis = time_axis % np.ndim(Zxx) - 1
    return times, fnp.moveaxis(values, -1, time_axis) if values.ndim > 1 else values


def csd(
    x,
    y,
    fs=1.0,
    window="hann",
    nperseg=None,
    noverlap=None,
    nfft=None,
    detrend="constant",
    return_onesided=True,
    scaling="density",
    axis=-1,
    average="mean",
):
    """The cross power spectral density of two signals by Welch's method: (frequencies, values).

    Arguments as those of `stft`; `scaling` is "density" or "spectrum", `average` "mean" or
    "median". The shorter signal is continued with zeros; other axes are broadcast.

    >>> f, p = csd(np.sin(np.arange(64.0)), np.cos(np.arange(64.0)), nperseg=16)
    >>> f.shape, p.dtype
    ((9,), dtype('complex128'))
    """
    is_same = y is None or y is x
    x = fnp.moveaxis(operand(x), axis, -1)
    y = x if is_same else fnp.moveaxis(operand(y), axis, -1)
    n = max(x.shape[-1], y.shape[-1])
    if not is_same:
        x, y = _extended(x, n), _extended(y, n)
    one_sided = return_onesided and x.dtype.kind != "c" and y.dtype.kind != "c"
    plan = _Plan.of("csd", x, fs, window, nperseg, noverlap, nfft, one_sided)
    first = plan.transformed(x, detrend)
    second = first if is_same else plan.transformed(y, detrend)
    power = fnp.conjugate(first) * second * plan.scale(scaling)
    if one_sided:
        last = None if plan.nfft % 2 else -1
        doubled = np.ones(power.shape[-1])
        doubled[1:last] = 2
        power = power * doubled.astype(power.real.dtype)
    values = _averaged(power, average)
    if is_same:
        values = values.real
    return plan.frequencies(), fnp.moveaxis(values, -1, axis)


def welch(
    x,
    fs=1.0,
    window="hann",
    nperseg=None,
    noverlap=None,
    nfft=None,
    detrend="constant",
    return_onesided=True,
    scaling="density",
    axis=-1,
    average="mean",
):
    """The power spectral density of a signal by Welch's method: (frequencies, values).

    Arguments as those of `csd`.

    >>> f, p = welch(np.sin(2 * np.pi * 0.25 * np.arange(256.0)), nperseg=64)
    >>> f[np.argmax(p)]
    np.float64(0.25)
    """
    return csd(
        x,
        None,
        fs,
        window,
        nperseg,
        noverlap,
        nfft,
        detrend,
        return_onesided,
        scaling,
        axis,
        average,
    )


@dataclass(frozen=True)
class _Plan:
    """How a signal is cut and transformed: sizes in samples, `fs` samples per unit of time."""

    fs: float
    segment: int
    overlap: int
    nfft: int
    is_one_sided: bool
    window: object

    @classmethod
    def of(cls, name, x, fs, window, nperseg, noverlap, nfft, is_one_sided):
        x = operand(x)
        if nperseg is None:
            given = not isinstance(window, str | tuple)
            nperseg = np.shape(window)[0] if given else min(256, x.shape[-1])
        segment = int(nperseg)
        overlap = segment // 2 if noverlap is None else int(noverlap)
        nfft = segment if nfft is None else int(nfft)
        if segment < 1 or overlap >= segment or nfft < segment:
            raise ValueError(
                f"{name} needs 1 <= nperseg, noverlap < nperseg <= nfft; got nperseg={segment}, "
                f"noverlap={overlap}, nfft={nfft}"
            )
        is_one_sided = is_one_sided and x.dtype.kind != "c"
        window = _window(name, window, segment, x.dtype)
        return cls(fs, segment, overlap, nfft, is_one_sided, window)

    @property
    def step(self):
        """Samples from the beginning of a segment to that of the next."""
        return self.segment - self.overlap

    def places(self, length):
        """The samples of every segment, shape (segments, samples)."""
        if length < self.segment:
            raise ShapeError(
                f"a signal of {length} samples is shorter than a segment of {self.segment}; give "
                "a smaller nperseg"
            )
        starts = np.arange(0, length - self.segment + 1, self.step)
        return starts[:, None] + np.arange(self.segment)

    def transformed(self, x, trend):
        """The transforms of the segments of a signal, shape (..., segments, frequencies)."""
        rows = x[..., self.places(x.shape[-1])]
        if callable(trend):
            rows = trend(rows)
        elif trend:
            rows = detrend(rows, type=trend)
        rows = rows * self.window
        return fft.rfft(rows, self.nfft) if self.is_one_sided else fft.fft(rows, self.nfft)

    def frequencies(self):
        """The frequencies of a transform, in cycles per unit of time."""
        of = np.fft.rfftfreq if self.is_one_sided else np.fft.fftfreq
        return of(self.nfft, 1 / self.fs)

    def scale(self, scaling):
        """What makes of squared transforms a density or a spectrum."""
        if scaling in ("density", "psd"):
            return 1 / (self.fs * fnp.sum(self.window**2))
        if scaling == "spectrum":
            return 1 / fnp.sum(self.window) ** 2
        raise ValueError(
            f"scaling must be 'spectrum', or 'density' ('psd' in stft and istft), got {scaling!r}"
        )


def _window(name, window, segment, dtype):
    """The weights of a segment; those of NumPy in the precision of a signal's dtype."""
    if isinstance(window, str | tuple):
        from scipy.signal import get_window

        window = get_window(window, segment)
    window = operand(window)
    if isinstance(window, np.ndarray):
        window = window.astype(np.result_type(dtype, np.complex64).type(0).real.dtype)
    if window.shape != (segment,):
        raise ShapeError(f"{name}: the window has the shape {window.shape}, nperseg is {segment}")
    return window


def _continued(x, half, boundary):
    """The signal with half a segment more at both ends."""
    n = x.shape[-1]
    if boundary == "zeros":
        ends = fnp.zeros((*x.shape[:-1], half), x.dtype), fnp.zeros((*x.shape[:-1], half), x.dtype)
    elif boundary == "constant":
        ends = fnp.repeat(x[..., :1], half, -1), fnp.repeat(x[..., -1:], half, -1)
    elif boundary in ("even", "odd"):
        if half >= n:
            raise ShapeError(f"boundary {boundary!r} needs more than {half} samples, got {n}")
        ends = x[..., half:0:-1], x[..., -2 : -2 - half : -1]
        if boundary == "odd":
            ends = 2 * x[..., :1] - ends[0], 2 * x[..., -1:] - ends[1]
    else:
        raise ValueError(
            f"boundary must be 'zeros', 'even', 'odd', 'constant' or None, got {boundary!r}"
        )
    return fnp.concatenate([ends[0], x, ends[1]], -1)


def _extended(x, n):
    missing = n - x.shape[-1]
    return fnp.concatenate([x, fnp.zeros((*x.shape[:-1], missing), x.dtype)], -1) if missing else x


def _placed(values, axis):
    """Values of shape (..., times, frequencies) with frequencies at an axis and times last."""
    values = fnp.swapaxes(values, -1, -2)
    rank = values.ndim - 1
    return fnp.moveaxis(values, -2, axis % rank) if rank > 1 else values


def _averaged(power, average):
    """The average over segments; the median is freed of its bias."""
    if average == "mean":
        return fnp.mean(power, -2)
    if average != "median":
        raise ValueError(f"average must be 'mean' or 'median', got {average!r}")
    n = power.shape[-2]
    bias = 1 + sum(1 / (k + 1) - 1 / k for k in range(2, n, 2))
    if power.dtype.kind == "c":
        return (fnp.median(power.real, -2) + 1j * fnp.median(power.imag, -2)) / bias
    return fnp.median(power, -2) / bias


__all__ = ["csd", "detrend", "istft", "stft", "welch"]
