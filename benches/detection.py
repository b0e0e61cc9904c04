#!/usr/bin/env python3
"""How well the scores find known events, for every combination of features, segment length, scaling and baseline.

    detection.py --bin target/release/scatterfall [--seeds 1 2 3 4 5] [--images 180]     archives of `scatterfall synth`
    detection.py --bin ... --archives DIR...                                            archives that exist (truth.json)

A row (a segment of fibre in one minute) counts as positive where an event touches its minute and its stretch of fibre.
Printed are, a line a combination: average precision (AP) and area under the ROC curve (AUC) of the score over all rows,
and for each kind of event the AUC of its rows against rows without any event; each the mean over the archives, AP and AUC
with the worst archive behind a slash. The sea swell of these archives never ceases and is no event.

Features are computed once an archive and kept in --work; each combination then runs transform, reduce and cluster.
Scores of the place baseline do not depend on the clusters, so k-means, the fastest, stands for the mixture there. The
scaling minmax is left out: one factor for all columns is all but lost in whitening: within 0.005 of none.
Options take several values; --set passes further keys to all stages (--set network.pooling='"max"'). `--default` runs the
program's defaults alone. Needs numpy and scikit-learn.
"""
import argparse
import csv
import datetime as dt
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

KINDS = ("vehicle", "earthquake", "hammering", "glitch")
SETS = ("std,gabor,dominant_frequency", "std,mean,max", "std,mean", "std", "std,median,p75,max", "std,mean,max,gabor")
MINUTE = 60.0
# An earthquake's waves cross the fibre up to this long after its origin time, and need this long to show.
ARRIVAL_S, SHOWS_S = 40.0, 5.0
# Shorter contacts are not seen by a person either.
CONTACT_S = 2.0


def touches(event, t0, x0, x1):
    """Whether an event touches the minute from t0 (seconds from the archive's start) and the stretch x0..x1 (km)."""
    t1, kind, start = t0 + MINUTE, event["kind"], event["t0"]
    if kind == "earthquake":
        return t0 - ARRIVAL_S < start < t1 - SHOWS_S
    if kind == "glitch":
        return t0 <= start < t1
    if kind not in ("vehicle", "hammering"):
        return False
    first, last = max(t0, start), min(t1, start + event["length_s"])
    if last - first <= CONTACT_S:
        return False
    if kind == "hammering":
        return x0 < event["x0"] < x1
    way = [event["x0"] + event["speed_ms"] * (t - start) / 1000.0 for t in (first, last)]
    return max(min(way), x0) < min(max(way), x1)


