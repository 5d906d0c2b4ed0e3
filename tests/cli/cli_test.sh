#!/usr/bin/env bash
# The built programs as a user meets them: a small run of every command, and what wrong usage answers. Each case is a test of
# its own, over one small world, model and adapter that the case `fixture` leaves in BUILD_FOLDER.
#
#   tests/cli/cli_test.sh BUILD_FOLDER [CASE]      without CASE: all of them, one after the other
source "$(dirname "$0")/checks.sh" "$1"
fixture="$bin/cli-fixture"


make_fixture() {
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
  cat >foreign.json <<'ROWS'
[{"question": "<image>\nWhat moves?", "answer": "A red circle.", "pred": "A blue circle.", "answer_masked": "A <MASK> red </MASK> circle.",
  "pred_masked": "A <MASK> blue </MASK> circle.", "sample_id": 1, "media_path": "videos/00000.mp4"},
 {"question": "<image>\nWhat moves?", "answer": "circle", "pred": "square", "answer_masked": "<MASK> circle </MASK>",
  "pred_masked": "<MASK> square </MASK>", "sample_id": 2, "media_path": "videos/00001.mp4"},
 {"question": "<image>\nWhat moves?", "answer": "A ball.", "pred": "A ball.", "sample_id": 3, "media_path": "videos/00001.mp4"}]
ROWS
  runs 0 "$gen" import foreign.json --out imported max_skipped=1
  runs 0 "$train" --out rrpo model.path=model data.pairs=pairs.jsonl data.video_root=world video.frames=8 device=cpu \
    train.batch_pairs=2 lora.rank=4 lora.alpha=8 train.steps=2 optim.lr=1e-3 --quiet
  [ -s rrpo/adapter/adapter_model.safetensors ] || fault "rrpo left no adapter"
  rm -rf "$fixture" && mkdir "$fixture" && cp -r . "$fixture"
}

case_usage() {
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
  for name in mask shuffle_local shuffle_global reverse drop blank gen.max_new_tokens gen.shard replay merge; do says out.txt "$name"; done
  runs 0 "$train" --help
  for name in rrpo dpo tdpo ddpo dpa sft loss_type optim.lr; do says out.txt "$name"; done
  runs 0 "$gen" scenes --help
  says out.txt "stereotype"
  runs 0 "$gen" import --help
  for name in authors videochat2 llava_hound mmpr elv_halluc ms_swift llama_factory alpaca trl conversations source max_skipped; do says out.txt "$name"; done
  runs 0 "$train" --help
  for name in marks labels last_window preprocess_qwen; do says out.txt "$name"; done
  runs 0 "$gen" show --help
  says out.txt "process_masked_tokens"

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
}

case_gen() {
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
  several=(gen.samples=3 gen.temperature=0.8 gen.top_p=0.9 'gen.require=["wrong_on_perturbed","right_on_clean"]'
    'gen.balance=["yesno","letters"]' 'gen.max_per_format={"open":2}')
  base=("${common[@]/model.path=model/model.path=$root/data/toy/base}" gen.max_new_tokens=40)
  runs 0 "$gen" --out several1 "${base[@]}" "${several[@]}" threads=1
  lines several1/responses.jsonl 144
  lines several1/ledger.jsonl 36
  grep -q dropped_clean several1/ledger.jsonl || fault "gen.require had no effect"
  [ -s several1/pairs.jsonl ] || fault "no pair from several samples"
  runs 0 "$gen" --out several3 "${base[@]}" "${several[@]}" gen.questions=world/backwards.jsonl threads=3
  for file in responses pairs; do sort several1/$file.jsonl >sorted1 && sort several3/$file.jsonl >sorted2 && same sorted1 sorted2; done
  for text in 'perturbed (mask, shuffle_local)' dropped_clean 'class="chosen"' data:image/png; do says several1/report.html "$text"; done
  runs 2 "$gen" --out never "${base[@]}" gen.samples=3
  says err.txt "gen.temperature"
  runs 0 "$gen" show pairs.jsonl video_root=world model.path=model video.frames=8 --out page
  says page/show.html "chosen"
  runs 0 "$gen" show --perturbations world/questions.jsonl count=2 video.frames=8 --out page
  for name in mask patches shuffle_local reverse drop blank; do says page/perturbations.html "$name"; done
  runs 0 "$gen" show --perturbations world/videos/0000{1,2}.mp4 'perturb=["mask", "reverse"]' --out page --overwrite
  runs 2 "$gen" show pairs.jsonl world/questions.jsonl
  runs 0 "$gen" show pairs.jsonl --text
  says out.txt "A [red] circle."
}

