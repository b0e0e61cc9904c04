"""Complex Morlet wavelets."""

from __future__ import annotations

import numpy as np

from .. import _native


def gaussian_window(x, width):
    """``exp(-(x / width)^2)``; an axis of widths comes first."""
    width = np.asarray(width)
    return np.exp(-((np.asarray(x) / (width[..., None] if width.ndim else width)) ** 2))


def complex_morlet(x, center, width):
    """A Gaussian of ``width`` around a complex wave of frequency ``center``; an axis of these comes first."""
    center = np.asarray(center)
    wave = np.exp(2j * np.pi * (center[..., None] if center.ndim else center) * np.asarray(x))
    return gaussian_window(x, width) * wave


class ComplexMorletBank:
    """A bank of complex Morlet wavelets in time (``wavelets``) and frequency (``spectra``), both ``(filters, bins)``.

    ``normalize_wavelet`` is ``None``, ``"l1"`` or ``"l2"``. Spectra may be replaced: the transform uses them.
    """

    def __init__(
        self,
        bins: int,
        octaves: int = 8,
        resolution: int = 1,
        quality: float = 4.0,
        normalize_wavelet: str | None = None,
        sampling_rate: float = 1.0,
    ):
        self.bins, self.octaves, self.resolution = bins, octaves, resolution
        self.quality, self.sampling_rate = quality, sampling_rate
        if len(self) < 0:
            raise ValueError(f"octaves = {octaves}, resolution = {resolution}: expected 0 or more")
        made = _native.morlet_bank(octaves, resolution, quality, bins, sampling_rate, normalize_wavelet)
        self.wavelets, self.spectra = made[3], made[4]
        self.size = self.wavelets.shape[0]

    def __len__(self):
        return self.octaves * self.resolution

    def __repr__(self):
        names = ("bins", "octaves", "resolution", "quality", "sampling_rate")
        told = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"{type(self).__name__}({told}, len={len(self)})"

    @property
    def times(self) -> np.ndarray:
        """Seconds, ``(bins,)``, zero in the middle."""
        return np.linspace(-0.5, 0.5, self.bins) * self.bins / self.sampling_rate

    @property
    def frequencies(self) -> np.ndarray:
        """Hz, ``(bins,)``, from 0 to the sampling rate."""
        return np.linspace(0.0, self.sampling_rate, self.bins)

    @property
    def nyquist(self) -> float:
        """Half the sampling rate, Hz."""
        return self.sampling_rate / 2

    @property
    def shape(self) -> tuple[int, int]:
        """Filters and bins."""
        return len(self), self.bins

    @property
    def ratios(self) -> np.ndarray:
        """Octaves from the Nyquist frequency, negative, highest first."""
        return -np.linspace(self.octaves, 0.0, len(self), endpoint=False)[::-1]

    @property
    def scales(self) -> np.ndarray:
        """Centres over the Nyquist frequency."""
        return 2.0**self.ratios

    @property
    def centers(self) -> np.ndarray:
        """Centre frequencies, Hz."""
        return self.scales * self.nyquist

    @property
    def widths(self) -> np.ndarray:
        """Temporal widths, s."""
        return self.quality / self.centers

    def transform(self, sample: np.ndarray) -> np.ndarray:
        """Scalogram of ``(..., bins)``: float64 ``(..., filters, bins)``."""
        spectrum = np.fft.fft(np.asarray(sample))[..., None, :]
        if spectrum.shape[-1] != self.spectra.shape[-1]:
            raise ValueError(f"{spectrum.shape[-1]} samples for filters of {self.spectra.shape[-1]}")
        return np.abs(np.fft.fftshift(np.fft.ifft(spectrum * self.spectra), axes=-1))
