"""Raw DAS to the program's results.

``python -m scatterfall.das DIR --output OUT`` does a folder of raw files of any format that DASCore reads: waterfalls,
features, coefficients, clusters and the report.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from .program import Results, command
from .waterfalls import SILENCE_DB, Waterfall, waterfalls

#: Feature windows over ``(time, columns of the window)``, by the program's names.
FEATURES = {
    "std": lambda w: w.std(axis=(0, 2), ddof=1),
    "mean": lambda w: w.mean(axis=(0, 2)),
    "max": lambda w: w.max(axis=(0, 2)),
    "median": lambda w: np.median(w, axis=(0, 2)),
    "p75": lambda w: np.quantile(w, 0.75, axis=(0, 2)),
}


def features(values: np.ndarray, names: Sequence[str], window: int = 3, step: int = 2) -> np.ndarray:
    """Feature windows of levels ``(time, distance)``, float32 ``(windows, features)``, as the program has them of colours."""
    windows = np.lib.stride_tricks.sliding_window_view(values, window, axis=1)[:, ::step]
    return np.stack([FEATURES[name](windows) for name in names], axis=-1).astype(np.float32)


def _minutes(pieces: Iterable[Waterfall], duration: float) -> Iterator[tuple[np.datetime64, np.ndarray, np.ndarray]]:
    """Stretches of ``duration`` s from the pieces: start, levels ``(time, distance)``, places."""
    for piece in pieces:
        rows = round(duration / piece.interval)
        for start in range(0, len(piece.times) - rows + 1, rows):
            yield piece.times[start], piece.values[start : start + rows], piece.distance


def process(
    source,
    output,
    *,
    interval="0.1s",
    duration: float = 60.0,
    names: Sequence[str] = ("std", "mean", "max"),
    db_range: tuple[float, float] | None = None,
    settings: dict | None = None,
    through: Sequence[str] = ("transform", "reduce", "cluster", "visualize", "report"),
) -> Results:
    """Raw DAS to the program's results: waterfalls, features a ``duration`` s, then the stages ``through``.

    Levels are scaled to 0..255 over ``db_range`` (by default from the first stretch's lowest level to 40 dB over its
    highest), as a picture's colours would be, but are not rounded.

    Raises
    ------
    ValueError
        Where there is not one whole stretch, or the fibre's length changes.
    """
    output = Path(output)
    days: dict[str, list] = {}
    places = None
    for start, levels, distance in _minutes(waterfalls(source, interval), duration):
        if places is None:
            places = distance
            if db_range is None:
                heard = levels[levels > SILENCE_DB]
                low, high = (float(heard.min()), float(heard.max())) if heard.size else (-100.0, 0.0)
                db_range = (low, high + 40.0)
        if len(distance) != len(places):
            raise ValueError(f"{len(distance)} places where the first files have {len(places)}")
        index = np.clip((levels - db_range[0]) / (db_range[1] - db_range[0]) * 255, 0, 255)
        day = str(start.astype("datetime64[D]")).replace("-", "")
        days.setdefault(day, []).append((start, features(index, names)))
    if places is None or len(places) < 3:
        raise ValueError(f"not one stretch of {duration:g} s of three places or more")
    total = (places[-1] - places[0]) * len(places) / (len(places) - 1) / 1000
    _write_days(output / "features", days, total, len(places))
    keys = {
        "input.total_distance_km": float(total),
        "input.distance_offset_km": float(places[0] / 1000),
        "input.duration_s": float(duration),
        "value.db_min": float(db_range[0]),
        "value.db_max": float(db_range[1]),
        "features.names": list(names),
    }
    for stage in through:
        command(stage, output=output, settings={**keys, **(settings or {})})
    return Results(output)


def _write_days(folder: Path, days: dict[str, list], total_km: float, columns: int) -> None:
    """A file a day, under a temporary name until it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for day, stretches in days.items():
        stretches.sort(key=lambda s: s[0])
        values = np.stack([v for _, v in stretches])
        times = np.array([t for t, _ in stretches]).astype("datetime64[us]")
        distance = np.arange(values.shape[1]) * 2 * total_km / columns
        temporary = folder / f".features_{day}.partial"
        with open(temporary, "wb") as file:
            np.savez(file, features=values, times=times, distance=distance)
        temporary.replace(folder / f"features_{day}.npz")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of ``python -m scatterfall.das``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scatterfall.das", description="Raw DAS files to clusters and a report")
    parser.add_argument("folder", help="raw files of any format that DASCore reads")
    parser.add_argument("--output", default="output")
    parser.add_argument("--interval", default="0.1s", help="time a row of the waterfall")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds a stretch")
    options = parser.parse_args(arguments)
    try:
        import dascore
    except ImportError:
        print("DASCore is missing: pip install dascore", file=sys.stderr)
        return 1
    if not Path(options.folder).is_dir():
        print(f"{options.folder}: no such folder", file=sys.stderr)
        return 1
    spool = dascore.spool(options.folder).update().sort("time").chunk(time=options.duration)
    try:
        result = process(spool, options.output, interval=options.interval, duration=options.duration)
    except (ValueError, OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"results: {result.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