case_import() {
  say "import"
  rm -rf imported
  runs 8 "$gen" import foreign.json --out imported
  says err.txt "authors (RRPO's own JSON"
  says err.txt "question, answer and pred"
  says err.txt "same text"
  lines imported/pairs.jsonl 2
  lines imported/ledger.jsonl 3
  says imported/run.json '"skipped": 1'
  runs 4 "$gen" import foreign.json --out imported max_skipped=1
  runs 0 "$gen" import foreign.json --out imported max_skipped=1 --overwrite
  lines imported/pairs.jsonl 2
  runs 3 "$gen" import world/questions.jsonl --out never
  runs 2 "$gen" import foreign.json --out never format=autors
  says err.txt "authors"
  runs 0 "$gen" import foreign.json --dry-run
  says out.txt '"pairs":2'
  [ ! -e never ] || fault "a failed import left something"
  cat >llava.jsonl <<'ROWS'
{"id": "a", "video": "videos/00000.mp4", "conversations": [{"from": "human", "value": "<image>\nWhat moves?"}, {"from": "gpt", "value": "A red circle."}]}
ROWS
  runs 0 "$gen" import llava.jsonl --out questions
  lines questions/questions.jsonl 1
  say "a published set by its keys, and by its name"
  mkdir -p frames/c1 && printf x >frames/c1/1.png
  cat >hound.jsonl <<'ROWS'
{"id": "c1_0", "prompt": "What moves?", "answer": "It is a circle.", "video": "c1", "chosen": "A red circle.", "rejected": "A blue circle.", "chosen_score": 5, "rejected_score": 2}
{"id": "c1_1", "prompt": "Is it red?", "answer": "", "video": "c1", "chosen": "Yes.", "rejected": "Yes.", "chosen_score": 3, "rejected_score": 3}
ROWS
  runs 0 "$gen" import hound.jsonl --out hound format=llava_hound video_root=frames max_skipped=1
  says err.txt "1 row skipped: chosen and rejected are the same text"
  says err.txt "chosen_score"
  lines hound/pairs.jsonl 1
  says hound/pairs.jsonl '"source":"llava_hound"'
  says hound/pairs.jsonl '"frames"'
  says hound/run.json '"skipped": 1'
  printf 'video,prompt,chosen,rejected\nvideos/00000.mp4,"What moves,\nthen?",A red circle.,A blue circle.\n' >set.csv
  runs 0 "$gen" import set.csv --out table source=tpo
  says table/pairs.jsonl '"source":"tpo"'
  runs 0 "$gen" show imported/pairs.jsonl --text --compat official model.path=model
  says out.txt "official  chosen: the same marks; rejected: the same marks"
  says out.txt "official  dropped by the official code because of chosen: without its tags"
  runs 2 "$gen" show imported/pairs.jsonl --text --compat official
  says err.txt "model.path"
  runs 2 "$gen" import foreign.json --out never --compat official
  runs 2 "$gen" show pairs.jsonl --text --compat offical model.path=model
}

case_train() {
  say "train"
  runs 0 "$train" --out sft model.path=model data.pairs=world/questions.jsonl data.video_root=world video.frames=8 device=cpu \
    objective.name=sft 'train.trainable=["decoder"]' train.batch_pairs=6 train.micro_pairs=6 data.group_by_video=6 \
    train.steps=2 optim.lr=1e-3 --quiet
  [ -s sft/model/model.safetensors ] || fault "sft left no model"
  lines sft/metrics.jsonl 2
  runs 0 "$train" score --out scored model.path=model model.adapter=rrpo/adapter data.pairs=pairs.jsonl data.video_root=world \
    video.frames=8 device=cpu --quiet
  lines scored/scores.jsonl 2
  runs 0 "$train" score --out official model.path=model model.adapter=rrpo/adapter data.pairs=imported/pairs.jsonl \
    data.video_root=world video.frames=8 device=cpu --compat official --quiet
  lines official/scores.jsonl 1
  says out.txt '"dropped":1'
  runs 0 "$train" score --out difference model.path=model model.adapter=rrpo/adapter data.pairs=pairs.jsonl data.video_root=world \
    video.frames=8 device=cpu data.marks=difference --quiet
  lines difference/scores.jsonl 2

  runs 2 env WORLD_SIZE=2 RANK=0 "$train" --out ranks model.path=model data.pairs=pairs.jsonl data.video_root=world
  says err.txt "WORLD_SIZE=2"
}

