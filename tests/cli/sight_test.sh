#!/usr/bin/env bash
# The toy base sees: on clips that it never saw before, the 95 % intervals of both proofs of sight lie above 0.
#
#   tests/cli/sight_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

# field FILE PATH: of the JSON object on its last line.
field() { tail -n 1 "$1" | python3 -c 'import functools, json, sys; print(functools.reduce(lambda a, k: a[k], sys.argv[1].split("."), json.load(sys.stdin)))' "$2"; }
above_zero() { awk -v value="$1" 'BEGIN { exit !(value + 0 > 0) }' || fault "$2 is ${1:-absent}, not above 0"; }

runs 0 "$gen" scenes --out world count=24 seed=7001 --quiet
common=(model.path="$root/data/toy/base" data.video_root=world video.frames=8 device=cpu objective.name=sft train.micro_pairs=4
  data.group_by_video=4)

say "score"
runs 0 "$train" score --out scores "${common[@]}" data.pairs=world/questions.jsonl --quiet
for name in blank shuffled; do above_zero "$(field out.txt "sight.$name.low")" "the lower end of sight/$name"; done
lines scores/scores.jsonl "$(wc -l <world/questions.jsonl)"
says scores/scores.jsonl '"sight":{"blank":'
! grep -q "nothing shows" err.txt || fault "a model that sees is said not to"
runs 0 "$train" score --out off "${common[@]}" data.pairs=world/questions.jsonl train.sight=false --quiet
! grep -q sight off/scores.jsonl || fault "sight in the lines of a run without it"

say "training"
head -n 16 world/questions.jsonl >held_out.jsonl
tail -n +17 world/questions.jsonl | head -n 16 >pairs.jsonl
runs 0 "$train" --out run "${common[@]}" data.pairs=pairs.jsonl data.eval_pairs=held_out.jsonl train.steps=4 train.batch_pairs=8 \
  train.eval_every=2 lora.rank=4 optim.lr=1e-4
says err.txt "self-check: "
[ "$(grep -c '"sight/blank":' run/metrics.jsonl)" = 2 ] || fault "not one proof of sight for each scoring of held-out rows"
above_zero "$(field run/metrics.jsonl sight/blank)" sight/blank
says run/report.html "Proof of sight"
runs 0 "$train" --out unchecked "${common[@]}" data.pairs=pairs.jsonl train.steps=2 train.batch_pairs=8 lora.rank=4 train.self_check=false
! grep -q "self-check" err.txt || fault "a self-check that was turned off"

verdict
