#!/usr/bin/env bash
# Pairs of two clips: from a world whose clips have twins, and from perturbations.
#
#   tests/cli/twins_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"

# finds COMMAND…: a check that lists faults on its standard output.
finds() {
  local got=0
  "$@" >out.txt 2>err.txt </dev/null || got=$?
  [ "$got" = 8 ] || fault "exit $got instead of 8: $*"
}

say "a world with twins"
runs 0 "$gen" scenes --out world count=8 seed=3 twins=true --quiet
says out.txt '"with_other"'
says world/run.json '"facts"'
runs 0 "$gen" scenes --out plain count=8 seed=3 --quiet
for i in 0 3 7; do same "world/videos/0000$i.mp4" "plain/videos/0000$i.mp4"; done
[ "$(find world/videos -name '*-twin.mp4' | wc -l)" = 8 ] || fault "not eight twins"
cp world/questions.jsonl first.jsonl
runs 0 "$gen" scenes --out world count=8 seed=3 twins=true --quiet --overwrite
same world/questions.jsonl first.jsonl
runs 0 "$gen" check world/questions.jsonl --decode
runs 2 "$gen" scenes --out never kind=stills twins=true
says err.txt "twins"
runs 2 "$gen" scenes --out never twins=true lure=0.5

base=(model.path="$root/data/toy/base" gen.questions=world/questions.jsonl gen.video_root=world video.frames=8 device=cpu
  gen.balance=false gen.max_new_tokens=24)

say "pairs about twins"
runs 0 "$gen" --dry-run --decode gen.other=twin "${base[@]}"
says out.txt '"decoded":16'
says out.txt '"with_other"'
runs 0 "$gen" --out twin gen.other=twin "${base[@]}"
pairs="$(grep -c '"other":{"video":"videos/0000[0-7]-twin.mp4"}' twin/pairs.jsonl)"
[ "$pairs" -ge 3 ] || fault "$pairs pairs with a twin"
[ "$(grep -c '"other_chosen":{"text":"[^"]*","spans":\[\[' twin/pairs.jsonl)" = "$pairs" ] || fault "a twin without a marked answer"
says out.txt "\"with_other\":$pairs"
runs 0 "$gen" check twin/pairs.jsonl --decode video_root=world model.path="$root/data/toy/base"
runs 0 "$gen" show twin/pairs.jsonl --out page video_root=world
says page/show.html "the other clip"
says page/show.html "chosen about the other clip"
runs 0 "$gen" show twin/pairs.jsonl --text
says out.txt "  there     "
runs 0 "$gen" replay twin --id "$(grep '"other_chosen"' twin/pairs.jsonl | head -n 1 | grep -o '"id":"[^"]*"' | cut -d'"' -f4)" --out again
for i in 0 1; do runs 0 "$gen" --out "part$i" gen.other=twin "gen.shard=$i/2" "${base[@]}"; done
runs 0 "$gen" merge part0 part1 --out merged
same merged/pairs.jsonl twin/pairs.jsonl

say "pairs about perturbed clips"
runs 0 "$gen" --out perturbed gen.other=perturbed "${base[@]}"
[ "$(grep -c '"other":{"perturb":\[{"name":"mask"' perturbed/pairs.jsonl)" = "$(wc -l <perturbed/pairs.jsonl)" ] ||
  fault "a pair without its perturbation"
runs 0 "$gen" check perturbed/pairs.jsonl --decode video_root=world video.frames=8
sed 's/"other":{"perturb":\[{"name":"mask"/"other":{"perturb":[{"name":"musk"/' perturbed/pairs.jsonl >musk.jsonl
finds "$gen" check musk.jsonl video_root=world
says out.txt 'musk.jsonl:1: other.perturb[0].name: "musk" is none of'
runs 3 "$gen" show musk.jsonl --out page --overwrite video_root=world
runs 2 "$gen" --out never gen.other=perturbed 'gen.perturb=[]' "${base[@]}"
says err.txt "gen.other"

say "twins that are not there"
runs 3 "$gen" --out never "${base[@]}" gen.other=twin gen.questions=plain/questions.jsonl
says err.txt "no question names another clip"
rm world/videos/00002-twin.mp4
runs 3 "$gen" --out never gen.other=twin "${base[@]}"
says err.txt "00002-twin.mp4"
finds "$gen" check world/questions.jsonl
says out.txt "00002-twin.mp4"
runs 0 "$gen" --out without "${base[@]}"
says err.txt "gen.other=twin"
[ ! -e never ] || fault "a refused run left something"
verdict
