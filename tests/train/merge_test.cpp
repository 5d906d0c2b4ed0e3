// `rrpo-train merge`: against PEFT's merge_and_unload by the golden files of scripts/oracles/adapters.py, and its promises.
#include "rrpo/train/merge.h"

#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "data/tiny_world.h"
#include "policy/adapter_golden.h"
#include "rrpo/io/checkpoint.h"
#include "rrpo/model/merge.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "support/parity.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
namespace golden_files = policy::test;
using testing::HasSubstr;

fs::path tiny() { return golden_files::golden("tiny").checkpoint; }
fs::path adapters() { return test::source_file("tests/golden/adapters"); }

MergeConfig config_of(const fs::path& base, const fs::path& adapter = adapters() / "patterns") {
  MergeConfig config;
  config.model.path = base;
  config.model.adapter = adapter;
  config.device = "cpu";
  return config;
}

std::string bytes_of(const io::TensorEntry& entry) {
  std::string bytes(static_cast<size_t>(entry.bytes), '\0');
  io::read_tensor_bytes(entry, bytes.data());
  return bytes;
}

at::Tensor tensor_of(const io::TensorEntry& entry) {
  at::Tensor tensor = at::empty(entry.shape, entry.dtype == "BF16" ? at::kBFloat16 : at::kFloat);
  io::read_tensor_bytes(entry, tensor.mutable_data_ptr());
  return tensor.to(at::kDouble);
}

std::map<std::string, io::TensorEntry> by_name(const fs::path& folder) {
  std::map<std::string, io::TensorEntry> found;
  for (const io::TensorEntry& entry : io::open_checkpoint(folder)) found.emplace(entry.name, entry);
  return found;
}

/// The tiny checkpoint in bfloat16.
void write_half(const fs::path& folder) {
  fs::copy(tiny(), folder, fs::copy_options::recursive);
  model::Lvlm lvlm = model::load(tiny(), {});
  model::save_weights(lvlm, folder, model::Dtype::bfloat16);
}

/// The bytes of a tensor in another type.
std::string bytes_as(const io::TensorEntry& entry, at::ScalarType type) {
  const at::Tensor tensor = tensor_of(entry).to(type).contiguous();
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

/// The checkpoint in two shards, the decoder's second layer apart, in float32 or float16.
void write_shards(const fs::path& folder, at::ScalarType type = at::kFloat) {
  fs::copy(tiny(), folder, fs::copy_options::recursive);
  Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  std::vector<std::string> kept;
  std::map<std::string, std::vector<io::TensorBytes>> shards;
  kept.reserve(1000);
  for (const auto& [name, entry] : by_name(tiny())) {
    const std::string file =
        name.find("layers.1.") != std::string::npos ? "model-2-of-2.safetensors" : "model-1-of-2.safetensors";
    kept.push_back(bytes_as(entry, type));
    shards[file].push_back({name, type == at::kHalf ? "F16" : "F32", entry.shape, kept.back().data()});
    index["weight_map"][name] = file;
  }
  for (auto& [file, tensors] : shards) io::write_safetensors(folder / file, std::move(tensors), {{"format", "pt"}});
  io::write_json(folder / "model.safetensors.index.json", index);
  fs::remove(folder / "model.safetensors");
}

class MergeGolden : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Types, MergeGolden, testing::Values("float32", "bfloat16"),
                         [](const auto& info) { return info.param; });

/// Weights of a folder by transformers' module names.
std::map<std::string, at::Tensor> weights_of(const fs::path& folder) {
  const std::string disk = "language_model.model.", module = "model.language_model.";
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, entry] : by_name(folder)) {
    weights[name.starts_with(disk) ? module + name.substr(disk.size()) : name] = tensor_of(entry);
  }
  return weights;
}

/// The largest difference over the norm.
double fingerprint_difference(const at::Tensor& ours, const std::string& golden_name) {
  const at::Tensor theirs = golden_files::adapter_tensor(golden_name);
  const std::vector<double> values = golden_files::fingerprint(ours, theirs.numel() - 1);
  double worst = 0;
  for (int64_t k = 0; k < theirs.numel(); ++k) {
    worst = std::max(worst, std::abs(values[static_cast<size_t>(k)] - theirs[k].item<double>()) / theirs[0].item<double>());
  }
  return worst;
}

