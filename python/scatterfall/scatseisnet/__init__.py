"""Stands in for the package ``scatseisnet`` 0.4: same names, shapes, types and values, computed by scatterfall.

Change ``import scatseisnet`` to ``import scatterfall.scatseisnet as scatseisnet``; or call ``install()`` first, after
which ``import scatseisnet`` gives this package, also to other people's code and to stored pickles.
"""

import sys

from . import network, operation, wavelet
from .network import ScatteringNetwork

__all__ = ["ScatteringNetwork", "install", "network", "operation", "wavelet"]


def install() -> None:
    """Put this package under the name ``scatseisnet`` for the rest of the process."""
    sys.modules["scatseisnet"] = sys.modules[__name__]
    for module in (network, operation, wavelet):
        sys.modules["scatseisnet." + module.__name__.rsplit(".", 1)[1]] = module
