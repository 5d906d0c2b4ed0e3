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
    ("a cue on another clock", "eval", "src/eval/benchmarks/subtitles.cpp", "cue.begin_s - offset_s", "cue.begin_s + offset_s"),
    ("words before their frame", "eval", "src/eval/questions.cpp", "at = static_cast<size_t>(*piece.frame) + 1;",
     "at = static_cast<size_t>(*piece.frame);"),
    ("control tokens in subtitles", "data", "src/data/answering.cpp", "if (token.empty()) return;", "return;"),
    ("the first frame of a run for its middle", "data", "src/data/answering.cpp", "out.push_back(sum / static_cast<double>(each));",
     "out.push_back(times.at(std::min(run * each, times.size() - 1)));"),
    ("other words, the same prefix", "data", "src/data/answering.cpp", "if (sees_other || heard != clip->heard)", "if (sees_other)"),
    ("the clip's newline with its first frame", "data", "src/model/vision/siglip_llava.cpp", "each.back() = plain_run(each.back().count + end);",
     "each.front() = plain_run(each.front().count + end);"),
    ("words in front of their line", "text", "src/text/chat.cpp", "if (!before.ends_with('\\n')) before += '\\n';", ""),
    ("RoPE base", "policy", "src/model/decoder_layer.cpp", "at::pow(decoder.theta, exponent)", "at::pow(decoder.theta * 1.02, exponent)"),
    ("GELU kind of the projector", "policy", "src/model/vision/llava_projector.cpp", "at::gelu(linear(features, projector.linear_1, adapter))",
     'at::gelu(linear(features, projector.linear_1, adapter), "tanh")'),
    ("GELU kind of the tower", "policy", "src/model/row_math_avx2.cpp", "all(0.044715F)", "all(0.0F)"),
    ("pooling", "policy", "src/model/vision/llava_projector.cpp", "{side, side}, /*align_corners=*/false", "{side, side}, /*align_corners=*/true"),
    ("newline", "policy", "src/model/vision/llava_projector.cpp", "at::cat({small.reshape({-1, width}), end.view({1, width})})",
     "at::cat({small.reshape({-1, width}), end.view({1, width}).mul(0)})"),
    ("27 tower layers for 26", "policy", "src/model/families/llava_qwen.cpp", "kMaxLayers) - 1,", "kMaxLayers),"),
    ("pooling 13 for 14", "policy", "src/model/vision/llava_projector.cpp", "return (grid + 1) / 2;", "return grid / 2;"),
    ("newline per row", "policy", "src/model/vision/llava_projector.cpp", "at::cat({small, end.expand({frames, side, 1, width})}, 2)",
     "at::cat({end.expand({frames, side, 1, width}), small}, 2)"),
    ("time sentence", "policy", "src/text/chat.cpp", "\".Please answer", "\". Please answer"),
    ("RMSNorm's weight before the cast", "model", "src/model/formulas.cpp",
     "at::mul_out(rows, x, scale).mul_(weight.to(x.scalar_type()))",
     "at::mul_out(rows, x.to(wide_type(x)).mul(weight.to(wide_type(x))), scale)"),
    ("LoRA scale", "policy", "src/model/adapter_files.cpp", "lora.scale = peft.alpha_of(module) / lora_divisor(rank, peft.by_root);",
     "lora.scale = 1;"),
    ("PEFT key prefix", "policy", "src/model/adapter_keys.cpp", 'kPeftPrefix = "base_model.model."', 'kPeftPrefix = "base_model."'),
    ("alpha pattern ignored", "policy", "src/model/peft_config.cpp", "return first(alphas, module, alpha);", "return alpha;"),
    ("rank pattern ignored", "policy", "src/model/peft_config.cpp", "first(ranks, module, static_cast<double>(rank))",
     "static_cast<double>(rank)"),
    ("root of rslora", "policy", "src/model/lora.cpp", "return by_root ? std::sqrt(static_cast<double>(rank))",
     "return by_root ? static_cast<double>(rank)"),
    ("layers_to_transform ignored", "policy", "src/model/peft_config.cpp", "return whole || config.layers.empty() || in_layers(config, name);",
     "return true;"),
    ("merge scale", "train", "src/model/lora.cpp", ".mul_(lora.scale).add_(widened(weight))", ".mul_(lora.scale * 1.01).add_(widened(weight))"),
    ("a frozen tensor changed by merge", "train", "src/model/merge.cpp", "    if (!changed.empty()) written.dtypes", "    if (changed.empty()) bytes[0] ^= 1;\n    if (!changed.empty()) written.dtypes"),
    ("merge leaves out the eye", "train", "src/model/merge.cpp", "if (one.linear->lora.a.defined()) changes", "if (one.part == Part::decoder && one.linear->lora.a.defined()) changes"),
    ("parts of a stacked tensor", "model", "src/model/tensor_io.cpp", "range.offset += i * range.bytes;", "range.offset += (parts - 1 - i) * range.bytes;"),
    ("modules_to_save left out", "policy", "src/model/adapter_folder.cpp", "*tensor.tensor = values[i].to(weights.type);", "values[i].to(weights.type);"),
    ("selftest tolerance", "train", "src/train/selftest.cpp", '{"ok", error <= limit}', '{"ok", true}'),
    ("KL direction", "loss", "src/loss/softmax/softmax.cpp", "reference.values.exp().mul_(reference.values.sub(policy.values))",
     "policy.values.exp().mul_(policy.values.sub(reference.values))"),
    ("KL direction in a row", "loss", "src/loss/softmax/row_lanes.h", "gap = fused(e_r, minus(r, p), gap);", "gap = fused(e_r, minus(p, r), gap);"),
    ("the end of a row", "loss", "src/loss/softmax/row_lanes.h", "i < count ? row[i] : kLowest", "i < count ? row[i] : 0"),
    ("the reference read without a gradient", "loss", "src/loss/token_function.cpp", "std::clamp<int64_t>(reached.pulled - begin, 0, length)",
     "reached.pulled > 0 ? length : 0"),
    ("the place of a kept row", "loss", "src/loss/softmax/softmax_rows.cpp", "kernel.slope(p.values + place * size", "kernel.slope(p.values + i * size"),
    ("the ratio of the normalisers", "loss", "src/loss/softmax/softmax_rows.cpp", "slope.ratio = other_sum / sum;", "slope.ratio = 1;"),
    ("read rows left out of the reference's name", "data", "src/data/reference_cache.cpp", "  add(hash, rows.read_rows);\n", ""),
    ("the model left out of the reference's file", "train", "src/data/reference_cache.cpp", 'io::sha256(key_ + "\\n" + name)', "io::sha256(name)"),
    ("a damaged tensor file used", "data", "src/data/tensor_folder.cpp", "written && written.mapped() == checksum(name, kept)", "written"),
    ("the adapter in the reference", "train", "src/train/pass.cpp", "{.adapter = model::Adapter::off}", "{.adapter = model::Adapter::on}"),
    ("the reference run although its rows are there", "train", "src/train/pass.cpp",
     "if (reference.kept.defined()) return sent(reference.kept, policy_rows.device());", ""),
    ("weight of a term", "train", "src/train/pass.cpp", "objective.terms.at(i).weight * (over", "(over"),
    ("one denominator for all terms", "train", "src/train/pass.cpp", "over[0] / over.at(i)", "1.0"),
    ("skipped rows count in a sum", "train", "src/train/step.cpp", "if (!counted.rows) return true;", "return true;"),
    ("rewards of the steps before", "train", "src/train/run_steps.cpp", "at_.past[i].rewards += sums.terms[i].rewards;", ""),
    ("the steps before left out of a checkpoint", "train", "src/train/position.cpp",
     'position.past = read_past(json.value("past", Json::array()));', ""),
    ("the reference asked about the policy's clip", "train", "src/train/asked.cpp", "return scorer.objective.reference_apart ?", "return false ?"),
    ("rows of a reference apart in its own order", "train", "src/train/pass.cpp", "if (!reference.apart) return rows;", "return rows;"),
    ("share of a window", "data", "src/data/order.cpp", "return (window + number) % ranks;", "return number % ranks;"),
    ("a rank without a pass", "data", "src/data/order.cpp", "if (!has_one) own.push_back", "if (false) own.push_back"),
    ("gradients of all ranks", "train", "src/train/step.cpp", "stepper.world.sum(buffer);", "(void)buffer;"),
    ("a gap ends a run", "train", "src/train/parameters.cpp", "touched(end) && values_.joined(end)", "touched(end)"),
    ("the stop of another rank", "train", "src/train/agree.cpp", "set_stop_signal(static_cast<int>(outcome.signal));", ""),
    ("media of other ranks", "train", "src/train/run_steps.cpp", "join_seen(at_.seen, seen[rank]);", "(void)seen[rank];"),
    ("a split weight's low part is not centred", "video", "src/video/bicubic/axis.cpp", "& (kLow - 1)) - kLow / 2;", "& (kLow - 1));"),
    ("HEVC: every picture is decoded", "video", "src/video/units.cpp", "type < 16 && type % 2 == 0", "false"),
    ("an outline is certain though it is to be verified", "video", "src/video/outline.cpp", "if (choice.verify) return std::nullopt;", ""),
    ("a branch looks at another clip", "model", "src/model/growth.cpp", "growth.prefixes.push_back({branches.stems[s].prefix, begin",
     "growth.prefixes.push_back({branches.stems[0].prefix, begin"),
    ("a branch goes on where another prefix ends", "model", "src/model/growth.cpp", "angle.push_back(static_cast<int64_t>(s) * decoder.capacity + at);",
     "angle.push_back(at);"),
    ("a row sees what comes after it", "model", "src/model/growth.cpp", "seen[at] = lengths[k] + i + 1;", "seen[at] = part.reach;"),
    ("tokens behind the end of an answer are kept", "policy", "src/policy/generate.cpp", "      if (branch->open) {\n", "      {\n"),
    ("a draw passes over what counts", "policy", "src/policy/draw.cpp", "kNothing = -38.5;", "kNothing = -2;"),
    ("a block is asked again in part", "data", "src/data/answers.cpp", "if (std::all_of(block.begin(), block.end(), answered)) continue;",
     "if (std::any_of(block.begin(), block.end(), answered)) continue;"),
    ("sum over ranks", "world", "src/world/world.cpp", "return link_->group_of(values)->allreduce(list);",
     "return link_->group_of(values)->broadcast(list);"),
    ("an error of another rank", "world", "src/world/watch.cpp", "if (other != rank && sign == kFailed) who", "if (false) who"),
    ("steps of one SLURM job apart", "world", "src/world/place.cpp", "(job + step * kStepsApart) % kPorts", "job % kPorts"),
    ("a killed rank is 7", "util", "src/util/launch.cpp", "if (killed) return kPeer;", ""),
    ("largest video first", "data", "src/data/shard.cpp", "return work[a] > work[b];", "return work[a] < work[b];"),
    ("the gate's gradient by the gate", "model", "src/model/row_math_avx2.cpp",
     "store_part(to_gate + i, _mm256_mul_ps(_mm256_mul_ps(d, load_part(up + i", "store_part(to_gate + i, _mm256_mul_ps(_mm256_mul_ps(d, load_part(gate + i"),
    ("picked queries give no gradient", "model", "src/model/layer_functions.cpp", "index_add_(0, own.rows, first.x)",
     "index_add_(0, own.rows, first.x.mul(0))"),
    ("a layer run again on other rows", "model", "src/model/recompute.cpp", "const at::Tensor y = again.f(x);", "const at::Tensor y = again.f(x.mul(2));"),
    ("the last layers recomputed", "model", "src/model/decoder.cpp", "static_cast<int64_t>(number) < rules.recompute_layers",
     "static_cast<int64_t>(number) >= rules.recompute_layers"),
    ("a long segment's branches counted as its own", "model", "src/model/attention/plan.cpp", "entries[entries[first].causal ? first + 1 : first]",
     "entries[first]"),
    ("memory given back after every tensor", "policy", "src/policy/memory.cpp", "mallopt(M_TRIM_THRESHOLD, 1 << 30);", "mallopt(M_TRIM_THRESHOLD, 1 << 12);"),
    ("nf4 rest multiplied", "model", "src/model/nf4.cpp", "for (float& x : block) x /= scale;", "for (float& x : block) x *= 1 / scale;"),
    ("nf4 nibbles swapped", "model", "src/model/nf4.cpp", "codes[at] << 4 | codes[at + 1]", "codes[at + 1] << 4 | codes[at]"),
    ("nf4 borders", "model", "src/model/nf4.cpp", "scaled[i] > middle ? 1 : 0", "scaled[i] >= middle ? 1 : 0"),
    ("nf4 of rounded weights", "model", "src/model/checkpoint.cpp", "quantise_nf4(changed(wanted.name, plain), device_)",
     "quantise_nf4(changed(wanted.name, plain.to(at::kBFloat16)), device_)"),
    ("fit takes four bits first", "train", "src/train/plan_memory.cpp", "add_all(/*nf4=*/false, 1);", "add_all(/*nf4=*/true, 1);"),
    ("fit divides a model of one rank", "train", "src/train/plan_memory.cpp", "if (ranks > 1) add_all(/*nf4=*/false, ranks);",
     "add_all(/*nf4=*/false, ranks);"),
    ("plan without the room of two layers", "train", "src/train/plan_memory.cpp", "all / d(rules.sharing) + 2 * all / d(model.layers)",
     "all / d(rules.sharing) + all / d(model.layers)"),
    ("parts in another order", "world", "src/world/world.cpp", "all.narrow(0, from * own.numel(), own.numel())",
     "all.narrow(0, (size() - 1 - from) * own.numel(), own.numel())"),
    ("no layer ahead", "model", "src/model/shards.cpp", "if (next_ < order_.size()) start(next_);", "if (next_ + 1 < order_.size()) start(next_);"),
    ("one room for two layers", "model", "src/model/shards.cpp", "rooms_.at(place % 2)", "rooms_.at(0)"),
    ("the rest is not gathered for others", "model", "src/model/shards.cpp", "while (!failed_ && next_ < order_.size()) advance();", ""),
    ("a fault leaves the others waiting", "train", "src/train/rounds.cpp", "  } catch (...) {\n    shards->finish();", "  } catch (...) {"),
    ("another rank's part", "model", "include/rrpo/model/shards.h", "peers_.rank * part(layer)", "(peers_.size - 1 - peers_.rank) * part(layer)"),
    ("part of a matrix at another place", "model", "src/model/sharded.cpp", "bytes.narrow(0, first - begin, last - first)",
     "bytes.narrow(0, 0, last - first)"),
    ("a part read from the file's beginning", "model", "src/model/tensor_io.cpp", "part.offset += first * width + begin;", "part.offset += begin;"),
    ("rounds of the rank with fewest passes", "data", "src/data/order.cpp", "return *std::max_element(counts.begin(), counts.end());",
     "return *std::min_element(counts.begin(), counts.end());"),
    ("the reference has no layers", "train", "src/train/rounds.cpp", "if (kind.reference) order.insert", "if (false) order.insert"),
    ("resume asks who holds what", "train", "src/train/snapshot.cpp", "if (frozen.is_string()) frozen", "if (frozen.is_null()) frozen"),
    ("a key of one rank's own", "train", "src/train/run_steps.cpp", "return folder.get<bool>();", "return config_.data.cache.has_value();"),
    ("plan without what is made again", "train", "src/train/plan_memory.cpp", "visual + all + made_again(model, rows, kind, rules) -",
     "visual + all -"),
    ("times keep their pictures' memory", "data", "src/data/media.cpp", "std::vector<uint8_t>().swap(frames.rgb);", "frames.rgb = {};"),
    ("label shift", "train", "src/policy/sequence.cpp", "rows.read_rows.push_back(own.begin + i);",
     "rows.read_rows.push_back(own.begin + std::max<int64_t>(0, i - 1));"),
    ("span border", "policy", "src/text/span.cpp", "i < std::min(token.end, span.end); ++i)", "i < std::min(token.end, span.end + 1); ++i)"),
    ("resize rounding", "video", "src/video/bicubic/axis.cpp", "fixed < 0 ? fixed - 0.5 : fixed + 0.5", "fixed"),
    ("a branch sees its sibling", "train", "src/model/packed_rows.cpp", "  add_tokens(tokens);\n  return number;",
     "  if (parent >= 0 && parent + 1 < number) segments.back().parent = number - 1;\n  add_tokens(tokens);\n  return number;"),
    ("TDPO's detached term", "loss", "src/loss/rows/tdpo.cpp", "kl.rejected.sub(kl.chosen.detach())", "kl.rejected.sub(kl.chosen)"),
    ("lengths of IPO", "loss", "src/loss/rows/dpo.cpp", "if (weights.ipo_average) {", "if (false) {"),
    ("sign of label smoothing", "loss", "src/loss/rows/dpo.cpp", "return kept.add(turned);", "return kept.sub(turned);"),
    ("numbers of DPA's phrases", "loss", "src/loss/rows/dpa.cpp", ".add(stats.phrase);", ".add(stats.phrase.gt(0));"),
    ("a KL of weight 0 in the backward pass", "loss", "src/loss/rows/rrpo.cpp", "if (weights.alpha > 0) loss", "loss"),
    ("roles of mDPO's second clip swapped", "loss", "src/loss/rows/mdpo.cpp", "own.chosen.sub(reward.of(Role::chosen_other))",
     "reward.of(Role::chosen_other).sub(own.chosen)"),
    ("mDPO without its anchor", "loss", "src/loss/rows/mdpo.cpp", "if (weights.anchor_weight > 0) loss", "if (false) loss"),
    ("mDPO's anchor at 0", "loss", "src/loss/rows/mdpo.cpp", "own.chosen.sub(weights.delta)", "own.chosen"),
    ("VDPO of the rejected answer", "loss", "src/loss/rows/vdpo.cpp", "Answers shown{reward.of(Role::chosen), reward.of(Role::chosen_other)}",
     "Answers shown{reward.of(Role::chosen), reward.of(Role::rejected)}"),
    ("SymMPO: answers of the two clips swapped", "loss", "src/loss/rows/sympo.cpp", "own.chosen.sub(reward.of(Role::other_chosen_video))",
     "own.chosen.sub(reward.of(Role::other_chosen))"),
    ("SymMPO without the anchor of the other clip", "loss", "src/loss/rows/sympo.cpp", ".add(logistic(other.sub(weights.delta)));", ";"),
    ("LongVPO's reference at the policy's clip", "loss", "src/loss/rows/longvpo.cpp", ".reference_apart = true,", ""),
    ("SimPO without its margin", "loss", "src/loss/rows/simpo.cpp", ".sub(weights.simpo_gamma);", ";"),
    ("a certain answer's odds", "loss", "src/loss/rows/orpo.cpp", "likelihood.clamp_max(-1e-12)", "likelihood"),
    ("MPO without its running mean", "loss", "src/loss/rows/mpo.cpp", "mpo(stats, weights, past.mean())", "mpo(stats, weights, 0)"),
    ("RRPO without its other term", "loss", "src/loss/rows/rrpo.cpp", "if (weights.other_weight > 0)\n    loss", "if (false)\n    loss"),
    ("weight of a pair ignored", "loss", "src/loss/loss.cpp", "if (stats.weight.defined()) output", "if (false) output"),
    ("roles in another order", "loss", "src/loss/loss.cpp", "(found - stats_.roles.begin()) * stats_.pairs",
     "(stats_.roles.end() - found - 1) * stats_.pairs"),
    ("KL of a row without reference", "loss", "src/loss/loss.cpp", ".kl = {}};", ".kl = reward.chosen.detach()};"),
    ("one term's roles for a sum", "loss", "src/loss/loss.cpp", "    if (!objective.reads(role)) objective.roles.push_back(role);",
     "    if (objective.terms.size() == 1) objective.roles.push_back(role);"),
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
    ("official marks: a pair without marks is kept", "data", "src/data/official_rows.cpp", "if (!rules.marks || (chosen.empty() && rejected.empty())) return \"\";", "return \"\";"),
    ("official labels: shifted by one", "data", "src/policy/sequence.cpp", "place > 0 ? own.begin + place - 1 :", "place > 0 ? own.begin + place :"),
    ("official labels: the reward reads prompt rows", "train", "src/policy/sequence.cpp", "phrase.push_back(0);", "phrase.push_back(1);"),
    ("official labels: no header", "text", "src/text/official.cpp", "id >= header || *id", "*id"),
    ("the other video is not perturbed", "data", "src/data/loader.cpp", "clip_input(policy_, view.media, view.perturbed() ? changed : frames, rules_.video)",
     "clip_input(policy_, view.media, frames, rules_.video)"),
    ("perturbed by the row's number, not by the media", "data", "src/data/media.cpp", "view.seed, view.media.key());", "view.seed, \"\");"),
    ("roles swapped in packing", "data", "src/data/pair_batch.cpp", "static_cast<int64_t>(role) * pairs + asking.pair",
     "static_cast<int64_t>(dataset.roles.size() - 1 - role) * pairs + asking.pair"),
    ("the second clip's answers under the first", "data", "src/data/dataset.cpp", "return sample.other.value();", "return sample.own;"),
    ("the reference is shown the row's own clip", "data", "src/data/dataset.cpp", "return to_reference && sample.reference ? *sample.reference : sample.own;",
     "return sample.own;"),
    ("read rows stand by clip", "data", "src/data/pair_batch.cpp", "  stand_by_answer(packed);\n", ""),
    ("perturbed views under one name in memory", "data", "src/data/visual_cache.cpp", "return eye_text.empty() ? view.key() :", "return eye_text.empty() ? view.media.key() :"),
    ("perturbed views under one name in a folder", "data", "src/data/visual_cache.cpp", "if (view.perturbed()) clip[\"view\"] = view.key();", ""),
    ("views of a media decoded one by one", "data", "src/data/loader.cpp", "if (count > 1) shared.try_emplace(media);", ""),
    ("a skipped row's clips are encoded", "data", "src/data/loader.cpp", "if (!batch.skipped.empty()) drop_unshown(batch, dataset_);", ""),
    ("a row that is refused leaves its clips", "data", "src/data/sample_builder.cpp", "  forget_clips(clips);\n", ""),
    ("equal media of an earlier part", "train", "src/data/equal_media.cpp", ": seen_(seen) { compare_all(); }", ": seen_(seen) {}"),
    ("equal media that a cache has", "train", "src/train/asked.cpp", "if (scorer.media) scorer.media->tell", "if (scorer.media && !clip.visual.defined()) scorer.media->tell"),
    ("second clips left out of the plan", "train", "src/train/plan.cpp", "own_clips + (other ? d(pairs) * of(*other, 1) : 0)", "own_clips"),
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
    ("the class token for a patch", "policy", "src/model/vision/intern_vit.cpp", "features.narrow(1, 1, features.size(1) - 1)",
     "features.narrow(1, 0, features.size(1) - 1)"),
    ("patches of a cell by columns", "policy", "src/model/vision/intern_vit.cpp", ".permute({0, 1, 3, 2, 4, 5})", ".permute({0, 1, 3, 4, 2, 5})"),
    ("a layer's scale", "policy", "src/model/vision/intern_vit.cpp", ".mul(layer.scale1.to(type))", ""),
    ("norms of the tower's queries", "policy", "src/model/vision/intern_vit.cpp",
     "norm.weight.defined() ? rms_norm(all, norm.weight, norm.eps) : all", "all"),
    ("queries, keys and values in another order", "policy", "src/model/families/internvl.cpp", '{"q", "k", "v"}', '{"k", "q", "v"}'),
    ("pixel shuffle of version 1", "policy", "src/model/families/internvl.cpp", 'config.text("ps_version", "v1") != "v2"', "false"),
    ("frames counted from nought", "policy", "src/text/chat.cpp", "run_start(chat, i + 1, clip.times_s[i])", "run_start(chat, i, clip.times_s[i])"),
    ("a template's own tokens", "text", "src/text/jinja_values.cpp", 'name.ends_with("_token")', 'name.ends_with("_tokens")'),
    ("half a pixel of a crop", "video", "src/video/fit.cpp", "std::nearbyint(static_cast<double>(side - size) / 2)",
     "(static_cast<double>(side - size) / 2)"),
    ("a budget's scale by pairs", "video", "src/video/fit.cpp", ".frames = shown,", ".frames = nearest(static_cast<double>(shown), 2),"),
    ("grids without the rule of areas", "video", "src/video/tiles.cpp", "(far == nearest && roomy)", "far == nearest"),
    ("a range in exact float32", "video", "src/video/samplers/spacing.cpp", "among_sixteen ? i % kLanes : 0", "0"),
    ("segments by their beginnings", "video", "src/video/samplers/segment_centre.cpp", "static_cast<double>(first) + segment / 2 + offset",
     "static_cast<double>(first) + offset"),
    ("the other half of the bias", "eval", "src/eval/overall.cpp", "false_positives += basic && !lie ? 1 : 0;",
     "false_positives += lie && !basic ? 1 : 0;"),
    ("a chain without its free pair", "rows", "src/rows/group.cpp", "static_cast<int64_t>(links) == chain.pair && points[links + 1] != 0", "false"),
    ("Kelvin is no K", "rows", "src/rows/parsers/letters.cpp", 'if (c == 0x212a) return "K";', 'if (c == 0x212a) return "";'),
    ("another clip that is the row's own", "rows", "src/rows/view.cpp", "!view.perturbed() && view.media.key() == own.key()", "false"),
    ("views of one medium have one name", "rows", "src/rows/view.cpp", "if (!perturbed()) return media.key();", "return media.key();"),
    ("the seed of a view is not kept", "rows", "src/rows/view.cpp", 'if (view.seed != 0) json["seed"]', 'if (false) json["seed"]'),
    ("an answer about another clip that says the same", "rows", "src/rows/question.cpp", "|| verdict == Verdict::right)", "|| false)"),
    ("other clips are not checked", "rows", "src/rows/check.cpp", "if (view->media.key() != own.key()) medium(view->media, place);", ""),
    ("a foreign key taken for a clip of ours", "rows", "src/rows/foreign.cpp", '"other_answer",  "reference"', '"other_answer"'),
    ("other video not perturbed", "gen", "src/gen/other.cpp", "perturb_settings(config.gen)", "Json()"),
    ("another seed than the model's", "gen", "src/gen/other.cpp", "static_cast<uint64_t>(config.seed)}", "static_cast<uint64_t>(config.seed) + 1}"),
    ("the other answer without marks", "gen", "src/gen/rewrite.cpp", "sides.rejected.text == answer) return sides.rejected;",
     "sides.rejected.text == answer) return {answer, {}};"),
    ("a page shows the other clip as it is", "gen", "src/gen/pair_html.cpp", "if (!other.perturbed()) return sheet(view, frames, name);",
     "return sheet(view, frames, name);"),
    ("a twin keeps its places", "gen", "src/gen/scenes_twin.cpp", "    std::swap(object.from, object.to);\n", ""),
    ("an offset stays behind", "gen", "src/gen/scenes_twin.cpp", "    std::swap(clip.look.offsets[0], clip.look.offsets[1]);\n", ""),
    ("facts drawn, not dealt", "gen", "src/gen/scenes_twin.cpp", "index / count));", "index));"),
    ("the absent stays absent in the twin", "gen", "src/gen/scenes_exist.cpp", "if (seen != nullptr) yes = holds(*seen, object);", ""),
    ("a twin named where the answer is the same", "gen", "src/gen/scenes_twin.cpp", "&& there.answer != asked.answer ?", "?"),
    ("the question about a twin is drawn anew", "gen", "src/gen/scenes.cpp", "const Random before = talk;", "Random& before = talk;"),
    ("judged without a judge", "rows", "src/rows/scored.cpp", "if (judged.verdict != Verdict::unjudged || !aids.judge) return judged;", "return judged;"),
    ("the Q-Former reads the beginning only", "policy", "src/model/vision/qformer.cpp",
     "at::cat({qformer.queries[0], qformer.extra_queries[0], read})",
     "at::cat({qformer.queries[0], qformer.extra_queries[0], read.narrow(0, 0, 2)})"),
    ("the Q-Former's words through the queries' layer", "policy", "src/model/vision/qformer.cpp", "feed(layer.text, read, adapter)",
     "feed(layer.queries, read, adapter)"),
    ("places of a longer clip by its corners", "policy", "src/model/vision/umt.cpp", "{frames}, /*align_corners=*/false",
     "{frames}, /*align_corners=*/true"),
    ("nothing in front for ones", "train", "src/model/input_rows.cpp", "embedded.masked_fill(text.ones, 1)",
     "embedded.masked_fill(text.ones, 0)"),
    ("the last stage without its head", "policy", "src/model/families/videochat2_mistral.cpp",
     'take("lm_head.weight", "lm_head", lvlm.weights().decoder.head);', "taken += 2;"),
    ("a long instruction cut behind", "text", "src/text/wordpiece.cpp",
     "ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(room));", "ids.resize(room);"),
    ("no space before the end of an answer", "policy", "src/text/span.cpp", "answer.text + std::string(answer_end)", "answer.text"),
    ("q/k norms left out", "policy", "src/model/decoder_layer.cpp",
     "return norm.weight.defined() ? rms_norm(x, norm.weight, norm.eps) : x;", "return x;"),
    ("rotary axes one after the other", "policy", "src/model/decoder_layer.cpp", "axes.interleaved ? 3 * i + a : begin + i", "begin + i"),
    ("deepstack one layer late", "policy", "src/model/input_rows.cpp", "if (number >= features_.size()) return x;\n  if (!last)",
     "if (number == 0 || number-- > features_.size()) return x;\n  if (!last)"),
    ("text goes on behind the tokens of a video", "policy", "src/model/packed_rows.cpp", "own.next_position += run.extent;",
     "own.next_position += run.count;"),
    ("Qwen2.5-VL: order of windows", "policy", "src/model/vision/qwen2_5_vl.cpp", "tokens.push_back(row * columns + column)",
     "tokens.push_back(column * rows + row)"),
    ("Qwen2.5-VL: tokens back from their windows", "policy", "src/model/vision/qwen2_5_vl.cpp",
     "place[static_cast<size_t>(order.tokens[i])] = static_cast<int64_t>(i);", "place[i] = order.tokens[i];"),
    ("Qwen2.5-VL: layers without windows", "policy", "src/model/vision/qwen2_5_vl.cpp", "full_[i] ? whole : order.groups", "order.groups"),
    ("Qwen2.5-VL: side of a window", "policy", "src/model/vision/qwen2_5_vl.cpp", "1 << 20) / form_.merge / form_.patch;",
     "1 << 20) / form_.factor() + 1;"),
    ("Qwen2.5-VL: where text goes on", "policy", "src/model/vision/qwen2_5_vl.cpp",
     "time_counts_ ? std::max(times.back() + 1, sides) : sides", "sides"),
    ("Qwen2.5-VL: the frame that fills up counts", "policy", "src/model/vision/qwen2_5_vl.cpp", "static_cast<double>(form.index.size())",
     "static_cast<double>(form.frames)"),
    ("Qwen-VL: order of patches in a token", "policy", "src/model/vision/qwen_parts.cpp", ".permute({0, 3, 6, 4, 7, 2, 1, 5, 8})",
     ".permute({0, 3, 6, 7, 4, 2, 1, 5, 8})"),
    ("Qwen-VL: rows and columns of the rotation", "policy", "src/model/vision/qwen_parts.cpp",
     "at::cat({angles(rows), angles(columns)}, 1)", "at::cat({angles(columns), angles(rows)}, 1)"),
    ("Qwen3-VL: the block behind which features go deep", "policy", "src/model/vision/qwen3_vl.cpp",
     "tower_.deep_blocks.end(), static_cast<int64_t>(i));", "tower_.deep_blocks.end(), static_cast<int64_t>(i) - 1);"),
    ("Qwen3-VL: the table of positions, corner on corner", "policy", "src/model/vision/qwen3_vl.cpp", "std::max<int64_t>(count - 1, 1)",
     "std::max<int64_t>(count, 1)"),
    ("Qwen3-VL: where text goes on behind a grid", "policy", "src/model/vision/qwen3_vl.cpp",
     "std::max(grid.height, grid.width) / patch.merge", "grid.height / patch.merge"),
    ("Qwen3-VL: the moment of two frames", "policy", "src/model/vision/qwen3_vl.cpp", "time_of(first + patch.temporal - 1)) / 2",
     "time_of(first)) / 2"),
    ("Qwen3-VL: moments to one decimal", "policy", "src/text/chat.cpp", '"%.1f", time_s)', '"%.1f", time_s + 1e-9)'),
    ("LongVU: as many frames as fit are all kept", "model", "src/model/vision/longvu_reduction.cpp", "  if (frames < fit) {\n",
     "  if (frames <= fit) {\n"),
    ("LongVU: a likeness at the threshold stays", "model", "src/model/vision/longvu_reduction.cpp", "likeness.lt(threshold).nonzero()",
     "likeness.le(threshold).nonzero()"),
    ("LongVU: the first frame of a window is forced", "model", "src/model/vision/longvu_reduction.cpp",
     "likeness.select(0, window.size(0) / 2).zero_();", "likeness.select(0, 0).zero_();"),
    ("LongVU: windows of 15", "model", "src/model/vision/longvu_reduction.cpp", "kWindow = 16", "kWindow = 15"),
    ("LongVU: one frame more is shown finely", "model", "src/model/vision/longvu_reduction.cpp",
     "frames >= maps_that_fit(room, fine_tokens)", "frames > maps_that_fit(room, fine_tokens)"),
    ("LongVU: one frame less is mixed", "model", "src/model/vision/longvu_reduction.cpp", "frames <= maps_that_fit(room, coarse_tokens)",
     "frames < maps_that_fit(room, coarse_tokens)"),
    ("LongVU: newlines before rows", "model", "src/model/vision/longvu_reduction.cpp", "at::cat({shown, ends}, 2)",
     "at::cat({ends, shown}, 2)"),
    ("LongVU: one fine frame too many", "model", "src/model/vision/longvu_reduction.cpp", "more > 0 ? left / more : 0",
     "more > 0 ? (left + more - 1) / more : 0"),
    ("LongVU: a token at the threshold stays", "model", "src/model/vision/longvu_reduction.cpp", "likeness.lt(threshold).flatten()",
     "likeness.le(threshold).flatten()"),
    ("LongVU: the cut is rounded down", "model", "src/model/vision/longvu_reduction.cpp", "(total - room + count - 1) / count",
     "(total - room) / count"),
    ("LongVU: width and height as they are", "policy", "src/model/vision/longvu.cpp",
     "{clip.form.source.width, clip.form.source.height}", "{clip.form.source.height, clip.form.source.width}"),
    ("LongVU: the clip's own id is counted", "policy", "src/model/vision/longvu.cpp", "form_.reserve - (prompt.row - 1);",
     "form_.reserve - prompt.row;"),
    ("a control clip that is not perturbed", "data", "src/data/loader.cpp", "controlled(view, one.control, one.seed)", "view"),
    ("the other clip under control too", "data", "src/data/loader.cpp", "if (asked == &sample.own) add_controls", "add_controls"),
    ("a still counts as shuffled", "data", "src/data/loader.cpp", "(one.control.order && one_frame)", "false"),
    ("the scale of a tile's scores", "model", "src/model/attention/tiled.cpp", "scale(static_cast<T>(1 / std::sqrt(", "scale(static_cast<T>(1.01 / std::sqrt("),
    ("the scale of a query's gradient", "model", "src/model/attention/tiled.cpp", "[&](int64_t) { return own.scale; }", "[&](int64_t) { return T(1); }"),
    ("the row after a query", "model", "src/model/attention/tiles.cpp", "- own.rows.begin + 1;", "- own.rows.begin + 2;"),
    ("a sibling's rows in a tile", "model", "src/model/attention/score_rows_avx2.cpp", "[&](int64_t begin, int64_t end) { clear(scores, begin, end); });",
     "[&](int64_t, int64_t) {});"),
    ("a tile's further ranges", "model", "src/model/attention/tiles.cpp", "column += rows;", "column += 0;"),
    ("the parts of a head's tiles", "model", "src/model/attention/tiled.cpp", "return parts == 1 ? all.select(0, 0)", "return true ? all.select(0, 0)"),
    ("sign of sight", "train", "src/train/sight.cpp", "+= seen[m] - unseen[m];", "+= unseen[m] - seen[m];"),
    ("sight of all answers", "train", "src/train/sight.cpp", "if (pair >= 0 && pair < pass.stats.pairs) nats[static_cast<size_t>(pair)]",
     "nats[static_cast<size_t>(pair % pass.stats.pairs)]"),
    ("the self-check compares the shared pass with itself", "train", "src/train/self_check.cpp", "std::abs(own[i] - plain[i])",
     "std::abs(own[i] - own[i])"),
    ("the self-check leaves out the reference", "train", "src/train/self_check.cpp", "if (!reference.empty()) one(", "if (false) one("),
    ("the self-check counts as seen", "train", "src/train/self_check.cpp", "  alone.media = nullptr;\n", ""),
    ("the self-check keeps tokens", "train", "src/train/self_check.cpp", "  alone.cache = nullptr;\n", ""),
    ("LongVU: positions of DINOv2 by their size", "policy", "src/model/vision/dinov2.cpp", "(static_cast<double>(side) + 0.1)",
     "(static_cast<double>(side) + 0.0)"),
    ("LongVU: the context of the other tower", "policy", "src/model/vision/sva.cpp", "if (i == 0) context", "if (i == 1) context"),
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