case_objectives() {
  say "every objective"
  plain="$(sed 's/, "spans": \[[^]]*\]\]//g' pairs.jsonl)" && printf '%s\n' "$plain" >plain.jsonl
  common=(model.path=model data.video_root=world video.frames=8 device=cpu train.batch_pairs=2 lora.rank=4 lora.alpha=8
    train.steps=1 optim.warmup_ratio=0 --quiet)
  for fields in "dpo loss_type=sigmoid label_smoothing=0.1" "dpo loss_type=robust label_smoothing=0.1 rpo_alpha=1" \
    "dpo loss_type=hinge" "dpo loss_type=ipo" "tdpo variant=1" "tdpo variant=2" "ddpo average=true" dpa sft \
    "rrpo phrase_rewards=false alpha=0"; do
    read -ra field <<<"name=$fields"
    runs 0 "$train" --out "one/$fields" data.pairs=pairs.jsonl "${common[@]}" "${field[@]/#/objective.}"
    lines "one/$fields/metrics.jsonl" 1
  done
  runs 0 "$train" --out one/plain data.pairs=plain.jsonl "${common[@]}" objective.phrase_rewards=false
  for name in rrpo ddpo dpa; do
    runs 3 "$train" --out one/refused-$name data.pairs=plain.jsonl "${common[@]}" objective.name=$name
  done
  runs 2 "$train" --out one/refused data.pairs=pairs.jsonl "${common[@]}" objective.name=dpo objective.loss_type=hing
  says err.txt "objective.loss_type=hinge"
  local sum='objective=[{"name":"rrpo"},{"name":"sft","weight":1}]'
  runs 0 "$train" --out one/sum data.pairs=pairs.jsonl "${common[@]}" "$sum" objective.1.weight=0.5
  says one/sum/metrics.jsonl '"loss/sft":'
  says one/sum/run.json '"weight": 0.5'
  runs 0 "$train" --dry-run data.pairs=pairs.jsonl "${common[@]}" "$sum"
  says out.txt '"mean_over":"tokens"'
  runs 2 "$train" --out one/refused data.pairs=pairs.jsonl "${common[@]}" "$sum" objective.0.betta=1
  says err.txt "objective.0.betta: unknown key; fix: did you mean beta?"
  runs 2 "$train" --out one/refused data.pairs=pairs.jsonl "${common[@]}" "$sum" --compat official
  says err.txt "official knows no list of objectives"
}

