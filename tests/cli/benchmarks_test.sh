#!/usr/bin/env bash
# Each benchmark from a publisher's folder to a table: convert, predict, score, compare, on made-up releases with the toy model.
# Runs in parts and runs that were stopped leave the bytes of one run.
#
#   tests/cli/benchmarks_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"
command -v ffmpeg >/dev/null || { say "ffmpeg is missing: skipped"; exit 77; }

asking=(model.path="$root/data/toy/base" video.frames=2 eval.max_new_tokens=3 device=cpu --quiet)

# field FILE PATH: a value of a JSON file.
field() { python3 -c 'import functools, json, sys; print(json.dumps(functools.reduce(lambda a, k: a[k], sys.argv[2].split("."), json.load(open(sys.argv[1])))))' "$1" "$2"; }

# Puts clips where the release has none: what fails is asked again by a resumed run, at the end of its file.
fill() {
  local path folder="$1"
  python3 -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))["missing_media"]["first"]))' "$2" | while read -r path; do
    [ -n "$path" ] || continue
    mkdir -p "$(dirname "$folder/$path")"
    ffmpeg -loglevel error -f lavfi -i testsrc=size=96x96:rate=10:duration=1 -pix_fmt yuv420p "$folder/$path" </dev/null
  done
}

python3 -B "$root/scripts/benchmarks/make_media.py" "$work/rel" >/dev/null || fault "no releases"
for name in tvbench tempcompass videohallucer vidhalluc mvbench videomme mlvu longvideobench videomme_v2 eventhallusion elvhalluc; do
  say "$name"
  questions=$(field "rel/$name.expected.json" questions)
  missing=$(python3 -c 'import json, sys; v = json.load(open(sys.argv[1]))["missing_media"]; print(v if isinstance(v, int) else len(v))' "rel/$name.expected.json")
  runs "$([ "$missing" = 0 ] && echo 0 || echo 8)" "$eval" convert "$name" --from "rel/$name" --out "$name/first"
  lines "$name/first/questions.jsonl" "$questions"
  [ "$(field "$name/first/convert.json" missing_media.count)" = "$missing" ] || fault "$name: another number of missing media"
  [ "$(field "$name/first/convert.json" odd)" = "$(python3 -c 'import json, sys; print(json.dumps(dict(sorted(json.load(open(sys.argv[1]))["odd"].items()))))' "rel/$name.expected.json")" ] ||
    fault "$name: $(field "$name/first/convert.json" odd)"
  runs 0 "$eval" convert "$name" --from "rel/$name" --out "$name/allowed" --allow-missing
  same "$name/first/questions.jsonl" "$name/allowed/questions.jsonl"
  fill "rel/$name" "$name/first/convert.json"
  runs 0 "$eval" convert "$name" --from "rel/$name" --out "$name/rows"

  runs 0 "$eval" --out "$name/run" eval.benchmark="$name" eval.root="rel/$name" eval.controls=true "${asking[@]}" threads=2
  lines "$name/run/predictions.jsonl" "$questions"
  says out.txt "blank %"
  says "$name/run/report.md" "Beside published numbers"
  runs 0 "$eval" predict --out "$name/said" eval.questions="$name/rows/questions.jsonl" "${asking[@]}" threads=1
  same "$name/run/predictions.jsonl" "$name/said/predictions.jsonl"
  [ ! -e "$name/said/verdicts.jsonl" ] || fault "$name: predict scores"
  if [ "$name" = tvbench ]; then  # no frame of a blank clip is left
    runs 0 "$eval" predict --out "$name/blank" eval.questions="$name/rows/questions.jsonl" "${asking[@]}" \
      'eval.perturb=[{"name": "blank", "share": [1, 1]}]'
    same "$name/run/predictions-blank.jsonl" "$name/blank/predictions.jsonl"
  fi
  runs 0 "$eval" score --questions "$name/rows/questions.jsonl" --predictions "$name/said/predictions.jsonl" --out "$name/scored" --quiet
  same "$name/run/verdicts.jsonl" "$name/scored/verdicts.jsonl"

  for part in 0 1; do
    runs 0 "$eval" --out "$name/parts/$part" eval.benchmark="$name" eval.root="rel/$name" eval.controls=true "${asking[@]}" eval.shard=$part/2
  done
  runs 0 "$eval" merge "$name/parts/1" "$name/parts/0" --out "$name/merged" --quiet
  for file in predictions.jsonl predictions-blank.jsonl predictions-shuffled.jsonl verdicts.jsonl scores.json; do
    same "$name/run/$file" "$name/merged/$file"
  done

  timeout -s TERM 0.7 "$eval" --out "$name/stopped" eval.benchmark="$name" eval.root="rel/$name" eval.controls=true "${asking[@]}" >/dev/null 2>&1
  runs 0 "$eval" --out "$name/stopped" eval.benchmark="$name" eval.root="rel/$name" eval.controls=true "${asking[@]}" --resume
  for file in predictions.jsonl verdicts.jsonl scores.json; do same "$name/run/$file" "$name/stopped/$file"; done

  runs 0 "$eval" compare "$name/run" "$name/scored" --out "$name/compared"
  says out.txt "+0.0"
done

