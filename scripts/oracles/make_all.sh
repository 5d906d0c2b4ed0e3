#!/usr/bin/env bash
# Runs every oracle of this folder.
#
#   scripts/oracles/make_all.sh                 makes all golden files anew
#   scripts/oracles/make_all.sh --check         computes them again in temporary folders, compares them with what is committed, and
#                                               checks our own adapters in PEFT, our merged folders in transformers and
#                                               converted checkpoints against torch.load
#
# Environment: PYTHON (python3); RRPO_SOURCE, a clone of the authors' repository, and NAME_SOURCE for each other --NAME-source that
# an oracle knows; RRPO_BUILD (build), the programs that write our own files. An original that is missing is named at the end; a
# difference ends with exit code 1.
set -u
here="$(cd "$(dirname "$0")" && pwd)" root="$(cd "$(dirname "$0")/../.." && pwd)"
python="${PYTHON:-python3}" build="${RRPO_BUILD:-$root/build}"
check=()
case "${1:-}" in
  --check) check=(--check) ;;
  "") ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
work="$(mktemp -d)" && trap 'rm -rf "$work"' EXIT
differ=() missing=()

# oracle NAME ARGUMENT…: one script, its output kept for the case that it fails.
oracle() {
  local name="$1"
  shift
  printf '== %s %s\n' "$name" "$*"
  if "$python" "$here/$name.py" "$@" >"$work/out" 2>&1; then
    grep -vE 'Warning|^  warnings\.' "$work/out" | tail -n 8
  else
    tail -n 25 "$work/out"
    differ+=("$name")
  fi
}

for script in "$here"/*.py; do
  name="$(basename "$script" .py)"
  grep -q '^def main' "$script" || continue # what the others share
  if ! help="$("$python" "$script" --help 2>"$work/out")"; then
    tail -n 5 "$work/out"
    missing+=("$name: $(tail -n 1 "$work/out")")
    continue
  fi
  if [ -n "${check[*]}" ] && ! grep -q -- '--check' <<<"$help"; then
    missing+=("$name: it cannot check")
    continue
  fi
  arguments=("${check[@]}") able=yes
  for option in $(grep -oE -- '--[a-z]+-source' <<<"$help" | sort -u); do
    variable="$(tr a-z- A-Z_ <<<"${option#--}")"
    if [ -n "${!variable:-}" ]; then
      arguments+=("$option" "${!variable}")
    elif grep -qE -- "\[$option" <<<"$help"; then
      missing+=("what $name compares with $variable")
    else
      missing+=("$name: $variable")
      able=no
    fi
  done
  [ "$able" = no ] || oracle "$name" "${arguments[@]}"
done

if [ -n "${check[*]}" ]; then
  if [ -x "$build/rrpo-train" ] && [ -x "$build/rrpo-gen" ]; then
    oracle adapters --ours "$build"
    printf '== convert_checkpoint\n'
    "$python" "$root/tests/convert/convert_test.py" "$build" >"$work/out" 2>&1 || { tail -n 25 "$work/out"; differ+=("convert_checkpoint"); }
  else
    missing+=("our own adapters and merged folders: no programs in $build (RRPO_BUILD)")
  fi
fi

printf '\n'
for one in "${missing[@]}"; do printf 'missing: %s\n' "$one"; done
for one in "${differ[@]}"; do printf 'DIFFERS: %s\n' "$one"; done
[ "${#differ[@]}" = 0 ] && printf 'no differences\n'
[ "${#differ[@]}" = 0 ]
