"""The program's commands as functions, and their results as arrays."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from . import _native


def command(name: str, *arguments, settings: Mapping | None = None, **options) -> int:
    """Run the command ``name`` in this process; return how many files were left out.

    ``options`` are its options (``backend="cpu"`` is ``--backend cpu``; True stands for an option alone), ``settings``
    configuration keys (``{"segments.length_km": 1.5}``).

    Raises
    ------
    ValueError
        For a wrong option or configuration, or input that cannot be used.
    OSError
        Where files cannot be read or written.
    RuntimeError
        Where a device fails.
    KeyboardInterrupt
        On Ctrl-C; what is complete on disk stays, and the same call goes on from there.
    """
    line = [name, *(os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments)]
    for option, value in options.items():
        if value is None or value is False:
            continue
        line.append("--" + option.replace("_", "-"))
        if value is not True:
            line.append(os.fspath(value) if isinstance(value, os.PathLike) else str(value))
    for key, value in (settings or {}).items():
        line += ["--set", f"{key}={_toml(value)}"]
    return _native.command([*line, "--quiet", "--no-progress"])


def _toml(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(value) if isinstance(value, str) else str(value)


class Results:
    """What stands in an output folder."""

    def __init__(self, folder, left_out: int = 0):
        self.folder, self.left_out = Path(folder), left_out

    def __repr__(self):
        return f"Results({str(self.folder)!r}, days={self.days})"

    @property
    def days(self) -> list[str]:
        """The stored days, ``YYYYMMDD``."""
        folders = ("features", "scattering_coefficients")
        files = [f for folder in folders for f in (self.folder / folder).glob("*_????????.npz")]
        return sorted({file.stem[-8:] for file in files})

    def features(self, day: str) -> dict[str, np.ndarray]:
        """``features`` (images, windows, features), ``times`` and ``distance`` (km) of a day."""
        return self._arrays(f"features/features_{day}.npz")

    def coefficients(self, day: str) -> dict[str, np.ndarray]:
        """``order_0``, ``order_1``, ... (rows, channels, ...), ``times``, ``distance`` (km) and ``image`` of a day."""
        return self._arrays(f"scattering_coefficients/scattering_coefficients_{day}.npz")

    def components(self, kind: str = "independent") -> dict[str, np.ndarray]:
        """``features`` (rows, k), ``times``, ``distance`` and the matrices of the reduction; or of the ``principal``."""
        return self._arrays(f"pca_ica/{kind}_components.npz")

    def clusters(self) -> list[dict[str, str]]:
        """The rows of ``clusters.csv``: time, place, cluster, score, image."""
        return self._table("clustering_results/clusters.csv")

    def events(self) -> list[dict[str, str]]:
        """The rows of ``events.csv``, or of ``anomalies.csv`` where there is none."""
        name = "events.csv" if (self.folder / "events.csv").exists() else "anomalies.csv"
        return self._table(name)

    @property
    def summary(self) -> dict:
        """``run.json``."""
        return json.loads((self.folder / "run.json").read_text())

    def _arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / name) as stored:
            return {key: stored[key] for key in stored.files}

    def _table(self, name: str) -> list[dict[str, str]]:
        with open(self.folder / name, newline="") as file:
            return list(csv.DictReader(file))


def run(config=None, *, input=None, output=None, backend: str | None = None, settings=None, **options) -> Results:
    """Every stage, from an archive of images to clusters, pictures and the report.

    ``config``: a TOML file; ``input``, ``output`` and ``settings`` win over it. Errors are those of ``command``.
    """
    left = command("run", config=config, input=input, output=output, backend=backend, settings=settings, **options)
    return Results(_output(config, output, settings), left)


def detect(input=None, *, config=None, output=None, backend: str | None = None, settings=None, **options) -> Results:
    """The event detector over a folder of images. Errors are those of ``command``."""
    left = command("detect", config=config, input=input, output=output, backend=backend, settings=settings, **options)
    return Results(_output(config, output, settings), left)


def apply(model, input, output, *, config=None, backend: str | None = None, settings=None, **options) -> Results:
    """New images through a fitted model: labels and scores, nothing is fitted. Errors are those of ``command``."""
    folder = model.folder if isinstance(model, Model) else model
    options |= {"model": Path(folder), "input": input, "output": output, "config": config, "backend": backend}
    return Results(output, command("apply", settings=settings, **options))


def _output(config, output, settings) -> Path:
    """The folder that a command wrote to: the option's, the settings', the file's, else the default."""
    if output is not None:
        return Path(output)
    if "output.path" in (settings or {}):
        return Path(settings["output.path"])
    section = ""
    for line in Path(config).read_text().splitlines() if config is not None else []:
        line = line.split("#")[0].strip()
        if line.startswith("["):
            section = line
        elif section == "[output]" and line.split("=")[0].strip() == "path":
            return Path(line.split("=", 1)[1].strip().strip("\"'"))
    return Path("output")


class Model:
    """A fitted model: network, reduction and clusters."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @classmethod
    def load(cls, folder) -> Model:
        """The model in ``folder`` (an output folder's ``model/``, or that output folder).

        Raises
        ------
        FileNotFoundError
            Where there is none.
        """
        folder = Path(folder)
        inner = folder / "model"
        folder = inner if inner.is_dir() else folder
        if not any(folder.glob("*.json")):
            raise FileNotFoundError(f"{folder}: there is no model here; `scatterfall run` writes one to its output folder")
        return cls(folder)

    def __repr__(self):
        return f"Model({str(self.folder)!r})"

    def apply(self, input, output, **options) -> Results:
        """``scatterfall.apply`` with this model."""
        return apply(self, input, output, **options)
