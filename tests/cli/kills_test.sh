#!/usr/bin/env bash
# SIGKILL at random moments of rrpo-gen and rrpo-eval, from the first instruction to the last: the same command with --resume ends
# with the bytes of an undisturbed run.
#
#   tests/cli/kills_test.sh BUILD_FOLDER        RRPO_KILLS=40 of each program; RRPO_SEED=N draws earlier moments again
source "$(dirname "$0")/checks.sh" "$1"

kills="${RRPO_KILLS:-6}" seed="${RRPO_SEED:-$(date +%s)}"
say "$kills kills of each, moments drawn from RRPO_SEED=$seed"
RANDOM="$seed"

runs 0 "$gen" scenes --out world count=8 --quiet
common=(model.path="$root/data/toy/base" video.frames=4 device=cpu threads=1 --quiet)
generate=("$gen" "${common[@]}" gen.questions=world/questions.jsonl gen.max_new_tokens=40 gen.samples=2 gen.temperature=0.8)
evaluate=("$eval" "${common[@]}" eval.questions=world/questions.jsonl eval.max_new_tokens=60)

now() { date +%s%3N; }

# killed OUT FILES COMMAND...: `kills` runs, each killed once or more on its way.
killed() {
  local out="$1" files="$2" hits=0 tries=0 begun length
  shift 2
  begun="$(now)"
  runs 0 "$@" --out "$out-undisturbed"
  length=$(($(now) - begun))
  while [ "$hits" -lt "$kills" ] && [ "$tries" -lt $((4 * kills)) ]; do
    tries=$((tries + 1))
    rm -rf "$out"
    for _ in 1 2; do
      [ "$hits" -lt "$kills" ] || break
      local moment=$((RANDOM % length)) got=0
      "$@" --out "$out" --resume >out.txt 2>err.txt </dev/null &
      local process=$!
      sleep "$((moment / 1000)).$(printf '%03d' $((moment % 1000)))"
      kill -KILL "$process" 2>/dev/null
      wait "$process" 2>/dev/null || got=$?
      case $got in 137) hits=$((hits + 1)) ;; 0) break ;; *) fault "exit $got before SIGKILL at $moment ms: $(tail -n 1 err.txt)" ;; esac
    done
    runs 0 "$@" --out "$out" --resume
    for file in $files; do same "$out-undisturbed/$file" "$out/$file"; done
    [ -z "$(find "$out" -maxdepth 1 -name '*rrpo-tmp*')" ] || fault "temporaries were left in $out"
  done
  [ "$hits" -ge "$kills" ] || fault "only $hits of $kills kills hit a run of $length ms"
  say "$out: $hits kills in $tries runs of about $length ms"
}

killed eval "predictions.jsonl verdicts.jsonl scores.json report.md" "${evaluate[@]}"
killed gen "responses.jsonl pairs.jsonl ledger.jsonl" "${generate[@]}"

verdict