/// The largest difference over the largest value; of a fingerprint over its norm.
double weight_difference(const at::Tensor& ours, const std::string& golden_name) {
  if (golden_name.ends_with(".fingerprint")) return fingerprint_difference(ours, golden_name);
  return golden_files::relative(ours, golden_files::adapter_tensor(golden_name));
}

/// In bfloat16 both round the same sum in float32 once: they differ where its last bits put it on the other side of a
/// border.
TEST_P(MergeGolden, IsMergeAndUnload) {
  const bool half = GetParam() == "bfloat16";
  const std::string peft = test::original(golden_files::adapters().json, "peft");
  const std::string transformers = test::original(golden_files::adapters().json, "transformers");
  const test::TempDir work;
  const fs::path base = half ? work / "base" : tiny();
  if (half) write_half(base);
  EXPECT_EQ(merge(config_of(base), {work / "merged"}).summary.at("merged"), 21);
  const std::map<std::string, at::Tensor> ours = weights_of(work / "merged");
  const std::string start = "merged." + GetParam() + ".", end = ".fingerprint";
  int64_t compared = 0;
  for (const io::TensorEntry& entry : io::read_safetensors_header(adapters() / "golden.safetensors")) {
    if (!entry.name.starts_with(start)) continue;
    ++compared;
    std::string module = entry.name.substr(start.size());
    if (module.ends_with(end)) module.resize(module.size() - end.size());
    const double difference = weight_difference(ours.at(module + ".weight"), entry.name);
    test::expect_parity({"merge", peft, "weights of merge_and_unload, " + GetParam(), half ? 4e-3 : 1e-6}, difference,
                        entry.name);
  }
  EXPECT_EQ(compared, 21);
  const at::Tensor logits =
      golden_files::adapter_logits(golden_files::open_with(work / "merged", {}, model::Dtype::float64));
  test::expect_parity({"merge", transformers, "logits of the merged model, " + GetParam(), half ? 1e-3 : 1e-6},
                      golden_files::relative(logits, golden_files::adapter_tensor("merged_logits." + GetParam())));
}

/// Adapters that change tower or projector: by LoRA, or by whole modules (modules_to_save).
class MergeEye : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Adapters, MergeEye, testing::Values("eye", "saved"), [](const auto& info) { return info.param; });

TEST_P(MergeEye, IsMergeAndUnload) {
  const std::string peft = test::original(golden_files::adapters().json, "peft");
  const std::string transformers = test::original(golden_files::adapters().json, "transformers");
  const test::TempDir work;
  merge(config_of(tiny(), adapters() / GetParam()), {work / "merged"});
  const model::Family& family = *find_row(model::families(), std::string("llava_onevision"));
  const auto before = by_name(tiny());
  std::map<std::string, at::Tensor> ours;
  std::set<std::string> changed, theirs;
  for (const auto& [name, entry] : by_name(work / "merged")) {
    const std::string canonical = family.canonical(name);
    if (canonical.starts_with("model.language_model.") || canonical == "lm_head.weight") continue;
    ours.emplace(canonical, tensor_of(entry));
    if (bytes_of(entry) != bytes_of(before.at(name))) changed.insert(canonical);
  }
  const std::string start = "merged_eye." + GetParam() + ".";
  for (const io::TensorEntry& entry : io::read_safetensors_header(adapters() / "golden.safetensors")) {
    if (!entry.name.starts_with(start)) continue;
    const std::string name = entry.name.substr(start.size());
    theirs.insert(name);
    test::expect_parity({"merge", peft, "tower and projector of merge_and_unload", 1e-6},
                        fingerprint_difference(ours.at(name), entry.name), entry.name);
  }
  EXPECT_EQ(changed, theirs);
  const at::Tensor logits =
      golden_files::adapter_logits(golden_files::open_with(work / "merged", {}, model::Dtype::float64));
  test::expect_parity({"merge", transformers, "logits of the merged model, its tower or projector changed", 1e-6},
                      golden_files::relative(logits, golden_files::adapter_tensor("merged_eye_logits." + GetParam())));
}

