#!/usr/bin/env bash
# The programs' own protection: position-independent, calls bound at the start and then read-only, no stack that runs, guarded
# frames, checked library calls.
#
#   tests/tools/hardening_test.sh PROGRAM...
set -euo pipefail

faults=0
wants() {  # wants PROGRAM WHAT PATTERN COMMAND...
  local program="$1" what="$2" pattern="$3" text
  shift 3
  text=$("$@" "$program")
  grep -qE -- "$pattern" <<<"$text" || { echo "$program: $what" >&2; faults=1; }
}

for program in "$@"; do
  wants "$program" "is not position-independent" 'Type: +DYN' readelf -h
  wants "$program" "binds its calls late" 'BIND_NOW|FLAGS.*NOW' readelf -d
  wants "$program" "has no part that becomes read-only" 'GNU_RELRO' readelf -lW
  wants "$program" "has a stack that runs" 'GNU_STACK.* RW +0x' readelf -lW
  wants "$program" "has no guarded frame" '__stack_chk_fail' readelf -sW --dyn-syms
  wants "$program" "has no checked call" '__[a-z]+_chk' readelf -sW --dyn-syms
done
exit "$faults"
