#!/usr/bin/env bash
# The paper in miniature: five base models that hallucinate in a small video world, every alignment method of the paper in
# three conditions, ablations and controls that could refute the claims; then figures and one page. Set-up and build first.
# Can be interrupted and run again: what is complete is kept.
#
#   scripts/reproduce_miniature.sh           all of it: about two hours on 2 cores
#   scripts/reproduce_miniature.sh --quick   the shipped base model and one seed, 4 minutes
#   scripts/reproduce_miniature.sh --update  all of it, then data/results/miniature and the section of docs/evidence.md are replaced
#
# RRPO_JOBS (2) says how many compile or train at a time. scripts/miniature/reproduce.py --help tells the path inside, and
# how to train some of the base models alone.
#
# Results: build/miniature/results (--quick: build/miniature-quick/results): results.json, film.json, report.html, *.svg,
# and times.json, which is the only file that differs between two runs on one kind of processor.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs="${RRPO_JOBS:-2}" out=build/miniature quick=() update=0 kept=data/results/miniature

usage() { sed -n '2,/^set /{s/^# \{0,1\}//p}' scripts/reproduce_miniature.sh; }
refuse() { echo "reproduce_miniature: error: $1; fix: $2" >&2; exit 2; }

for argument in "$@"; do
  case "$argument" in
    --help | -h) usage; exit 0 ;;
    --quick) quick=(--quick) out=build/miniature-quick ;;
    --update) update=1 ;;
    *) refuse "unknown argument $argument" "--quick, --update or --help" ;;
  esac
done
[ ${#quick[@]} = 0 ] || [ "$update" = 0 ] ||
  refuse "--quick and --update together: a part may not replace the results" "one of them"

scripts/setup.sh
cmake -S . -B build -G Ninja >/dev/null
ninja -C build -j "$jobs" rrpo-gen rrpo-train rrpo-eval

python3 scripts/miniature/reproduce.py "$out" --jobs "$jobs" "${quick[@]}"
python3 scripts/miniature/page.py "$out/results"
echo "page: $out/results/report.html" >&2
[ ${#quick[@]} = 0 ] || exit 0

if [ "$update" = 1 ]; then
  mkdir -p "$kept"
  cp "$out"/results/* "$kept"
  python3 scripts/miniature/readme_section.py "$kept" docs/evidence.md
elif diff -rq --exclude=times.json "$out/results" "$kept" >&2; then
  echo "same bytes as $kept" >&2
else
  echo "the results differ from $kept, which another kind of processor made, or another version; --update replaces it" >&2
fi
