#!/usr/bin/env bash
# A run that is killed five times at random moments and goes on each time leaves the bytes of an undisturbed one.
#
#   tests/cli/interruptions_test.sh BUILD_FOLDER        RRPO_SEED=N draws the moments of an earlier failure again
source "$(dirname "$0")/checks.sh" "$1"

seed="${RRPO_SEED:-$(date +%s)}"
say "moments drawn from RRPO_SEED=$seed"
RANDOM="$seed"

runs 0 "$gen" scenes --out world count=24 --quiet
command=("$gen" model.path="$root/data/toy/base" video.frames=8 gen.questions=world/questions.jsonl gen.max_new_tokens=40
  device=cpu threads=1 gen.samples=4 gen.temperature=0.8 'gen.require=["wrong_on_perturbed","right_on_clean"]'
  'gen.balance=["yesno","letters"]' 'gen.max_per_format={"short":20}' --quiet)
runs 0 "${command[@]}" --out undisturbed
total="$(wc -l <undisturbed/responses.jsonl)"

rows() { if [ -e disturbed/responses.jsonl ]; then wc -l <disturbed/responses.jsonl; else echo 0; fi; }

# Moments are numbers of rows, not times: one in each of five parts of the first four fifths of the run.
signals=(TERM INT KILL TERM KILL) codes=(143 130 137 143 137)
for i in 0 1 2 3 4; do
  moment=$((total * 4 / 25 * i + RANDOM % (total * 4 / 25) + 1)) got=0
  "${command[@]}" --out disturbed --resume >out.txt 2>err.txt </dev/null &
  process=$!
  while [ "$(rows)" -lt "$moment" ] && kill -0 "$process" 2>/dev/null; do sleep 0.005; done
  kill -"${signals[i]}" "$process" 2>/dev/null
  wait "$process" 2>/dev/null || got=$?
  say "SIG${signals[i]} at row $moment of $total: exit $got, $(rows) rows"
  [ "$got" = "${codes[i]}" ] || fault "exit $got instead of ${codes[i]} ($(tail -n 2 err.txt))"
  [ ! -e disturbed/pairs.jsonl ] || fault "an interrupted run left pairs"
done
runs 0 "${command[@]}" --out disturbed --resume
for file in responses.jsonl pairs.jsonl ledger.jsonl; do same undisturbed/$file disturbed/$file; done
[ -s disturbed/pairs.jsonl ] || fault "no pair was made"

verdict
