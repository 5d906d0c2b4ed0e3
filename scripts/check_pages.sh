#!/usr/bin/env bash
# Makes every kind of page, small, with the built programs, and opens each in headless Chromium (scripts/check_pages.py): the report
# of a training run, of pairs, of an evaluation, a comparison, pairs and perturbations shown, one question, the demo, the miniature.
#
#   scripts/check_pages.sh [--shots FOLDER] [BUILD]      default: build
set -euo pipefail
cd "$(dirname "$0")/.."
command -v chromium >/dev/null || { echo "check_pages: no chromium; fix: scripts/setup.sh --tests"; exit 77; }
shots=()
[ "${1:-}" != --shots ] || { shots=(--shots "$2"); shift 2; }
bin="${1:-build}" base=data/toy/base
out="$bin/pages"
export OMP_NUM_THREADS=1
rm -rf "$out"
mkdir -p "$out"

quietly() { "$@" >"$out/log.txt" 2>&1 || { tail -n 5 "$out/log.txt" >&2; echo "check_pages: failed: $*" >&2; exit 1; }; }

quietly "$bin/rrpo-gen" scenes --out "$out/pool" count=12 seed=9200 'style=In this video, '
for set in unbiased biased; do quietly "$bin/rrpo-gen" scenes --out "$out/$set" count=8 seed=54 "distribution=${set/unbiased/uniform}"; done
quietly "$bin/rrpo-gen" --out "$out/pairs" "model.path=$base" video.frames=8 "gen.questions=$out/pool/questions.jsonl" gen.max_new_tokens=40
quietly "$bin/rrpo-gen" show "$out/pairs/pairs.jsonl" --out "$out/show" "model.path=$base" "video_root=$out/pool" video.frames=8
quietly "$bin/rrpo-gen" show --perturbations "$out/pool/videos/00000.mp4" --out "$out/perturbations"
quietly "$bin/rrpo-train" --config data/toy/recipe/align.json --out "$out/train" "model.path=$base" "data.pairs=$out/pairs/pairs.jsonl" \
  "data.video_root=$out/pool" train.steps=6 train.batch_pairs=4
quietly "$bin/rrpo-train" --config data/toy/recipe/align.json --out "$out/one" "model.path=$base" "data.pairs=$out/pairs/pairs.jsonl" \
  "data.video_root=$out/pool" train.steps=1 train.batch_pairs=4 optim.warmup_ratio=0
for set in unbiased biased; do
  for model in base aligned; do
    adapter=()
    [ "$model" = base ] || adapter=("model.adapter=$out/train/adapter")
    quietly "$bin/rrpo-eval" --out "$out/eval-$model-$set" "model.path=$base" video.frames=8 "eval.questions=$out/$set/questions.jsonl" "${adapter[@]}"
  done
  quietly "$bin/rrpo-eval" compare "$out/eval-base-$set" "$out/eval-aligned-$set" --out "$out/compare-$set"
  cp "$out/log.txt" "$out/compare-$set.txt"
done
quietly "$bin/rrpo-eval" ask --video "$out/pool/videos/00001.mp4" "Describe the video." "model.path=$base" video.frames=16 --frames-html "$out/ask.html"
quietly python3 scripts/demo_page.py "$out"

pages=("$out/demo.html" "$out/ask.html" data/results/miniature/report.html)
for page in pairs/report train/report one/report eval-base-unbiased/report compare-unbiased/compare show/show perturbations/perturbations; do
  pages+=("$out/$page.html")
done
python3 scripts/check_pages.py "${shots[@]}" "${pages[@]}"
