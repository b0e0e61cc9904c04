"""Scattering as an xdas Atom: a series processed in chunks gives what it gives whole, bit by bit."""

from __future__ import annotations

import numpy as np
import xdas
from xdas.atoms import Atom, State

from ._arrays import floating
from .network import ScatteringNetwork, _rate


class Scattering(Atom):
    """Scattering coefficients of segments of ``segment`` samples, every ``hop``.

    Gives a DataArray ``(dim, ..., path)``: the times of the segments' first samples, the other dimensions of the input,
    and the coefficients of all orders side by side, as ``ScatteringNetwork.transform`` orders them. Samples that do not
    fill a segment wait for the next chunk; at the end they are dropped.

    Parameters
    ----------
    banks
        As for ``ScatteringNetwork``, which also takes ``options``; the sampling rate is the coordinate's unless given.
    segment, hop
        Samples a segment, and from one's start to the next (a segment's length unless given).
    dim
        The dimension of time.
    pooling
        As for ``ScatteringNetwork.transform``.
    """

    def __init__(self, banks, segment, hop=None, dim="time", *, pooling="median", **options):
        super().__init__()
        self.banks, self.segment, self.hop = banks, int(segment), int(segment if hop is None else hop)
        if self.segment < 1 or self.hop < 1:
            raise ValueError(f"segment = {segment}, hop = {hop}: expected 1 or more samples")
        self.dim, self.pooling, self.options = dim, pooling, dict(options)
        self.held = State(...)
        self.skip = State(...)
        self.rate = State(...)

    def initialize(self, x, **flags):
        axis = x.get_axis_num(self.dim)
        self.held = State(np.moveaxis(floating(x.values), axis, -1)[..., :0])
        self.skip = State(0)
        self.rate = State(self.options.get("sampling_rate") or _rate(np.asarray(x[self.dim].values)))
        self.times = np.asarray(x[self.dim].values)[:0]

    def call(self, x, **flags):
        axis = x.get_axis_num(self.dim)
        times = np.concatenate([self._held_times(x), np.asarray(x[self.dim].values)])
        samples = np.concatenate([self.held, np.moveaxis(floating(x.values), axis, -1)], axis=-1)
        # A hop longer than a segment passes over samples that have not come yet.
        first = min(int(self.skip), samples.shape[-1])
        starts = np.arange(first, samples.shape[-1] - self.segment + 1, self.hop)
        after = first if not len(starts) else int(starts[-1]) + self.hop
        missing = int(self.skip) - first if not len(starts) else max(0, after - samples.shape[-1])
        keep = min(after, samples.shape[-1])
        self.held = State(samples[..., keep:].copy())
        self.skip = State(missing)
        self.times = times[keep:]
        if not len(starts):
            return None
        options = {**self.options, "sampling_rate": float(self.rate)}
        network = ScatteringNetwork(self.banks, self.segment, **options)
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.segment, axis=-1)[..., starts, :]
        orders = network.transform(np.moveaxis(windows, -2, 0), self.pooling)
        lead = samples.ndim
        flat = np.concatenate([o.reshape(*o.shape[:lead], -1) for o in orders], axis=-1)
        others = [name for name in x.dims if name != self.dim]
        coords = {self.dim: times[starts]}
        coords |= {name: np.asarray(x[name].values) for name in others if name in x.coords}
        return xdas.DataArray(flat, coords=coords, dims=(self.dim, *others, "path"))

    def _held_times(self, x):
        """Times of the samples that wait; after a state was loaded they follow from the next chunk's."""
        count = self.held.shape[-1]
        known = getattr(self, "times", None)
        if known is not None and len(known) == count:
            return known
        times = np.asarray(x[self.dim].values)
        step = times[1] - times[0] if len(times) > 1 else times[0] - times[0]
        return times[0] - step * np.arange(count, 0, -1)
