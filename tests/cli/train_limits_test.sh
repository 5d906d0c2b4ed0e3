#!/usr/bin/env bash
# Where memory ends a training says so and exits 4; its record says failed.
#
#   tests/cli/train_limits_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=1 --quiet
cat >pairs.jsonl <<'PAIRS'
{"id": "1", "video": "videos/00000.mp4", "question": "Describe the video.", "chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}
PAIRS
command=("$train" model.path="$root/data/toy/base" data.pairs=pairs.jsonl data.video_root=world video.frames=8 device=cpu
  train.steps=2 train.batch_pairs=1 lora.rank=4 --quiet)

# limited COMMAND…: with 3 GB of addresses.
limited() { (ulimit -v 3000000 && "$@"); }

runs 4 "${command[@]}" --out rank lora.rank=1000000000
says err.txt "out of memory"
says rank/run.json '"state": "failed"'
runs 4 limited "${command[@]}" --out frames video.frames=2000
says err.txt "out of memory"
says err.txt "video.frames"
says frames/run.json '"state": "failed"'

runs 2 "${command[@]}" --out threads threads=100000
says err.txt "threads"
runs 2 "${command[@]}" --out threads data.threads=100000
says err.txt "data.threads"
[ ! -e threads ] || fault "wrong usage left a folder"

say "a schedule that learns nothing, and a first rate of 0"
runs 2 "${command[@]}" --out idle train.steps=1
says err.txt "optim.warmup_ratio=0"
loud=()
for word in "${command[@]}"; do [ "$word" = --quiet ] || loud+=("$word"); done
runs 0 "${loud[@]}" --out warm
says err.txt "begins at rate 0"

say "verify-resume"
runs 0 "$train" verify-resume "${command[@]:1}" --out proof verify_steps=2
says out.txt "bit for bit"
says out.txt '"verified":true'
[ ! -e proof ] || fault "verify-resume left its folder"
runs 2 "$train" verify-resume "${command[@]:1}" --out proof verify_steps=0

verdict
