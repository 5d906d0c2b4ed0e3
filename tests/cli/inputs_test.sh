#!/usr/bin/env bash
# Each input of rrpo-gen and rrpo-eval, changed between a stop and --resume or after the end: refused by name, exit 2. Put back,
# the run goes on to the bytes of an undisturbed one.
#
#   tests/cli/inputs_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=8 --quiet
cp -r "$root/data/toy/base" model
runs 0 "$gen" --out plain model.path=model video.frames=4 gen.questions=world/questions.jsonl gen.max_new_tokens=24 device=cpu --quiet
runs 0 "$train" --out tuned model.path=model video.frames=4 data.pairs=plain/pairs.jsonl data.video_root=world lora.rank=2 \
  train.steps=1 optim.warmup_ratio=0 device=cpu --quiet
cp -r tuned/adapter adapter && cp world/questions.jsonl questions.jsonl
: >replay.jsonl

common=(model.path=model model.adapter=adapter video.frames=4 device=cpu threads=1 --quiet)
generate=("$gen" "${common[@]}" gen.questions=questions.jsonl gen.video_root=world gen.max_new_tokens=60 gen.samples=4
  gen.temperature=1.5 gen.llm.replay=replay.jsonl gen.llm.model=m)
evaluate=("$eval" "${common[@]}" eval.questions=questions.jsonl eval.video_root=world eval.max_new_tokens=200)

# changes of an input, all of the same size where the file allows it, and with the times that it had.
kept_times() { touch -r "$1" times && "${@:2}" && touch -r times "$1"; }
flip() { kept_times "$1" python3 - "$1" <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    data = bytearray(file.read())
    data[-5] ^= 1
    file.seek(0)
    file.write(data)
PY
}
# A space more changes no value; the bytes are what counts.
space() { kept_times "$1" sed -i '1s/$/ /' "$1"; }

note() { echo >>"$1"; }

# refused FILE CHANGE COMMAND...: after the change the command says which file it was.
refused() {
  local file="$1" change="$2"
  shift 2
  cp -p "$file" kept
  "$change" "$file"
  runs 2 "$@" --resume
  says err.txt "$file: is not what the earlier run has read"
  cp -p kept "$file"
}

# table OUT ROWS COMMAND...: a stopped run, each input changed; then the same on the finished run.
table() {
  local out="$1" rows="$2" got=0
  shift 2
  runs 0 "$@" --out "$out-undisturbed"
  "$@" --out "$out" >out.txt 2>err.txt </dev/null &
  local process=$!
  for _ in $(seq 600); do [ -s "$out/$rows" ] && break || sleep 0.02; done
  kill -TERM "$process"
  wait "$process" || got=$?
  [ "$got" = 143 ] || fault "SIGTERM: exit $got instead of 143 ($(tail -n 1 err.txt))"
  for state in stopped finished; do
    say "$out, $state"
    says "$out/run.json" "\"state\": \"$state\""
    cp -r "$out" before
    refused questions.jsonl space "$@" --out "$out"
    for file in model/config.json model/tokenizer.json adapter/adapter_config.json; do refused $file space "$@" --out "$out"; done
    for file in model/model.safetensors adapter/adapter_model.safetensors; do refused $file flip "$@" --out "$out"; done
    [ "$out" = eval ] || refused replay.jsonl note "$@" --out "$out"
    echo '{}' >model/new_tokens.json
    runs 2 "$@" --out "$out" --resume
    says err.txt "model/new_tokens.json: the earlier run has not read it"
    rm model/new_tokens.json && mv model/tokenizer_config.json kept.json
    runs 2 "$@" --out "$out" --resume
    says err.txt "model/tokenizer_config.json: the earlier run has read it"
    mv kept.json model/tokenizer_config.json
    video="world/$(head -n 1 "$out/$rows" | sed 's/.*"id":"\([^"]*\)".*/\1/' | xargs -I ID grep -F '"id":"ID"' questions.jsonl |
      sed 's/.*"video":"\([^"]*\)".*/\1/')"
    cp -p "$video" kept.mp4 && cat "$video" /dev/zero 2>/dev/null | head -c $(($(wc -c <"$video") + 8)) >longer && cp longer "$video"
    runs 2 "$@" --out "$out" --resume
    says err.txt "$video: has another size"
    cp -p kept.mp4 "$video"
    diff -r before "$out" >/dev/null || fault "a refusal changed $out"
    rm -r before
    runs 0 "$@" --out "$out" --resume
    same "$out-undisturbed/$rows" "$out/$rows"
  done
}

table eval predictions.jsonl "${evaluate[@]}"
for file in scores.json report.md; do same eval-undisturbed/$file eval/$file; done
table gen responses.jsonl "${generate[@]}"
for file in pairs.jsonl ledger.jsonl; do same gen-undisturbed/$file gen/$file; done

say "what may move"
runs 0 "${evaluate[@]}" --out eval --resume threads=2
mv world elsewhere
runs 0 "${evaluate[@]}" --out eval --resume eval.video_root=elsewhere
: >other.jsonl
runs 0 "${generate[@]}" --out gen --resume gen.video_root=elsewhere gen.llm.replay=other.jsonl

say "a record of an earlier version"
cp -r eval earlier
python3 - earlier/run.json <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
run["inputs"] = {file: entry["sha256"] for file, entry in run["inputs"].items()}
json.dump(run, open(sys.argv[1], "w"))
PY
runs 0 "${evaluate[@]}" --out earlier --resume eval.video_root=elsewhere

verdict
