#!/usr/bin/env bash
# Help as a user meets it: no line wider than the terminal, an example of each command that the program itself accepts, all exit
# codes, --compat only where it is taken. And what --print-config prints is a configuration.
#
#   tests/cli/help_test.sh BUILD_FOLDER
source "$(dirname "$0")/checks.sh" "$1"
export LC_ALL=C.UTF-8

# columns FILE: the longest line, in characters.
columns() { wc -L <"$1"; }

# sub_commands PROGRAM: their names, and one empty line for the main job.
sub_commands() {
  echo
  COLUMNS=110 "$1" --help | awk '/^sub-commands/ { on = 1; next } on && /^$/ { exit } on && /^  [a-z]/ { print $1 }'
}

# check_example WORDS: the line below "example" of the help in out.txt, joined again, as a shell reads it.
check_example() {
  local line
  line=$(awk '/^example$/ { on = 1; next } on && /^$/ { exit } on { sub(/ \\$/, ""); sub(/^ +/, ""); printf "%s ", $0 }' out.txt)
  [ -n "$line" ] || { fault "no example in the help of $*"; return; }
  eval "set -- $line"
  local program="$1"
  shift
  "$bin/$program" "$@" --print-config >config.json 2>err.txt </dev/null || fault "the example of the help is refused: $line: $(cat err.txt)"
  python3 -m json.tool config.json >/dev/null || fault "--print-config prints no JSON: $line"
}

check_command() {
  local name="$2" width
  for width in 60 80 110 120; do
    COLUMNS=$width runs 0 "$1" $name --help
    [ "$(columns out.txt)" -le "$((width < 110 ? width : 110))" ] || fault "$(basename "$1") $name --help at $width: $(columns out.txt) columns"
    grep -q '\\$' out.txt && grep -q '\\ $' out.txt && fault "a blank behind a backslash"
  done
  COLUMNS='' runs 0 "$1" $name --help
  [ "$(columns out.txt)" -le 80 ] || fault "$(basename "$1") $name --help where no width is known: $(columns out.txt) columns"
  for code in 0 1 2 3 4 5 6 7 8 130; do grep -qE "^ +$code\b" out.txt || fault "$name --help: exit code $code is missing"; done
  [ "$(grep -c -- '--compat official ' out.txt)" -gt 0 ] && compat+=" $(basename "$1")${name:+ $name}"
  [ "$name" = doctor ] || check_example "$(basename "$1") $name"
}

say "every command at four widths, its example, its exit codes"
compat=""
for program in "$gen" "$train" "$eval"; do
  names="$(sub_commands "$program")"
  check_command "$program" ""
  for name in $names; do check_command "$program" "$name"; done
done
[ "$compat" = " rrpo-gen show rrpo-train rrpo-train score rrpo-train verify-resume" ] || fault "--compat is listed by:$compat"

say "a longer word than the line is broken, a setting is in the configuration"
runs 0 "$eval" model.path=m eval.questions=q.jsonl seed=7 --print-config --out x
says out.txt '"seed": 7'
[ ! -e x ] || fault "--print-config wrote into --out"
runs 2 "$eval" model.path=m eval.questions=q.jsonl sed=7 --print-config --out x

say "completion of commands, flags and fields; man pages"
# completed WORDS: what bash offers behind them.
completed() { bash -c 'source <("$0" --completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rrpo_gen; echo "${COMPREPLY[@]}"' "$gen" "$@"; }
[ "$(completed rrpo-gen sc)" = scenes ] || fault "completion of sc: $(completed rrpo-gen sc)"
[ "$(completed rrpo-gen scenes sty)" = style= ] || fault "completion of sty: $(completed rrpo-gen scenes sty)"
[ "$(completed rrpo-gen --over)" = --overwrite ] || fault "completion of --over"
completed rrpo-gen scenes gen. | grep -q . && fault "a field of another command is offered"
runs 0 "$gen" --help-man
says out.txt '.SH NAME'
says out.txt 'gen.questions'
verdict
