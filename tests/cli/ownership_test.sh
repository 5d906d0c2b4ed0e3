#!/usr/bin/env bash
# A user's folder stays his: no command with --out there changes or removes one of his files, whatever else it is told.
#
#   tests/cli/ownership_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

say "what the user has"
runs 0 "$gen" scenes --out world count=2 --quiet
toy=(model.path="$root/data/toy/base" video.frames=4 device=cpu --quiet)
asked=(gen.questions=world/questions.jsonl gen.max_new_tokens=24)
runs 0 "$gen" --out made "${toy[@]}" "${asked[@]}"
for part in 0 1; do runs 0 "$gen" --out "parts/$part" "${toy[@]}" "${asked[@]}" gen.shard=$part/2; done
pair="$(head -n 1 made/pairs.jsonl | sed 's/.*"id":"\([^"]*\)".*/\1/')"
[ -n "$pair" ] || fault "no pair was made"
runs 0 "$eval" --out measured "${toy[@]}" eval.questions=world/questions.jsonl eval.max_new_tokens=4
for part in 0 1; do runs 0 "$eval" --out "measured-parts/$part" "${toy[@]}" eval.questions=world/questions.jsonl eval.max_new_tokens=4 eval.shard=$part/2; done
python3 -B "$root/scripts/benchmarks/make_media.py" rel mlvu >/dev/null || fault "no release"
mkdir -p user/notes
cp -r "$root/data/toy/base" user/model && cp -r world/videos user/clips
runs 0 "$train" --out trained "${toy[@]}" data.pairs=made/pairs.jsonl data.video_root=world lora.rank=2 train.steps=1 \
  optim.warmup_ratio=0
cp -r trained/adapter user/adapter && echo 'my model card' >user/adapter/README.md
cp made/pairs.jsonl user/pairs.jsonl
sed 's/"videos\//"/' world/questions.jsonl >user/questions.jsonl
sed -i 's/"videos\//"/' user/pairs.jsonl
echo 'remember the milk' >user/notes.txt
echo '<p>mine</p>' >user/report.html
mkdir user/reports && mv user/report.html user/reports/

# attempt NAME FLAG...: a command whose results go into the current folder, a copy of the user's.
here=(model.path=model video.frames=4 device=cpu --quiet --out .)
attempt() {
  local name="$1"
  shift
  case "$name" in
    gen) "$gen" "${here[@]}" gen.questions=questions.jsonl gen.video_root=clips gen.max_new_tokens=8 "$@" ;;
    scenes) "$gen" scenes --out . count=1 --quiet "$@" ;;
    import) "$gen" import pairs.jsonl --out . --quiet "$@" ;;
    merge) "$gen" merge ../parts/0 ../parts/1 --out . --quiet gen.questions=../world/questions.jsonl "$@" ;;
    replay) "$gen" replay --id "$pair" ../made --out . --quiet gen.questions=../world/questions.jsonl "$@" ;;
    show) "$gen" show pairs.jsonl video_root=clips model.path=model video.frames=4 --out . --quiet "$@" ;;
    show-beside) "$gen" show pairs.jsonl video_root=clips model.path=model video.frames=4 --quiet "$@" ;;
    perturbations) "$gen" show --perturbations clips/00000.mp4 video.frames=4 --out . --quiet "$@" ;;
    check) "$gen" check pairs.jsonl --out . --quiet "$@" ;;
    train) "$train" "${here[@]}" data.pairs=pairs.jsonl data.video_root=clips lora.rank=2 train.steps=1 optim.warmup_ratio=0 "$@" ;;
    continue) "$train" "${here[@]}" model.adapter=adapter data.pairs=pairs.jsonl data.video_root=clips train.steps=1 optim.warmup_ratio=0 "$@" ;;
    whole) "$train" "${here[@]}" 'train.trainable=["projector"]' data.pairs=pairs.jsonl data.video_root=clips train.steps=1 optim.warmup_ratio=0 "$@" ;;
    init) "$train" init config=model tokenizer=model --out . --quiet "$@" ;;
    init-model) "$train" init config=model tokenizer=model --out model --quiet "$@" ;;
    init-adapter) "$train" init config=model tokenizer=model --out adapter --quiet "$@" ;;
    score) "$train" score "${here[@]}" model.adapter=adapter data.pairs=pairs.jsonl data.video_root=clips "$@" ;;
    merged) "$train" merge model.path=model model.adapter=adapter device=cpu --out . --quiet "$@" ;;
    merged-clips) "$train" merge model.path=model model.adapter=adapter device=cpu --out clips --quiet "$@" ;;
    selftest) "$train" selftest device=cpu --out . --quiet "$@" ;;
    doctor) "$train" doctor device=cpu --out . --quiet "$@" ;;
    verify) "$train" verify-resume "${here[@]}" data.pairs=pairs.jsonl data.video_root=clips lora.rank=2 train.steps=2 "$@" ;;
    eval) "$eval" "${here[@]}" eval.questions=questions.jsonl eval.video_root=clips eval.max_new_tokens=4 "$@" ;;
    predict) "$eval" predict "${here[@]}" eval.questions=questions.jsonl eval.video_root=clips eval.max_new_tokens=4 "$@" ;;
    scored) "$eval" score --questions ../world/questions.jsonl --predictions ../measured/predictions.jsonl --out . --quiet "$@" ;;
    joined) "$eval" merge ../measured-parts/0 ../measured-parts/1 --out . --quiet "$@" ;;
    convert) "$eval" convert mlvu --from ../rel/mlvu --allow-missing --out . --quiet "$@" ;;
    compare) "$eval" compare ../measured ../measured --out . --quiet "$@" ;;
    ask) "$eval" ask --video clips/00000.mp4 "What moves?" model.path=model video.frames=4 max_new_tokens=2 device=cpu \
      --frames-html notes.txt --quiet "$@" ;;
  esac
}
commands=(gen scenes import merge replay show show-beside perturbations check train continue whole init init-model init-adapter
  score merged merged-clips selftest doctor verify eval predict scored joined convert compare ask)

