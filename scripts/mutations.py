#!/usr/bin/env python3
"""Breaks the program on purpose, one line at a time, and shows that a test notices.

    python3 scripts/mutations.py                    all mutations, a table at the end
    python3 scripts/mutations.py --only pooling     those whose name holds the word
    python3 scripts/mutations.py --list             their names
    python3 scripts/mutations.py --check            fails where a text does not occur once in its file; breaks nothing

It works on a copy of the committed tree in build/mutations (its own build folder, compiled with the compiler cache), never on
the sources. Each mutation is a text that occurs once in a file and what stands in its place; the test program named must fail.
About half a minute each.
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutations"

# name, test program, file, text, replacement
MUTATIONS = [
    ("RoPE base", "policy", "src/model/decoder.cpp", "at::pow(decoder.theta, exponent)", "at::pow(decoder.theta * 1.02, exponent)"),
    ("GELU kind of the projector", "policy", "src/model/projector.cpp", "at::gelu(linear(features, projector.linear_1))",
     'at::gelu(linear(features, projector.linear_1), "tanh")'),
    ("GELU kind of the tower", "policy", "src/model/vision_tower.cpp", 'layer.fc1), "tanh")', 'layer.fc1), "none")'),
    ("pooling", "policy", "src/model/projector.cpp", "{side, side}, /*align_corners=*/false", "{side, side}, /*align_corners=*/true"),
    ("newline", "policy", "src/model/projector.cpp", "at::cat({small.reshape({-1, width}), end.view({1, width})})",
     "at::cat({small.reshape({-1, width}), end.view({1, width}).mul(0)})"),
    ("27 tower layers for 26", "policy", "src/model/families/llava_qwen.cpp", "kMaxLayers) - 1, shapes)", "kMaxLayers), shapes)"),
    ("pooling 13 for 14", "policy", "src/model/projector.cpp", "return (grid + 1) / 2;", "return grid / 2;"),
    ("newline per row", "policy", "src/model/projector.cpp", "at::cat({small, end.expand({frames, side, 1, width})}, 2)",
     "at::cat({end.expand({frames, side, 1, width}), small}, 2)"),
    ("time sentence", "policy", "src/text/chat.cpp", "\".Please answer", "\". Please answer"),
    ("RMSNorm's weight before the cast", "model", "src/model/functions.cpp",
     "wide.mul(scale).to(x.scalar_type()).mul(weight.to(x.scalar_type()))", "wide.mul(scale).mul(weight.to(wide.scalar_type())).to(x.scalar_type())"),
    ("LoRA scale", "policy", "src/model/adapter_files.cpp", "lora.scale = peft.alpha_of(module) / lora_divisor(rank, peft.by_root);",
     "lora.scale = 1;"),
    ("PEFT key prefix", "policy", "src/model/adapter_files.cpp", 'kPeftPrefix = "base_model.model."', 'kPeftPrefix = "base_model."'),
    ("alpha pattern ignored", "policy", "src/model/peft_config.cpp", "return first(alphas, module, alpha);", "return alpha;"),
    ("rank pattern ignored", "policy", "src/model/peft_config.cpp", "first(ranks, module, static_cast<double>(rank))",
     "static_cast<double>(rank)"),
    ("root of rslora", "policy", "src/model/lora.cpp", "return by_root ? std::sqrt(static_cast<double>(rank))",
     "return by_root ? static_cast<double>(rank)"),
    ("layers_to_transform ignored", "policy", "src/model/peft_config.cpp", "return whole || config.layers.empty() || in_layers(config, name);",
     "return true;"),
    ("merge scale", "train", "src/model/merge.cpp", ".mul_(lora.scale)", ".mul_(lora.scale * 1.01)"),
    ("a frozen tensor changed by merge", "train", "src/model/merge.cpp", "      ++written.kept;\n", "      ++written.kept;\n      bytes[0] ^= 1;\n"),
    ("selftest tolerance", "train", "src/train/selftest.cpp", '{"ok", error <= limit}', '{"ok", true}'),
    ("KL direction", "train", "src/loss/token_stats.cpp", "other.log_p.exp().mul(other.log_p.sub(policy.log_p))",
     "policy.log_p.exp().mul(policy.log_p.sub(other.log_p))"),
    ("label shift", "train", "src/policy/sequence.cpp", "rows.read_rows.push_back(own.begin + i);",
     "rows.read_rows.push_back(own.begin + std::max<int64_t>(0, i - 1));"),
    ("span border", "policy", "src/text/span.cpp", "i < std::min(token.end, span.end); ++i)", "i < std::min(token.end, span.end + 1); ++i)"),
    ("resize rounding", "video", "src/video/transform.cpp", "fixed < 0 ? fixed - 0.5 : fixed + 0.5", "fixed"),
    ("a branch sees its sibling", "train", "src/model/packed_rows.cpp", "  segments.push_back(segment);\n",
     "  if (parent >= 0 && parent + 1 < number) segment.parent = number - 1;\n  segments.push_back(segment);\n"),
    ("TDPO's detached term", "loss", "src/loss/rows/tdpo.cpp", "kl.rejected.sub(kl.chosen.detach())", "kl.rejected.sub(kl.chosen)"),
    ("lengths of IPO", "loss", "src/loss/rows/dpo.cpp", "if (weights.ipo_average) {", "if (false) {"),
    ("sign of label smoothing", "loss", "src/loss/rows/dpo.cpp", "return kept.add(turned);", "return kept.sub(turned);"),
    ("numbers of DPA's phrases", "loss", "src/loss/rows/dpa.cpp", ".add(stats.phrase);", ".add(stats.phrase.gt(0));"),
    ("a KL of weight 0 in the backward pass", "loss", "src/loss/rows/rrpo.cpp", "if (weights.alpha > 0) loss", "loss"),
    ("first warm-up step", "train", "src/train/schedule.cpp", "static_cast<double>(step) / static_cast<double>(warmup)",
     "static_cast<double>(step + 1) / static_cast<double>(warmup)"),
    ("rank order of merges", "text", "src/text/byte_bpe.cpp", "rank > other.rank", "rank < other.rank"),
    ("the leftmost of equal merges", "text", "src/text/byte_bpe.cpp", "at > other.at", "at < other.at"),
    ("NFC", "text", "src/text/byte_bpe.cpp", "nfc_ ? to_nfc(text)", "false ? to_nfc(text)"),
    ("range of a token", "text", "src/text/byte_bpe.cpp", "push(piece.id, at, at + piece.size);", "push(piece.id, at, at + piece.size - 1);"),
    ("range of a piece", "text", "src/text/sentencepiece.cpp", "at_ + used_ + take :", "at_ + used_ + take - 1 :"),
    ("dummy prefix", "text", "src/text/sentencepiece.cpp", 'std::string form(prefix ? kSpace : "");', "std::string form;"),
    ("dummy prefix behind a special token", "text", "src/text/sentencepiece.cpp", "(prefix_everywhere_ || begin == 0)", "begin == 0"),
    ("the prefix when decoding", "text", "src/text/sentencepiece.cpp", "bytes.append(entry.bytes, prefix ? 1 : 0);", "bytes.append(entry.bytes);"),
    ("byte fallback", "text", "src/text/sentencepiece_model.cpp", "write_varint(part, trainer_field::byte_fallback, model.byte_fallback ? 1 : 0);",
     "write_varint(part, trainer_field::byte_fallback, 0);"),
    ("words of pieces that cross spaces", "text", "src/text/sentencepiece.cpp", "if (piece.text.find(kSpace, at) != std::string::npos) return false;", ""),
    ("length of a field", "text", "src/text/wire.cpp", "if (*value > left_.size()) return std::nullopt;", ""),
    ("character map", "text", "src/text/sentencepiece_model.cpp", "if (size > 0) unsupported", "if (size > 99) unsupported"),
    ("clipping factor", "train", "src/train/optimizer.cpp", "(norm + 1e-6)", "norm"),
    ("official marks: the border of a phrase", "text", "src/text/official.cpp", "mark = tag == kOpen ? ++phrases : 0;\n      k += space_first || next == space ? 2 : 1;",
     "mark = tag == kOpen ? ++phrases : 0;\n      k += space_first ? 2 : 1;"),
    ("official marks: all zero where they do not fit", "text", "src/text/official.cpp", "if (!out.unmarked.empty()) return out;", "out.unmarked.clear();\n  if (walked.phrase.size() < plain.size()) return out;"),
    ("official marks: a pair without marks is kept", "data", "src/data/dataset.cpp", "if (!rules_.marks || (chosen.empty() && rejected.empty())) return \"\";", "return \"\";"),
    ("official labels: shifted by one", "data", "src/policy/sequence.cpp", "place > 0 ? own.begin + place - 1 :", "place > 0 ? own.begin + place :"),
    ("official labels: the reward reads prompt rows", "train", "src/policy/sequence.cpp", "phrase.push_back(0);", "phrase.push_back(1);"),
    ("official labels: no header", "text", "src/text/official.cpp", "id >= header || *id", "*id"),
    ("official: the last window is kept", "data", "src/data/order.cpp", "rules.drop_last ? std::max<int64_t>(1, rows / rules.batch) :", "rules.drop_last && rows < 0 ? 1 :"),
    ("tags eat a second space", "text", "src/text/span.cpp", "at += kOpen.size();\n      if (at < tagged.size()", "at += kOpen.size();\n      if (!out.empty() && out.back() == ' ') out.pop_back();\n      if (at < tagged.size()"),
    ("tags keep their space", "text", "src/text/span.cpp", "kept + run.opens.size() < run.spaces", "kept < run.spaces"),
    ("difference of words: border", "text", "src/text/diff.cpp", "ranges.back().end = words[i].range.end;", "ranges.back().end = words[i].range.begin;"),
    ("difference of tokens: popular ones begin no match", "text", "src/text/token_diff.cpp", "b.size() < kLong", "b.size() < kLong * 1000"),
    ("import: a place of the video stays in the question", "rows", "src/rows/formats/clean.cpp", "take_places(question, true) +", "0 * take_places(question, true) + 0 *"),
    ("a file of a checkpoint is believed", "io", "src/io/manifest.cpp", "if (file_sha256(file->second) != entry.sha256)", "if (false)"),
    ("a folder that cannot be listed is empty", "util", "src/util/folder.cpp", "  if (code) {", "  if (false) {"),
    ("the key goes to any server", "io", "src/io/chat.cpp", "*standard == '\\0' || is_private(endpoint)) return;", "true) return;"),
    ("an input may be removed", "io", "src/io/ownership.cpp", "if (is_there(own.root / name)) check_no_input(own.root / name, real);", ""),
    ("a file of the user's is the run's", "io", "src/io/ownership.cpp", "return names.contains(name) || is_housekeeping(name) ? \"\" : name;", 'return "";'),
    ("a stop is not heard between two rows", "rows", "src/rows/each_row.cpp", "  check_stop();\n  try {", "  try {"),
    ("a stop is not heard between two tokens", "policy", "src/policy/generate.cpp", "    check_stop();\n", ""),
    ("segments by their beginnings", "video", "src/video/samplers/segment_centre.cpp", "static_cast<double>(first) + segment / 2 + offset",
     "static_cast<double>(first) + offset"),
    ("the other half of the bias", "eval", "src/eval/overall.cpp", "false_positives += basic && !lie ? 1 : 0;",
     "false_positives += lie && !basic ? 1 : 0;"),
    ("a chain without its free pair", "rows", "src/rows/group.cpp", "static_cast<int64_t>(links) == chain.pair && points[links + 1] != 0", "false"),
    ("Kelvin is no K", "rows", "src/rows/parsers/letters.cpp", 'if (c == 0x212a) return "K";', 'if (c == 0x212a) return "";'),
    ("judged without a judge", "rows", "src/rows/scored.cpp", "if (judged.verdict != Verdict::unjudged || !aids.judge) return judged;", "return judged;"),
]


def run(command, **options):
    return subprocess.run(command, cwd=COPY, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def prepare():
    if COPY.exists():
        run(["git", "checkout", "-q", "--force", "--detach", subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()], check=True)
    else:
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(COPY)], cwd=ROOT, check=True)
    environment = os.environ | ({"RRPO_TORCH_DIR": str(ROOT / ".deps" / "torch")} if (ROOT / ".deps" / "torch").exists() else {})
    done = run(["cmake", "-S", ".", "-B", "build", "-G", "Ninja"], env=environment)
    if done.returncode:
        sys.exit(done.stdout)


def build_and_test(program):
    """(built, passed, names of the failed tests)."""
    built = run(["ninja", "-C", "build", "-j", os.environ.get("RRPO_JOBS", "2"), f"test_{program}"])
    if built.returncode:
        return False, False, built.stdout[-600:].splitlines()
    tested = run([f"build/tests/test_{program}"], env=os.environ | {"OMP_NUM_THREADS": "1"})
    failed = [line.split("] ")[1].split(",")[0].split(" (")[0] for line in tested.stdout.splitlines() if line.startswith("[  FAILED  ]") and "." in line]
    return True, tested.returncode == 0, sorted(set(failed))


def mutate(name, program, file, text, replacement):
    """The line of the table, and whether a test noticed."""
    path = COPY / file
    source = path.read_text()
    if source.count(text) != 1:
        return f"{name}: {file} holds the text {source.count(text)} times, not once: mend this script", False
    path.write_text(source.replace(text, replacement))
    try:
        built, passed, failed = build_and_test(program)
    finally:
        path.write_text(source)
    if not built:
        return f"{name}: does not compile: {' '.join(failed)}", False
    if passed:
        return f"{name}: NO TEST of test_{program} noticed", False
    shown = ", ".join(failed[:3]) + (f" and {len(failed) - 3} more" if len(failed) > 3 else "")
    return f"{name}: {len(failed)} failed: {shown}", True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if arguments.only.lower() in m[0].lower()]
    if arguments.list:
        print("\n".join(f"{m[0]}: {m[2]}" for m in chosen))
        return
    if arguments.check:
        lost = [f"{name}: not once in {file}" for name, _, file, text, _ in chosen
                if not (ROOT / file).exists() or (ROOT / file).read_text().count(text) != 1]
        sys.exit("\n".join(lost) or 0)
    prepare()
    noticed = 0
    for mutation in chosen:
        line, good = mutate(*mutation)
        noticed += good
        print(line, flush=True)
    print(f"{noticed} of {len(chosen)} mutations made a test fail")
    sys.exit(0 if noticed == len(chosen) else 1)


if __name__ == "__main__":
    main()
