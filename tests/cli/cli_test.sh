#!/usr/bin/env bash
# The built programs as a user meets them: one small run of every command, and what wrong usage answers.
#
#   tests/cli/cli_test.sh BUILD_FOLDER
set -u
root="$(cd "$(dirname "$0")/../.." && pwd)" bin="$(cd "$1" && pwd)"
gen="$bin/rrpo-gen" train="$bin/rrpo-train" eval="$bin/rrpo-eval"
export OMP_NUM_THREADS=1
work="$(mktemp -d)" && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
faults=0

fault() { printf 'FAULT: %s\n' "$*" && faults=$((faults + 1)); }

# runs CODE COMMAND…: the command ends with that exit code; a fault of the user is one line with a remedy.
runs() {
  local wanted="$1" got=0
  shift
  "$@" >out.txt 2>err.txt </dev/null || got=$?
  [ "$got" = "$wanted" ] || fault "exit $got instead of $wanted: $* ($(tail -n 2 err.txt))"
  [ "$wanted" = 0 ] || [ "$wanted" -ge 128 ] || error_line "$*"
}

error_line() {
  [ "$(grep -c '^error: ' err.txt)" = 1 ] || fault "not one error line: $1"
  [ "$(grep '^error: ' err.txt | wc -c)" -le 410 ] || fault "a long error line: $1"
  grep -q '^error: .*; fix: ' err.txt || fault "no remedy: $1: $(grep '^error' err.txt)"
}

# says FILE TEXT: the last command printed it.
says() { grep -qF -- "$2" "$1" || fault "'$2' is not in $1: $(tail -n 3 "$1")"; }
same() { cmp -s "$1" "$2" || fault "$1 differs from $2"; }
lines() { [ "$(wc -l <"$1")" = "$2" ] || fault "$1 has $(wc -l <"$1") lines, not $2"; }

say() { printf '== %s\n' "$*"; }

say "help and versions"
for program in "$gen" "$train" "$eval"; do
  runs 0 "$program" --help
  says out.txt "model.path"
  says out.txt "video.frames"
  says out.txt "onevision"
  says out.txt "linspace"
  runs 0 "$program" --version
  says out.txt "$(basename "$program") 0."
done
runs 0 "$gen" --help
for name in mask shuffle_local shuffle_global gen.max_new_tokens; do says out.txt "$name"; done
runs 0 "$train" --help
for name in rrpo dpo sft optim.lr; do says out.txt "$name"; done
runs 0 "$gen" scenes --help
says out.txt "stereotype"

say "a setting behind --config FILE is a setting"
echo '{"seed": 1}' >one.json
runs 2 "$train" --config one.json optim.lr=-1 --out x
says err.txt "optim.lr"

say "wrong usage"
runs 2 "$gen" scnes --out x
says err.txt "scenes"
runs 2 "$eval" --frobnicate --out x
runs 2 "$eval" --compat official --out x
runs 2 "$eval" --out x eval.questons=q.jsonl model.path=m
says err.txt "did you mean questions?"
runs 2 "$eval" --out x video.frames=many model.path=m eval.questions=q.jsonl
says err.txt "video.frames"
runs 2 "$eval" model.path=m eval.questions=q.jsonl
says err.txt "--out"
runs 2 "$eval" --out x --resume --overwrite model.path=m eval.questions=q.jsonl
runs 2 "$eval" compare only-one
runs 2 "$eval" ask "what?" model.path=m
runs 2 "$gen" --out x model.path=m gen.questions=q.jsonl 'gen.perturb=["msk"]'
says err.txt "mask"
runs 2 "$train" --config absent.json --out x
runs 2 "$train" --out x model.path=m data.pairs=p.jsonl objective.name=rrop
runs 3 "$eval" --out x model.path=m eval.questions=absent.jsonl
runs 3 "$eval" compare absent-a absent-b
runs 3 "$gen" show absent.jsonl
runs 3 "$eval" ask --video absent.mp4 "what?" model.path=m
[ ! -e x/predictions.jsonl ] || fault "wrong usage left a result"

