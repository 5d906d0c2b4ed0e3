#!/usr/bin/env bash
# Fetches the real vocabularies that the optional tests and the speed measurement want, from packages that ship them:
#   DIR/qwen2          tokenizer.json of Qwen2, derived from the ranks in `dashscope`
#   DIR/qwen2_files    the same as vocab.json + merges.txt + tokenizer_config.json
#   DIR/mistral        tokenizer.model of Mistral 7B v0.1 and v0.2, from `mistral-common`; DIR/mistral_v3 that of v0.3
# Then: RRPO_VOCABULARIES=DIR build/tests/test_text --gtest_filter='RealVocabularies.*'
set -euo pipefail
[ $# = 1 ] || { echo "error: fetch_vocabularies: no folder given; fix: scripts/fetch_vocabularies.sh DIR" >&2; exit 2; }
here="$(cd "$(dirname "$0")" && pwd)"
mkdir -p "$1"
cd "$1"

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest wheels \
  dashscope==2.0.2 mistral-common==1.13.1
unzip -qo wheels/dashscope-*.whl dashscope/resources/qwen.tiktoken -d wheels
unzip -qo wheels/mistral_common-*.whl 'mistral_common/data/*.model.v[13]' -d wheels
mkdir -p mistral mistral_v3
cp wheels/mistral_common/data/tokenizer.model.v1 mistral/tokenizer.model
cp wheels/mistral_common/data/mistral_instruct_tokenizer_240323.model.v3 mistral_v3/tokenizer.model
python3 "$here/qwen2_vocabulary.py" wheels/dashscope/resources/qwen.tiktoken .
