#!/usr/bin/env bash
# The whole path on embedded data: set-up, build, then fresh clips, preference pairs from the base model's own mistakes, RRPO,
# and the base and the aligned model on held-out clips. Prints one table and writes one page, OUT/demo.html. Can be run again.
#
#   scripts/demo.sh [OUT]        default: build/demo, made anew at each run
set -euo pipefail
cd "$(dirname "$0")/.."
out="${1:-build/demo}" bin=build base=data/toy/base jobs="${RRPO_JOBS:-2}"

scripts/setup.sh
cmake -S . -B build -G Ninja >/dev/null
ninja -C build -j "$jobs" rrpo-gen rrpo-train rrpo-eval

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }
SECONDS=0
export OMP_NUM_THREADS=1
mkdir -p "$out"

say "clips that the base model has never seen: a pool of 200, two held-out sets of 120"
"$bin/rrpo-gen" scenes --out "$out/pool" --overwrite count=200 seed=9200 'style=In this video, ' >/dev/null
"$bin/rrpo-gen" scenes --out "$out/unbiased" --overwrite count=120 seed=54 >/dev/null
"$bin/rrpo-gen" scenes --out "$out/biased" --overwrite count=120 seed=55 distribution=biased rho=0.97 >/dev/null

say "preference pairs: perturb, let the model answer, keep what is wrong"
"$bin/rrpo-gen" --out "$out/pairs" --overwrite "model.path=$base" video.frames=8 "gen.questions=$out/pool/questions.jsonl" \
  gen.max_new_tokens=40 seed=1 | tee "$out/pairs.txt"
"$bin/rrpo-gen" show "$out/pairs/pairs.jsonl" --out "$out/show" --overwrite "model.path=$base" "video_root=$out/pool" video.frames=8 >/dev/null

say "RRPO on $(wc -l <"$out/pairs/pairs.jsonl") pairs"
"$bin/rrpo-train" --config data/toy/recipe/align.json --out "$out/train" --overwrite "model.path=$base" \
  "data.pairs=$out/pairs/pairs.jsonl" "data.video_root=$out/pool" seed=1

say "base and aligned model on the held-out clips"
evaluate() {  # NAME SET [setting...]
  "$bin/rrpo-eval" --out "$out/eval-$1-$2" --overwrite --quiet "model.path=$base" video.frames=8 eval.max_new_tokens=40 \
    "eval.questions=$out/$2/questions.jsonl" "${@:3}" >/dev/null
}
for set in unbiased biased; do
  evaluate base "$set"
  evaluate aligned "$set" "model.adapter=$out/train/adapter"
  "$bin/rrpo-eval" compare "$out/eval-base-$set" "$out/eval-aligned-$set" --out "$out/compare-$set" --overwrite --quiet \
    >"$out/compare-$set.txt"
done

say "done"
python3 scripts/demo_page.py "$out"
