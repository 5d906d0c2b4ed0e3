#!/usr/bin/env bash
# Every command on a tiny checkpoint of each family: pairs are generated and shown, trained on, scored and merged, and the
# merged model answers as the base with its adapter does.
#
#   tests/cli/each_family_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=3 --quiet
# Random weights answer nothing that a verdict could be read from: the pairs are written by hand, of one video and of others.
cat >pairs.jsonl <<'PAIRS'
{"id": "1", "video": "videos/00000.mp4", "question": "Describe the video.", "chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}
{"id": "2", "video": "videos/00000.mp4", "question": "What moves?", "chosen": {"text": "A red circle.", "spans": [[6, 12]]}, "rejected": {"text": "A red square.", "spans": [[6, 12]]}}
{"id": "3", "video": "videos/00001.mp4", "frame_indices": [0, 2, 3, 5, 7], "question": "What moves?", "chosen": {"text": "A circle.", "spans": [[2, 8]]}, "rejected": {"text": "A square, I think.", "spans": [[2, 8]]}}
PAIRS
head -n 4 world/questions.jsonl >questions.jsonl

family() {
  local name="$1" model="$root/tests/golden/$2/checkpoint"
  shift 2
  local common=(model.path="$model" video.frames=5 device=cpu --quiet "$@")
  say "$name"
  runs 0 "$train" --out "$name-plan" "${common[@]}" data.pairs=pairs.jsonl data.video_root=world lora.rank=2 optim.warmup_ratio=0 --dry-run
  says out.txt peak_memory_bytes
  runs 0 "$train" --out "$name-rrpo" "${common[@]}" data.pairs=pairs.jsonl data.video_root=world train.batch_pairs=3 \
    data.group_by_video=2 lora.rank=2 lora.alpha=4 train.steps=2 optim.lr=1e-2
  runs 0 "$train" score --out "$name-alone" "${common[@]}" data.pairs=pairs.jsonl data.video_root=world \
    model.adapter="$name-rrpo/adapter"
  runs 0 "$train" score --out "$name-together" "${common[@]}" data.pairs=pairs.jsonl data.video_root=world \
    model.adapter="$name-rrpo/adapter" data.group_by_video=2 data.cache="$name-cache"
  runs 0 "$train" score --out "$name-again" "${common[@]}" data.pairs=pairs.jsonl data.video_root=world \
    model.adapter="$name-rrpo/adapter" data.group_by_video=2 data.cache="$name-cache"
  same "$name-together/scores.jsonl" "$name-again/scores.jsonl"
  close "$name-alone/scores.jsonl" "$name-together/scores.jsonl" 1e-4
  runs 0 "$train" merge --out "$name-merged" model.path="$model" model.adapter="$name-rrpo/adapter" device=cpu --quiet
  common[0]="model.path=$name-merged"
  runs 0 "$train" score --out "$name-whole" "${common[@]}" data.pairs=pairs.jsonl data.video_root=world objective.name=sft
  common[0]="model.path=$model"
  runs 0 "$train" score --out "$name-adapted" "${common[@]}" data.pairs=pairs.jsonl data.video_root=world objective.name=sft \
    model.adapter="$name-rrpo/adapter"
  close "$name-adapted/scores.jsonl" "$name-whole/scores.jsonl" 1e-4
  runs 0 "$eval" --out "$name-eval" "${common[@]}" eval.questions=questions.jsonl eval.video_root=world eval.max_new_tokens=4 \
    model.adapter="$name-rrpo/adapter"
  lines "$name-eval/predictions.jsonl" 4
  runs 0 "$gen" --out "$name-gen" "${common[@]}" gen.questions=world/questions.jsonl gen.max_new_tokens=4
  [ -s "$name-gen/responses.jsonl" ] || fault "$name: no response"
  runs 0 "$gen" show pairs.jsonl video_root=world model.path="$model" video.frames=5 --out "$name-page" "$@"
  says "$name-page/show.html" "chosen"
  runs 0 "$eval" ask --video world/videos/00000.mp4 "What moves?" model.path="$model" device=cpu video.frames=5 "$@"
}

# close A B TOLERANCE: the log-probabilities of two score files differ by no more, relative to the larger.
close() {
  python3 - "$@" <<'CHECK' || fault "$1 and $2 differ by more than $3"
import json, sys
a, b = ([json.loads(line) for line in open(name)] for name in sys.argv[1:3])
values = [[v for row in rows for side in ("chosen", "rejected") if side in row for v in row[side]["logp"]] for rows in (a, b)]
assert len(values[0]) == len(values[1]) > 0, "other tokens"
worst = max(abs(x - y) / max(1, abs(x)) for x, y in zip(*values))
sys.exit(worst > float(sys.argv[3]) and f"{worst:g}")
CHECK
}

family internvl internvl video.sampling=internvl
family internvl3 internvl3 video.sampling=internvl
family qwen2_5_vl qwen2_5_vl
family qwen3_vl qwen3_vl
family videochat2 videochat2 video.sampling=videochat2
family longvu longvu video.sampling=longvu_segment
verdict
