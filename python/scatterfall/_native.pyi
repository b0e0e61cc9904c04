"""The compiled part."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__version__: str

class Network:
    def __init__(
        self,
        spectra: Sequence[NDArray[np.complex128]],
        bins: int,
        taper: Sequence[float] | None = None,
        oversampling: int | None = None,
        threads: int | None = None,
    ) -> None: ...
    @property
    def pooled_samples(self) -> int: ...
    def transform(
        self, segments: NDArray[np.float32] | NDArray[np.float64], pooling: str
    ) -> list[NDArray[np.float32]]: ...
    def scalograms(self, segments: NDArray[np.float32] | NDArray[np.float64]) -> list[NDArray[np.float32]]: ...

def morlet_bank(
    octaves: int, resolution: int, quality: float, bins: int, sampling_rate: float, normalize: str | None
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.complex128],
    NDArray[np.complex128],
]: ...
def command(arguments: Sequence[str]) -> int: ...
def main(arguments: Sequence[str]) -> int: ...
