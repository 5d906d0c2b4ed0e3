#!/usr/bin/env bash
# Where memory ends a program says so and exits 4; its record says failed.
#
#   tests/cli/train_limits_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=1 --quiet
cat >pairs.jsonl <<'PAIRS'
{"id": "1", "video": "videos/00000.mp4", "question": "Describe the video.", "chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}
PAIRS
command=("$train" model.path="$root/data/toy/base" data.pairs=pairs.jsonl data.video_root=world video.frames=8 device=cpu
  train.steps=2 train.batch_pairs=1 lora.rank=4 --quiet)

# limited COMMAND…: with 1.5 GB of addresses, where a pass takes 0.9 GB with a few frames and 3 GB with 400.
limited() { (ulimit -v 1500000 && "$@"); }
for i in 1 2 3 4 5 6 7 8; do
  sed "s/\"id\": \"1\"/\"id\": \"$i\", \"clip\": {\"start_s\": 0, \"end_s\": 1.$i}/" pairs.jsonl
done >clips.jsonl
pass=(data.pairs=clips.jsonl train.batch_pairs=8 train.micro_pairs=8)

runs 4 "${command[@]}" --out rank lora.rank=1000000000
says err.txt "out of memory"
says rank/run.json '"state": "failed"'
runs 0 limited "${command[@]}" "${pass[@]}" --out few
runs 4 limited "${command[@]}" "${pass[@]}" --out frames video.frames=400
says err.txt "out of memory"
says err.txt "video.frames"
says frames/run.json '"state": "failed"'
runs 3 limited "${command[@]}" --out long video.frames=2000
says err.txt "the model has 4096 positions"

runs 2 "${command[@]}" --out threads threads=100000
says err.txt "threads"
runs 2 "${command[@]}" --out threads data.threads=100000
says err.txt "data.threads"
[ ! -e threads ] || fault "wrong usage left a folder"

say "generation and evaluation"
# With 1.2 GB of addresses a few frames fit (0.8 GB), and 4096 do not (1.8 GB).
narrow() { (ulimit -v 1200000 && "$@"); }
for program in gen eval; do
  asked=("${!program}" model.path="$root/data/toy/base" "$program.questions=world/questions.jsonl" "$program.max_new_tokens=4"
    device=cpu threads=1 --quiet)
  runs 0 narrow "${asked[@]}" --out "$program-few" video.frames=4
  runs 4 narrow "${asked[@]}" --out "$program-frames" video.frames=4096
  says err.txt "out of memory"
  says err.txt "video.frames"
  says "$program-frames/run.json" '"state": "failed"'
  says "$program-frames/run.json" "out of memory"
  runs 2 "${asked[@]}" --out "$program-threads" threads=100000
  says err.txt "threads: 100000 is outside 0 to 1024"
  [ ! -e "$program-threads" ] || fault "wrong usage left a folder"
done

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
