#!/usr/bin/env python3
"""Makes numerics.npz: clusters, hierarchies, densities and independent components of a few hundred rows.

    pip install numpy scipy scikit-learn
    python make_numerics.py            writes numerics.npz beside this script

Everything comes from scikit-learn and SciPy; nothing of the program's is used. The file names the versions that made it
(`versions`). Random numbers are seeded, so that the same versions write the same numbers.
"""
import pathlib
from importlib.metadata import version

import numpy as np
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import FastICA
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

VERSIONS = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "scikit-learn"))
COMPONENTS = 3


def rows(rng):
    """Three stretched blobs of 150, 90 and 40 rows, and 20 rows anywhere."""
    centres = np.array([[0.0, 0.0, 0.0], [6.0, 1.0, -2.0], [-3.0, 5.0, 3.0]])
    shapes = rng.normal(size=(3, 3, 3)) * 0.4 + np.eye(3)
    blob = np.repeat([0, 1, 2], [150, 90, 40])
    inside = centres[blob] + np.einsum("nij,nj->ni", shapes[blob], rng.normal(size=(280, 3)))
    everything = np.concatenate([inside, rng.uniform(-10, 10, (20, 3))])
    return rng.permutation(everything)


def mixtures(x):
    """Parameters, densities and criteria of the best of many starts, iterated to the end."""
    out = {}
    for kind in ("full", "diag", "tied", "spherical"):
        fitted = [
            GaussianMixture(COMPONENTS, covariance_type=kind, tol=1e-12, max_iter=5000, n_init=1, random_state=s).fit(x)
            for s in range(30)
        ]
        # As the program: no component of no more rows than columns.
        g = max((g for g in fitted if g.weights_.min() * len(x) > x.shape[1]), key=lambda g: g.score(x))
        out |= {f"{kind}_weights": g.weights_, f"{kind}_means": g.means_, f"{kind}_covariances": g.covariances_}
        out |= {f"{kind}_scores": g.score_samples(x), f"{kind}_labels": g.predict(x)}
        out |= {f"{kind}_criteria": np.array([g.score(x), g.aic(x), g.bic(x)])}
    return out


def independent(rng):
    """Coefficients with three sources in their logarithms, and the matrices of FastICA."""
    n = 400
    t = np.arange(n)
    sources = np.stack([np.sign(np.sin(t / 7.3)), rng.laplace(size=n), rng.uniform(-1, 1, n)], 1)
    coefficients = (10.0 ** (sources @ rng.normal(size=(3, 8)) * 0.3)).astype(np.float32)
    ica = FastICA(3, whiten="unit-variance", random_state=0, tol=1e-14, max_iter=10_000)
    ica.fit(np.log10(coefficients.astype(float)))
    return dict(coefficients=coefficients, mixing=ica.mixing_, unmixing=ica.components_)


def main():
    rng = np.random.default_rng(2025)
    x = rows(rng)
    labels = KMeans(COMPONENTS, n_init=30, random_state=0).fit(x)
    distances, _ = NearestNeighbors(n_neighbors=11).fit(x).kneighbors(x)
    arrays = dict(
        rows=x,
        dbscan_wide=DBSCAN(eps=1.2, min_samples=8).fit(x).labels_,
        dbscan_narrow=DBSCAN(eps=0.7, min_samples=4).fit(x).labels_,
        kmeans=labels.labels_,
        kmeans_inertia=labels.inertia_,
        silhouette=silhouette_score(x, labels.labels_),
        neighbours=distances[:, 1:].mean(1),
        **{method: linkage(x[:120], method) for method in ("ward", "complete", "average", "single")},
        **mixtures(x),
        **independent(rng),
    )
    path = pathlib.Path(__file__).parent / "numerics.npz"
    # The program's reader takes arrays row by row only.
    arrays = {k: np.ascontiguousarray(a) if np.ndim(a) else np.array(a) for k, a in arrays.items()}
    np.savez_compressed(path, versions=np.array(VERSIONS), **arrays)
    print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size} bytes, {VERSIONS}")


if __name__ == "__main__":
    main()
