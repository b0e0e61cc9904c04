"""A namespace for DASCore's patches: ``patch.scatterfall.scattering(...)`` and ``patch.scatterfall.waterfall(...)``.

DASCore finds it by its entry point once both packages are installed.
"""

from __future__ import annotations

import dascore
import numpy as np
from dascore.utils.namespace import PatchNameSpace

from .network import scatter
from .waterfalls import waterfall


class Scatterfall(PatchNameSpace):
    """Methods whose first argument is the patch itself."""

    name = "scatterfall"

    def scattering(self, banks, segment: int, hop: int | None = None, *, pooling="median", **options):
        """A patch ``(time, ..., path)``: coefficients of all orders side by side for every segment.

        Arguments as for ``scatterfall.scatter``; the sampling rate is the patch's. Errors are the same.
        """
        axis = self.dims.index("time")
        x = np.moveaxis(np.asarray(self.data), axis, -1)
        times = self.get_array("time")
        step = (times[-1] - times[0]) / (len(times) - 1)
        options.setdefault("sampling_rate", float(1 / (step / np.timedelta64(1, "s"))))
        starts, orders = scatter(x, banks, segment, hop, pooling=pooling, **options)
        flat = np.concatenate([o.reshape(*o.shape[: x.ndim], -1) for o in orders], axis=-1)
        others = [name for name in self.dims if name != "time"]
        coords = {"time": times[starts], **{name: self.get_array(name) for name in others}}
        coords["path"] = np.arange(flat.shape[-1])
        return dascore.Patch(data=flat, coords=coords, dims=("time", *others, "path"))

    def waterfall(self, interval="0.1s"):
        """A patch ``(time, distance)`` of dB of the root mean square of every ``interval``."""
        levels = waterfall(self, interval)
        coords = {"time": levels.times, "distance": levels.distance}
        return dascore.Patch(data=levels.values, coords=coords, dims=("time", "distance"))
