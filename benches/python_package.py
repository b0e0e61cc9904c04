"""The Python package against scatseisnet, one thread each, the same segments.

usage: OMP_NUM_THREADS=1 python benches/python_package.py    (scatterfall and scatseisnet installed)
"""

import time

import numpy as np
import scatseisnet as original

from scatterfall import ScatteringNetwork
from scatterfall import scatseisnet as twin

CASES = {
    "3 x 2000, banks 6x4, 6x1": (dict(octaves=6, resolution=4), dict(octaves=6, resolution=1), 2000),
    "3 x 128, banks 4x6, 2x4": (dict(octaves=4, resolution=6), dict(octaves=2, resolution=4), 128),
}
POOLINGS = {"median": np.median, "mean": np.mean, "max": np.max, "std": np.std}


def seconds(call, least=1.0):
    """The shortest of several calls."""
    call()
    best, begun = np.inf, time.perf_counter()
    while time.perf_counter() - begun < least:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


for name, (first, second, bins) in CASES.items():
    x = np.random.default_rng(0).standard_normal((32, 3, bins))
    theirs = original.ScatteringNetwork(first, second, bins=bins)
    mine = twin.ScatteringNetwork(first, second, bins=bins)
    banks = [(b["octaves"], b["resolution"], 4.0) for b in (first, second)]
    own = ScatteringNetwork(banks, bins, threads=1)
    for pooling, function in POOLINGS.items():
        a = seconds(lambda: theirs.transform(x.copy(), reduce_type=function)) / len(x)
        b = seconds(lambda: mine.transform(x, reduce_type=function)) / len(x)
        c = seconds(lambda: own.transform(x.astype(np.float32), pooling)) / len(x)
        print(f"{name} {pooling:6}: scatseisnet {1e3 * a:6.2f} ms per segment, twin {1e3 * b:6.2f} ({a / b:5.1f} x), "
              f"ScatteringNetwork {1e3 * c:6.2f} ({a / c:5.1f} x)")