# stays FOLDER WHAT: the user's files are what they were.
stays() { (cd "$1" && sha256sum --quiet --strict -c ../his.txt) >changed.txt 2>&1 || fault "$2: $(head -n 3 changed.txt | tr '\n' ' ')"; }

# every_command FOLDER: each command thrice in a copy of it; its later runs find what its first has left.
every_command() {
  (cd "$1" && find . -type f | sort | xargs sha256sum) >his.txt
  for name in "${commands[@]}"; do
    rm -rf tried && cp -r "$1" tried
    for flags in "" --overwrite --resume; do
      local got=0
      (cd tried && attempt "$name" $flags >../out.txt 2>../err.txt </dev/null) || got=$?
      case $got in 0 | 2 | 3 | 4 | 8) ;; *) fault "$name $flags in $1: exit $got: $(tail -n 1 err.txt)" ;; esac
      stays tried "$name $flags in $1"
      [ "$name" != show-beside ] || [ -z "$(find tried/clips -name '*.html')" ] || fault "show wrote beside the videos"
      printf '%s%s:%s ' "$name" "$flags" "$got"
    done
  done
  echo
}

say "a project with every name of ours in it"
cp -r user project
for file in ledger.jsonl responses.jsonl judgements.jsonl predictions.jsonl predictions-blank.jsonl verdicts.jsonl convert.json scores.jsonl scores.json metrics.jsonl events.out.tfevents.rrpo report.md \
  report.html compare.json compare.html show.html perturbations.html config.json model.safetensors; do echo mine >project/$file; done
for folder in videos frames checkpoints diagnostics; do mkdir project/$folder && echo mine >project/$folder/mine.txt; done
every_command project

say "a project where there is room for results"
cp -r user roomy && mv roomy/pairs.jsonl roomy/my_pairs.jsonl && mv roomy/questions.jsonl roomy/my_questions.jsonl
mv roomy/adapter roomy/my_adapter
eval "$(declare -f attempt | sed 's/\bpairs\.jsonl/my_pairs.jsonl/g; s/=questions\.jsonl/=my_questions.jsonl/g; s/model\.adapter=adapter/model.adapter=my_adapter/g')"
every_command roomy

say "a run.json that is not ours, and a lock that leads elsewhere"
cp -r user other && echo '{"program": "something else", "outputs": ["notes.txt", "clips/00000.mp4"]}' >other/run.json
(cd other && find . -type f | sort | xargs sha256sum) >his.txt
for flags in "" --overwrite --resume; do
  runs 4 "$eval" --out other "${toy[@]}" eval.questions=world/questions.jsonl $flags
  says err.txt "run.json: is not ours"
  stays other "eval $flags beside another run.json"
done
ln -s notes.txt user/.lock
runs 4 "$eval" --out user "${toy[@]}" eval.questions=world/questions.jsonl
says err.txt ".lock: is not a lock of ours"
says user/notes.txt "milk"

say "what a run has made, and only that, goes with --overwrite"
runs 0 "$eval" compare measured measured --out measured
[ -s measured/compare.html ] || fault "compare left no page"
echo mine >measured/mine.txt
runs 3 "$eval" --out measured "${toy[@]}" model.path=absent eval.questions=world/questions.jsonl --overwrite
[ -s measured/predictions.jsonl ] || fault "results went before the model was read"
runs 0 "$eval" --out measured "${toy[@]}" eval.questions=world/questions.jsonl eval.max_new_tokens=4 --overwrite
[ ! -e measured/compare.html ] && [ ! -e measured/compare.json ] || fault "a comparison of earlier predictions stayed"
says measured/mine.txt mine
cp world/questions.jsonl copy.jsonl
runs 4 "$eval" --out world "${toy[@]}" eval.questions=copy.jsonl eval.video_root=world eval.max_new_tokens=4 --overwrite
says err.txt "is an input of this run"
[ -s world/videos/00000.mp4 ] || fault "the videos of the questions went"
runs 4 "$train" --out trained "${toy[@]}" model.adapter=trained/adapter data.pairs=made/pairs.jsonl data.video_root=world \
  train.steps=1 optim.warmup_ratio=0 --overwrite
says err.txt "is an input of this run"
[ -s trained/adapter/adapter_model.safetensors ] || fault "the adapter to go on from went"
runs 4 "$eval" --out made "${toy[@]}" eval.questions=world/questions.jsonl --resume
says err.txt "holds the results of rrpo-gen"

verdict
