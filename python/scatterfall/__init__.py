"""Wavelet scattering, clustering and event detection for DAS and seismograms.

``ScatteringNetwork`` and ``scatter`` transform arrays; ``run``, ``apply`` and the command ``scatterfall`` work on
archives of waterfall images; ``scatterfall.scatseisnet`` stands in for the package of that name.
"""

from ._native import __version__
from .network import Bank, ScatteringNetwork, relative_floor, scatter
from .program import Model, Results, apply, detect, run

__all__ = [
    "Bank",
    "Model",
    "Results",
    "ScatteringNetwork",
    "__version__",
    "apply",
    "detect",
    "relative_floor",
    "run",
    "scatter",
]
