#!/bin/bash
# An archive's days as a Slurm array, then everything after them. Submit with: bash slurm.sh /archive /results
#   pip install scatterfall   on the nodes, or the program on the PATH
set -euo pipefail
archive=$1 results=$2 tasks=${3:-32}
scatterfall catalogue --input "$archive" --output "$results"
days=$(sbatch --parsable --array="1-$tasks" --cpus-per-task=4 --wrap \
    "scatterfall day --shard \$SLURM_ARRAY_TASK_ID/$tasks --threads 4 --input '$archive' --output '$results' --no-progress")
sbatch --dependency="afterok:$days" --cpus-per-task=4 --wrap \
    "scatterfall merge --input '$archive' --output '$results' --no-progress"
