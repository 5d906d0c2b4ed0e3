#!/usr/bin/env bash
# One run in parts, joined again, and single pairs made again: the same bytes, or one line that says why not.
#
#   tests/cli/shards_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

results=(pairs.jsonl ledger.jsonl responses.jsonl)
runs 0 "$gen" scenes --out world count=7 --quiet
common=(model.path="$root/data/toy/base" video.frames=8 gen.questions=world/questions.jsonl gen.max_new_tokens=40 device=cpu
  'gen.balance=["yesno","letters"]' --quiet)
several=(gen.samples=3 gen.temperature=0.8 gen.top_p=0.9 'gen.require=["wrong_on_perturbed","right_on_clean"]' 'gen.max_per_format={"short":4}')

say "shards and their merge"
runs 0 "$gen" --out plain "${common[@]}" threads=1
runs 0 "$gen" --out rich "${common[@]}" "${several[@]}" threads=2
grep -q dropped_balance plain/ledger.jsonl || fault "nothing was balanced"
grep -q dropped_limit rich/ledger.jsonl || fault "no limit was reached"
for count in 2 3; do
  for part in $(seq 0 $((count - 1))); do
    runs 0 "$gen" --out "plain$count/$part" "${common[@]}" gen.shard=$part/$count threads=$((part + 1))
    [ ! -e "plain$count/$part/pairs.jsonl" ] || fault "a shard made pairs"
    says out.txt '"selection":"by rrpo-gen merge, of all shards"'
    RANK=$part WORLD_SIZE=$count runs 0 "$gen" --out "rich$count" "${common[@]}" "${several[@]}" gen.shard=auto
  done
  for kind in plain rich; do
    mapfile -t parts < <(ls -d "$kind$count"/* | tac)
    runs 0 "$gen" merge "${parts[@]}" --out "$kind$count-merged" --quiet
    for file in "${results[@]}"; do same "$kind/$file" "$kind$count-merged/$file"; done
    says "$kind$count-merged/report.html" data:image/png
  done
done
says rich3/2-of-3/run.json '"shard": "2/3"'
SLURM_PROCID=1 SLURM_NTASKS=2 runs 0 "$gen" --out slurm "${common[@]}" gen.shard=auto
same slurm/1-of-2/responses.jsonl plain2/1/responses.jsonl
runs 0 "$gen" --out ranks "${common[@]}" gen.shard=7/9
runs 2 "$gen" --out never "${common[@]}" gen.shard=2/2
says err.txt "0 to 1"
runs 2 "$gen" --out never "${common[@]}" gen.shard=auto
says err.txt "WORLD_SIZE"

say "shards that do not belong together"
refused() {
  local text="$1"
  shift
  runs 3 "$gen" merge "$@" --out never
  says err.txt "$text"
}
refused "shard 1/2 is missing" plain2/0
refused "plain2/copy: is shard 0/2, as plain2/0 is" plain2/0 "$(cp -r plain2/0 plain2/copy && echo plain2/copy)" plain2/1
refused "plain3/1: is shard 1/3, but plain2/0 is 0/2" plain2/0 plain3/1
refused "rich2/1-of-2: gen.samples is 3, but 1 in plain2/0" plain2/0 rich2/1-of-2
refused "plain: is a whole run" plain2/0 plain
refused "absent: holds no run.json" plain2/0 absent
cp -r plain2/1 part && sed -i 's/"state": "finished"/"state": "stopped"/' part/run.json
refused "part: the run is not complete (stopped)" plain2/0 part
rm -r part && cp -r plain2/1 part && sed -i 2d part/responses.jsonl
refused "part: responses.jsonl lacks rows" plain2/0 part
cp plain2/0/responses.jsonl part/responses.jsonl
refused "part/responses.jsonl:1" plain2/0 part
rm -r part && cp -r plain2/1 part && sed -i '/model.safetensors": {/,/}/s/"sha256": "./"sha256": "z/' part/run.json
refused "part: model.safetensors had other bytes" plain2/0 part
cp world/questions.jsonl kept.jsonl && sed -i '1s/$/ /' world/questions.jsonl
refused "questions.jsonl: has changed" plain2/0 plain2/1
mv kept.jsonl world/questions.jsonl
runs 2 "$gen" merge plain2/0 plain2/1 --out plain2/1 --overwrite
[ -s plain2/1/responses.jsonl ] || fault "merge removed what it reads"

say "a broken video in a shard"
cp -r world broken && head -c 2000 world/videos/00002.mp4 >broken/videos/00002.mp4
broken=("${common[@]}" gen.questions=broken/questions.jsonl)
runs 8 "$gen" --out broken1 "${broken[@]}"
runs 8 "$gen" --out broken2/0 "${broken[@]}" gen.shard=0/2
runs 0 "$gen" --out broken2/1 "${broken[@]}" gen.shard=1/2
runs 8 "$gen" merge broken2/0 broken2/1 --out broken-merged
for file in "${results[@]}"; do same broken1/$file broken-merged/$file; done

say "replay"
# replayed RUN N: pair N of it, made again, has its bytes.
replayed() {
  local id
  id="$(sed -n "$2p" "$1/pairs.jsonl" | sed 's/.*"id":"\([^"]*\)".*/\1/')"
  runs 0 "$gen" replay --id "$id" "$1" --out again --overwrite --quiet
  says out.txt "same bytes as $1/pairs.jsonl:$2"
  cmp -s again/pairs.jsonl <(sed -n "$2p" "$1/pairs.jsonl") || fault "replay of $id has other bytes"
}
for run in plain rich rich3-merged; do
  replayed $run 1
  replayed $run "$(wc -l <$run/pairs.jsonl)"
done
id="$(head -n 1 plain/pairs.jsonl | sed 's/.*"id":"\([^"]*\)".*/\1/')"
right="$(grep -m 1 '"state":"right"' plain/ledger.jsonl | sed 's/.*"id":"\([^"]*\)".*/\1/')"
runs 3 "$gen" replay --id "$right" plain --out never
says err.txt "has no pair: right"
runs 3 "$gen" replay --id nobody plain --out never
runs 3 "$gen" replay --id "$id" plain2/0 --out never
says err.txt "is a shard"
runs 2 "$gen" replay plain --out never
says err.txt "--id is missing"
runs 2 "$gen" replay --id "$id" plain --out plain --overwrite
[ ! -e never ] || fault "a refusal left a result"
mv world moved
runs 3 "$gen" replay --id "$id" plain --out never
runs 0 "$gen" replay --id "$id" plain --out moved-again gen.questions=moved/questions.jsonl --quiet
[ ! -s err.txt ] || fault "a moved file counts as changed: $(cat err.txt)"
cp -r "$root/data/toy/base" other && printf ' ' >>other/config.json
runs 0 "$gen" replay --id "$id" plain --out other-again gen.questions=moved/questions.jsonl model.path=other --quiet
says err.txt "changed since the run: config.json"
video="$(head -n 1 plain/pairs.jsonl | sed 's/.*"video":"\([^"]*\)".*/\1/')"
cp "$(find moved/videos -name '*.mp4' ! -path "moved/$video" | sort | head -n 1)" "moved/$video"
runs 8 "$gen" replay --id "$id" plain --out differs gen.questions=moved/questions.jsonl --quiet
says err.txt "differs: "

verdict
