"""An archive on a Dask cluster: on this machine, or on Slurm, Kubernetes or the cloud by Dask's own means."""

from __future__ import annotations

from .days import Archive, catalogue, merge, process_day
from .program import Results


def run(archive: Archive, client, *, backend: str | None = None, retries: int = 2) -> Results:
    """``scatterfall run`` with the days spread over ``client``'s workers.

    Each task takes as many threads as its worker has for one task. A day whose worker dies is given to another one,
    ``retries`` times. All workers have to see the archive and the output folder under the same paths.
    """
    days = catalogue(archive)
    threads = 1 if any(n > 1 for n in client.nthreads().values()) else None
    tasks = client.map(
        lambda day: process_day(archive, day, threads=threads, backend=backend), days, retries=retries, pure=False
    )
    client.gather(tasks)
    # Where the results are wanted: it reads what the days left.
    return client.submit(merge, archive, backend=backend, pure=False).result()
