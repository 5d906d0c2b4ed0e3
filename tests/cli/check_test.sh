#!/usr/bin/env bash
# rrpo-gen import and check on files as other tools write them. Usage: check_test.sh BUILD_DIR
set -uo pipefail
gen=$1/rrpo-gen
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work" || exit 1
export OMP_NUM_THREADS=1
faults=0
fault() { echo "FAULT: $*"; faults=$((faults + 1)); }
runs() { local want=$1; shift; "$@" >out 2>err; local rc=$?; [ "$rc" = "$want" ] || { fault "exit $rc instead of $want: $*"; cat out err; }; }
says() { grep -qF -- "$2" "$1" || { fault "$1 lacks: $2"; cat "$1"; }; }

turn='"messages": [{"role": "user", "content": "<video>What does the man do in the house?"}, {"role": "assistant", "content": "The man opens the red door of the house."}], "videos": ["a.mp4"]'
printf '%s\n' "{$turn, \"rejected_response\": [{\"role\": \"assistant\", \"content\": \"The man closes the red door.\"}]}" \
  "{$turn, \"rejected_response\": \"\"}" "{$turn, \"rejected_response\": \"The man paints the red door.\", \"system\": \"Be brief.\"}" >swift.jsonl
runs 8 "$gen" import swift.jsonl --out imported
says imported/run.json '"pairs": 2'
says err "rejected_response is empty (first: swift.jsonl:2)"
says err "'system'"
[ ! -e imported/questions.jsonl ] || fault "a row with a rejected answer became a question"
printf '%s\n' "{$turn, \"rejected_response\": \"\"}" >empty.jsonl
runs 3 "$gen" import empty.jsonl --out never
[ ! -e never ] || fault "a failed import left something"

cp swift.jsonl before
runs 8 "$gen" check swift.jsonl
says out "swift.jsonl:2: rejected_response is empty; fix: "
says out "swift.jsonl:1: a.mp4: no such file below"
says out '"pairs":2'
cmp -s swift.jsonl before || fault "check changed its file"
runs 0 "$gen" scenes --out world count=2 --quiet
runs 0 "$gen" check world/questions.jsonl
runs 0 "$gen" check world/questions.jsonl --decode
head -c 2000 "$(find world -name '*.mp4' | head -1)" > short && cp short "$(find world -name '*.mp4' | head -1)"
runs 8 "$gen" check world/questions.jsonl --decode
[ "$faults" = 0 ] && echo "import and check: all held"
exit "$faults"
