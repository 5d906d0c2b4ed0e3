#!/usr/bin/env bash
# Generation and evaluation by several ranks: the bytes of one process, whoever stops, is killed or goes on with another number.
#
#   tests/cli/ranks_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=9 --quiet
common=(model.path="$root/data/toy/base" video.frames=4 device=cpu threads=1 --quiet)
generate=("$gen" "${common[@]}" gen.questions=world/questions.jsonl gen.max_new_tokens=20 gen.samples=2 gen.temperature=0.8
  'gen.balance=["yesno","letters"]')
evaluate=("$eval" "${common[@]}" eval.questions=world/questions.jsonl eval.max_new_tokens=20)
made="responses.jsonl pairs.jsonl ledger.jsonl"
measured="predictions.jsonl verdicts.jsonl scores.json report.md"

# like ONE OTHER FILES: the same bytes, and no parts left.
like() {
  for file in $3; do same "$1/$file" "$2/$file"; done
  [ ! -e "$2/.ranks" ] || fault "$2: parts were left"
}

# The last line of stdout, but for the folder that it names.
summary() { tail -n 1 out.txt | sed 's/"out":"[^"]*"//'; }

say "two and three ranks"
runs 0 "${generate[@]}" --out made
summary >made.txt
runs 0 "${evaluate[@]}" --out measured
summary >measured.txt
for count in 2 3; do
  runs 0 "${generate[@]}" --out "made$count" --nproc $count
  like made "made$count" "$made"
  same made.txt <(summary)
  runs 0 "${evaluate[@]}" --nproc=$count --out "measured$count"
  like measured "measured$count" "$measured"
  same measured.txt <(summary)
done
[ ! -s err.txt ] || fault "ranks talk: $(cat err.txt)"
runs 0 "$eval" predict "${evaluate[@]:1}" --out said --nproc 2
like measured said predictions.jsonl
[ ! -e said/scores.json ] || fault "predict scores"
runs 0 "${evaluate[@]}" eval.controls=true --out controls
runs 0 "${evaluate[@]}" eval.controls=true --out controls2 --nproc 2
like controls controls2 "predictions.jsonl predictions-blank.jsonl predictions-shuffled.jsonl scores.json"
runs 0 "${evaluate[@]}" --dry-run --nproc 2
lines out.txt 1

say "more ranks than videos"
head -n 3 world/questions.jsonl >world/few.jsonl
for count in 1 3; do
  runs 0 "${generate[@]}" gen.questions=world/few.jsonl --out few-made$count --nproc $count
  runs 0 "${evaluate[@]}" eval.questions=world/few.jsonl --out few-measured$count --nproc $count
done
like few-made1 few-made3 "$made"
like few-measured1 few-measured3 "$measured"

say "a step of srun"
for rank in 1 0; do
  SLURM_PROCID=$rank SLURM_LOCALID=$rank SLURM_NTASKS=2 SLURM_STEP_NODELIST=localhost SLURM_JOB_ID=$$ \
    "${evaluate[@]}" --out srun >"out.$rank" 2>"err.$rank" </dev/null &
  [ $rank = 0 ] || first=$!
done
wait "$first" || fault "rank 1: $(cat err.1)"
wait $! || fault "rank 0: $(cat err.0)"
like measured srun "$measured"
[ ! -s out.1 ] || fault "rank 1 prints: $(cat out.1)"

say "a finished run"
runs 4 "${generate[@]}" --out made2 --nproc 2
runs 0 "${generate[@]}" --out made2 --nproc 2 --resume
like made made2 "$made"
runs 0 "${generate[@]}" --out made2 --resume
like made made2 "$made"
runs 0 "${generate[@]}" --out made2 --nproc 2 --overwrite
like made made2 "$made"

say "a broken video"
cp -r world broken && head -c 2000 world/videos/00002.mp4 >broken/videos/00002.mp4
runs 8 "${generate[@]}" gen.questions=broken/questions.jsonl --out broken1
runs 8 "${generate[@]}" gen.questions=broken/questions.jsonl --out broken2 --nproc 2
like broken1 broken2 "$made"
runs 3 "${generate[@]}" model.path=absent --out mistyped --nproc 2
[ "$(grep -c '^\[rank 1\] error: ' err.txt)" = 1 ] || fault "rank 1 does not say its name: $(cat err.txt)"
runs 0 "${generate[@]}" --out mistyped --nproc 3
like made mistyped "$made"

rows() { cat disturbed/.ranks/*/responses.jsonl 2>/dev/null | wc -l; }
# disturbed NUMBER COMMAND...: that many ranks in the background, until some rows are there.
disturbed() {
  local count="$1" wanted=$(($(rows) + 5))
  shift
  "$@" --out disturbed --resume --nproc "$count" >out.txt 2>err.txt </dev/null &
  process=$!
  while [ "$(rows)" -lt "$wanted" ] && kill -0 "$process" 2>/dev/null; do sleep 0.01; done
}
# ended CODE: the ranks of disturbed() do so.
ended() {
  local got=0
  wait "$process" || got=$?
  [ "$got" = "$1" ] || fault "exit $got instead of $1 ($(tail -n 3 err.txt))"
}

say "a stop, a rank that is killed, other numbers of ranks"
disturbed 2 "${generate[@]}"
kill -TERM "$process"
ended 143
[ ! -e disturbed/pairs.jsonl ] || fault "a stopped run left pairs"
runs 4 "${generate[@]}" --out disturbed --nproc 2
says err.txt "unfinished run"
disturbed 3 "${generate[@]}"
read -ra ranks <"/proc/$process/task/$process/children"
kill -KILL "${ranks[1]}"
ended 7
says err.txt "rank 1"
runs 0 "${generate[@]}" --out disturbed --resume
like made disturbed "$made"

say "the launcher goes, and its ranks with it"
rm -rf disturbed
disturbed 2 "${generate[@]}"
read -ra ranks <"/proc/$process/task/$process/children"
kill -KILL "$process"
ended 137
for _ in $(seq 600); do
  kill -0 "${ranks[0]}" 2>/dev/null || kill -0 "${ranks[1]}" 2>/dev/null || break
  sleep 0.1
done
kill -0 "${ranks[0]}" 2>/dev/null && fault "a rank without its launcher goes on"
runs 0 "${generate[@]}" --out disturbed --resume --nproc 2
like made disturbed "$made"

say "usage"
for odd in 0 -1 two 1025; do
  runs 2 "${generate[@]}" --out never --nproc "$odd"
  says err.txt "--nproc"
done
runs 2 "$gen" merge made made2 --out never --nproc 2
says err.txt "one process"
runs 2 env WORLD_SIZE=2 RANK=0 MASTER_ADDR=localhost MASTER_PORT=1024 "${generate[@]}" --out never --nproc 2
runs 2 env WORLD_SIZE=2 RANK=0 "$gen" merge made made2 --out never
runs 0 "${generate[@]}" --out made1 --nproc 1
like made made1 "$made"
[ ! -e never ] || fault "a refusal left a result"

verdict
