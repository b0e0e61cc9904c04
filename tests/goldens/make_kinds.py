"""Writes kinds.csv: points with scikit-learn's labels of DBSCAN and of OPTICS cut at eps (-1: noise).

    python tests/goldens/make_kinds.py      # numpy, scikit-learn
"""
from pathlib import Path

import numpy as np
from sklearn.cluster import DBSCAN, OPTICS, cluster_optics_dbscan

EPS, MIN_SAMPLES = 0.6, 5

rng = np.random.default_rng(7)
heaps = [rng.normal(centre, spread, (n, 3)) for centre, spread, n in [(0.0, 0.2, 60), (2.0, 0.3, 90), (4.5, 0.15, 25)]]
points = np.round(np.concatenate([*heaps, rng.uniform(-3, 7, (45, 3))]), 4)
points = points[rng.permutation(len(points))]

dbscan = DBSCAN(eps=EPS, min_samples=MIN_SAMPLES).fit(points).labels_
optics = OPTICS(max_eps=EPS, min_samples=MIN_SAMPLES, cluster_method="dbscan", eps=EPS).fit(points)
cut = cluster_optics_dbscan(
    reachability=optics.reachability_, core_distances=optics.core_distances_, ordering=optics.ordering_, eps=EPS
)
core = optics.core_distances_ <= EPS
with open(Path(__file__).with_name("kinds.csv"), "w") as out:
    out.write("x,y,z,dbscan,optics,core\n")
    for p, d, o, c in zip(points, dbscan, cut, core):
        out.write(f"{p[0]:.4f},{p[1]:.4f},{p[2]:.4f},{d},{o},{int(c)}\n")
