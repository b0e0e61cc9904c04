"""What arrays become before they are transformed."""

from __future__ import annotations

import numpy as np


def floating(x, name: str = "x") -> np.ndarray:
    """``x`` as float32 or float64 in the machine's byte order; integers become float64."""
    x = np.asarray(x)
    if x.dtype.kind in "iub":
        return x.astype(np.float64)
    if x.dtype.kind != "f":
        raise TypeError(f"{name} holds {x.dtype}, not real numbers")
    if x.dtype.itemsize < 4:
        return x.astype(np.float32)
    return x.astype(np.float32 if x.dtype.itemsize == 4 else np.float64, copy=False)


def as_segments(x: np.ndarray, bins: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """``x``, ``(..., bins)``, as ``(segments, 1, bins)``, and the leading axes."""
    if x.ndim == 0 or x.shape[-1] != bins:
        raise ValueError(f"an array of the shape {x.shape} for a network of {bins} samples: its last axis is time")
    leading = x.shape[:-1]
    return x.reshape(int(np.prod(leading)), 1, bins), leading


def tukey(bins: int, alpha: float) -> np.ndarray:
    """Tapered cosine window, ``(bins,)``: symmetric, ``alpha`` the share of it that is tapered."""
    if not alpha > 0 or bins < 2:
        return np.ones(bins)
    at = np.arange(bins) / (bins - 1)
    edge = np.minimum(at, 1 - at)
    if alpha >= 1:
        return 0.5 - 0.5 * np.cos(2 * np.pi * at)
    return np.where(edge < alpha / 2, 0.5 + 0.5 * np.cos(np.pi * (2 * edge / alpha - 1)), 1.0)
