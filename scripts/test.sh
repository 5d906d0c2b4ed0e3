#!/usr/bin/env bash
# Sets the machine up, builds everything into build/ and runs all tests; ends with ctest's own summary.
# Asks nothing, can be run again. Two processes at a time; RRPO_JOBS changes that.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/step.sh

jobs="${RRPO_JOBS:-2}"

configure() { cmake -S . -B build -G Ninja; }
build() { ninja -C build -j "$jobs"; }
run_tests() { ctest --test-dir build --output-on-failure -j "$jobs"; }

step "set-up" scripts/setup.sh --tests
step "configure" configure
step "build" build
last_step "tests" run_tests
