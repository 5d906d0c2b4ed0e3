# shellcheck shell=bash
# Sourced by scripts: runs a part of the work under a heading and says how long each took.
step_times=""

# step NAME COMMAND...: ends the script with the command's status when it fails.
step() {
  local name="$1" begin=$SECONDS status=0
  shift
  echo "== $name"
  # In a subshell with its own `set -e`, and not as a condition: inside one, the shell would not stop at a failure.
  set +e
  (set -e; "$@") </dev/null
  status=$?
  set -e
  local line
  line=$(printf '%6d s  %s' $((SECONDS - begin)) "$name")
  step_times+="$line"$'\n'
  if [ "$status" != 0 ]; then
    echo "== $name: FAILED after $((SECONDS - begin)) s (status $status)" >&2
    exit "$status"
  fi
  echo "== $name: $((SECONDS - begin)) s"
}

# last_step NAME COMMAND...: prints the times so far, then becomes the command, whose own summary closes the output.
last_step() {
  local name="$1"
  shift
  echo "== times"
  printf '%s' "$step_times"
  echo "== $name"
  "$@" </dev/null
}