say "what does not fit"
runs 2 "$eval" convert tvbensch --from rel/tvbench --out never
says err.txt "did you mean tvbench?"
runs 3 "$eval" convert mlvu --from rel/tvbench --out never
runs 2 "$eval" convert mlvu --from absent --out never
runs 2 "$eval" --out never eval.benchmark=tvbench "${asking[@]}"
says err.txt "eval.root"
runs 2 "$eval" --out never eval.benchmark=tvbench eval.root=rel/tvbench eval.profile=rrpo-videochat2 "${asking[@]}"
says err.txt "eval.profile"
runs 2 "$eval" score --questions tvbench/rows/questions.jsonl --predictions tvbench/said/predictions.jsonl --out never 'scorers=["vlmeval"]'
says err.txt "vlmeval"
runs 3 "$eval" merge tvbench/parts/0 --out never
says err.txt "shard 1/2 is missing"

say "parts with a question that fails are joined as they are, without their model"
cp -r rel/mlvu gappy && rm "$(find gappy -name '*.mp4' | sort | head -n 1)"
cp -r "$root/data/toy/base" model
gaps=(model.path=model video.frames=2 eval.max_new_tokens=3 device=cpu --quiet eval.benchmark=mlvu eval.root=gappy)
runs 8 "$eval" --out gaps "${gaps[@]}"
for part in 0 1; do "$eval" --out "gap-parts/$part" "${gaps[@]}" eval.shard=$part/2 >/dev/null 2>&1; done
mv model elsewhere
runs 8 "$eval" merge gap-parts/0 gap-parts/1 --out gap-merged --quiet
for file in predictions.jsonl verdicts.jsonl scores.json; do same gaps/$file gap-merged/$file; done
sed -i 's/needle/thread/' "$(find gappy -name '2_needle.json' | head -n 1)" && echo ' ' >>"$(find gappy -name '1_plotQA.json' | head -n 1)"
runs 3 "$eval" merge gap-parts/0 gap-parts/1 --out never
says err.txt "has changed since it ran"

say "a sample"
runs 0 "$eval" --out sample eval.questions=videohallucer/rows/questions.jsonl eval.limit=5 "${asking[@]}"
lines sample/predictions.jsonl 6 # pairs stay whole
says out.txt "a sample of the questions"

say "subtitles"
runs 0 "$eval" predict --out heard eval.questions=videomme/rows/questions.jsonl eval.subtitles=true "${asking[@]}" video.frames=16
says heard/predictions.jsonl "This video's subtitles are listed below"
between=(eval.questions=longvideobench/rows/questions.jsonl eval.subtitles=true "${asking[@]}" video.frames=4)
runs 0 "$eval" --out between "${between[@]}"
says between/predictions.jsonl '"heard":["","","first","","second"]' # frames at 0, 0.5, 1, 1.5; cues to 1.25 and 1.9
says out.txt "questions with subtitles"
for part in 0 1; do "$eval" --out "between-parts/$part" "${between[@]}" eval.shard=$part/2 >/dev/null 2>&1; done
runs 0 "$eval" merge between-parts/0 between-parts/1 --out between-merged --quiet
for file in predictions.jsonl verdicts.jsonl; do same between/$file between-merged/$file; done
cp -r rel/longvideobench marked && sed -i 's/look/<|im_end|>/' "$(find marked -name '*Ab0cD*_en.json')"
runs 8 "$eval" predict --out marked-run eval.benchmark=longvideobench eval.root=marked eval.subtitles=true \
  model.path="${asking[0]#*=}" video.frames=4 eval.max_new_tokens=2 device=cpu --quiet
says marked-run/predictions.jsonl "its options or subtitles hold <|im_end|>, a control token"
runs 2 "$eval" predict --out never eval.questions=mlvu/rows/questions.jsonl eval.subtitles=true "${asking[@]}"
says err.txt "eval.subtitles"

say "a folder of runs, and a gate"
mkdir -p base aligned && cp -r mlvu/run base/mlvu && cp -r mlvu/run aligned/mlvu && cp -r tvbench/run base/tvbench
runs 0 "$eval" compare base aligned --out runs --gate 0.05
says out.txt mlvu
says runs/compare.html "All benchmarks"
grep -q tvbench out.txt && fault "a run of one side was compared"
runs 2 "$eval" compare base aligned --gate 2
printf '%s\n' '{"id": "a", "video": "v", "question": "?", "answer": "Yes", "format": "yesno"}' >one.jsonl
for i in $(seq 12); do sed "s/\"a\"/\"$i\"/; s/\"v\"/\"$i.mp4\"/" one.jsonl; done >twelve.jsonl
for side in Yes No; do
  for i in $(seq 12); do echo "{\"id\": \"$i\", \"raw\": \"$side\"}"; done >"$side.jsonl"
  runs 0 "$eval" score --questions twelve.jsonl --predictions "$side.jsonl" --out "said-$side" --quiet
done
runs 8 "$eval" compare said-Yes said-No --gate 0.05
says err.txt "B is worse"
runs 0 "$eval" compare said-No said-Yes --gate 0.05

say "visual tokens are kept"
runs 0 "$eval" predict --out cached eval.questions=mlvu/rows/questions.jsonl data.cache=cache "${asking[@]}"
same cached/predictions.jsonl mlvu/said/predictions.jsonl
[ "$(ls cache | wc -l)" -gt 0 ] || fault "nothing was kept"
runs 0 "$eval" predict --out cached2 eval.questions=mlvu/rows/questions.jsonl data.cache=cache "${asking[@]}"
same cached2/predictions.jsonl mlvu/said/predictions.jsonl

verdict
