#!/usr/bin/env python3
"""Makes the golden files of the integration tests: what other implementations compute from small inputs.

    pip install numpy scipy scikit-image scikit-learn scatseisnet
    python make_pipeline.py            writes features.npz, scattering.npz, network.npz, rows.npz, reduction.npz
                                       and scores.npz beside this script

Features come from NumPy and scikit-image, coefficients and filters from scatseisnet, components, clusters and
likelihoods from scikit-learn, each called on what the program is given; nothing of the program's is used. Every file
names the versions that made it (`versions`). Random numbers are seeded, so that the same versions write the same numbers.
"""
import pathlib
from importlib.metadata import version

import numpy as np
from scatseisnet import ScatteringNetwork
from scipy.signal import convolve2d
from skimage.filters import gabor_kernel
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, FastICA
from sklearn.mixture import GaussianMixture

HERE = pathlib.Path(__file__).parent
VERSIONS = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "scikit-image", "scikit-learn", "scatseisnet"))
LARGEST_FILE = 64 * 1024


def save(name, **arrays):
    path = HERE / name
    # The program's reader takes arrays row by row only.
    arrays = {key: np.ascontiguousarray(a) if np.ndim(a) else a for key, a in arrays.items()}
    np.savez_compressed(path, versions=np.array(VERSIONS), **arrays)
    size = path.stat().st_size
    assert size < LARGEST_FILE, f"{name} takes {size} bytes"
    print(f"{name}: {len(arrays)} arrays, {size} bytes")


# -- features ---------------------------------------------------------------------------------------------------------

FEATURES = ("std", "gabor", "dominant_frequency", "mean", "median", "p75", "max", "slope_aspect")


def jet():
    """The 256 colours of matplotlib's `jet`, from its published break points, cut (not rounded) to whole numbers."""
    red = [(0, 0), (0.35, 0), (0.66, 1), (0.89, 1), (1, 0.5)]
    green = [(0, 0), (0.125, 0), (0.375, 1), (0.64, 1), (0.91, 0), (1, 0)]
    blue = [(0, 0.5), (0.11, 1), (0.34, 1), (0.65, 0), (1, 0)]
    level = np.linspace(0, 1, 256)
    channels = [np.interp(level, *np.transpose(points)) for points in (red, green, blue)]
    return (255 * np.transpose(channels)).astype(np.uint8)


def nearest(pixels, colours):
    """Index of the nearest colour of each pixel; argmin takes the lowest of equally near ones."""
    difference = pixels[:, :, None, :].astype(int) - colours.astype(int)
    return np.argmin((difference**2).sum(-1), axis=-1)


def per_window(columns, window, step, reduce):
    """`reduce` of all pixels of every window of columns."""
    cut = np.lib.stride_tricks.sliding_window_view(columns, window, axis=1)[:, ::step]
    return reduce(np.moveaxis(cut, 1, 0).reshape(cut.shape[1], -1))


def dominant_frequency(value, seconds):
    modulus = np.abs(np.fft.rfft(value - value.mean(axis=0), axis=0))
    largest = modulus.max(axis=0)
    share = modulus / np.where(largest > 1e-6 * len(value), largest, np.inf)
    # No column may hang on the last digit of the rule.
    assert not np.any(np.abs(share - (1 - 1e-4)) < 1e-5), "a near tie: take another seed"
    lowest = np.argmax(share >= 1 - 1e-4, axis=0)
    return np.fft.rfftfreq(len(value), seconds)[lowest]


def slope_aspect(value, seconds, metres):
    by_time, by_distance = np.gradient(value, seconds, metres)
    degrees = np.mod(np.degrees(np.arctan2(by_time, by_distance)), 360)
    return degrees * by_time / (by_distance + 1e-6)


def gabor(value, degrees):
    """Modulus of scikit-image's Gabor filter with reflecting borders. (Its `gabor` hands the borders to scipy.ndimage,
    which reads beyond its buffers where an image is much smaller than the kernel: SciPy 1.17 gives 1e224 for 5 x 7.)"""
    kernel = gabor_kernel(0.05, theta=np.radians(degrees), bandwidth=1, n_stds=3)
    reach = kernel.shape[0] // 2
    return np.abs(convolve2d(np.pad(value, reach, mode="symmetric"), kernel, mode="valid"))


