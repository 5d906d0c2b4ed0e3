# shellcheck shell=bash disable=SC2034  # sourced; its variables are for the scripts
# What the tests of the built programs share; sourced with BUILD_FOLDER. Ends in an empty folder of its own.
set -u
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)" bin="$(cd "$1" && pwd)"
gen="$bin/rrpo-gen" train="$bin/rrpo-train" eval="$bin/rrpo-eval"
export OMP_NUM_THREADS=1
work="$(mktemp -d)" && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
faults=0

fault() { printf 'FAULT: %s\n' "$*" && faults=$((faults + 1)); }

# runs CODE COMMAND…: the command ends with that exit code; a fault of the user is one line with a remedy.
runs() {
  local wanted="$1" got=0
  shift
  "$@" >out.txt 2>err.txt </dev/null || got=$?
  [ "$got" = "$wanted" ] || fault "exit $got instead of $wanted: $* ($(tail -n 2 err.txt))"
  [ "$wanted" = 0 ] || [ "$wanted" -ge 128 ] || error_line "$*"
}

error_line() {
  [ "$(grep -c '^error: ' err.txt)" = 1 ] || fault "not one error line: $1"
  [ "$(grep '^error: ' err.txt | wc -c)" -le 410 ] || fault "a long error line: $1"
  grep -q '^error: .*; fix: ' err.txt || fault "no remedy: $1: $(grep '^error' err.txt)"
}

# says FILE TEXT: the last command printed it.
says() { grep -qF -- "$2" "$1" || fault "'$2' is not in $1: $(tail -n 3 "$1")"; }
same() { cmp -s "$1" "$2" || fault "$1 differs from $2"; }
lines() { [ "$(wc -l <"$1")" = "$2" ] || fault "$1 has $(wc -l <"$1") lines, not $2"; }

# A name that the script does not define would prove nothing.
command_not_found_handle() {
  printf 'FAULT: %s: no such command\n' "$1" | tee -a "$work/.mistyped"
  return 127
}

say() { printf '== %s\n' "$*"; }

# begin COMMAND…: starts it; process is its number.
begin() {
  "$@" >out.txt 2>err.txt </dev/null &
  process=$!
}

# await FILE LINES: until it has so many, or the process has ended.
await() {
  while kill -0 "$process" 2>/dev/null; do
    [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ] && break
    sleep 0.005
  done
}

# ends CODE: the process has that exit code.
ends() {
  local got=0
  wait "$process" 2>/dev/null || got=$?
  [ "$got" = "$1" ] || fault "exit $got instead of $1 ($(tail -n 4 err.txt))"
}

# verdict: the last line of a test.
verdict() {
  [ ! -e "$work/.mistyped" ] || faults=$((faults + 1))
  [ "$faults" = 0 ] && say "all well"
  [ "$faults" = 0 ]
}
