#!/usr/bin/env bash
# A training that is killed at random moments, or stopped in the middle of a window, ends with the bytes of an undisturbed
# one.
#
#   tests/cli/train_interruptions_test.sh BUILD_FOLDER
#
# RRPO_KILLS=40 kills so many times instead of 8; RRPO_SEED=N draws the moments of an earlier failure again.
source "$(dirname "$0")/checks.sh" "$1"

kills="${RRPO_KILLS:-8}" seed="${RRPO_SEED:-$(date +%s)}"
say "$kills kills, moments drawn from RRPO_SEED=$seed"
RANDOM="$seed"

runs 0 "$gen" scenes --out world count=6 --quiet
for i in $(seq 24); do
  printf '{"id": "%s", "video": "videos/0000%s.mp4", "question": "Describe the video.", ' "$i" $((i % 6))
  printf '"chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}\n'
done >pairs.jsonl
head -n 3 pairs.jsonl >held_out.jsonl
steps=$((5 * kills))
command=("$train" model.path="$root/data/toy/base" data.pairs=pairs.jsonl data.eval_pairs=held_out.jsonl
  data.video_root=world data.cache=cache video.frames=8 device=cpu train.batch_pairs=3 lora.rank=4 optim.lr=1e-3
  train.save_every=3 train.eval_every=4 train.steps="$steps" --quiet)
runs 0 "${command[@]}" --out undisturbed

# ended_alike RUN UNDISTURBED: everything but what a clock says, and what a process found in its own memory.
ended_alike() {
  for file in adapter/adapter_model.safetensors adapter/adapter_config.json ledger.jsonl; do same "$1/$file" "$2/$file"; done
  for run in "$1" "$2"; do sed -E 's#"(seconds(_data)?|(eval/)?reference/hits)":[^,}]*,?##g' "$run/metrics.jsonl" >"$run.metrics"; done
  same "$1.metrics" "$2.metrics"
}

killed=0
for i in $(seq "$kills"); do
  moment=$((5 * (i - 1) + RANDOM % 5)) delay="0.$(printf '%03d' $((RANDOM % 200)))"
  begin "${command[@]}" --out disturbed --resume
  await disturbed/metrics.jsonl "$moment"
  sleep "$delay"
  kill -KILL "$process" 2>/dev/null && killed=$((killed + 1))
  wait "$process" 2>/dev/null
done
say "$killed of $kills kills met a running process"
[ "$killed" -ge $((kills * 3 / 4)) ] || fault "only $killed kills"
runs 0 "${command[@]}" --out disturbed --resume
ended_alike disturbed undisturbed
[ -z "$(find disturbed -name '.rrpo-tmp-*')" ] || fault "temporary files are left"

say "TERM in the middle of a window of 12 passes"
window=("${command[@]/train.batch_pairs=3/train.batch_pairs=12}")
window=("${window[@]/train.steps=$steps/train.steps=6}")
runs 0 "${window[@]}" --out windows
begin "${window[@]}" --out cut
await cut/metrics.jsonl 2
sleep "0.0$((RANDOM % 10))"
kill -TERM "$process"
ends 143
[ "$(wc -l <cut/metrics.jsonl)" -lt 6 ] || fault "the run ended before the signal came"
says cut/run.json '"state": "stopped"'
runs 0 "${window[@]}" --out cut --resume
ended_alike cut windows

say "INT, and TERM 50 ms later: one stop"
begin "${window[@]}" --out twice
await twice/metrics.jsonl 2
kill -INT "$process"
sleep 0.05
kill -TERM "$process" 2>/dev/null
ends 130
says twice/run.json '"code": 130'
runs 0 "${window[@]}" --out twice --resume
ended_alike twice windows

say "a damaged checkpoint is named, and the whole one before it is used"
loud=()
for word in "${window[@]}"; do [ "$word" = --quiet ] || loud+=("${word/train.save_every=3/train.save_every=1}"); done
begin "${loud[@]}" --out damaged
await damaged/metrics.jsonl 4
kill -KILL "$process" 2>/dev/null
wait "$process" 2>/dev/null
newest="$(find damaged/checkpoints -maxdepth 1 -name 'step-*' | sort | tail -n 1)"
printf x | dd of="$newest/trained.safetensors" bs=1 seek=2000 conv=notrunc 2>/dev/null
runs 0 "${loud[@]}" --out damaged --resume
says err.txt "$newest: is damaged (trained.safetensors: its content is not what was written)"
says err.txt "is whole and used"
ended_alike damaged windows

verdict
