#!/usr/bin/env bash
# `cmake --install` under DESTDIR and to a prefix of another name: the programs start from another folder, without the
# environment of whoever built them, and as another user; a project of somebody else finds the package, builds and runs.
#
#   tests/consumer/install_test.sh BUILD_FOLDER
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)" build="$(cd "$1" && pwd)"
work="$build/install-test"
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/elsewhere"

fault() { echo "FAULT: $*"; exit 1; }

DESTDIR="$work/stage" cmake --install "$build" --prefix /opt/rrpo >"$work/install.log" || fault "install: $(tail -n 3 "$work/install.log")"
[ -x "$work/stage/opt/rrpo/bin/rrpo-train" ] || fault "DESTDIR is not followed"
mv "$work/stage/opt/rrpo" "$work/prefix"  # the package must not remember the prefix
prefix="$work/prefix"

start() { (cd "$work/elsewhere" && env -i "$@"); }
for program in rrpo-gen rrpo-train rrpo-eval; do
  start "$prefix/bin/$program" --version | grep -q "^$program 0\." || fault "$program does not start from another folder"
done
for program in rrpo-gen rrpo-train rrpo-eval; do
  grep -q '^\.TH RRPO' "$prefix/share/man/man1/$program.1" || fault "no man page of $program"
  bash -n "$prefix/share/bash-completion/completions/$program" || fault "no completion of $program"
done
[ -f "$prefix/share/rrpo/configs/train/llava_video_7b_16f.json" ] || fault "the configurations are not installed"
start OMP_NUM_THREADS=1 "$prefix/bin/rrpo-train" selftest device=cpu >/dev/null || fault "rrpo-train selftest"
start "$prefix/bin/rrpo-gen" scenes --out "$work/elsewhere/world" count=1 2>/dev/null >&2 || fault "rrpo-gen scenes"
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$prefix/bin/rrpo-eval"; then
  start setpriv --reuid 65534 --regid 65534 --clear-groups "$prefix/bin/rrpo-eval" --version >/dev/null || fault "not as another user"
else
  echo "another user: not tried here"
fi

# OpenCV's BLAS must not come before LibTorch's: its matrix products are ten times slower.
order() { readelf -d "$1" | grep -oE 'lib(torch_cpu|opencv_core)' | head -n 1; }

cmake -S "$here" -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Debug >"$work/consumer.log" 2>&1 &&
  ninja -C "$work/consumer" >>"$work/consumer.log" 2>&1 || { tail -n 20 "$work/consumer.log"; fault "the consumer does not build"; }
start OMP_NUM_THREADS=1 "$work/consumer/consumer" || fault "the consumer does not run"
for program in "$prefix/bin/rrpo-eval" "$work/consumer/consumer"; do
  [ "$(order "$program")" = libtorch_cpu ] || fault "$program loads OpenCV before LibTorch"
done
echo "== all well"