case_recipes() {
  say "the shipped recipes"
  for recipe in "$root"/configs/train/*.json; do
    runs 0 "$train" --dry-run --config "$recipe" model.path=model model.prompt=auto model.video_pool=auto data.pairs=pairs.jsonl \
      data.video_root=world device=cpu optim.warmup_ratio=0 --quiet
  done

  runs 0 "$train" --dry-run model.path=model data.pairs=pairs.jsonl data.video_root=world video.frames=8 device=cpu \
    optim.warmup_ratio=0
  for name in flop_per_step peak_memory_bytes tokens_per_pair disk_bytes '"steps":1'; do says out.txt "$name"; done
}

case_merge() {
  say "merge, selftest, doctor"
  runs 0 "$train" merge --out merged model.path=model model.adapter=rrpo/adapter device=cpu --quiet
  says out.txt '"tolerance":'
  says merged/run.json '"command": "merge"'
  [ -s merged/model.safetensors ] && [ -s merged/tokenizer.json ] || fault "merge left no whole folder"
  runs 0 "$train" score --out rescored model.path=merged data.pairs=pairs.jsonl data.video_root=world video.frames=8 device=cpu --quiet
  runs 4 "$train" merge --out merged model.path=model model.adapter=rrpo/adapter device=cpu --quiet
  runs 2 "$train" merge --out x model.path=model device=cpu
  says err.txt "model.adapter"
  runs 0 "$train" selftest device=cpu
  for name in tower decoder gradient rrpo kl dpo sft bfloat16 '"failed":0'; do says out.txt "$name"; done
  sed 's/"kl": [0-9]/"kl": 1/' "$root/tests/golden/selftest/golden.json" >golden.json
  runs 5 "$train" selftest device=cpu golden=golden.json
  says out.txt "FAIL"
  runs 0 "$train" doctor device=cpu
  for name in LibTorch FFmpeg OpenCV disk '"missing":[]'; do says out.txt "$name"; done
  runs 4 "$train" doctor device=cuda:99
}

case_eval() {
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
  for recipe in "$root"/configs/eval/*.json; do
    runs 0 "$eval" --dry-run --config "$recipe" model.path=model model.prompt=auto model.video_pool=auto \
      eval.questions=world/questions.jsonl device=cpu --quiet
  done
  head -n 30 base/verdicts.jsonl >fewer.jsonl
  runs 0 "$eval" compare base fewer.jsonl
  says out.txt "6 questions are in A only"
  runs 0 "$eval" ask --video world/videos/00000.mp4 "Describe the video." model.path=model video.frames=8 max_new_tokens=8 \
    device=cpu --frames-html seen.html
  says seen.html "Describe the video."
  runs 4 "$eval" ask --video world/videos/00000.mp4 "Describe the video." model.path=model --frames-html seen.html

  say "a broken video"
  cp -r world broken && head -c 2000 world/videos/00002.mp4 >broken/videos/00002.mp4
  runs 8 "$eval" --out failed "${common[@]}" model.path=model eval.questions=broken/questions.jsonl
  says failed/scores.json '"failed": 6'
  runs 8 "$gen" --out failedgen "${common[@]/eval./gen.}" model.path=model gen.questions=broken/questions.jsonl
  says out.txt "not a readable video"
  [ "$(grep -c '"failed"' failedgen/ledger.jsonl)" = 6 ] || fault "the ledger does not hold 6 failed questions"
  cp world/videos/00002.mp4 broken/videos/00002.mp4
  runs 0 "$eval" --out failed "${common[@]}" model.path=model eval.questions=broken/questions.jsonl --resume
  sort base/predictions.jsonl >sorted1 && sort failed/predictions.jsonl >sorted2 && same sorted1 sorted2
}

case_families() {
  say "families and their settings"
  llava="$root/tests/golden/llava_qwen/checkpoint" asked=(--video world/videos/00000.mp4 "Describe the video." video.frames=4)
  runs 0 "$eval" ask "${asked[@]}" model.path="$llava" model.video_pool=average model.time_instruction=line max_new_tokens=4 device=cpu
  runs 2 "$eval" ask "${asked[@]}" model.path=model model.video_pool=average device=cpu
  says err.txt "pools bilinearly"
  runs 2 "$eval" ask "${asked[@]}" model.path=model model.time_instruction=on
}

case_stop() {
  common=(video.frames=8 eval.questions=world/questions.jsonl eval.max_new_tokens=12 device=cpu --quiet)
  say "a stop"
  # stopped FILE COMMAND...: SIGTERM once FILE has a line; the command saves and exits with 143.
  stopped() {
    local file="$1" got=0
    shift
    "$@" >out.txt 2>err.txt </dev/null &
    local process=$!
    for _ in $(seq 300); do [ -s "$file" ] && break || sleep 0.05; done
    kill -TERM "$process"
    wait "$process" || got=$?
    [ "$got" = 143 ] || fault "SIGTERM: exit $got instead of 143: $*"
  }
  stopped stopped/predictions.jsonl "$eval" --out stopped "${common[@]}" model.path=model threads=1 eval.max_new_tokens=400
  runs 0 "$eval" --out stopped "${common[@]}" model.path=model threads=2 eval.max_new_tokens=400 --resume
  lines stopped/predictions.jsonl 36

  long=(model.path=model data.pairs=pairs.jsonl data.video_root=world video.frames=8 device=cpu train.batch_pairs=1 lora.rank=4
    train.steps=60 train.save_every=7 optim.lr=1e-3 --quiet)
  runs 0 "$train" --out undisturbed "${long[@]}"
  stopped disturbed/metrics.jsonl "$train" --out disturbed "${long[@]}"
  [ "$(wc -l <disturbed/metrics.jsonl)" -lt 60 ] || fault "the training ended before the signal came"
  [ ! -e disturbed/adapter ] || fault "a stopped training left an adapter as if it were done"
  runs 0 "$train" --out disturbed "${long[@]}" --resume
  for file in adapter_model.safetensors adapter_config.json; do same undisturbed/adapter/$file disturbed/adapter/$file; done
  lines disturbed/metrics.jsonl 60
}

# alone CASE: in a folder of its own, which begins as a copy of the fixture.
alone() {
  mkdir "$work/$1" && cp -r "$fixture/." "$work/$1" && cd "$work/$1" && "case_$1"
}

wanted="${2:-all}"
case "$wanted" in
  fixture) make_fixture ;;
  all) make_fixture && for name in usage gen import train objectives recipes merge eval families stop; do alone "$name"; done ;;
  *) alone "$wanted" ;;
esac

verdict