/// bfloat16 on the way: what an adapter replaces is written as its file has it, not as the model computed with it.
TEST(Merge, WhatIsReplacedKeepsItsPrecision) {
  const test::TempDir work;
  MergeConfig config = config_of(tiny(), adapters() / "saved");
  config.model.dtype = "bfloat16";
  merge(config, {work / "merged"});
  const std::string key = "base_model.model.model.multi_modal_projector.linear_1.weight";
  const auto merged = by_name(work / "merged");
  for (const io::TensorEntry& entry : io::read_safetensors_header(adapters() / "saved" / "adapter_model.safetensors")) {
    if (entry.name != key) continue;
    EXPECT_EQ(bytes_of(entry), bytes_of(merged.at("multi_modal_projector.linear_1.weight")));
  }
}

TEST(Merge, LeavesEverythingElseAsItWas) {
  const test::TempDir work;
  const Result result = merge(config_of(tiny(), adapters() / "layers"), {work / "merged"});
  const auto before = by_name(tiny()), after = by_name(work / "merged");
  ASSERT_EQ(before.size(), after.size());
  int64_t changed = 0;
  for (const auto& [name, entry] : before) {
    EXPECT_EQ(after.at(name).offset, entry.offset);
    const bool same = bytes_of(entry) == bytes_of(after.at(name));
    const bool target =
        (name.find("model.layers.0.") != std::string::npos || name.find("model.layers.2.") != std::string::npos) &&
        (name.find("o_proj") != std::string::npos || name.find("mlp") != std::string::npos) &&
        name.find("layers.0.mlp.up_proj") == std::string::npos && name.find("vision") == std::string::npos;
    EXPECT_EQ(same, !target) << name;
    changed += same ? 0 : 1;
  }
  EXPECT_EQ(changed, result.summary.at("merged"));
  EXPECT_EQ(static_cast<int64_t>(before.size()) - changed, result.summary.at("kept"));
  for (const char* file : {"config.json", "tokenizer.json", "chat_template.jinja", "processor_config.json"}) {
    EXPECT_EQ(read_file(work / "merged" / file, "test"), read_file(tiny() / file, "test")) << file;
  }
  const Json run = read_json(work / "merged" / "run.json", "test");
  EXPECT_EQ(run.at("exit").at("state"), "finished");
  EXPECT_EQ(run.at("command"), "merge");
  EXPECT_EQ(run.at("inputs").size(), 9U);
}

TEST(Merge, ShardsStayShardsAndSayTheSame) {
  const test::TempDir work;
  write_shards(work / "base");
  const Json whole = merge(config_of(tiny()), {work / "whole"}).summary;
  const Json parts = merge(config_of(work / "base"), {work / "parts"}).summary;
  EXPECT_EQ(parts.at("files"), 2);
  EXPECT_EQ(parts.at("merged"), whole.at("merged"));
  const auto one = by_name(work / "whole"), two = by_name(work / "parts");
  for (const auto& [name, entry] : one) EXPECT_EQ(bytes_of(entry), bytes_of(two.at(name))) << name;
}

TEST(Merge, ATiedHeadStaysTheEmbedding) {
  const test::TinyWorld world;
  policy::Policy policy = world.open();
  model::add_adapter(policy.lvlm, {2, 4}, 3);
  for (const model::NamedTensor& tensor : model::adapter_tensors(policy.lvlm)) tensor.tensor->add_(0.1);
  fs::create_directory(world / "adapter");
  model::save_adapter(policy.lvlm, world / "adapter", "");
  const Json probe = merge(config_of(world.model(), world / "adapter"), {world / "merged"}).summary.at("probe");
  EXPECT_LT(probe.at("error").get<double>(), 1e-5);
  EXPECT_GT(probe.at("effect").get<double>(), 0.05);
  const auto before = by_name(world.model()), after = by_name(world / "merged");
  EXPECT_FALSE(after.contains("language_model.lm_head.weight"));
  EXPECT_EQ(before.size(), after.size());
  const std::string embedding = "language_model.model.embed_tokens.weight";
  EXPECT_EQ(bytes_of(before.at(embedding)), bytes_of(after.at(embedding)));
}

