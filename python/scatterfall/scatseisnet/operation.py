"""Cutting series into windows, and pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np


def segment(x: np.ndarray, window_size: int, stride: int | None = None) -> Iterator[np.ndarray]:
    """Yield views of ``window_size`` samples of the last axis, every ``stride`` (a window's length unless given)."""
    stride = window_size if stride is None else stride
    if stride < 1:
        raise ValueError(f"stride = {stride}: expected 1 or more samples")
    for start in range(0, x.shape[-1] - window_size + 1, stride):
        yield x[..., start : start + window_size]


def segmentize(x: np.ndarray, window_size: int, stride: int | None = None) -> np.ndarray:
    """The windows of ``segment`` as one array, ``(windows, ..., window_size)``."""
    return np.array(list(segment(x, window_size, stride)))


def pool(x: np.ndarray, reduce_type: Callable | None = None) -> np.ndarray:
    """``reduce_type(x, axis=-1)``, or ``x`` itself."""
    return x if reduce_type is None else reduce_type(x, axis=-1)
