"""An archive's days as tasks: computed anywhere, in any order, by as many processes as there are.

``catalogue`` lists the archive once; ``process_day`` does one day's features and coefficients; ``merge`` does what follows
for all days together: components, clusters, pictures, report. No task holds a lock: files appear whole, under temporary
names of their own, and of two tasks with the same day the later puts the same bytes in place of the earlier one's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .program import Results, command


@dataclass(frozen=True)
class Archive:
    """What is computed, from where to where: picklable, so that it can be sent to other processes.

    ``config``: a TOML file; ``input``, ``output`` and ``settings`` win over it. Paths are those that every process sees.
    """

    output: str
    input: str | None = None
    config: str | None = None
    settings: dict = field(default_factory=dict)

    def command(self, name: str, **options) -> int:
        """Run a command with these folders and settings; errors are those of ``scatterfall.program.command``."""
        told = dict(output=str(self.output), input=self.input, config=self.config, settings=self.settings)
        return command(name, **told, **options)


def catalogue(archive: Archive) -> list[str]:
    """List the archive, store the list in the output folder, and return its days, ``YYYYMMDD``, in order."""
    archive.command("catalogue")
    return days(archive)


def days(archive: Archive) -> list[str]:
    """The days of the stored list."""
    stored = json.loads((Path(archive.output) / "catalogue.json").read_text())
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    starts = (epoch + timedelta(microseconds=image["time"]) for image in stored["images"])
    return sorted({start.strftime("%Y%m%d") for start in starts})


def process_day(archive: Archive, day: str, *, threads: int | None = None, backend: str | None = None) -> str:
    """Compute one day of the stored list, unless it is current; return it.

    Raises
    ------
    ValueError
        Where the list has no such day.
    """
    known = days(archive)
    if day not in known:
        raise ValueError(f"{day} is none of the {len(known)} days of {archive.output}/catalogue.json")
    share = f"{known.index(day) + 1}/{len(known)}"
    archive.command("day", shard=share, threads=threads, backend=backend)
    return day


def merge(archive: Archive, *, threads: int | None = None, backend: str | None = None) -> Results:
    """Everything after the days; a day that no task computed is computed here."""
    return Results(archive.output, archive.command("merge", threads=threads, backend=backend))
