"""Waterfalls of decibels from raw DAS: any array that xdas, DASCore or xarray hold, without a picture between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: Decibels of silence: what is below counts as this.
SILENCE_DB = -400.0


@dataclass(frozen=True)
class Waterfall:
    """Levels along a fibre.

    ``values``: dB of the root mean square, float32 ``(time, distance)`` or ``(band, time, distance)``; ``times``: start of
    every interval, datetime64[ns]; ``distance``: m; ``interval``: s; ``bands``: Hz, None for all frequencies.
    """

    values: np.ndarray
    times: np.ndarray
    distance: np.ndarray
    interval: float
    bands: tuple[tuple[float, float], ...] | None = None


def seconds(interval) -> float:
    """``"0.1s"``, ``"100ms"``, a timedelta or a number of seconds."""
    if isinstance(interval, str):
        for unit, scale in (("ms", 1e-3), ("us", 1e-6), ("min", 60.0), ("s", 1.0)):
            if interval.endswith(unit):
                return float(interval[: -len(unit)]) * scale
        return float(interval)
    if isinstance(interval, np.timedelta64):
        return interval / np.timedelta64(1, "s")
    return float(interval.total_seconds() if hasattr(interval, "total_seconds") else interval)


def series(source) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Samples ``(time, distance)``, their times and places (m) of each contiguous piece of ``source``.

    A DASCore patch or spool, an xdas or xarray DataArray with the dimensions ``time`` and ``distance``, a tuple of these
    three arrays, or an iterable of any of them.
    """
    if isinstance(source, tuple) and len(source) == 3:
        yield tuple(map(np.asarray, source))
    elif hasattr(source, "dims") and hasattr(source, "coords"):
        dims = list(source.dims)
        if sorted(dims) != ["distance", "time"]:
            raise ValueError(f"the dimensions are {dims}, not time and distance")
        data = np.asarray(source.data if hasattr(source, "get_array") or not hasattr(source, "values") else source.values)
        get = source.get_array if hasattr(source, "get_array") else lambda name: source[name].values
        yield data if dims[0] == "time" else data.T, np.asarray(get("time")), np.asarray(get("distance"))
    elif isinstance(source, Iterable):
        for one in source:
            yield from series(one)
    else:
        raise TypeError(f"{type(source).__name__} is no waterfall source: give a DASCore spool or patch, or a DataArray")


def _decibels(power: np.ndarray) -> np.ndarray:
    return np.maximum(10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10))), SILENCE_DB).astype(np.float32)


def _band_passed(x: np.ndarray, rate: float, band: tuple[float, float]) -> np.ndarray:
    """``x`` ``(time, distance)`` without what is outside ``band`` (Hz), by its spectrum."""
    spectrum = np.fft.rfft(x, axis=0)
    frequency = np.fft.rfftfreq(len(x), 1 / rate)
    spectrum[(frequency < band[0]) | (frequency >= band[1])] = 0
    return np.fft.irfft(spectrum, n=len(x), axis=0)


def waterfalls(source, interval="0.1s", bands: Sequence[tuple[float, float]] | None = None) -> Iterator[Waterfall]:
    """The waterfall of each contiguous piece of ``source`` (see ``series``).

    ``interval``: time a row, a whole number of samples after rounding; what is left at the end is dropped. ``bands``: pairs
    of frequencies in Hz, a waterfall each. Each interval's mean is taken out first: a constant is no sound.

    Raises
    ------
    ValueError
        Where an interval is shorter than a sample, or times do not increase.
    """
    for x, times, distance in series(source):
        if len(times) < 2:
            continue
        span = times[-1] - times[0]
        span = span / np.timedelta64(1, "s") if isinstance(span, np.timedelta64) else float(span)
        if not span > 0:
            raise ValueError("the times do not increase")
        rate = (len(times) - 1) / float(span)
        every = round(seconds(interval) * rate)
        if every < 1:
            raise ValueError(f"an interval of {interval} is shorter than a sample ({1 / rate:g} s)")
        rows = len(times) // every
        x = np.asarray(x, dtype=np.float64)[: rows * every]
        if not rows:
            continue

        def power(x, rows=rows, every=every):
            return x.reshape(rows, every, -1).var(axis=1) if every > 1 else x.reshape(rows, 1, -1)[:, 0] ** 2

        values = [power(x)] if bands is None else [power(_band_passed(x, rate, band)) for band in bands]
        levels = _decibels(np.stack(values))
        kept = None if bands is None else tuple(map(tuple, bands))
        starts = np.asarray(times)[: rows * every : every]
        yield Waterfall(levels[0] if bands is None else levels, starts, np.asarray(distance), every / rate, kept)


def waterfall(source, interval="0.1s", bands: Sequence[tuple[float, float]] | None = None) -> Waterfall:
    """One waterfall of all of ``source``, its pieces one after the other; see ``waterfalls``."""
    pieces = list(waterfalls(source, interval, bands))
    if not pieces:
        raise ValueError("there are not enough samples for a single interval")
    first = pieces[0]
    if any(len(p.distance) != len(first.distance) for p in pieces):
        raise ValueError("the pieces have different numbers of places")
    values = np.concatenate([p.values for p in pieces], axis=-2)
    return Waterfall(values, np.concatenate([p.times for p in pieces]), first.distance, first.interval, first.bands)
