"""Wavelet scattering, clustering and event detection for DAS and seismograms.

``ScatteringNetwork`` and ``scatter`` transform arrays; ``run``, ``apply`` and the command ``scatterfall`` work on
archives of waterfall images; ``scatterfall.scatseisnet`` stands in for the package of that name.
"""

from ._native import __version__
from .network import Bank, ScatteringNetwork, relative_floor, scatter
from .program import Model, Results, apply, command, detect, run
from .waterfalls import Waterfall, waterfall, waterfalls

__all__ = [
    "Bank",
    "Model",
    "Results",
    "ScatteringNetwork",
    "Waterfall",
    "__version__",
    "apply",
    "command",
    "detect",
    "relative_floor",
    "run",
    "scatter",
    "waterfall",
    "waterfalls",
]
