#!/usr/bin/env bash
# The edges of the built programs: streams that are closed or full, limits, and what people bring from other trainers.
#
#   tests/cli/edges_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=3 --quiet
model="$root/tests/golden/onevision/tiny/checkpoint"
asked=(model.path="$model" video.frames=4 eval.questions=world/questions.jsonl eval.max_new_tokens=4 device=cpu)
questions="$(wc -l <world/questions.jsonl)"

say "closed streams"
"$eval" --out closed "${asked[@]}" <&- >&- 2>&- && got=0 || got=$?
[ "$got" = 0 ] || fault "closed streams: exit $got"
"$eval" --out open "${asked[@]}" >out.txt 2>err.txt </dev/null || fault "exit $?"
same open/predictions.jsonl closed/predictions.jsonl
lines closed/predictions.jsonl "$questions"

say "a result that cannot be written is lost, and said so"
# full COMMAND...: exit 4 with one line where stdout takes nothing.
full() {
  local got=0
  "$@" >/dev/full 2>err.txt </dev/null || got=$?
  [ "$got" = 4 ] || fault "exit $got instead of 4 on a full stdout: $*"
  error_line "$*"
  says err.txt "No space left on device"
}
full "$eval" --help
full "$eval" --version
full "$eval" compare open closed
full "$gen" scenes --dry-run
full "$train" doctor device=cpu
mkfifo pipe
"$eval" --help >pipe 2>err.txt </dev/null &
process=$!
exec 9<pipe
exec 9<&-
wait "$process" && got=0 || got=$?
[ "$got" = 0 ] || [ "$got" = 4 ] || fault "a reader that has gone: exit $got"
[ "$(wc -l <err.txt)" -le 1 ] || fault "a reader that has gone: $(cat err.txt)"

say "limits"
# In a shell of its own: 2 KB a file are too few for the clips.
(ulimit -f 2 && exec "$gen" scenes --out small count=3 --quiet >out.txt 2>err.txt </dev/null) && got=0 || got=$?
[ "$got" = 4 ] || fault "ulimit -f: exit $got ($(tail -n 1 err.txt))"
says err.txt "File too large"

say "one process"
runs 2 env WORLD_SIZE=2 RANK=0 "$eval" --out ranks "${asked[@]}"
says err.txt "WORLD_SIZE=2"
[ ! -e ranks ] || fault "a refused run left something"

say "what people bring along"
runs 2 "$eval" --out x "${asked[@]}" --seed 3
says err.txt "write seed=3"
runs 2 "$train" --out x --learning_rate 1e-4
says err.txt "it is called optim.lr here"
runs 2 "$train" --out x --report_to wandb
says err.txt "metrics.jsonl"
runs 2 "$train" --out x report_to=wandb
says err.txt "metrics.jsonl"
runs 2 "$eval" --out x --config "$model/config.json"
says err.txt "model.path=FOLDER"
printf '{\n  "video": {"frames": 8,\n            "frames": 16}\n}\n' >twice.json
runs 2 "$eval" --out x --config twice.json
says err.txt "twice.json:3: video.frames: given twice"
printf '{\n\n  "vidoe": {"frames": 8}\n}\n' >typo.json
runs 2 "$eval" --out x --config typo.json
says err.txt "typo.json:3: vidoe: unknown key; fix: did you mean video?"
runs 3 "$eval" --out x model.path=2024 eval.questions=world/questions.jsonl
says err.txt "2024"

say "a log for machines"
"$eval" --out x model.path=missing eval.questions=world/questions.jsonl --log-format json >out.txt 2>err.txt </dev/null && got=0 || got=$?
[ "$got" = 3 ] || fault "exit $got instead of 3"
grep -q '^{"time":"20.*Z","level":"error","message":".*missing.*","exit":3}$' err.txt || fault "no JSON error: $(cat err.txt)"
grep -qv '^{' err.txt && fault "a line that is no JSON: $(cat err.txt)"

say "what a file says is not for the terminal to act on"
escape="$(printf '\033')"
sed 's/"type":"[a-z]*"/"type":"\\u001b]0;owned\\u0007<img src=x>"/' world/questions.jsonl >hostile.jsonl
runs 0 "$eval" --out hostile "${asked[@]}" eval.questions=hostile.jsonl eval.video_root=world
! grep -q "$escape" out.txt || fault "an escape on stdout"
! grep -q '<img' hostile/report.md || fault "HTML in report.md"

say "a question that would control the model"
toy=(model.path="$root/data/toy/base" video.frames=4 device=cpu)
clip="$(find world -name '*.mp4' | sort | head -n 1)"
for token in '<image>' '<|im_end|>'; do
  runs 2 "$eval" ask --video "$clip" "$token what?" "${toy[@]}" max_new_tokens=4
  says err.txt "the question holds $token, a control token of this tokenizer"
done

say "names of the hub"
hub="$work/home/hub/models--toy--base"
mkdir -p "$hub/refs" "$hub/snapshots/abc"
printf abc >"$hub/refs/main"
ln -s "$root"/data/toy/base/* "$hub/snapshots/abc/"
export HF_HOME="$work/home"
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE
named=(model.path=toy/base device=cpu)
cat >pairs.jsonl <<'PAIRS'
{"id": "1", "video": "videos/00000.mp4", "question": "Describe the video.", "chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}
PAIRS
runs 0 "$gen" check pairs.jsonl model.path=toy/base video_root=world
runs 0 "$eval" ask --video "$clip" "What?" "${named[@]}" video.frames=4 max_new_tokens=4
runs 0 "$gen" show pairs.jsonl --text model.path=toy/base video_root=world
trained=("${named[@]}" video.frames=4 data.pairs=pairs.jsonl data.video_root=world lora.rank=2 train.batch_pairs=1)
runs 0 "$train" score --dry-run "${trained[@]}"
runs 0 "$train" verify-resume --dry-run "${trained[@]}"
runs 0 "$train" --out tuned "${trained[@]}" train.steps=2 --quiet
runs 0 "$train" merge --dry-run "${named[@]}" model.adapter=tuned/adapter
generated=("${toy[@]}" gen.questions=world/questions.jsonl gen.max_new_tokens=24 --quiet)
runs 0 "$gen" --out made "${generated[@]}"
id="$(head -n 1 made/pairs.jsonl | sed 's/.*"id":"\([^"]*\)".*/\1/')"
runs 0 "$gen" replay made --id "$id" model.path=toy/base --out again
runs 0 "$gen" --out part "${generated[@]}" gen.shard=0/1
runs 0 "$gen" merge part model.path=toy/base --out whole
same made/pairs.jsonl whole/pairs.jsonl
runs 3 "$gen" check pairs.jsonl model.path=toy/absent video_root=world
says err.txt "hf download toy/absent"
runs 3 "$train" verify-resume --dry-run "${trained[@]}" model.path=toy/absent
says err.txt "hf download toy/absent"

verdict
