#!/usr/bin/env bash
# One GPU of a SLURM cluster. The queue may stop and restart the job: SIGTERM saves a checkpoint, --resume goes on from it.
# B: sends the signal to this script, which exec turns into the trainer; without it only job steps would get it. --requeue
# serves a job that is preempted or loses its node; one that has come to its time limit ends with 143 and is submitted again
# by hand, or by a chain of jobs: sbatch --dependency=afterany:JOB.
#
# Under torchrun (one process; several cannot share a run yet, and are refused):
#
#   torchrun --no-python --nproc-per-node=1 build/rrpo-train --config configs/train/llava_video_7b_16f.json --out RUN --resume …
#
#   sbatch configs/train/slurm.sh --config configs/train/llava_video_7b_16f.json --out RUN model.path=… data.pairs=…
#SBATCH --job-name=rrpo
#SBATCH --gpus=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
set -euo pipefail
exec "${RRPO_BIN:-build}/rrpo-train" "$@" --resume device=cuda
