#!/usr/bin/env python3
"""How the time of a run grows with images, windows and filters, on one thread.

    cargo build --release
    python benches/linearity.py [--binary target/release/scatterfall] [--rounds 5]

Times are those of the stage `images` (decode, features, coefficients) in run.json, medians of the rounds, which go through
all sizes in turns.
"""

import argparse
import json
import statistics
import subprocess
import tempfile

STEPS = {
    "images": [(n, n, []) for n in (12, 24, 48, 96)],
    "windows per image": [((1719 - 3) // s + 1, 24, [f"features.step={s}", "segments.bins=40"]) for s in (8, 4, 2, 1)],
    "paths of two layers": [
        (4 * r + 4 * r * 2 * r, 24, [f"network.banks=[{{octaves=4,resolution={r},quality=1.0}},{{octaves=2,resolution={r},quality=1.0}}]"])
        for r in (2, 4, 6, 8)
    ],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scatterfall")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for images in sorted({images for steps in STEPS.values() for _, images, _ in steps}):
            out = ["--output", f"{folder}/{images}", "--images", str(images)]
            subprocess.run([args.binary, "synth", *out, "-q"], check=True)
        for name, steps in STEPS.items():
            times = {size: [] for size, _, _ in steps}
            for k in range(args.rounds + 1):
                for size, images, settings in steps:
                    output = f"{folder}/output"
                    more = [part for s in [*settings, "segments.overlap=0.0", "visualize.methods=[]"] for part in ("--set", s)]
                    command = ["run", "--fresh", "--config", f"{folder}/{images}/config.toml", "--output", output]
                    command += ["--threads", "1", "--backend", "cpu", "-q", *more]
                    subprocess.run([args.binary, *command], check=True, stderr=subprocess.DEVNULL)
                    if k > 0:
                        with open(f"{output}/run.json") as file:
                            times[size].append(json.load(file)["stages"]["images"])
            print(f"{name:20} " + "  ".join(f"{size}: {statistics.median(t) * 1e3:.0f} ms" for size, t in times.items()))


if __name__ == "__main__":
    main()
