"""An archive on a Dask cluster of this machine; for Slurm put dask_jobqueue.SLURMCluster in LocalCluster's place.

usage: dask_local.py ARCHIVE RESULTS
"""

import sys

from dask.distributed import Client, LocalCluster

from scatterfall import dask
from scatterfall.days import Archive

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
        print(dask.run(Archive(input=sys.argv[1], output=sys.argv[2]), client))
