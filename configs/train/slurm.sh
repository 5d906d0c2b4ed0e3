#!/usr/bin/env bash
# One GPU of a SLURM cluster. The queue may stop and restart the job: SIGTERM saves a checkpoint, --resume goes on from it.
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
#SBATCH --signal=TERM@120
set -euo pipefail
exec "${RRPO_BIN:-build}/rrpo-train" "$@" --resume device=cuda