def measured(truth, output, length_km):
    """AP, AUC and each kind's AUC of the scores under `output`; NaN for a kind without rows."""
    origin = dt.datetime.fromisoformat(truth["start"])
    with open(output / "clustering_results" / "clusters.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["score"] != "nan"]
    kinds = []
    for r in rows:
        t0 = (dt.datetime.fromisoformat(r["time"].rstrip("Z")) - origin).total_seconds()
        x0 = float(r["distance_km"])
        kinds.append({e["kind"] for e in truth["events"] if touches(e, t0, x0, x0 + length_km)})
    score = np.array([float(r["score"]) for r in rows])
    event = np.array([bool(k) for k in kinds])
    figures = {"AP": average_precision_score(event, score), "AUC": roc_auc_score(event, score), "share": event.mean()}
    for kind in KINDS:
        own = np.array([kind in k for k in kinds])
        among = own | ~event
        figures[kind] = roc_auc_score(own[among], score[among]) if own.any() else np.nan
    return figures


class Runner:
    def __init__(self, binary, work, extra):
        self.binary, self.work, self.extra = binary, work, extra

    def run(self, stage, output, settings, *more):
        sets = [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
        sets += [f"--set={s}" for s in self.extra]
        command = [self.binary, stage, "--output", output, "--quiet", *sets, *more]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode not in (0, 3):
            sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}: {done.stderr}")

    def features(self, archive, names):
        """The stored features of an archive, all of `names`."""
        output = self.work / f"{archive.name}-features"
        # Small archives have no margins; their own configuration says so.
        config = archive / "config.toml"
        more = ["--config", config] if config.is_file() else []
        self.run("features", output, {"features.names": names}, "--input", archive, *more)
        return output, more

    def select(self, source, names, wanted, target):
        """Writes the channels `wanted` of the stored features as someone else's day files."""
        (target / "features").mkdir(parents=True, exist_ok=True)
        for day in sorted((source / "features").glob("features_*.npz")):
            with np.load(day) as stored:
                chosen = stored["features"][..., [names.index(w) for w in wanted]]
                np.savez(target / "features" / day.name, features=chosen, times=stored["times"], distance=stored["distance"])


def title(value):
    return ",".join(value) if isinstance(value, list) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--archives", nargs="+", type=pathlib.Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--images", type=int, default=180)
    parser.add_argument("--work", type=pathlib.Path, help="folder for archives and features (default: a temporary one)")
    parser.add_argument("--features", nargs="+", default=SETS, help="sets of features, names joined by commas")
    parser.add_argument("--lengths", nargs="+", type=float, default=[1.0, 3.0], help="kilometres per segment")
    parser.add_argument("--order-0", nargs="+", choices=["true", "false"], default=["true"])
    parser.add_argument("--scalings", nargs="+", default=["balanced", "standard", "none"])
    parser.add_argument("--components", nargs="+", type=int, default=[12])
    parser.add_argument("--baselines", nargs="+", default=["place", "model"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--default", action="store_true", help="only the program's defaults")
    a = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        work = a.work or pathlib.Path(temporary)
        runner = Runner(a.bin.resolve(), work, a.set)
        archives = a.archives or [work / f"archive-{seed}" for seed in a.seeds]
        if not a.archives:
            for seed, folder in zip(a.seeds, archives):
                if not (folder / "truth.json").is_file():
                    synth = [str(runner.binary), "synth", "--output", str(folder), "--images", str(a.images), "--seed", str(seed), "-q"]
                    subprocess.run(synth, check=True)
        truths = [json.loads((folder / "truth.json").read_text()) for folder in archives]
        head = f"{'':72s} {'AP':>11s} {'AUC':>11s} " + " ".join(f"{k:>10s}" for k in KINDS)

        if a.default:
            results = []
            for folder, truth in zip(archives, truths):
                output = work / f"{folder.name}-default"
                config = ["--config", folder / "config.toml"] if (folder / "config.toml").is_file() else []
                runner.run("run", output, {"visualize.methods": []}, "--input", folder, "--fresh", *config)
                resolved = json.loads((output / "run.json").read_text())["configuration"]
                results.append(measured(truth, output, resolved["segments"]["length_km"]))
                show(folder.name, results[-1:])
            print(head)
            show("mean over the archives / worst", results)
            return

        sets = [s.split(",") for s in a.features]
        names = list(dict.fromkeys(itertools.chain(*sets)))
        stored = [runner.features(folder, names) for folder in archives]
        print(head)
        for wanted, length, order_0 in itertools.product(sets, a.lengths, a.order_0):
            outputs = []
            for (source, more), folder in zip(stored, archives):
                output = work / f"{folder.name}-{'-'.join(wanted)}-{length}-{order_0}"
                runner.select(source, names, wanted, output)
                cut = {"features.names": wanted, "segments.length_km": length, "network.order_0": order_0 == "true"}
                runner.run("transform", output, cut, *more)
                outputs.append((output, cut, more))
            for scaling, components in itertools.product(a.scalings, a.components):
                for (output, cut, more) in outputs:
                    own = {**cut, "reduce.scaling": scaling, "reduce.ica_components": components}
                    runner.run("reduce", output, own, *more)
                for baseline in a.baselines:
                    results = []
                    for (output, cut, more), truth in zip(outputs, truths):
                        method = "kmeans" if baseline == "place" else "gmm"
                        runner.run("cluster", output, {**cut, "anomaly.baseline": baseline, "cluster.method": method}, *more)
                        results.append(measured(truth, output, length))
                    zero = "order 0" if order_0 == "true" else "       "
                    show(f"{title(wanted):34s} {length:4g} km {zero} {scaling:8s} {components:3d} {baseline}", results)


def show(name, results):
    mean = {k: np.nanmean([r[k] for r in results]) for k in results[0]}
    worst = {k: min(r[k] for r in results) for k in ("AP", "AUC")}
    two = " ".join(f"{mean[k]:.3f}/{worst[k]:.3f}" for k in ("AP", "AUC"))
    print(f"{name:72s} {two} " + " ".join(f"{mean[k]:10.3f}" for k in KINDS), flush=True)


if __name__ == "__main__":
    main()
