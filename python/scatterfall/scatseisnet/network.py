"""The scattering network under scatseisnet's name."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from .. import _native
from .._arrays import tukey
from .operation import pool
from .wavelet import ComplexMorletBank

#: Reductions that are computed without holding scalograms in Python.
_FAST = {
    np.median: "median",
    np.mean: "mean",
    np.average: "mean",
    np.max: "max",
    np.amax: "max",
    np.min: "min",
    np.amin: "min",
    np.std: "std",
}


def _named(reduce_type) -> str | None:
    """The compiled pooling that does the same, if there is one."""
    try:
        if reduce_type in _FAST:
            return _FAST[reduce_type]
    except TypeError:
        return None
    if isinstance(reduce_type, functools.partial) and set(reduce_type.keywords) <= {"q"} and not reduce_type.args:
        quantile = reduce_type.keywords.get("q")
        scale = {np.quantile: 1.0, np.percentile: 100.0}.get(reduce_type.func)
        if scale and isinstance(quantile, (int, float)) and 0 <= quantile / scale <= 1:
            return f"quantile:{quantile / scale}"
    return None


class ScatteringNetwork:
    """A scattering network of one ``ComplexMorletBank`` a layer, whose arguments ``layer_kwargs`` are."""

    def __init__(self, *layer_kwargs: dict, bins: int = 128, sampling_rate: float = 1.0, verbose: bool = False):
        self.sampling_rate, self.bins, self.verbose = sampling_rate, bins, verbose
        self.banks = [ComplexMorletBank(bins=bins, sampling_rate=sampling_rate, **kwargs) for kwargs in layer_kwargs]
        self.taper = np.ones(bins)

    def __len__(self):
        return len(self.banks)

    def __repr__(self):
        head = f"{type(self).__name__}(bins={self.bins}, sampling_rate={self.sampling_rate}, len={len(self)})"
        return "\n".join([head, *map(repr, self.banks)])

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key != "_made"}

    def transform(
        self, segments, taper_alpha: float | None = None, reduce_type: Callable | None = None
    ) -> list[np.ndarray]:
        """Scattering coefficients of many segments.

        Parameters
        ----------
        segments
            ``(n, ..., bins)`` floating point: an array, a list, a generator.
        taper_alpha
            Share of a Tukey window; only samples at which it is 1 are kept. A callable is taken for ``reduce_type``.
        reduce_type
            ``f(x, axis=-1)``. ``np.median``, ``mean``, ``max``, ``min``, ``std`` and
            ``functools.partial(np.quantile, q=...)`` are fast; any other callable gets scalograms.

        Returns
        -------
        list of float64 arrays
            Order k: ``(n, ..., F1, ..., Fk)``, with time at the end where ``reduce_type`` is None.

        Raises
        ------
        ValueError
            For segments of another length.
        TypeError
            For integers, and where ``reduce_type`` is not callable.
        """
        if callable(taper_alpha):
            taper_alpha, reduce_type = None, taper_alpha
        if reduce_type is not None and not callable(reduce_type):
            raise TypeError(f"reduce_type has to be callable, not {type(reduce_type).__name__}")
        self.taper = np.ones(self.bins) if taper_alpha is None else tukey(self.bins, taper_alpha)
        segments = segments if isinstance(segments, np.ndarray) else list(segments)
        if len(segments) == 0 or (isinstance(segments, np.ndarray) and 0 in segments.shape[:1]):
            return [np.array([]) for _ in self.banks]
        self._check(segments)
        return self._orders(np.asarray(segments), reduce_type)

    def transform_segment(self, segment, reduce_type: Callable | None = None) -> list[np.ndarray]:
        """The same of one segment, ``(..., bins)``, with the taper of the last ``transform``."""
        if reduce_type is not None and not callable(reduce_type):
            raise TypeError(f"reduce_type has to be callable, not {type(reduce_type).__name__}")
        self._check([segment])
        return [order[0] for order in self._orders(np.asarray(segment)[None], reduce_type)]

    def _check(self, segments):
        for one in segments:
            one = np.asarray(one)
            if one.ndim and one.dtype.kind in "iub" and isinstance(segments, np.ndarray):
                raise TypeError(f"segments hold {one.dtype}: give floating point")
            if one.ndim == 0 or one.shape[-1] != self.bins:
                raise ValueError(f"a segment of the shape {one.shape} for a network of {self.bins} samples")

    def _orders(self, segments: np.ndarray, reduce_type) -> list[np.ndarray]:
        if not self.banks:
            return []
        native = self._native() if segments.dtype.kind in "fiub" else None
        if native is None:
            return self._by_definition(segments, reduce_type)
        dtype = np.float32 if segments.dtype.itemsize <= 4 and segments.dtype.kind == "f" else np.float64
        leading = segments.shape[:-1]
        flat = segments.astype(dtype, copy=False).reshape(-1, 1, self.bins)
        name = _named(reduce_type) if reduce_type is not None else None
        if name is not None:
            return [o.astype(np.float64).reshape(leading + o.shape[2:]) for o in native.transform(flat, name)]
        if reduce_type is None:
            return [o.astype(np.float64).reshape(leading + o.shape[2:]) for o in native.scalograms(flat)]
        # A segment at a time: that is what a reduction is called with.
        orders = [[] for _ in self.banks]
        for one in segments.astype(dtype, copy=False):
            for order, whole in zip(orders, native.scalograms(one.reshape(-1, 1, self.bins))):
                whole = whole.astype(np.float64).reshape(one.shape[:-1] + whole.shape[2:])
                order.append(pool(whole, reduce_type))
        return [np.array(order) for order in orders]

    def _native(self):
        """The compiled network of the banks and taper as they are now; None where it does not serve them."""
        spectra = [np.ascontiguousarray(bank.spectra, dtype=np.complex128) for bank in self.banks]
        ones = np.flatnonzero(np.asarray(self.taper) == 1)
        plain = len(ones) == self.bins
        stretch = len(ones) and ones[-1] - ones[0] + 1 == len(ones)
        if not stretch or any(s.ndim != 2 or s.shape[1] != self.bins or not len(s) for s in spectra):
            return None
        known = getattr(self, "_made", None)
        key = [*spectra, np.array(self.taper, dtype=np.float64)]
        if known is not None and len(known[0]) == len(key) and all(map(np.array_equal, known[0], key)):
            return known[1]
        made = _native.Network(spectra, self.bins, None if plain else key[-1])
        self._made = ([k.copy() for k in key], made)
        return made

    def _by_definition(self, segments: np.ndarray, reduce_type) -> list[np.ndarray]:
        """Everything that the compiled network does not take, in NumPy: complex samples, tapers of one's own."""
        keep = np.asarray(self.taper) == 1
        orders = [[] for _ in self.banks]
        for one in segments:
            layer = one * self.taper
            for order, bank in zip(orders, self.banks):
                layer = bank.transform(layer)
                order.append(pool(layer[..., keep], reduce_type))
        return [np.array(order) for order in orders]
