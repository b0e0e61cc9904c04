#!/usr/bin/env python3
"""A run up to the coefficients against the way of Python scripts: one process, one image after another.

    pip install numpy scipy pillow scatseisnet
    cargo build --release
    python benches/compare_scripts.py [--binary target/release/scatterfall] [--images 96] [--rounds 3]

The scripts' way: decode with Pillow, crop, look every pixel's colour up in a k-d tree of the map's 256 colours, take the
features of each window in a loop (standard deviation, Gabor response, dominant frequency), cut 3 km segments, transform them
with scatseisnet. Both work on the same synthetic screenshots, saved by Pillow as a script's screenshots are, in turns; medians
are compared. The binary is timed as a whole process (`features`, then `transform`), on one thread and on all.
"""

import argparse
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import scatseisnet
from PIL import Image
from scipy.ndimage import convolve1d
from scipy.spatial import cKDTree

TOP, BOTTOM, LEFT, RIGHT = 160, 696, 70, 1789
WINDOW, STEP, SECONDS, KM, SEGMENT_KM, OVERLAP = 3, 2, 60.0, 20.0, 3.0, 0.2
BANKS = [(4, 6, 1.0), (2, 4, 1.0)]
SETTINGS = ['features.names=["std","gabor","dominant_frequency"]', "segments.length_km=3.0", "network.order_0=false"]


def jet():
    """The 256 colours of MATLAB's and matplotlib's `jet`."""
    x = np.linspace(0, 1, 256)
    points = [
        ((0, 0.35, 0.66, 0.89, 1), (0, 0, 1, 1, 0.5)),
        ((0, 0.125, 0.375, 0.64, 0.91, 1), (0, 0, 1, 1, 0, 0)),
        ((0, 0.11, 0.34, 0.65, 1), (0.5, 1, 1, 0, 0)),
    ]
    return np.stack([np.interp(x, *p) for p in points], axis=1) * 255


def gabor(image):
    """The larger modulus of complex Gabor responses at 45 and 135 degrees (0.05 cycles a pixel, sigma 11.2434)."""
    t, sigma = np.arange(-24, 25), 11.2434
    envelope = np.exp(-0.5 * (t / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
    angle = 2 * np.pi * 0.05 * np.sqrt(0.5) * t
    even, odd = envelope * np.cos(angle), envelope * np.sin(angle)
    along = [convolve1d(image, k, axis=1, mode="reflect") for k in (even, odd)]
    (ee, eo), (oe, oo) = [[convolve1d(a, k, axis=0, mode="reflect") for k in (even, odd)] for a in along]
    return np.sqrt(np.maximum((ee - oo) ** 2 + (eo + oe) ** 2, (ee + oo) ** 2 + (eo - oe) ** 2))


def features(path, tree):
    pixels = np.asarray(Image.open(path).convert("RGB"))[TOP:BOTTOM, LEFT:RIGHT]
    _, index = tree.query(pixels.reshape(-1, 3).astype(float))
    value = index.reshape(pixels.shape[:2]).astype(float)
    response = gabor(value)
    frequencies = np.fft.rfftfreq(value.shape[0], SECONDS / value.shape[0])
    rows = []
    for j in range(0, value.shape[1] - WINDOW + 1, STEP):
        block = value[:, j : j + WINDOW]
        spectrum = np.abs(np.fft.rfft(block - block.mean(axis=0), axis=0))
        rows.append((block.std(ddof=1), response[:, j : j + WINDOW].mean(), frequencies[spectrum.argmax(axis=0)].mean()))
    return np.array(rows)


def scripts(paths, network, bins, hop):
    tree = cKDTree(jet())
    for path in paths:
        series = features(path, tree)
        segments = [series[s : s + bins].T for s in range(0, len(series) - bins + 1, hop)]
        network.transform(np.array(segments), reduce_type=np.median)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scatterfall")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    windows = (RIGHT - LEFT - WINDOW) // STEP + 1
    bins = round(SEGMENT_KM * windows / KM)
    hop = int(np.ceil(bins * (1 - OVERLAP)))
    banks = [dict(octaves=o, resolution=r, quality=q) for o, r, q in BANKS]
    network = scatseisnet.ScatteringNetwork(*banks, bins=bins, sampling_rate=windows / KM)
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/archive"
        quiet = ["-q", "--no-progress"]
        subprocess.run([args.binary, "synth", "--output", archive, "--images", str(args.images), *quiet], check=True)
        images = sorted(pathlib.Path(archive).rglob("*.png"))
        for path in images:
            Image.open(path).save(path)
        some = images[:4]
        theirs, ours = [], {1: [], 0: []}
        for k in range(args.rounds):
            start = time.perf_counter()
            scripts(some, network, bins, hop)
            theirs.append((time.perf_counter() - start) / len(some))
            for threads, times in ours.items():
                output = f"{folder}/output-{k}-{threads}"
                common = ["--config", f"{archive}/config.toml", "--output", output, "--threads", str(threads), *quiet]
                common += [part for s in SETTINGS for part in ("--set", s)]
                start = time.perf_counter()
                subprocess.run([args.binary, "features", *common, "--backend", "cpu"], check=True)
                subprocess.run([args.binary, "transform", *common, "--backend", "cpu"], check=True)
                times.append((time.perf_counter() - start) / args.images)
    one = statistics.median(theirs)
    print(f"scripts, one process: {one:.3f} s per image")
    for threads, times in ours.items():
        each = statistics.median(times)
        name = f"{threads} thread" if threads else "all threads"
        print(f"scatterfall, {name}: {each * 1e3:.1f} ms per image, {one / each:.0f} times as many images per second")


if __name__ == "__main__":
    main()
