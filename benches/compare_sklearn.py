#!/usr/bin/env python3
"""Reduction and clustering of a month, side by side with NumPy and scikit-learn: wall time, peak memory and quality.

    pip install numpy scikit-learn
    cargo build --release
    benches/compare_sklearn.py --bin target/release/scatterfall --folder /tmp/month [--only reduce kmeans ...]

A month is 345,600 rows x 648 coefficients (72 of order 1, 576 of order 2) in 30 daily files, 0.9 GB, written to the
folder once; clustering takes 345,600 x 5. Both sides start from the files, in a process of their own, on `--threads`
threads (2), in turns for `--rounds` rounds. Printed are medians of wall time and of CPU time (user and system, all threads;
the figure to compare on a busy machine), from start to end; for scikit-learn without the second or two of its imports.
The program also scores every row and writes labels, scores and a model; scikit-learn's side only fits.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

DAYS, ROWS, FIRST, SECOND = 30, 11_520, (3, 24), (3, 24, 8)
SOURCES = 5
METHODS = ("kmeans", "gmm", "dbscan", "single", "ward")


def make_month(folder):
    """Daily files of coefficients that five sources of different shape make, and rows to cluster."""
    import numpy as np

    rng = np.random.default_rng(0)
    store = folder / "scattering_coefficients"
    store.mkdir(parents=True, exist_ok=True)
    columns = int(np.prod(FIRST) + np.prod(SECOND))
    mixing = rng.normal(size=(SOURCES, columns)) * 0.3
    start = np.datetime64("2025-05-01", "us")
    for day in range(DAYS):
        t = np.arange(ROWS) + day * ROWS
        sources = np.stack(
            [np.sign(np.sin(t / 17.3)), rng.laplace(size=ROWS), rng.uniform(-1.7, 1.7, ROWS),
             np.mod(t / 41.7, 1) * 3.4 - 1.7, rng.exponential(size=ROWS)], 1)
        logs = sources @ mixing + rng.normal(size=(ROWS, columns)) * 0.1
        coefficients = (10.0**logs).astype(np.float32)
        split = int(np.prod(FIRST))
        date = str(start + np.timedelta64(day, "D"))[:10].replace("-", "")
        np.savez(
            store / f"scattering_coefficients_{date}.npz",
            order_1=coefficients[:, :split].reshape(ROWS, *FIRST), order_2=coefficients[:, split:].reshape(ROWS, *SECOND),
            distance=np.arange(ROWS) % 8 * 2.5,
            times=start + np.timedelta64(day, "D") + (np.arange(ROWS) // 8).astype("timedelta64[m]"))
    n = DAYS * ROWS
    centres, shapes = rng.normal(size=(5, 5)) * 6, rng.normal(size=(5, 5, 5)) * 0.5 + np.eye(5)
    blob = rng.choice(5, n, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    rows = centres[blob] + np.einsum("nij,nj->ni", shapes[blob], rng.normal(size=(n, 5)))
    rows[: n // 100] = rng.uniform(-20, 20, (n // 100, 5))
    np.save(folder / "rows.npy", rng.permutation(rows))


def radius(rows):
    """The radius within which a row has about 100 neighbours, over a sample of the rows."""
    import numpy as np
    from sklearn.neighbors import KDTree

    rng = np.random.default_rng(0)
    tree, sample = KDTree(rows), rows[rng.choice(len(rows), 1000, replace=False)]
    low, high = 0.0, float(np.ptp(rows))
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if tree.query_radius(sample, middle, count_only=True).mean() > 100 else (middle, high)
    return round(high, 2)


# -- scikit-learn, in a process of its own ----------------------------------------------------------------------------


def sklearn_reduce(folder, _):
    import numpy as np
    from sklearn.decomposition import FastICA

    begin, cpu = time.time(), time.process_time()
    days = []
    for path in sorted((folder / "scattering_coefficients").glob("*.npz")):
        with np.load(path) as z:
            days.append(np.hstack([z["order_1"].reshape(ROWS, -1), z["order_2"].reshape(ROWS, -1)]))
    for x in days:
        np.log10(np.maximum(x, np.float32(1e-10), out=x), out=x)
    n = sum(map(len, days))
    mean = sum(x.sum(0, dtype=float) for x in days) / n
    covariance = 0.0
    for x in days:
        centred = x - mean
        covariance = covariance + centred.T @ centred
    scale = np.sqrt(np.diag(covariance) / n)
    scale = scale * np.sqrt(np.repeat([np.prod(FIRST), np.prod(SECOND)], [np.prod(FIRST), np.prod(SECOND)]))
    values, vectors = np.linalg.eigh(covariance / scale / scale[:, None] / (n - 1))
    whitening = vectors[:, : -SOURCES - 1 : -1] / np.sqrt(values[: -SOURCES - 1 : -1])
    scores = np.concatenate([((x - mean) / scale) @ whitening for x in days])
    FastICA(SOURCES, whiten="unit-variance", random_state=0).fit_transform(scores)
    return dict(seconds=time.time() - begin, cpu=time.process_time() - cpu, quality=float((values[: -SOURCES - 1 : -1] / values.sum()).sum()))


def sklearn_cluster(folder, settings):
    import numpy as np
    from sklearn.cluster import DBSCAN, KMeans
    from sklearn.mixture import GaussianMixture

    begin, cpu = time.time(), time.process_time()
    rows = np.load(folder / "rows.npy")
    if settings["method"] == "kmeans":
        quality = KMeans(5, n_init=10, random_state=0).fit(rows).inertia_
    elif settings["method"] == "gmm":
        quality = GaussianMixture(6, random_state=0).fit(rows).score(rows)
    else:
        quality = int((DBSCAN(eps=settings["eps"], min_samples=20).fit(rows).labels_ < 0).sum())
    return dict(seconds=time.time() - begin, cpu=time.process_time() - cpu, quality=float(quality))


# -- both sides -------------------------------------------------------------------------------------------------------


# Starts a command and writes what it used: a process's peak counts from its parent's size, so the parent must be small.
LAUNCHER = """
import os, sys
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w") as out:
    print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=out)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measured(command, threads):
    """Runs a command; its standard output, wall and CPU time and peak memory in MiB."""
    environment = os.environ | {k: str(threads) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")}
    begin = time.time()
    with tempfile.NamedTemporaryFile("r") as used:
        launch = [sys.executable, "-I", "-S", "-c", LAUNCHER, used.name, *map(str, command)]
        done = subprocess.run(launch, stdout=subprocess.PIPE, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{command[0]}: exit status {done.returncode}")
        seconds, (cpu, peak) = time.time() - begin, map(float, used.read().split())
        return done.stdout, seconds, cpu, peak / 1024


def theirs(folder, settings, threads):
    out, _, _, peak = measured([sys.executable, __file__, "--folder", folder, "--sklearn", json.dumps(settings)], threads)
    return json.loads(out) | dict(peak=peak)


def ours(program, output, command, sets, threads):
    options = [o for key, value in sets.items() for o in ("--set", f"{key}={json.dumps(value)}")]
    arguments = [program, command, "--output", output, "--threads", threads, "--no-progress", "-q", *options]
    _, seconds, cpu, peak = measured(arguments, threads)
    return dict(seconds=seconds, cpu=cpu, peak=peak)


def in_turns(rounds, *sides):
    """Each side's first result with the medians of its times over all rounds."""
    results = [[side() for side in sides] for _ in range(rounds)]
    middle = lambda k, key: sorted(r[k][key] for r in results)[rounds // 2]
    return [results[0][k] | {key: middle(k, key) for key in ("seconds", "cpu")} for k in range(len(sides))]


def report(name, own, other=None):
    side = lambda r: f"{r['seconds']:7.2f} s wall {r['cpu']:7.2f} s CPU {r['peak']:6.0f} MiB  {r['quality']}"
    line = f"{name:8s} scatterfall {side(own)}"
    if other:
        line += f"   scikit-learn {side(other)}   CPU ratio {other['cpu'] / own['cpu']:.2f}"
    print(line, flush=True)


def reduce(a):
    import numpy as np

    def own():
        sets = {"network.order_0": False, "reduce.pca_components": SOURCES, "reduce.ica_components": SOURCES}
        # Current results would be left alone.
        (a.folder / "pca_ica/record.json").unlink(missing_ok=True)
        result = ours(a.bin, a.folder, "reduce", sets, a.threads)
        with np.load(a.folder / "pca_ica/principal_components.npz") as z:
            return result | dict(quality=f"explains {z['explained_variance_ratio'].sum():.6g}")

    report("reduce", *in_turns(a.rounds, own, lambda: theirs(a.folder, dict(method="reduce"), a.threads)))


def cluster(a, method, eps):
    import numpy as np

    sets = {
        "kmeans": {"cluster.method": "kmeans", "cluster.kmeans.clusters": 5},
        "gmm": {"cluster.method": "gmm", "cluster.gmm.components": 6},
        "dbscan": {"cluster.method": "dbscan", "cluster.dbscan.eps": eps, "cluster.dbscan.min_samples": 20},
        "single": {"cluster.method": "agglomerative", "cluster.agglomerative.linkage": "single"},
        "ward": {"cluster.method": "agglomerative", "cluster.agglomerative.linkage": "ward"},
    }[method]
    rows = np.load(a.folder / "rows.npy")
    times = np.datetime64("2025-05-01", "us") + (np.arange(len(rows)) // 8).astype("timedelta64[m]")

    def own():
        with tempfile.TemporaryDirectory(dir=a.folder) as output:
            components = pathlib.Path(output) / "pca_ica"
            components.mkdir()
            place = np.arange(len(rows)) % 8 * 2.5
            np.savez(components / "independent_components.npz", features=rows, times=times, distance=place)
            result = ours(a.bin, output, "cluster", sets, a.threads)
            summary = json.loads((pathlib.Path(output) / "clustering_results/summary.json").read_text())
        key = {"kmeans": "inertia", "gmm": "log_likelihood", "dbscan": "noise"}.get(method, "silhouette")
        # A sample of a single linkage's rows may all be of one cluster, which has no silhouette.
        value = "none" if summary[key] is None else f"{summary[key]:.7g}"
        return result | dict(quality=f"{key} {value}")

    # scikit-learn's hierarchies need all 6e10 distances.
    other = [] if method in ("single", "ward") else [lambda: theirs(a.folder, dict(method=method, eps=eps), a.threads)]
    report(method, *in_turns(a.rounds, own, *other))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", type=pathlib.Path)
    p.add_argument("--folder", type=pathlib.Path, required=True)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", nargs="*", choices=("reduce", *METHODS), default=("reduce", *METHODS))
    p.add_argument("--sklearn", type=json.loads, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.sklearn:
        compute = sklearn_reduce if a.sklearn["method"] == "reduce" else sklearn_cluster
        print(json.dumps(compute(a.folder, a.sklearn)))
        return
    if not a.bin:
        p.error("--bin is missing")
    if not (a.folder / "rows.npy").exists():
        make_month(a.folder)
    if "reduce" in a.only:
        reduce(a)
    eps = None
    if "dbscan" in a.only:
        import numpy as np

        eps = radius(np.load(a.folder / "rows.npy"))
    for method in METHODS:
        if method in a.only:
            cluster(a, method, eps)


if __name__ == "__main__":
    main()
