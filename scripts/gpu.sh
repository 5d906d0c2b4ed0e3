#!/usr/bin/env bash
# What a GPU shows, in the order of what it is worth, each part with its limit: the tests that need one, then one step of a 7B
# model against the same step in PyTorch (16 frames; visual tokens kept; the reference kept too; four bits), 32 frames,
# greedy answers, 64 frames. A part that fails or runs out of time is named, and the next one begins.
#
#   scripts/gpu.sh [--work DIR] [--build DIR] [--tiny]
#
# --work    16 GB for the 7B weights, kept for the next run (build/gpu)
# --build   programs and tests (build), built before: scripts/setup.sh --cuda --tests, cmake, ninja
# --tiny    every part on a tiny model; with RRPO_GPU=cpu on a machine without a GPU, to see that the parts run
#
# Needs a Python with torch, transformers, peft and pillow for the peer (RRPO_PYTHON, python3). Results: WORK/*.json and
# WORK/gpu.log; WORK/step_7b.json joins them: copy it to data/results, then scripts/benchmarks/step_table.py.
set -euo pipefail
cd "$(dirname "$0")/.."
build="$PWD/build" work="" size=7b device="${RRPO_GPU:-cuda}" python="${RRPO_PYTHON:-python3}"
while [ $# -gt 0 ]; do
  case "$1" in
    --work) work="$(realpath -m "${2:?}")" && shift ;;
    --build) build="$(realpath "${2:?}")" && shift ;;
    --tiny) size=tiny ;;
    *) sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;;
  esac
  shift
done
work="${work:-$build/gpu}"
mkdir -p "$work"
failed=""

# part LIMIT_S NAME COMMAND...
part() {
  local limit="$1" name="$2" begin=$SECONDS status=0
  shift 2
  echo "== $name (at most $limit s)"
  timeout "$limit" "$@" 2>&1 | tee -a "$work/gpu.log" || status=$?
  echo "== $name: status $status, $((SECONDS - begin)) s"
  [ "$status" = 0 ] || failed="$failed $name"
}

step=("$python" scripts/benchmarks/step_7b.py --work "$work" --bin "$build" --device "$device" --size "$size")
part 240 tests ctest --test-dir "$build" -R Cuda --output-on-failure
part 300 step-16 "${step[@]}" --frames 16 --steps 3 --nf4 --json "$work/step-16.json"
part 180 step-32 "${step[@]}" --frames 32 --steps 3 --json "$work/step-32.json"
part 120 answers "${step[@]}" --frames 16 --steps 1 --warmup 1 --decode --json "$work/answers.json"
part 180 step-64 "${step[@]}" --frames 64 --steps 2 --warmup 2 --json "$work/step-64.json"
part 60 doctor "$build/rrpo-train" doctor
part 10 together "$python" scripts/benchmarks/join_steps.py "$work"

[ -z "$failed" ] || { echo "gpu: error: parts failed:$failed; fix: see $work/gpu.log" >&2; exit 1; }
echo "gpu: all parts done; results in $work"
