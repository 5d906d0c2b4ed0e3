#!/usr/bin/env bash
# Weights that are none, weights that would be left out, adapters as other programs write them, texts too long: every command
# says so and ends with the right code.
#
#   tests/cli/weights_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

base="$root/tests/golden/onevision/tiny/checkpoint" adapters="$root/tests/fixtures/adapters"
runs 0 "$gen" scenes --out world count=2 --quiet
clip=$(find world -name '*.mp4' | sort | head -n 1)
python3 - "$clip" <<'PY'
import json, os, sys
clip = os.path.relpath(sys.argv[1], "world")
pair = {"video": clip, "question": "What moves?", "chosen": {"text": "a red square", "spans": [[2, 5]]},
        "rejected": {"text": "a blue circle", "spans": [[2, 6]]}}
with open("world/pairs.jsonl", "w") as out:
    for i in range(2):
        out.write(json.dumps({"id": f"pair-{i}", **pair}) + "\n")
PY
model=(model.path="$base" video.frames=2 device=cpu --quiet)
# each CODE ADAPTER TEXT…: the six commands that read an adapter.
each() {
  local code="$1" adapter="$2"
  shift 2
  local commands=(
    "$train score --out out-score data.pairs=world/pairs.jsonl data.video_root=world"
    "$train --out out-train data.pairs=world/pairs.jsonl data.video_root=world train.steps=1 objective.name=sft optim.warmup_ratio=0"
    "$eval --out out-eval eval.questions=world/questions.jsonl eval.max_new_tokens=2"
    "$gen --out out-gen gen.questions=world/questions.jsonl gen.max_new_tokens=2"
    "$train merge --out out-merge"
    "$eval ask --video $clip What?")
  for command in "${commands[@]}"; do
    local common=("${model[@]}")
    [[ "$command" = *merge* ]] && common=(model.path="$base" device=cpu --quiet)
    # shellcheck disable=SC2086  # words of a command
    runs "$code" $command "${common[@]}" model.adapter="$adapter"
    for text in "$@"; do says err.txt "$text"; done
    rm -rf out-*
  done
}

say "a weight that is no number"
each 5 "$adapters/nan" "nan/adapter_model.safetensors#" "is not a finite number"
say "weights beside an adapter"
each 3 "$adapters/non_lora_safetensors" "non_lora_trainables.safetensors" "left out"
say "an adapter of tower and projector too"
each 0 "$adapters/all_linear"
say "an adapter with a projector of its own: there is no reference"
saved="$root/tests/golden/adapters/saved"
runs 0 "$eval" ask --video "$clip" "What?" "${model[@]}" model.adapter="$saved"
runs 0 "$train" merge --out out-merge model.path="$base" device=cpu --quiet model.adapter="$saved"
for command in "$train --out out-train train.steps=1" "$train --out out-sft train.steps=1 objective.name=sft" "$train score --out out-score"; do
  # shellcheck disable=SC2086  # words of a command
  runs 2 $command data.pairs=world/pairs.jsonl data.video_root=world "${model[@]}" model.adapter="$saved"
  says err.txt "modules_to_save"
  says err.txt "merge"
done
rm -rf out-*

say "adapters that others write"
for name in unsloth_language embed_saved; do
  runs 0 "$train" score --out "score-$name" data.pairs=world/pairs.jsonl data.video_root=world "${model[@]}" model.adapter="$adapters/$name"
done
says score-embed_saved/run.json "2 tensors that are no adapter change nothing"

say "a question that no model can take"
python3 - <<'PY'
import json
row = json.loads(open("world/questions.jsonl").readline())
row["question"] = "word " * 20000
open("world/long.jsonl", "w").write(json.dumps(row) + "\n")
pair = json.loads(open("world/pairs.jsonl").readline())
pair["question"] = row["question"]
open("world/long_pairs.jsonl", "w").write(json.dumps(pair) + "\n")
PY
runs 3 "$train" --out long-train "${model[@]}" data.pairs=world/long_pairs.jsonl data.video_root=world train.steps=1 objective.name=sft
says err.txt "the model has 512 positions"
runs 3 "$eval" ask --video "$clip" "$(printf 'word %.0s' $(seq 2000))" "${model[@]}"
says err.txt "the model has 512 positions"
"$eval" --out long-eval "${model[@]}" eval.questions=world/long.jsonl eval.max_new_tokens=2 >out.txt 2>err.txt
says long-eval/predictions.jsonl "the model has 512 positions"

verdict
