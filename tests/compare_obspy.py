#!/usr/bin/env python3
"""Hold what `scatterfall seismogram --waveforms` reads against ObsPy, file by file.

    compare_obspy.py BINARY FOLDER [FOLDER ...]

FOLDER holds MiniSEED files, broken ones too: ObsPy's own lie in obspy/io/mseed/tests/data. For each file: where ObsPy
reads it, the same channels, continuous segments, start times to the microsecond, types and samples; where ObsPy refuses
it, an error message and no panic, or more than ObsPy reads (the good records of a file where some are bad). Samples that
are not finite part a trace in two: they are gaps to the program. Traces without samples and of text are not compared
(the program leaves them out). Exits 1 on any difference.
Needs obspy and numpy.
"""
import os, subprocess, sys, tempfile, warnings
import numpy as np
import obspy

LIMIT_S = 60


def finite(data):
    """(first sample, samples) of each run of finite samples."""
    if data.dtype.kind != "f" or np.isfinite(data).all():
        return [(0, data)]
    edges = np.flatnonzero(np.diff(np.r_[False, np.isfinite(data), False].astype(int)))
    return [(a, data[a:b]) for a, b in zip(edges[::2], edges[1::2])]


def expected(path):
    """{id: [(start in microseconds, samples), ...] by time}, or the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stream = obspy.read(path)
            if any(t.stats._format != "MSEED" for t in stream):
                raise TypeError("another format")
        except Exception as e:              # ObsPy raises whatever its layers raise
            return e
    pieces = {}
    for t in stream:
        if t.stats.npts and t.data.dtype.kind in "if":
            for first, data in finite(t.data):
                start = t.stats.starttime.ns // 1000 + round(first / t.stats.sampling_rate * 1e6 if first else 0)
                pieces.setdefault(t.id, []).append((start, data))
    return {k: sorted(v, key=lambda p: p[0]) for k, v in pieces.items()}


def got(archive):
    """The same from the program's archive."""
    pieces = {}
    with np.load(archive) as z:
        for name in z.files:
            if name.endswith("_start"):
                continue
            start = z[name + "_start"]
            assert start.shape == () and start.dtype == np.dtype("datetime64[us]"), (name, start.dtype, start.shape)
            key, number = name.rpartition("_")[::2]
            key = key if name.count(".") == 3 and number.isdigit() and key.count(".") == 3 else name
            pieces.setdefault(key, []).append((int(start.astype(np.int64)), z[name]))
    return pieces


def difference(a, b):
    """The first difference in words, or None."""
    if sorted(a) != sorted(b):
        return f"channels {sorted(a)} for {sorted(b)}"
    for k in a:
        if len(a[k]) != len(b[k]):
            return f"{k}: {len(a[k])} pieces for {len(b[k])}"
        for i, ((t, x), (u, y)) in enumerate(zip(a[k], b[k])):
            if t != u:
                return f"{k} piece {i}: starts {t - u} us late"
            if x.dtype != y.dtype or x.shape != y.shape:
                return f"{k} piece {i}: {x.dtype}{x.shape} for {y.dtype}{y.shape}"
            if not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
                return f"{k} piece {i}: samples differ"
    return None


def judge(binary, path):
    """(verdict, words) for one file; ok and refused are good."""
    want = expected(path)
    with tempfile.TemporaryDirectory() as d:
        archive = os.path.join(d, "w.npz")
        cmd = [binary, "seismogram", "--input", path, "--output", os.path.join(d, "out"), "--waveforms", archive]
        try:
            r = subprocess.run(cmd, capture_output=True, text=True, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return "HANGS", f"more than {LIMIT_S} s"
        if "panicked" in r.stderr or r.returncode < 0 or r.returncode == 101:
            return "PANIC", r.stderr[-300:]
        if isinstance(want, Exception):
            if os.path.exists(archive):
                have = got(archive)
                return "more", f"{sum(len(x) for v in have.values() for _, x in v)} samples; ObsPy: {str(want)[:80]!r}"
            return ("refused", r.stderr.strip().splitlines()[-1]) if r.returncode and r.stderr.strip() else ("FAIL", "no error message")
        if not os.path.exists(archive):
            return "FAIL", f"refused, but ObsPy reads it: {r.stderr.strip()[-200:]}"
        have = got(archive)
    words = difference(have, want)
    if words is None:
        return "ok", f"{sum(map(len, want.values()))} pieces, {sum(len(x) for v in want.values() for _, x in v)} samples"
    return "FAIL", words


def main():
    binary, folders = os.path.abspath(sys.argv[1]), sys.argv[2:]
    tally = {}
    for folder in folders:
        for path in sorted(os.path.join(d, f) for d, _, names in os.walk(folder) for f in names):
            verdict, words = judge(binary, path)
            tally[verdict] = tally.get(verdict, 0) + 1
            print(f"{verdict:8s} {os.path.relpath(path, folder):60s} {words}", flush=True)
    print(tally)
    sys.exit(any(v.isupper() for v in tally))


if __name__ == "__main__":
    main()
