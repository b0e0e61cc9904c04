#!/usr/bin/env python3
"""Makes golden.json: scores and events of the detector's definition in NumPy on a small synthetic archive.

    golden.py FOLDER_OF_detector.py OUT.json

The archive is arithmetic on integers, so that the Rust test makes the same pixels. Needs numpy, scipy and pillow.
"""
import datetime as dt
import json
import sys

import numpy as np

ROWS, COLUMNS, IMAGES, KM, DURATION, GAP_AFTER = 120, 240, 40, 6.0, 60.0, 25


def noise(image):
    """Sum of the four bytes of a hash of each pixel's number, over 16: bell-shaped, standard deviation 9.2."""
    h = np.arange(ROWS * COLUMNS, dtype=np.uint64) + np.uint64(image * ROWS * COLUMNS)
    mask = np.uint64(0xFFFFFFFF)
    h = h * np.uint64(2654435761) & mask
    h = (h ^ h >> np.uint64(15)) * np.uint64(0x2C1B3C6D) & mask
    h = (h ^ h >> np.uint64(12)) * np.uint64(0x297A2D39) & mask
    h ^= h >> np.uint64(15)
    total = sum(h >> np.uint64(8 * k) & np.uint64(255) for k in range(4))
    return (total // np.uint64(16)).astype(np.int64).reshape(ROWS, COLUMNS)


def plane(image):
    """Index plane of an image: noise, a level by column, events, defects. t in half seconds, x in columns of 25 m."""
    t = (image * ROWS + np.arange(ROWS))[:, None]
    x = np.arange(COLUMNS)[None, :]
    a = noise(image) + 60 + x * 37 % 41
    # Vehicles: 23 m/s up, 13 m/s down (tenths of a metre in half a second: 115 and 65).
    a += 22 * (np.abs(x * 250 - 115 * (t - 8 * ROWS)) < 400)
    a += 12 * (np.abs(x * 250 - 60000 + 65 * (t - 11 * ROWS)) < 400)
    # An earthquake, everywhere for 15 s, fading.
    since = t - 5 * ROWS - 40
    a += np.where((since >= 0) & (since < 30), 20 * (30 - since) // 30, 0)
    # Hammering at 3.0 km for four minutes, a second on and a second off.
    a += 16 * ((t >= 17 * ROWS) & (t < 21 * ROWS) & (t // 2 % 2 == 0) & (x >= 120) & (x < 130))
    # A leak at 4.5 km from minute 29 on.
    a += 7 * ((t >= 29 * ROWS) & (x >= 180) & (x < 185))
    # A step of gain, a column that fades, blank rows, rows that repeat.
    a += 6 * (t >= 34 * ROWS + 17)
    a = a - 30 * ((x == 77) & (t >= 4 * ROWS) & (t < 6 * ROWS))
    a = np.clip(a, 0, 255).astype(np.uint8)
    if image == 12:
        a[40:50] = 0
    if image == 14:
        a[71:77] = a[70]
    return a


def main():
    sys.path.insert(0, sys.argv[1])
    import detector

    start = dt.datetime(2025, 5, 15, 23, 40)
    minutes = [k + (7 if k >= GAP_AFTER else 0) for k in range(IMAGES)]
    times = [start + dt.timedelta(minutes=m) for m in minutes]
    planes = [plane(k) for k in range(IMAGES)]
    found = detector.detect([str(k) for k in range(IMAGES)], times,
                            lambda path, shape=None: planes[int(path)], KM, DURATION, 10.0, None, 3)
    median = np.array([np.median(p, 0) for p in planes])
    spread = np.array([detector.mad(p - m) for p, m in zip(planes, median)])
    keys = detector.COLUMNS[1:-1] + ["kind"]
    json.dump({
        "checksum": [int(p.astype(np.int64).sum()) for p in planes],
        "median": np.median(median, 0).tolist(),
        "scale": np.round(np.maximum(np.median(spread, 0), 1), 6).tolist(),
        "threshold": float(found["threshold"]),
        "score": np.round(found["S"], 4).astype(float).ravel().tolist(),
        "filters": np.round(found["filters"].astype(np.float32), 3).astype(float).ravel().tolist(),
        "events": [{k: e[k] for k in keys} for e in found["events"]],
    }, open(sys.argv[2], "w"), separators=(",", ":"))


if __name__ == "__main__":
    main()
