#!/usr/bin/env python3
"""The scattering transform on one thread against scatseisnet (and on two threads against one).

    pip install scatseisnet
    cargo build --release
    python benches/compare_scatseisnet.py [--binary target/release/scatterfall] [--rounds 5]

Both transform the same noise, in turns, so that a machine that slows down does so for both; the medians of the rounds are compared. scatseisnet is
timed around `transform` alone, the binary as a whole process, reading and writing its files included.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  (after the thread counts)
import scatseisnet  # noqa: E402

CASES = {
    # name: banks, bins, sampling rate, segments of ours, of scatseisnet's
    "tutorial": ([(6, 4, 1.0), (6, 1, 2.0)], 2000, 50.0, 256, 6),
    "waterfall": ([(4, 6, 1.0), (2, 4, 1.0)], 128, 1.0, 8192, 60),
    "3 km of 1,719 columns": ([(4, 6, 1.0), (2, 4, 1.0)], 129, 1.0, 8192, 60),
}


def configuration(banks, rate, oversampling, threads):
    text = f'[network]\norder_0 = false\npooling = "median"\nsampling_rate = {rate}\noversampling = {oversampling}\n'
    for octaves, resolution, quality in banks:
        text += f"[[network.banks]]\noctaves = {octaves}\nresolution = {resolution}\nquality = {quality}\n"
    return text + f"[compute]\nbackend = \"cpu\"\nthreads = {threads}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scatterfall")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    rng = np.random.default_rng(7)
    print(f"scatseisnet {scatseisnet.__version__}, median pooling, 3 channels; milliseconds per segment, medians of {args.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for name, (banks, bins, rate, ours, theirs) in CASES.items():
            data = rng.standard_normal((ours, 3, bins)).astype(np.float32)
            np.save(f"{folder}/segments.npy", data)
            kinds = {"exact": ('"full"', 1), "exact, 2 threads": ('"full"', 2), "oversampling 4": (4, 1), "oversampling 2": (2, 1), "oversampling 1": (1, 1)}
            for kind, (oversampling, threads) in kinds.items():
                with open(f"{folder}/{kind}.toml", "w") as file:
                    file.write(configuration(banks, rate, oversampling, threads))
            network = scatseisnet.ScatteringNetwork(
                *[dict(octaves=o, resolution=r, quality=q) for o, r, q in banks], bins=bins, sampling_rate=rate
            )
            times = {kind: [] for kind in ["scatseisnet", *kinds]}
            for _ in range(args.rounds):
                begin = time.perf_counter()
                for segment in data[:theirs]:
                    network.transform_segment(segment.astype(np.float64), reduce_type=np.median)
                times["scatseisnet"].append((time.perf_counter() - begin) / theirs)
                for kind in kinds:
                    begin = time.perf_counter()
                    subprocess.run(
                        [args.binary, "scatter", "--input", f"{folder}/segments.npy", "--output", f"{folder}/{kind}.npz",
                         "--config", f"{folder}/{kind}.toml", "-q"],
                        check=True, stdout=subprocess.DEVNULL,
                    )
                    times[kind].append((time.perf_counter() - begin) / ours)
            exact = np.load(f"{folder}/exact.npz")
            print(f"\n{name}: {bins} samples, banks {banks}")
            for kind, seconds in times.items():
                ratio = statistics.median(a / b for a, b in zip(times["scatseisnet"], seconds))
                line = f"  {kind:18} {1e3 * statistics.median(seconds):8.3f}   {ratio:6.1f} times scatseisnet"
                if kind == "exact, 2 threads":
                    line += f"   {statistics.median(a / b for a, b in zip(times['exact'], seconds)):.2f} times one thread"
                if kind.startswith("oversampling"):
                    coarse = np.load(f"{folder}/{kind}.npz")
                    for order in ("order_1", "order_2"):
                        error = np.abs(coarse[order] - exact[order])
                        largest = np.abs(exact[order]).reshape(*exact[order].shape[:2], -1).max(-1)
                        worst = error.reshape(*largest.shape, -1) / largest[..., None]
                        line += f"   {order}: rms {100 * np.sqrt((worst ** 2).mean()):.2f} %, largest {100 * worst.max():.1f} %"
                print(line)


if __name__ == "__main__":
    sys.exit(main())
