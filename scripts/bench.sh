#!/usr/bin/env bash
# The CPU benchmarks: each line with its peer in the same run. Equality comes first (exit code 5 where the two sides do not
# compute the same), then runs by turns on one thread, CPU seconds, medians of paired ratios.
#
#   scripts/bench.sh [--quick] [--only GROUPS] [--build DIR] [--work DIR] [--out FILE]
#
# --quick       few lines and repeats, some minutes; results in build/bench/results.json alone
# --only        of clips, losses, updates, steps, trl, answers, starts, memory, growth, stages; likewise, and what else a file of
#               results of this build and machine holds stays there
# --build       programs (build); its target rrpo_bench is built
# --work        models, clips and caches, kept for the next run (build/bench)
# --out         where the results go; data/results/bench/results.json for a whole run, and the table and the picture from them:
#               scripts/benchmarks/bench/table.py
#
# Peers are Python packages, pinned in scripts/benchmarks/bench/requirements.txt: .venv-bench is made of them where it is not
# there (3.5 GB to fetch, 8 GB unpacked; asks nothing). One that does not work here is named: "peer missing".
set -euo pipefail
cd "$(dirname "$0")/.."
root="$PWD" build="$PWD/build" work="" out="" options=() part=no
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) options+=(--quick) part=yes ;;
    --only) options+=(--only "${2:?}") part=yes && shift ;;
    --build) build="$(realpath "${2:?}")" && shift ;;
    --work) work="$(realpath -m "${2:?}")" && shift ;;
    --out) out="$(realpath -m "${2:?}")" && shift ;;
    *) sed -n '2,18s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
  esac
  shift
done
work="${work:-$build/bench}"
if [ -z "$out" ]; then
  out="$root/data/results/bench/results.json"
  [ "$part" = no ] || out="$work/results.json"
fi

say() { printf 'bench: %s\n' "$*" >&2; }
for program in ffmpeg ninja python3; do
  command -v "$program" >/dev/null || { say "error: $program is missing; fix: scripts/setup.sh --tests"; exit 4; }
done
wanted=scripts/benchmarks/bench/requirements.txt
if ! cmp -s "$wanted" .venv-bench/.complete; then
  say "making .venv-bench: 3.5 GB to fetch, 8 GB unpacked"
  python3 -m venv .venv-bench
  .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" .venv-bench/.complete
fi
ninja -C "$build" rrpo-train rrpo-eval rrpo_bench >/dev/null

export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
export PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore TRANSFORMERS_VERBOSITY=error
.venv-bench/bin/python scripts/benchmarks/bench/run.py --bin "$build" --work "$work" --out "$out" "${options[@]}"
