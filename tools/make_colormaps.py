#!/usr/bin/env python3
"""Write crates/colormap/tables/*.txt: 256 rows of 8-bit "R G B".

viridis, inferno, magma and plasma (CC0, by S. van der Walt, N. Smith and E. Firing), cividis (CC0, by J. Nunez, C. Anderton
and R. Renslow), turbo (Apache-2.0, by A. Mikhailov), RdBu and RdYlBu (Apache-2.0, ColorBrewer, by C. Brewer), coolwarm (by
K. Moreland), gist_ncar, rainbow, hot, bwr and seismic come with matplotlib; jet is computed here, and parula lies on straight
lines between points of MATLAB's.
Needs numpy and matplotlib.
"""
import os

import matplotlib
import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "colormap", "tables")


def lines(points):
    """One channel: straight lines between (position, value) points, sampled 256 times."""
    return np.interp(np.arange(256) / 255.0, *zip(*points))


def write(name, rgb):
    table = np.clip(np.asarray(rgb) * 255.0, 0, 255).astype(np.uint8)
    with open(os.path.join(OUT, name + ".txt"), "w") as f:
        f.writelines("%d %d %d\n" % tuple(row) for row in table)


# Every third colour of the 64 that MATLAB prints, in 1/10,000: between them straight lines are within one level of 255.
PARULA = np.array([
    2081, 1663, 5292, 2081, 2386, 6771, 1253, 3242, 8303, 60, 4086, 8828, 498, 4586, 8641, 779, 5040, 8384, 641, 5570, 8240,
    265, 6137, 8135, 228, 6535, 7768, 590, 6838, 7254, 1453, 7098, 6646, 2586, 7317, 5954, 3953, 7459, 5244, 5300, 7491, 4661,
    6473, 7456, 4188, 7525, 7384, 3768, 8507, 7299, 3360, 9450, 7261, 2886, 9990, 7653, 2164, 9789, 8271, 1633, 9589, 8949,
    1132, 9763, 9831, 538]).reshape(-1, 3) / 1e4

for name in ("viridis", "inferno", "magma", "plasma", "cividis", "turbo", "seismic", "bwr", "coolwarm", "RdBu", "RdYlBu", "hot",
             "gist_ncar", "rainbow"):
    write(name, matplotlib.colormaps[name](np.arange(256))[:, :3])
write("jet", np.stack([lines([(0, 0), (0.35, 0), (0.66, 1), (0.89, 1), (1, 0.5)]),
                       lines([(0, 0), (0.125, 0), (0.375, 1), (0.64, 1), (0.91, 0), (1, 0)]),
                       lines([(0, 0.5), (0.11, 1), (0.34, 1), (0.65, 0), (1, 0)])], 1))
at = np.arange(256) / 255.0 * 63
write("parula", np.stack([np.interp(at, np.arange(22) * 3.0, PARULA[:, c]) for c in range(3)], 1))
