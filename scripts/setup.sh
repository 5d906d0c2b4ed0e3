#!/usr/bin/env bash
# Sets up a Debian 12 machine for RRPO: Debian packages and LibTorch. Asks nothing, can be run again, never touches what
# is already there. LibTorch is taken from the first of: RRPO_TORCH_DIR, a Python environment's own torch 2.11, .deps/.
#
#   scripts/setup.sh          what building and running on a CPU needs
#   scripts/setup.sh --tests  and what the checks of .ci/run need (clang and its tools, shellcheck, chromium, ffmpeg: 600 MB;
#                             the headers that the plugin for several GPUs is built with: 200 MB)
#   scripts/setup.sh --cuda   and the CUDA side of LibTorch (2.0 GB), for a node with an NVIDIA driver
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.11.0
deps="$PWD/.deps"

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif sudo -n true 2>/dev/null; then sudo "$@"
  else say "error: root is needed once; fix: let root type: apt-get install -y --no-install-recommends ${missing[*]}"; exit 4
  fi
}

install_packages() {
  local packages=(g++ cmake ninja-build ccache git unzip pkg-config ca-certificates python3-pip
    nlohmann-json3-dev libspdlog-dev libfmt-dev libcli11-dev libutf8proc-dev libsentencepiece-dev libcurl4-openssl-dev
    libssl-dev libpcre2-dev
    libgtest-dev libgmock-dev libcpp-httplib-dev
    libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libopencv-core-dev libopencv-imgproc-dev)
  [ "$want_tests" = 1 ] && packages+=(clang clang-format clang-tidy libclang-rt-14-dev shellcheck chromium ffmpeg)
  local missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then say "Debian packages: all present"; return; fi
  say "Debian packages to install: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get -qq -o Acquire::Retries=3 update
  as_root apt-get -qq -o Acquire::Retries=3 install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# True when the folder holds LibTorch of our version.
is_torch() {
  local header="$1/include/torch/headeronly/version.h"
  [ -f "$1/lib/libtorch_cpu.so" ] && [ -f "$header" ] &&
    grep -q 'define TORCH_VERSION_MINOR 11' "$header" && grep -q 'define TORCH_VERSION_MAJOR 2' "$header"
}

python_torch() {
  command -v python3 >/dev/null || return 1
  python3 - <<'PY' 2>/dev/null
import importlib.util, os
spec = importlib.util.find_spec("torch")
print(os.path.dirname(spec.origin)) if spec and spec.origin else exit(1)
PY
}

# fetch FOLDER NAMES [OPTION...]: those wheels of scripts/wheels.txt whose name the pattern NAMES describes, with the bytes
# that stand there.
fetch() {
  local folder="$1" names="$2"
  shift 2
  grep -E "^($names)==" scripts/wheels.txt >"$folder/wanted.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$folder" --requirement "$folder/wanted.txt" "$@" ||
    { say "error: pip could not fetch what scripts/wheels.txt lists; fix: see its reason above (network, certificates, index), then run this again"; exit 4; }
}

fetch_torch() {  # any Python's wheel will do: only its headers and C++ libraries are used
  fetch "$1" torch --python-version 311 --platform manylinux_2_28_x86_64
}

# The wheels are of one processor; elsewhere RRPO_TORCH_DIR or a Python's own torch serves.
require_x86_64() {
  [ "$(uname -m)" = x86_64 ] ||
    { say "error: no wheels are listed for $(uname -m); fix: pip install torch==$torch_version, or set RRPO_TORCH_DIR"; exit 4; }
}

install_torch() {
  if [ -n "${RRPO_TORCH_DIR:-}" ]; then
    is_torch "$RRPO_TORCH_DIR" || { say "error: RRPO_TORCH_DIR=$RRPO_TORCH_DIR holds no LibTorch 2.11; fix: unset it or point it to the torch/ folder of a 2.11.0 wheel"; exit 4; }
    say "LibTorch: $RRPO_TORCH_DIR (RRPO_TORCH_DIR)"; return
  fi
  local found
  if found=$(python_torch) && is_torch "$found"; then say "LibTorch: $found (Python environment)"; return; fi
  if is_torch "$deps/torch" && [ -f "$deps/.torch-complete" ]; then say "LibTorch: .deps/torch"; return; fi
  require_x86_64
  say "LibTorch $torch_version: fetching three wheels (544 MB) into .deps/, 500 MB unpacked"
  local wheels="$deps/wheels"
  mkdir -p "$wheels"
  fetch_torch "$wheels"
  fetch "$wheels" 'nvidia-cuda-(runtime|cupti)'
  unzip -qo "$wheels"/torch-*.whl torch/lib/libc10.so torch/lib/libtorch_cpu.so torch/lib/libgomp.so.1 \
    'torch/include/ATen/*' 'torch/include/c10/*' 'torch/include/caffe2/*' 'torch/include/torch/*' -d "$deps"
  unzip -qo "$wheels"/nvidia_cuda_runtime*.whl nvidia/cu13/lib/libcudart.so.13 -d "$deps"
  unzip -qo "$wheels"/nvidia_cuda_cupti*.whl nvidia/cu13/lib/libcupti.so.13 -d "$deps"
  [ "$want_cuda" = 1 ] || rm -rf "$wheels"
  touch "$deps/.torch-complete"
  say "LibTorch: .deps/torch"
}

install_cuda() {
  if [ -f "$deps/.cuda-complete" ]; then say "CUDA side: .deps"; return; fi
  require_x86_64
  say "CUDA side of LibTorch: fetching 16 wheels (2.5 GB with torch) into .deps/"
  local wheels="$deps/wheels"
  mkdir -p "$wheels"
  fetch_torch "$wheels"
  fetch "$wheels" 'nvidia-.*'
  for wheel in "$wheels"/nvidia_*.whl; do unzip -qo "$wheel" -d "$deps"; done
  unzip -qo "$wheels"/torch-*.whl 'torch/lib/*.so' -d "$deps"
  rm -rf "$wheels"
  touch "$deps/.cuda-complete"
}

# What g++ needs for the plugin rrpo_nccl, on a machine without a GPU: NCCL's headers come only with its library.
install_nccl_headers() {
  local there="$deps/nvidia"
  if [ -f "$there/nccl/include/nccl.h" ] && [ -f "$there/cu13/include/crt/host_defines.h" ]; then say "headers of CUDA and NCCL: .deps"; return; fi
  if [ "$(uname -m)" != x86_64 ]; then say "headers of CUDA and NCCL: no wheels are listed for $(uname -m)"; return; fi
  say "headers of CUDA and NCCL: fetching three wheels (199 MB) into .deps/, 5 MB unpacked"
  local wheels="$deps/header-wheels"
  mkdir -p "$wheels"
  fetch "$wheels" 'nvidia-(nccl-cu13|cuda-runtime|cuda-crt)'
  for wheel in "$wheels"/nvidia_*.whl; do unzip -qo "$wheel" 'nvidia/*/include/*' -d "$deps"; done
  rm -rf "$wheels"
}

want_tests=0 want_cuda=0
for argument in "$@"; do
  case "$argument" in
    --tests) want_tests=1 ;;
    --cuda) want_cuda=1 ;;
    *) say "error: unknown argument $argument; fix: scripts/setup.sh [--tests] [--cuda]"; exit 2 ;;
  esac
done
install_packages
install_torch
[ "$want_cuda" = 0 ] || install_cuda
[ "$want_tests$want_cuda" = 00 ] || install_nccl_headers
say "done"