say "a model and a world"
runs 0 "$train" init config="$root/data/toy/recipe" tokenizer="$root/data/toy/tokenizer" --out model
runs 0 "$gen" scenes --out world count=6 --quiet
runs 4 "$gen" scenes --out world count=6 --quiet
runs 0 "$gen" scenes --out world count=6 --quiet --resume
runs 2 "$gen" scenes --out world count=7 --quiet --resume
lines world/questions.jsonl 36
cat >pairs.jsonl <<'PAIRS'
{"id": "1", "video": "videos/00000.mp4", "question": "Describe the video.", "chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}
{"id": "2", "video": "videos/00001.mp4", "question": "Describe the video.", "chosen": {"text": "A red circle.", "spans": [[6, 12]]}, "rejected": {"text": "A red square.", "spans": [[6, 12]]}}
PAIRS

say "gen"
common=(model.path=model video.frames=8 gen.questions=world/questions.jsonl gen.max_new_tokens=12 device=cpu --quiet)
runs 0 "$gen" --out never "${common[@]}" --dry-run
[ ! -e never ] || fault "--dry-run wrote something"
runs 0 "$gen" --out gen1 "${common[@]}" threads=1
lines gen1/responses.jsonl 36
lines gen1/ledger.jsonl 36
tac world/questions.jsonl >world/backwards.jsonl
runs 0 "$gen" --out gen3 "${common[@]}" threads=3
for file in responses ledger pairs; do same gen1/$file.jsonl gen3/$file.jsonl; done
runs 0 "$gen" --out genback "${common[@]}" gen.questions=world/backwards.jsonl threads=2
sort gen1/responses.jsonl >sorted1 && sort genback/responses.jsonl >sorted2 && same sorted1 sorted2
sort gen1/pairs.jsonl >sorted1 && sort genback/pairs.jsonl >sorted2 && same sorted1 sorted2
runs 4 "$gen" --out gen1 "${common[@]}"
runs 2 "$gen" --out gen1 "${common[@]}" seed=7 --resume
says err.txt "seed"
cp -r gen1 cut && rm cut/pairs.jsonl cut/ledger.jsonl
{ head -n 8 gen1/responses.jsonl && printf '{"id": "torn'; } >cut/responses.jsonl
runs 0 "$gen" --out cut "${common[@]}" --resume
for file in responses ledger pairs; do same gen1/$file.jsonl cut/$file.jsonl; done
runs 0 "$gen" show pairs.jsonl video_root=world model.path=model video.frames=8 --out page
says page/show.html "chosen"
runs 0 "$gen" show pairs.jsonl --text
says out.txt "A [red] circle."

say "train"
runs 0 "$train" --out sft model.path=model data.pairs=world/questions.jsonl data.video_root=world video.frames=8 device=cpu \
  objective.name=sft 'train.trainable=["decoder"]' train.batch_pairs=6 train.micro_pairs=6 data.group_by_video=6 \
  train.steps=2 optim.lr=1e-3 --quiet
[ -s sft/model/model.safetensors ] || fault "sft left no model"
lines sft/metrics.jsonl 2
runs 0 "$train" --out rrpo model.path=model data.pairs=pairs.jsonl data.video_root=world video.frames=8 device=cpu \
  train.batch_pairs=2 lora.rank=4 lora.alpha=8 train.steps=2 optim.lr=1e-3 --quiet
[ -s rrpo/adapter/adapter_model.safetensors ] || fault "rrpo left no adapter"
runs 0 "$train" score --out scored model.path=model model.adapter=rrpo/adapter data.pairs=pairs.jsonl data.video_root=world \
  video.frames=8 device=cpu --quiet
lines scored/scores.jsonl 2

say "eval"
common=(video.frames=8 eval.questions=world/questions.jsonl eval.max_new_tokens=12 device=cpu --quiet)
runs 0 "$eval" --out base "${common[@]}" model.path=model
lines base/predictions.jsonl 36
for name in answered unparsed failed; do says base/report.md $name && says base/report.html $name; done
runs 0 "$eval" --out aligned "${common[@]}" model.path=model model.adapter=rrpo/adapter
runs 0 "$eval" compare base aligned --out compared
says out.txt "sign-flip test by video"
[ -s compared/compare.json ] && [ -s compared/compare.html ] || fault "compare left no page"
runs 4 "$eval" compare base aligned --out compared
head -n 30 base/predictions.jsonl >fewer.jsonl
runs 3 "$eval" compare base fewer.jsonl
runs 0 "$eval" ask --video world/videos/00000.mp4 "Describe the video." model.path=model video.frames=8 max_new_tokens=8 \
  device=cpu --frames-html seen.html
says seen.html "Describe the video."
runs 4 "$eval" ask --video world/videos/00000.mp4 "Describe the video." model.path=model --frames-html seen.html

say "families and their settings"
llava="$root/tests/golden/llava_qwen/checkpoint" asked=(--video world/videos/00000.mp4 "Describe the video." video.frames=4)
runs 0 "$eval" ask "${asked[@]}" model.path="$llava" model.video_pool=average model.time_instruction=line max_new_tokens=4 device=cpu
runs 2 "$eval" ask "${asked[@]}" model.path=model model.video_pool=average device=cpu
says err.txt "pools bilinearly"
runs 2 "$eval" ask "${asked[@]}" model.path=model model.time_instruction=on

say "a broken video"
cp -r world broken && head -c 2000 world/videos/00002.mp4 >broken/videos/00002.mp4
runs 8 "$eval" --out failed "${common[@]}" model.path=model eval.questions=broken/questions.jsonl
says failed/scores.json '"failed": 6'
runs 8 "$gen" --out failedgen "${common[@]/eval./gen.}" model.path=model gen.questions=broken/questions.jsonl
[ "$(grep -c '"failed"' failedgen/ledger.jsonl)" = 6 ] || fault "the ledger does not hold 6 failed questions"
cp world/videos/00002.mp4 broken/videos/00002.mp4
runs 0 "$eval" --out failed "${common[@]}" model.path=model eval.questions=broken/questions.jsonl --resume
sort base/predictions.jsonl >sorted1 && sort failed/predictions.jsonl >sorted2 && same sorted1 sorted2

say "a stop"
"$eval" --out stopped "${common[@]}" model.path=model threads=1 eval.max_new_tokens=400 >out.txt 2>err.txt &
process=$!
for _ in $(seq 300); do [ -s stopped/predictions.jsonl ] && break || sleep 0.05; done
kill -TERM "$process"
got=0 && wait "$process" || got=$?
[ "$got" = 143 ] || fault "SIGTERM: exit $got instead of 143"
runs 0 "$eval" --out stopped "${common[@]}" model.path=model threads=2 eval.max_new_tokens=400 --resume
lines stopped/predictions.jsonl 36

[ "$faults" = 0 ] && say "all well"
[ "$faults" = 0 ]
