"""The scattering network over arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from . import _native
from ._arrays import as_segments, floating, tukey


@dataclass(frozen=True)
class Bank:
    """A layer's bank of complex Morlet wavelets.

    ``octaves`` below the Nyquist frequency, ``resolution`` filters an octave, ``quality`` centre frequency (Hz) times
    temporal width (s).
    """

    octaves: int
    resolution: int = 1
    quality: float = 4.0

    @classmethod
    def of(cls, bank) -> Bank:
        """``bank``, a mapping of the three names, or a tuple of them in this order."""
        if isinstance(bank, cls):
            return bank
        if isinstance(bank, Mapping):
            return cls(**bank)
        if isinstance(bank, Iterable) and not isinstance(bank, (str, bytes)):
            return cls(*bank)
        raise TypeError(f"{bank!r} is no bank: give Bank(octaves, resolution, quality)")


class ScatteringNetwork:
    """A wavelet scattering network for segments of ``bins`` samples.

    Parameters
    ----------
    banks
        A bank a layer: ``Bank``, a mapping or a tuple ``(octaves, resolution, quality)``.
    bins
        Samples a segment.
    sampling_rate
        Hz.
    normalize
        ``None``, ``"l1"`` or ``"l2"``: the norm of every wavelet that is made 1.
    taper
        ``None``, or the share (0 to 1) of a Tukey window on every segment; only samples at which it is 1 are pooled.
    oversampling
        ``None`` for every sample of the scalograms; 1, 2 or 4 times what a filter's band needs is faster and
        approximate.
    threads
        ``None`` for all cores.

    Raises
    ------
    ValueError
        Where there is no bank or no sample, a number is out of its range, or the taper leaves nothing to pool.

    Examples
    --------
    >>> import numpy as np
    >>> network = ScatteringNetwork([(4, 4, 1.0), (4, 1, 2.0)], bins=256, sampling_rate=50.0)
    >>> first, second = network.transform(np.random.default_rng(0).standard_normal((10, 3, 256)))
    >>> first.shape, second.shape
    ((10, 3, 16), (10, 3, 16, 4))
    """

    def __init__(
        self,
        banks,
        bins: int,
        sampling_rate: float = 1.0,
        *,
        normalize: str | None = None,
        taper: float | None = None,
        oversampling: int | None = None,
        threads: int | None = None,
    ):
        self.banks = tuple(Bank.of(bank) for bank in banks)
        self.bins, self.sampling_rate = int(bins), float(sampling_rate)
        self.normalize, self.taper = normalize, taper
        self.oversampling, self.threads = oversampling, threads
        for bank in self.banks:
            if min(bank.octaves, bank.resolution) < 1:
                raise ValueError(f"{bank}: octaves and resolution have to be 1 or more")
        if taper is not None and not 0 <= taper <= 1:
            raise ValueError(f"taper = {taper}: expected 0 to 1")
        self._make()

    def _make(self):
        made = [
            _native.morlet_bank(b.octaves, b.resolution, b.quality, self.bins, self.sampling_rate, self.normalize)
            for b in self.banks
        ]
        self._ratios, self._centers, self._widths, self._wavelets, spectra = zip(*made) if made else ((),) * 5
        window = None if self.taper is None else tukey(self.bins, self.taper)
        self._native = _native.Network(list(spectra), self.bins, window, self.oversampling, self.threads)

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._make()

    def __repr__(self):
        banks = ", ".join(f"({b.octaves}, {b.resolution}, {b.quality:g})" for b in self.banks)
        return f"ScatteringNetwork([{banks}], bins={self.bins}, sampling_rate={self.sampling_rate:g})"

    @property
    def centers(self) -> list[np.ndarray]:
        """Centre frequencies in Hz, ``(filters,)`` a layer, highest first."""
        return list(self._centers)

    @property
    def widths(self) -> list[np.ndarray]:
        """Temporal widths in s, ``(filters,)`` a layer."""
        return list(self._widths)

    @property
    def wavelets(self) -> list[np.ndarray]:
        """Wavelets in time, complex128 ``(filters, bins)`` a layer."""
        return list(self._wavelets)

    def transform(self, x, pooling: str = "median") -> list[np.ndarray]:
        """Scattering coefficients.

        Parameters
        ----------
        x
            ``(..., bins)`` in float32 or float64 (integers become float64). In float64 what moves little on a large
            constant keeps its digits.
        pooling
            ``"median"``, ``"mean"``, ``"max"``, ``"min"``, ``"std"``, or a number from 0 to 1: that quantile.

        Returns
        -------
        list of float32 arrays
            Order k is ``(..., F1, ..., Fk)``, Fk the filters of layer k, in the unit of ``x``. A signal with a sample
            that is not finite gives NaN.

        Raises
        ------
        ValueError
            Where the last axis is not ``bins`` long, or there is no such pooling.
        """
        if not isinstance(pooling, str):
            pooling = f"quantile:{float(pooling)}"
        segments, leading = as_segments(floating(x), self.bins)
        return [order.reshape(leading + order.shape[2:]) for order in self._native.transform(segments, pooling)]

    def scalograms(self, x) -> list[np.ndarray]:
        """Scalograms before pooling: as ``transform`` gives, with time as one more axis at the end.

        With a taper only the samples at which it is 1.
        """
        segments, leading = as_segments(floating(x), self.bins)
        return [order.reshape(leading + order.shape[2:]) for order in self._native.scalograms(segments)]


def scatter(x, banks, segment: int, hop: int | None = None, dim: str = "time", *, pooling="median", **options):
    """Scattering coefficients of series, cut into segments.

    Parameters
    ----------
    x
        An array with time as its last axis, or an xarray-like object (``dims``, ``values``, ``coords``) with the
        dimension ``dim``, whose coordinate gives the sampling rate.
    banks
        As for ``ScatteringNetwork``, which also takes ``options``.
    segment, hop
        Samples a segment, and from one segment's start to the next (a segment's length unless given).

    Returns
    -------
    starts, orders
        The first sample of every segment, ``(segments,)``, or its coordinate where ``x`` has one; and a list of
        arrays ``(segments, ..., F1, ..., Fk)``, the other axes of ``x`` in between.
    """
    labels = None
    if hasattr(x, "dims") and hasattr(x, "values"):
        if dim not in x.dims:
            raise ValueError(f"there is no dimension {dim!r} among {tuple(x.dims)}")
        axis = list(x.dims).index(dim)
        labels = np.asarray(x[dim].values) if dim in x.coords else None
        x = np.moveaxis(np.asarray(x.values), axis, -1)
        options.setdefault("sampling_rate", _rate(labels))
    x = floating(x)
    hop = segment if hop is None else hop
    if x.ndim == 0 or segment < 1 or hop < 1:
        raise ValueError(f"segment = {segment}, hop = {hop}: expected 1 or more samples of an array with a time axis")
    network = ScatteringNetwork(banks, segment, **options)
    starts = np.arange(0, x.shape[-1] - segment + 1, hop)
    shape = (len(starts), *x.shape[:-1], segment)
    if len(starts):
        windows = np.lib.stride_tricks.sliding_window_view(x, segment, axis=-1)[..., ::hop, :]
        segments = np.moveaxis(windows, -2, 0)
    else:
        segments = np.empty(shape, x.dtype)
    return (starts if labels is None else labels[starts]), network.transform(segments, pooling)


def _rate(labels: np.ndarray | None) -> float:
    """Samples a second of a coordinate (times, or seconds)."""
    if labels is None or len(labels) < 2:
        return 1.0
    step = (labels[-1] - labels[0]) / (len(labels) - 1)
    seconds = step / np.timedelta64(1, "s") if isinstance(step, np.timedelta64) else float(step)
    if not seconds > 0:
        raise ValueError("the time coordinate does not increase")
    return 1.0 / float(seconds)


def relative_floor(order: np.ndarray, axes: int, floor: float = 1e-12) -> np.ndarray:
    """``order`` with values below ``floor`` times the largest of their row raised to that.

    The last ``axes`` axes (the order's number) are a row's. Second-order coefficients of filters that lie above their
    layer's band are nothing but rounding: a seventh of a common network's lie below 1e-12 of their row's largest, and
    logarithms of them are noise that differs from one program to the next.
    """
    order = np.asarray(order)
    along = tuple(range(order.ndim - axes, order.ndim))
    if 0 in order.shape or not along:
        return order.copy()
    return np.maximum(order, floor * order.max(axis=along, keepdims=True))
