#!/usr/bin/env bash
# Makes the toy base model anew from nothing, with this program alone: clips from seeds, initial values from a seed, three
# stages of supervised fine-tuning (data/toy/recipe/*.json). Prints the accuracies after each stage and leaves the model in
# OUT/base. About 10 CPU minutes.
#
#   scripts/train_toy_base.sh [OUT] [SEED]        default: build/toy-base 0
set -euo pipefail
cd "$(dirname "$0")/.."
out="${1:-build/toy-base}" seed="${2:-0}" bin="${RRPO_BIN:-build}" recipe=data/toy/recipe
export OMP_NUM_THREADS=1

say() { printf '\n== %s\n' "$*"; }
scenes() { "$bin/rrpo-gen" scenes --out "$out/$1" --resume --quiet "${@:2}"; }
train() { "$bin/rrpo-train" --config "$recipe/$1.json" --out "$out/$2" --resume "${@:3}"; }
evaluate() { "$bin/rrpo-eval" --resume --quiet --out "$out/eval-$1-$2" "model.path=$out/$1/model" video.frames=8 eval.max_new_tokens=40 \
  "eval.questions=$out/$2/questions.jsonl" "eval.video_root=$out/$2" ; }

say "clips and questions (seeds $((1000 + seed)), $((2000 + seed)), $((3000 + seed)); validation 51, 52, 53)"
scenes stills kind=stills count=6000 questions=12 round=3 seed=$((1000 + seed)) \
  'types=["list","at","where","shape","exist","option"]' 'weights=[0.36,0.1,0.14,0.12,0.18,0.1]'
scenes clips count=3000 questions=44 round=4 seed=$((2000 + seed)) \
  'types=["shape","dir","mcq","order","exist","cap","path","paths","option"]' \
  'weights=[0.06,0.17,0.12,0.06,0.16,0.19,0.04,0.16,0.04]'
scenes biased count=1000 questions=8 round=4 seed=$((3000 + seed)) distribution=biased rho=0.85 stereotype=0.55 lure=0.5 yes_rate=0.8
scenes check-stills kind=stills count=100 seed=51
scenes check-u count=160 seed=52
scenes check-b count=160 seed=53 distribution=biased rho=0.97

say "initial values"
[ -d "$out/init" ] || "$bin/rrpo-train" init config=$recipe tokenizer=data/toy/tokenizer "seed=$seed" --out "$out/init"

say "stage 1: stills, all weights"
train stills stage1 "model.path=$out/init" "data.pairs=$out/stills/questions.jsonl" "data.video_root=$out/stills" "seed=$seed"
evaluate stage1 check-stills
say "stage 2: clips, decoder only"
train clips stage2 "model.path=$out/stage1/model" "data.pairs=$out/clips/questions.jsonl" "data.video_root=$out/clips" "seed=$seed"
evaluate stage2 check-u
say "stage 3: biased clips, stereotyped annotation"
train biased stage3 "model.path=$out/stage2/model" "data.pairs=$out/biased/questions.jsonl" "data.video_root=$out/biased" "seed=$seed"
evaluate stage3 check-u
evaluate stage3 check-b
accuracies() {
  printf '# Accuracies of the toy base\n\nPrinted by scripts/train_toy_base.sh, seed %s.\n' "$seed"
  for what in "stage1-check-stills:After stage 1, stills" "stage2-check-u:After stage 2, unbiased clips: the skill is there" \
    "stage3-check-u:After stage 3, unbiased clips: the bias overrides it" "stage3-check-b:After stage 3, biased clips"; do
    printf '\n## %s\n\n' "${what#*:}"
    sed -n '/^| type/,/^| all/p' "$out/eval-${what%%:*}/report.md"
  done
}
rm -rf "$out/base" && cp -r "$out/stage3/model" "$out/base"
accuracies >"$out/accuracies.md"  # last: scripts/miniature takes it as the sign that the base is whole
say "base model: $out/base, accuracies: $out/accuracies.md"
