#!/usr/bin/env bash
# What a second question about a clip costs: K questions in one pass against K passes, one thread, CPU seconds, medians of
# interleaved runs, equal answers first. The model has random values and the proportions of LLaVA-OneVision-7B at a twelfth of
# its width (729 patches a frame, 196 visual tokens); 64 frames, as the benchmarks ask it.
#
#   scripts/benchmarks/questions.sh [BUILD_FOLDER] [FRAMES] [REPEATS] [K...]
set -euo pipefail
cd "$(dirname "$0")/../.."
build="${1:-build}" frames="${2:-64}" repeats="${3:-3}"
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- 3 6 18 64
ninja -C "$build" rrpo-train questions_bench >/dev/null
work="$(mktemp -d)" && trap 'rm -rf "$work"' EXIT
mkdir "$work/recipe"
cp data/toy/recipe/* "$work/recipe/"
python3 - "$work/recipe" <<'P'
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text())
config["image_grid_pinpoints"] = [[384, 384]]
config["vision_config"] |= {"hidden_size": 96, "intermediate_size": 358, "num_hidden_layers": 9, "num_attention_heads": 6,
                            "image_size": 384, "patch_size": 14}
config["text_config"] |= {"hidden_size": 288, "intermediate_size": 1536, "num_hidden_layers": 9, "num_attention_heads": 9,
                          "num_key_value_heads": 3, "max_position_embeddings": 32768}
(folder / "config.json").write_text(json.dumps(config))
processor = folder / "preprocessor_config.json"
if processor.exists():
    values = json.loads(processor.read_text())
    values["size"] = {"height": 384, "width": 384}
    processor.write_text(json.dumps(values))
P
"$build/rrpo-train" init config="$work/recipe" tokenizer=data/toy/tokenizer --out "$work/model" --quiet >/dev/null
ffmpeg -loglevel error -f lavfi -i testsrc=size=320x240:rate=25:duration=8 -pix_fmt yuv420p "$work/clip.mp4"
OMP_NUM_THREADS=1 "$build/tests/questions_bench" "$work/model" "$work/clip.mp4" "$frames" "$repeats" "$@"
