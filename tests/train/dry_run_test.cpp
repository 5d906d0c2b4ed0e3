// A plan is made from shapes: no weight is read, and what it says of files is what a run leaves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "data/tiny_world.h"
#include "rrpo/model/family.h"
#include "rrpo/train/merge.h"
#include "rrpo/train/score.h"
#include "rrpo/train/trainer.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;

/// A safetensors file whose values are a hole: header and length of the real thing, nothing on the disk.
void write_hollow(const fs::path& file, const Json& config) {
  const model::Family& family = model::family_of(config, "test");
  model::LoadOptions options;
  options.dtype = model::Dtype::bfloat16;
  model::Lvlm lvlm = family.build(config, options);
  Json header = Json::object();
  int64_t end = 0;
  for (const model::NamedTensor& tensor : model::tensors(lvlm)) {
    const int64_t begin = end;
    end += 2 * tensor.tensor->numel();
    header[family.saved(tensor.name)] = {{"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(&length), 8) << text;
  fs::resize_file(file, 8 + length + static_cast<uint64_t>(end));
}

/// LLaVA-OneVision 7B over the toy's tokenizer.
Json seven_billion() {
  Json config = read_json(test::source_file("data/toy/recipe/config.json"), "test");
  config["tie_word_embeddings"] = false;
  config["vision_config"].update({{"hidden_size", 1152},
                                  {"intermediate_size", 4304},
                                  {"num_hidden_layers", 26},
                                  {"num_attention_heads", 16},
                                  {"image_size", 32},
                                  {"patch_size", 8}});
  config["text_config"].update({{"hidden_size", 3584},
                                {"intermediate_size", 18944},
                                {"num_hidden_layers", 28},
                                {"num_attention_heads", 28},
                                {"num_key_value_heads", 4},
                                {"head_dim", 128},
                                {"vocab_size", 152064},
                                {"tie_word_embeddings", false}});
  return config;
}

int64_t peak_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return 0;
}

TrainConfig config_of(const TinyWorld& world, const fs::path& model) {
  TrainConfig config;
  config.model.path = model;
  config.data.pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.device = "cpu";
  config.optim.warmup_ratio = 0;  // a run of one step would have the rate 0
  return config;
}

TEST(DryRun, OfASevenBillionModelReadsNoWeight) {
  const TinyWorld world(3, 4);
  const fs::path model = world / "large";
  fs::copy(world.model(), model, fs::copy_options::recursive);
  fs::remove(model / "model.safetensors");
  const Json shapes = seven_billion();
  std::ofstream(model / "config.json") << shapes.dump();
  write_hollow(model / "model.safetensors", shapes);
  ASSERT_GT(fs::file_size(model / "model.safetensors"), 15'000'000'000U);
  TrainConfig config = config_of(world, model);
  config.model.dtype = "bfloat16";
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const Result plan = run(config, {.out = {}, .existing = io::Existing::refuse, .dry_run = true});
  EXPECT_LT(peak_kilobytes(), 500'000);
  EXPECT_EQ(plan.summary["usable"], 12);
  EXPECT_EQ(plan.summary["trained_parameters"], 322961408);
  EXPECT_GT(plan.summary["peak_memory_bytes"].get<double>(), 20e9);
  EXPECT_GT(plan.summary["seconds_at_least"].get<double>(), 0);
  EXPECT_GT(plan.summary["self_check_flop"].get<double>(), 0);
  std::ofstream("/proc/self/clear_refs") << "5";
  const Result scored = score(config, {.out = {}, .existing = io::Existing::refuse, .dry_run = true});
  EXPECT_LT(peak_kilobytes(), 500'000);
  EXPECT_EQ(scored.summary["counts"]["rows"], 12);
}

/// Weights that whoever reads them refuses: a number of all ones is none.
void fill_with_no_numbers(const fs::path& file) {
  std::string bytes = read_file(file, "test");
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(sizeof header + header), bytes.end(), '\xff');
  io::write_file(file, bytes);
}

TEST(DryRun, OfAMergeReadsNoWeight) {
  const TinyWorld world;
  policy::Policy policy = world.open();
  model::add_adapter(policy.lvlm, {2, 4}, 3);
  fs::create_directory(world / "adapter");
  model::save_adapter(policy.lvlm, world / "adapter", "");
  fill_with_no_numbers(world.model() / "model.safetensors");
  MergeConfig config;
  config.model.path = world.model();
  config.model.adapter = world / "adapter";
  config.device = "cpu";
  const Json plan = merge(config, {.out = {}, .existing = io::Existing::refuse, .dry_run = true}).summary;
  EXPECT_EQ(plan["merged"], model::adapter_tensors(policy.lvlm).size() / 2);
  EXPECT_EQ(plan["kept"], model::tensors(policy.lvlm).size() - model::adapter_tensors(policy.lvlm).size() / 2);
  EXPECT_THROW(merge(config, {world / "merged"}), Error);
}

TEST(DryRun, SaysWhatTheTermsOfASumRead) {
  const TinyWorld world;
  TrainConfig config = config_of(world, world.model());
  const auto plan = [&](const Json& objective) {
    config.objective = objective;
    return run(config, {.out = world / "out", .dry_run = true}).summary;
  };
  const Json sum = plan(Json::parse(R"([{"name": "rrpo", "beta": 0.2}, {"name": "sft", "weight": 0.5}])"));
  EXPECT_EQ(sum["objective"][0]["alpha"], 0.01);
  EXPECT_EQ(
      sum["terms"],
      Json::parse(R"([{"name": "rrpo", "weight": 1.0, "mean_over": "pairs", "roles": ["chosen|video", "rejected|video"]},
                            {"name": "sft", "weight": 0.5, "mean_over": "tokens", "roles": ["chosen|video"]}])"));
  EXPECT_EQ(sum["roles"], Json::parse(R"(["chosen|video", "rejected|video"])"));
  const Json single = plan({{"name", "sft"}});
  EXPECT_FALSE(single.contains("terms"));
  EXPECT_EQ(single["roles"], Json::parse(R"(["chosen|video"])"));
}

TEST(DryRun, RefusesWhatARunWouldRefuse) {
  const TinyWorld world;
  TrainConfig config = config_of(world, world / "cut");
  fs::copy(world.model(), world / "cut", fs::copy_options::recursive);
  Json shapes = read_json(world / "cut/config.json", "test");
  shapes["text_config"]["intermediate_size"] = 48;
  std::ofstream(world / "cut/config.json") << shapes.dump();
  EXPECT_THROW(run(config, {.out = {}, .existing = io::Existing::refuse, .dry_run = true}), Error);
}

int64_t bytes_below(const fs::path& folder) {
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  return bytes;
}

TEST(DryRun, PlansTheBytesThatARunWrites) {
  const TinyWorld world;
  for (const bool adapter : {true, false}) {
    TrainConfig config = config_of(world, world.model());
    if (!adapter) {
      config.objective = {{"name", "sft"}};
      config.train.trainable = {"all"};
    }
    config.lora.rank = 64;
    config.train.batch_pairs = 3;
    config.train.steps = 4;
    config.train.save_every = 1;
    config.train.keep = 2;
    const Json plan = run(config, {.out = {}, .existing = io::Existing::refuse, .dry_run = true}).summary;
    const fs::path out = world / (adapter ? "adapter-run" : "whole-run");
    ASSERT_EQ(run(config, {out}).exit_code, 0);
    const auto checkpoint = static_cast<double>(bytes_below(out / "checkpoints/step-000004"));
    EXPECT_NEAR(plan["checkpoint_bytes"].get<double>() / checkpoint, 1, 0.03) << checkpoint;
    EXPECT_EQ(fs::exists(out / "checkpoints/step-000003"), true);
    EXPECT_GE(plan["disk_bytes"].get<int64_t>(), bytes_below(out));
  }
}

TEST(DryRun, CountsThePicturesThatARowLists) {
  const TinyWorld world;  // two pictures a row
  TrainConfig config = config_of(world, world.model());
  const auto tokens = [&] {
    return run(config, {.out = {}, .existing = io::Existing::refuse, .dry_run = true})
        .summary["tokens_per_pair"]
        .get<double>();
  };
  const double few = tokens();
  config.video.frames = 64;
  EXPECT_EQ(tokens(), few);
}

}  // namespace
}  // namespace rrpo::train
