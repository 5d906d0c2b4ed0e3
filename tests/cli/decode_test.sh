#!/usr/bin/env bash
# --dry-run --decode reads every video before the run and lists each that cannot be.
#
#   tests/cli/decode_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

runs 0 "$gen" scenes --out world count=3 --quiet
head -c 2000 world/videos/00001.mp4 >cut.mp4 && cp -r world broken && mv cut.mp4 broken/videos/00001.mp4
for i in 0 1 2; do
  printf '{"id": "%s", "video": "videos/0000%s.mp4", "question": "Describe the video.", ' "$i" "$i"
  printf '"chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}\n'
done >pairs.jsonl
model=(model.path="$root/data/toy/base" video.frames=8 device=cpu --quiet)
for folder in world broken; do
  code=0 && [ "$folder" = world ] || code=8
  runs $code "$train" --dry-run --decode "${model[@]}" data.pairs=pairs.jsonl data.video_root=$folder train.steps=4
  says out.txt '"decoded":3'
  [ $code = 0 ] || says out.txt "videos/00001.mp4"
  runs $code "$gen" --dry-run --decode "${model[@]}" gen.questions=$folder/questions.jsonl
  [ $code = 0 ] || says out.txt "videos/00001.mp4"
  runs $code "$eval" --dry-run --decode "${model[@]}" eval.questions=$folder/questions.jsonl
  says out.txt '"decoded":3'
done
echo '{"id": "broken"}' >>pairs.jsonl
runs 8 "$train" --dry-run --decode "${model[@]}" data.pairs=pairs.jsonl data.video_root=world train.steps=4
says out.txt "pairs.jsonl:4"
say "a plan reads no weight"
cp -r "$root/data/toy/base" unreadable
python3 - unreadable/model.safetensors <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    header = 8 + int.from_bytes(file.read(8), "little")
    size = file.seek(0, 2)
    file.seek(header)
    file.write(b"\xff" * (size - header))  # no number, in any type
PY
sed -i '$d' pairs.jsonl
trained=(data.pairs=pairs.jsonl data.video_root=world train.steps=4)
for command in "$gen gen.questions=world/questions.jsonl" "$eval eval.questions=world/questions.jsonl" \
  "$train ${trained[*]}" "$train score ${trained[*]}"; do
  # shellcheck disable=SC2086  # words of a command
  runs 0 $command "${model[@]}" model.path=unreadable --dry-run
  # shellcheck disable=SC2086
  runs 5 $command "${model[@]}" model.path=unreadable --out x
  says err.txt "is not a finite number"
  rm -rf x
done

runs 2 "$train" --decode --out x "${model[@]}" data.pairs=pairs.jsonl data.video_root=world
[ ! -e x ] || fault "--decode without --dry-run wrote something"

verdict