TEST(Merge, Float16StaysFloat16) {
  const test::TempDir work;
  write_shards(work / "base", at::kHalf);
  const Json summary = merge(config_of(work / "base"), {work / "merged"}).summary;
  EXPECT_EQ(summary.at("dtypes"), Json::array({"F16"}));
  EXPECT_EQ(summary.at("probe").at("tolerance"), 1e-2);
  EXPECT_LT(summary.at("probe").at("error").get<double>(), 2e-3);
  for (const auto& [name, entry] : by_name(work / "merged")) EXPECT_EQ(entry.dtype, "F16") << name;
}

TEST(Merge, TheProofHoldsItsTolerance) {
  const test::TempDir work;
  const Json full = merge(config_of(tiny()), {work / "full"}).summary.at("probe");
  EXPECT_LT(full.at("error").get<double>(), 1e-5);
  EXPECT_GT(full.at("effect").get<double>(), 0.05);
  write_half(work / "base");
  const Json half = merge(config_of(work / "base"), {work / "half"}).summary.at("probe");
  EXPECT_LT(half.at("error").get<double>(), 1e-2);
  EXPECT_GT(half.at("error").get<double>(), 1e-5);
}

TEST(Merge, RefusesWhatItCannotDo) {
  const test::TempDir work;
  const auto fault = [](const MergeConfig& config, const RunOptions& options) -> std::string {
    try {
      merge(config, options);
    } catch (const Error& error) {
      return std::to_string(error.exit_code()) + " " + error.what();
    }
    return "no fault";
  };
  MergeConfig none = config_of(tiny());
  none.model.adapter.reset();
  EXPECT_THAT(fault(none, {work / "x"}), HasSubstr("2 config: model.adapter"));
  fs::copy(tiny(), work / "base", fs::copy_options::recursive);
  EXPECT_THAT(fault(config_of(work / "base"), {work / "base", io::Existing::overwrite}), HasSubstr("is an input"));
  work.write("full/note.txt", "mine");
  EXPECT_THAT(fault(config_of(tiny()), {work / "full", io::Existing::overwrite}), HasSubstr("4 io"));
  EXPECT_EQ(merge(config_of(tiny()), {work / "x", io::Existing::refuse, true}).summary.at("merged"), 21);
  EXPECT_FALSE(fs::exists(work / "x"));
}

/// Finite weights, logits that are not: no proof, no folder.
TEST(Merge, WritesNothingWithoutAProof) {
  const test::TempDir work;
  fs::copy(adapters() / "patterns", work / "adapter", fs::copy_options::recursive);
  Json peft = read_json(work / "adapter/adapter_config.json", "test");
  peft["alpha_pattern"] = {{"gate_proj", 1e30}, {"up_proj", 1e30}};
  work.write("adapter/adapter_config.json", peft.dump());
  try {
    const Json probe = merge(config_of(tiny(), work / "adapter"), {work / "merged"}).summary;
    ADD_FAILURE() << probe.dump();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), HasSubstr("nothing was written"));
  }
  EXPECT_FALSE(fs::exists(work / "merged"));
}

/// Plants a stop as soon as something lies in `folder`.
std::jthread stop_once_used(const fs::path& folder) {
  return std::jthread([folder](const std::stop_token& done) {
    while (fs::is_empty(folder) && !done.stop_requested()) std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (!fs::is_empty(folder)) set_stop_signal(SIGTERM);
  });
}

TEST(Merge, AStopLeavesNothing) {
  const test::TempDir work;
  set_stop_signal(SIGTERM);  // while the models are read
  EXPECT_THROW(merge(config_of(tiny()), {work / "merged"}), Stopped);
  set_stop_signal(0);
  {
    const std::jthread stopper = stop_once_used(work.path());  // while the folder is filled
    EXPECT_THROW(merge(config_of(tiny()), {work / "merged"}), Stopped);
  }
  set_stop_signal(0);
  EXPECT_TRUE(fs::is_empty(work.path()));
}

}  // namespace
}  // namespace rrpo::train
