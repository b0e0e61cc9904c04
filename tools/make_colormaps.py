#!/usr/bin/env python3
"""Write crates/colormap/tables/*.txt: 256 rows of 8-bit "R G B".

viridis, inferno, magma and plasma (CC0, by S. van der Walt, N. Smith and E. Firing) and turbo (Apache-2.0, by
A. Mikhailov) come as tables with matplotlib, seismic as straight lines between five points; jet is computed here.
Needs numpy and matplotlib.
"""
import os

import matplotlib
import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "assets", "colormaps")


def lines(points):
    """One channel: straight lines between (position, value) points, sampled 256 times."""
    return np.interp(np.arange(256) / 255.0, *zip(*points))


def write(name, rgb):
    table = np.clip(np.asarray(rgb) * 255.0, 0, 255).astype(np.uint8)
    with open(os.path.join(OUT, name + ".txt"), "w") as f:
        f.writelines("%d %d %d\n" % tuple(row) for row in table)


for name in ("viridis", "inferno", "magma", "plasma", "turbo", "seismic"):
    write(name, matplotlib.colormaps[name](np.arange(256))[:, :3])
write("jet", np.stack([lines([(0, 0), (0.35, 0), (0.66, 1), (0.89, 1), (1, 0.5)]),
                       lines([(0, 0), (0.125, 0), (0.375, 1), (0.64, 1), (0.91, 0), (1, 0)]),
                       lines([(0, 0.5), (0.11, 1), (0.34, 1), (0.65, 0), (1, 0)])], 1))
