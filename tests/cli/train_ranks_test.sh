#!/usr/bin/env bash
# Training by several processes of one machine: the results of one process, and one end for all of them.
#
#   tests/cli/train_ranks_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=6 --quiet
for i in $(seq 23); do
  printf '{"id": "%s", "video": "videos/0000%s.mp4", "question": "Describe the video.", ' "$i" $((i % 6))
  printf '"chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}\n'
done >pairs.jsonl
head -n 3 pairs.jsonl >held_out.jsonl
# Windows of 5, 5, 5, 5 and 3 passes.
command=("$train" model.path="$root/data/toy/base" data.pairs=pairs.jsonl data.eval_pairs=held_out.jsonl
  data.video_root=world video.frames=8 device=cpu train.batch_pairs=5 lora.rank=4 optim.lr=1e-4
  train.save_every=3 train.eval_every=4 train.steps=20 --quiet)
runs 0 "${command[@]}" --out one
says one/run.json '"ranks": 1'

# numbers RUN KEY: of each step that has it.
numbers() { sed -En "s#.*[{,]\"$2\":([^,}]*).*#\1#p" "$1/metrics.jsonl"; }

# alike RUN ONE: losses and norms within 1e-5 (of themselves, above 1), everything that is counted the same.
alike() {
  local key
  for key in loss grad_norm eval/loss kl/chosen; do
    paste <(numbers "$1" "$key") <(numbers "$2" "$key") >pairs.txt
    [ "$(numbers "$2" "$key" | wc -l)" -gt 0 ] || fault "$2 has no $key"
    awk 'NF != 2 { bad = 1 } { d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5 * ($2 > 1 ? $2 : 1)) bad = 1 } END { exit bad }' \
      pairs.txt ||
      fault "$key of $1 is not that of $2: $(head -n 3 pairs.txt)"
  done
  for key in step lr pairs tokens; do
    [ "$(numbers "$1" "$key")" = "$(numbers "$2" "$key")" ] || fault "$key of $1 is not that of $2"
  done
  same "$1/ledger.jsonl" "$2/ledger.jsonl"
  same "$1/adapter/adapter_config.json" "$2/adapter/adapter_config.json"
  [ "$(find "$1" -maxdepth 1 -printf "%P\n" | sort)" = "$(find "$2" -maxdepth 1 -printf "%P\n" | sort)" ] || fault "$1 has other files than $2"
}

say "two and three ranks"
for ranks in 2 3; do
  runs 0 "${command[@]}" --out "ranks$ranks" --nproc "$ranks"
  [ "$(grep -c '^{' out.txt)" = 1 ] || fault "not one summary: $(cat out.txt)"
  says "ranks$ranks/run.json" "\"ranks\": $ranks"
  alike "ranks$ranks" one
done
runs 4 "${command[@]}" --out ranks2 --nproc 2
runs 0 "${command[@]}" --out ranks2 --nproc 2 --resume
runs 0 "${command[@]}" --out ranks2 --resume

say "a model in parts"
numbers_of() { sed -E 's#"seconds(_data)?":[^,}]*,?##g' "$1/metrics.jsonl"; }
runs 0 "${command[@]}" --out parts --nproc 2 model.frozen=sharded
[ "$(numbers_of parts)" = "$(numbers_of ranks2)" ] || fault "other numbers of a model in parts"
same parts/adapter/adapter_model.safetensors ranks2/adapter/adapter_model.safetensors
runs 0 "${command[@]}" --out parts --nproc 3 --resume
runs 0 "${command[@]}" --out four --nproc 2 model.frozen=nf4+sharded
runs 0 "${command[@]}" --out plan --dry-run --nproc 8 model.frozen=sharded
says out.txt '"ranks":8'
runs 2 "${command[@]}" --out parts --resume model.frozen=nf4
says err.txt 'model.frozen'
runs 2 "$train" score model.path="$root/data/toy/base" data.pairs=held_out.jsonl data.video_root=world model.frozen=sharded --out none
says err.txt 'model.frozen: is sharded'
runs 2 "$gen" model.path="$root/data/toy/base" gen.questions=world/questions.jsonl model.frozen=sharded --out none
says err.txt 'model.frozen: is sharded'
runs 2 "$eval" model.path="$root/data/toy/base" eval.questions=world/questions.jsonl model.frozen=nf4+sharded --out none
says err.txt 'model.frozen: is nf4+sharded'

# rank NUMBER: the process of that rank, by its environment.
rank() {
  local child
  for child in $(ps -o pid= --ppid "$process"); do
    tr '\0' '\n' <"/proc/$child/environ" 2>/dev/null | grep -qx "RANK=$1" && echo "$child"
  done
}

say "a stop of one rank, and of the launcher"
for whom in one all; do
  begin "${command[@]}" --out "stopped-$whom" --nproc 2
  await "stopped-$whom/metrics.jsonl" 4
  if [ "$whom" = one ]; then kill -TERM "$(rank 1)"; else kill -TERM "$process"; fi
  ends 143
  says "stopped-$whom/run.json" '"state": "stopped"'
  [ "$(wc -l <"stopped-$whom/metrics.jsonl")" -lt 20 ] || fault "the run ended before the signal came"
done
runs 0 "${command[@]}" --out stopped-one --nproc 3 --resume
alike stopped-one one
runs 0 "${command[@]}" --out stopped-all --resume
alike stopped-all one

say "one rank is killed"
for victim in 0 1; do
  begin "${command[@]}" --out "killed$victim" --nproc 2
  await "killed$victim/metrics.jsonl" 7
  kill -KILL "$(rank "$victim")"
  ends 7
  says err.txt "rank $victim"
  [ "$(wc -l <"killed$victim/metrics.jsonl")" -lt 20 ] || fault "the run ended before the kill"
done
says killed1/run.json '"code": 7'
runs 0 "${command[@]}" --out killed0 --resume
alike killed0 one
runs 0 "${command[@]}" --out killed1 --nproc 2 --resume
alike killed1 one

say "a fault of one rank"
mkdir broken
cp -r world broken/world
: >broken/world/videos/00003.mp4
runs 3 "${command[@]}" --out faulty data.video_root=broken/world data.eval_pairs=[] --nproc 2
[ "$(grep -c 'failed: data: ' err.txt)" = 1 ] || fault "not one line names the rank: $(cat err.txt)"
says faulty/run.json '"code": 3'

verdict