def window_features(value, window, step, duration_s, total_km):
    """(windows, features) of colour indices (time, distance)."""
    rows, columns = value.shape
    value = value.astype(float)
    seconds, metres = duration_s / rows, 1000 * total_km / columns
    mean = lambda a: per_window(a, window, step, lambda w: w.mean(axis=1))
    of_all = lambda f: per_window(value, window, step, f)
    computed = dict(
        std=of_all(lambda w: w.std(axis=1, ddof=1)), mean=of_all(lambda w: w.mean(axis=1)),
        median=of_all(lambda w: np.median(w, axis=1)), p75=of_all(lambda w: np.percentile(w, 75, axis=1)),
        max=of_all(lambda w: w.max(axis=1)), gabor=mean(np.maximum(gabor(value, 45), gabor(value, 135))),
        dominant_frequency=mean(dominant_frequency(value, seconds)[None]),
        slope_aspect=mean(slope_aspect(value, seconds, metres)),
    )
    return np.stack([computed[name] for name in FEATURES], axis=1)


def screenshot(rng, rows, columns):
    """A plot area of colours on and off the map, with waves, noise, a constant column and saturated spots."""
    t, x = np.mgrid[:rows, :columns]
    value = 110 + 60 * np.sin(0.9 * t + 0.15 * x) + 30 * np.sin(0.28 * (t - x)) + 14 * rng.normal(size=(rows, columns))
    value[:, 3] = 90
    value[rows // 2, columns // 2:] = 400
    colours = jet()
    pixels = colours[np.clip(value, 0, 255).astype(int)].astype(int)
    off = rng.random((rows, columns)) < 0.3
    pixels[off] += rng.integers(-9, 10, (off.sum(), 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def make_features():
    rng = np.random.default_rng(11)
    arrays = {}
    for name, rows, columns, window, step in (("wide", 24, 40, 3, 2), ("tiny", 5, 7, 3, 2), ("single", 24, 40, 1, 3)):
        pixels = screenshot(rng, rows, columns)
        arrays[f"{name}_pixels"] = pixels
        arrays[f"{name}_window"] = np.array([window, step])
        arrays[f"{name}_features"] = window_features(nearest(pixels, jet()), window, step, 60.0, 20.0)
        distance = np.sqrt(((pixels.astype(int) - jet()[nearest(pixels, jet())].astype(int)) ** 2).sum(-1))
        arrays[f"{name}_residual"] = np.array([distance.mean()])
    save("features.npz", **arrays)


# -- scattering -------------------------------------------------------------------------------------------------------

TWO = [(3, 4, 1.0), (2, 2, 1.0)]
POOLING = dict(median=np.median, mean=np.mean, max=np.max)
# Name: bins, banks (octaves, resolution, quality), pooling, norm, taper. `reference.rs` has the same list.
CASES = dict(
    bins_16=(16, [(2, 2, 1.0), (1, 2, 1.0)], "median", None, None),
    bins_97=(97, TWO, "median", None, None),
    bins_129=(129, TWO, "median", None, None),
    default_banks=(128, [(4, 6, 1.0), (2, 4, 1.0)], "median", None, None),
    mean=(129, TWO, "mean", None, None),
    max=(129, TWO, "max", None, None),
    l1=(97, TWO, "median", "L1", None),
    l2=(97, TWO, "median", "L2", None),
    taper=(129, TWO, "median", None, 0.3),
    taper_mean=(97, TWO, "mean", None, 0.05),
    one_bank=(97, [(4, 3, 2.0)], "median", None, None),
    three_banks=(97, [(3, 2, 1.0), (2, 2, 1.0), (2, 1, 1.5)], "median", None, None),
)
RATE = 12.5


def banks_of(banks, norm=None):
    return [dict(octaves=o, resolution=r, quality=q, normalize_wavelet=norm) for o, r, q in banks]


def make_scattering():
    rng = np.random.default_rng(12)
    arrays = {}
    for bins in (16, 97, 128, 129):
        segments = rng.normal(size=(4, 2, bins)) * 10.0 ** rng.uniform(-3, 3, (4, 1, 1))
        segments[0] = np.stack([120 + 9 * rng.normal(size=bins), 0.2 + np.sin(0.7 * np.arange(bins)) ** 2 + 0.03 * rng.normal(size=bins)])
        segments[1, 0] = 0.0                       # a dead channel
        segments[1, 1] = 7.0                       # a constant one
        arrays[f"segments_{bins}"] = segments.astype(np.float32)
        used = arrays[f"segments_{bins}"].astype(float)
        arrays[f"order_0_{bins}"] = np.stack([np.abs(used).mean(-1), np.abs(used).max(-1), used.std(-1)], axis=-1)
    for name, (bins, banks, pooling, norm, taper) in CASES.items():
        network = ScatteringNetwork(*banks_of(banks, norm), bins=bins, sampling_rate=RATE)
        used = arrays[f"segments_{bins}"].astype(float)
        for k, order in enumerate(network.transform(used.copy(), taper_alpha=taper, reduce_type=POOLING[pooling]), 1):
            # Single precision keeps the files small; its rounding is a hundredth of the tolerance.
            arrays[f"{name}_order_{k}"] = order.astype(np.float32)
    network = ScatteringNetwork(*banks_of([(2, 1, 1.0), (1, 1, 1.0)]), bins=16, sampling_rate=RATE)
    for k, order in enumerate(network.transform(arrays["segments_16"].astype(float), reduce_type=None), 1):
        arrays[f"scalogram_order_{k}"] = order.astype(np.float32)
    save("scattering.npz", **arrays)


def make_network():
    arrays = {}
    for name, norm in (("none", None), ("l1", "L1"), ("l2", "L2")):
        network = ScatteringNetwork(*banks_of([(3, 2, 1.0), (2, 2, 1.5)], norm), bins=41, sampling_rate=2.05)
        for k, bank in enumerate(network.banks, 1):
            arrays[f"{name}_centers_{k}"], arrays[f"{name}_widths_{k}"] = bank.centers, bank.widths
            arrays[f"{name}_ratios_{k}"] = bank.ratios
            for what in ("wavelets", "spectra"):
                # A last axis for the real and the imaginary part.
                values = getattr(bank, what)
                arrays[f"{name}_{what}_{k}"] = np.stack([values.real, values.imag], -1).astype(np.float32)
    save("network.npz", **arrays)


# -- rows -------------------------------------------------------------------------------------------------------------


def make_rows():
    """Two days of features cut into segments, within images and across them, and the coefficients of the segments."""
    rng = np.random.default_rng(13)
    windows, total_km, bins, hop = 20, 10.0, 16, 12
    minutes = ["2025-05-15T23:55", "2025-05-15T23:56", "2025-05-15T23:58", "2025-05-15T23:59",
               "2025-05-16T00:00", "2025-05-16T00:01", "2025-05-16T00:02"]
    times = np.array(minutes, "datetime64[us]")
    series = (50 + 20 * rng.normal(size=(len(times), windows, 2))).astype(np.float32)
    # A series ends at the missing minute and at midnight.
    runs = dict(concatenated=[(0, 2), (2, 4), (4, 7)], per_image=[(m, m + 1) for m in range(len(times))])
    network = ScatteringNetwork(*banks_of([(2, 2, 1.0), (1, 2, 1.0)]), bins=bins, sampling_rate=windows / total_km)
    arrays = dict(features=series, times=times, days=np.array([4, 3]))
    for name, spans in runs.items():
        segments, row_times, row_distance = [], [], []
        for first, end in spans:
            joined = np.concatenate(series[first:end])
            for start in range(0, len(joined) - bins + 1, hop):
                segments.append(joined[start:start + bins].T)
                row_times.append(times[first + start // windows])
                before = first * total_km if name == "concatenated" else 0.0
                row_distance.append(before + start * total_km / windows)
        orders = network.transform(np.array(segments, float), reduce_type=np.median)
        arrays |= {f"{name}_times": np.array(row_times), f"{name}_distance": np.array(row_distance),
                   f"{name}_order_1": orders[0], f"{name}_order_2": orders[1]}
    save("rows.npz", **arrays)


# -- reduction --------------------------------------------------------------------------------------------------------


def scaled(orders, kind, floor):
    """The coefficient matrix: decimal logarithms, orders side by side, scaled."""
    logs = [np.log10(np.maximum(o.reshape(len(o), -1).astype(float), floor)) for o in orders]
    if kind in ("standard", "balanced"):
        for k, x in enumerate(logs):
            deviation = x.std(axis=0)
            logs[k] = (x - x.mean(axis=0)) / np.where(deviation > 1e-12, deviation, 1)
            logs[k] /= np.sqrt(x.shape[1]) if kind == "balanced" else 1
    matrix = np.concatenate(logs, axis=1)
    return (matrix - matrix.min()) / np.ptp(matrix) if kind == "minmax" else matrix


def make_reduction():
    rng = np.random.default_rng(14)
    n, k, floor = 120, 3, 1e-6
    t = np.arange(n)
    sources = np.stack([np.sign(np.sin(t / 5.1)), rng.laplace(size=n), rng.uniform(-1, 1, n)], axis=1)
    sources /= sources.std(axis=0)
    shapes = [(2, 3), (2, 4), (2, 4, 2)]
    orders = []
    for shape in shapes:
        mixed = 0.4 * sources @ rng.normal(size=(3, np.prod(shape))) + 0.002 * rng.normal(size=(n, np.prod(shape)))
        orders.append((10.0 ** (mixed - 1)).astype(np.float32).reshape(n, *shape))
    orders[1][7, 0, 0] = 0.0                       # raised to the floor
    orders[2][:, 1, 3, 1] = 0.25                   # a constant column
    finite = np.ones(n, bool)
    finite[[20, 90]] = False
    arrays = {f"order_{i}": o for i, o in enumerate(orders)}
    arrays["order_1"] = orders[1].copy()
    arrays["order_1"][20, 1, 2] = np.nan           # rows that take no part
    arrays["order_1"][90, 0, 1] = np.inf
    arrays |= dict(floor=np.array([floor]), finite=finite.astype(np.int64), sources=sources)
    for kind in ("none", "standard", "minmax", "balanced"):
        matrix = scaled([o[finite] for o in orders], kind, floor)
        pca = PCA(k, whiten=True, svd_solver="full").fit(matrix)
        largest = pca.components_[np.arange(k), np.abs(pca.components_).argmax(axis=1)]
        arrays[f"{kind}_scores"] = pca.transform(matrix) * np.sign(largest)
        arrays[f"{kind}_ratio"] = pca.explained_variance_ratio_
        arrays[f"{kind}_components"] = pca.components_ * np.sign(largest)[:, None]
        ica = FastICA(k, whiten="unit-variance", random_state=42, max_iter=2000, tol=1e-10)
        arrays[f"{kind}_ica"] = ica.fit_transform(matrix)
    save("reduction.npz", **arrays)


# -- clusters and scores ----------------------------------------------------------------------------------------------


def by_size(labels):
    """Clusters numbered by falling size."""
    order = np.argsort(-np.bincount(labels), kind="stable")
    return np.argsort(order)[labels]


def make_scores():
    """Three blobs far enough apart that every method finds them, at eight places in thirty minutes."""
    rng = np.random.default_rng(15)
    minutes, places, few = 30, 8, 12
    minute, place = np.divmod(np.arange(minutes * places), places)
    kept = (place != 6) | (minute < few)           # a place with too few rows for a normal of its own
    minute, place = minute[kept], place[kept]
    blob = np.where(rng.random(len(minute)) < 0.3, 1, 0)
    blob[rng.random(len(minute)) < 0.15] = 2
    centres = np.array([[0, 0, 0], [25, -10, 5], [-15, 20, 18]], float)
    shapes = rng.normal(size=(3, 3, 3)) * 0.4 + np.eye(3)
    rows = centres[blob] + np.einsum("nij,nj->ni", shapes[blob], rng.normal(size=(len(blob), 3)))
    rows[place == 3, 1] = 0.5                      # a component that is dead at one place
    rows[(place == 3) & (minute == 9), 1] = 0.6
    bad = np.array([5, 77])
    good = np.setdiff1d(np.arange(len(rows)), bad)

    spread = lambda x: 1.4826 * np.median(np.abs(x - np.median(x, axis=0)), axis=0)
    least = 1e-3 * spread(rows[good])
    by_place = np.full(len(rows), np.nan)
    for p in range(places):
        own = good[place[good] == p]
        if len(own) >= 20:
            deviation = (rows[own] - np.median(rows[own], axis=0)) / np.maximum(spread(rows[own]), least)
            by_place[own] = np.linalg.norm(deviation, axis=1)

    arrays = dict(places_scored=by_place)
    kmeans = KMeans(3, n_init=10, random_state=0, tol=0).fit(rows[good])
    labels = by_size(kmeans.labels_)
    apart = np.linalg.norm(rows[good] - kmeans.cluster_centers_[kmeans.labels_], axis=1)
    root_mean_square = np.array([np.sqrt(np.mean(apart[labels == c] ** 2)) for c in range(3)])
    arrays |= dict(kmeans_labels=labels, kmeans_scores=apart / root_mean_square[labels], kmeans_inertia=np.array([kmeans.inertia_]))
    for kind in ("full", "diag", "tied", "spherical"):
        fits = [GaussianMixture(3, covariance_type=kind, tol=1e-12, max_iter=2000, random_state=s).fit(rows[good]) for s in range(6)]
        best = max(fits, key=lambda m: m.score(rows[good]))
        arrays |= {f"{kind}_labels": by_size(best.predict(rows[good])), f"{kind}_scores": -best.score_samples(rows[good]),
                   f"{kind}_criteria": np.array([best.score(rows[good]), best.aic(rows[good]), best.bic(rows[good])])}
    stored = rows.copy()
    stored[bad, [0, 2]] = [np.nan, np.inf]
    start = np.datetime64("2025-05-15T00:00", "us")
    save("scores.npz", features=stored, times=start + minute.astype("timedelta64[m]"), distance=place * 2.5,
         good=good, **arrays)


if __name__ == "__main__":
    make_features()
    make_scattering()
    make_network()
    make_rows()
    make_reduction()
    make_scores()
