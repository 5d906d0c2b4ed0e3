// What is Qwen2.5-VL's own, by the golden files of scripts/oracles/qwen2_5_vl.py: positions of two releases, layouts of
// files, sizes of pictures. What all families have in common is held to those files by family_golden_test.cpp.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <functional>
#include <numeric>
#include <set>

#include "policy/family_golden.h"
#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

using rrpo::test::expect_parity;
using rrpo::test::expect_same;
using rrpo::test::original;

const std::string kPart = "qwen2_5_vl";

const FamilyGolden& tiny() { return family_golden("qwen2_5_vl"); }
std::string transformers() { return original(tiny().json, "transformers"); }

Json config_json() { return read_json(tiny().checkpoint / "config.json", "test"); }

Policy open_tiny(const std::string& positions = "auto", const std::filesystem::path& folder = tiny().checkpoint) {
  ModelConfig config;
  config.path = folder;
  config.positions = positions;
  return open_policy(config, "cpu", model::Dtype::float64);
}

/// A copy of the checkpoint with another config.json; tensors that `name` calls "" are left out.
void copy_checkpoint(const rrpo::test::TempDir& copy, const Json& config,
                     const std::function<std::string(const std::string&)>& name) {
  for (const auto& entry : std::filesystem::directory_iterator(tiny().checkpoint)) {
    const auto file = entry.path().filename();
    if (file != "config.json" && file != "model.safetensors") std::filesystem::copy_file(entry.path(), copy / file);
  }
  copy.write("config.json", config.dump());
  const auto values = read_tensors(tiny().checkpoint / "model.safetensors");
  std::vector<io::TensorBytes> kept;
  for (const auto& [disk, value] : values) {
    const std::string other = name(disk);
    if (!other.empty()) kept.push_back({other, "F32", value.sizes().vec(), value.const_data_ptr()});
  }
  io::write_safetensors(copy / "model.safetensors", kept);
}

TEST(Qwen25Vl, InTransformers5TextGoesOnByTheSidesOfTheGrid) {
  const at::NoGradGuard no_grad;
  const Json& asked = tiny().json.at("transformers5");
  const Json& clip = tiny().clip(asked.at("clip"));
  const std::vector<int64_t> ids = ids_of(asked.at("ids"));
  const Policy policy = open_tiny("transformers5");
  const std::string part = kPart + ", model.positions=transformers5", question = clip.at("question");
  const at::Tensor& places = tiny().tensors.at("transformers5.positions");
  const std::vector<model::VisualRun> runs = *policy.lvlm.vision().runs(family_clip(policy, clip).form);
  std::vector<int64_t> answer = ids;
  answer.push_back(0);
  const auto rows = asked_rows(policy, clip, runs, question, answer).rows.positions;
  ASSERT_EQ(static_cast<int64_t>(rows.size()), places.size(0));
  std::vector<model::Position> expected;
  for (int64_t i = 0; i < places.size(0); ++i) {
    const auto place = [&](int64_t axis) { return static_cast<int64_t>(places.select(0, i).select(0, axis).item<float>()); };
    expected.push_back({.time = place(0), .height = place(1), .width = place(2)});
  }
  expect_same({part, transformers(), "places of rows"}, rows == expected);
  EXPECT_EQ(policy.lvlm.vision().runs(family_clip(policy, clip).form)->front().extent, 8);
  EXPECT_EQ(open_tiny().lvlm.vision().runs(family_clip(policy, clip).form)->front().extent, 35);
  expect_parity({part, transformers(), "logits, double", 3e-7},
                relative(answer_logits(policy, clip, question, ids), tiny().tensors.at("transformers5.logits")));
}

TEST(Qwen25Vl, BothLayoutsOfFilesAreTheSameModel) {
  const at::NoGradGuard no_grad;
  const Json& clip = tiny().clip(0);
  const at::Tensor expected = answer_logits(open_tiny(), clip, clip.at("question"), {0, 1});
  // The hub's config.json; then names as some releases of transformers 4 wrote them.
  const rrpo::test::TempDir hub, paths;
  copy_checkpoint(hub, tiny().json.at("flat"), [](const std::string& name) { return name; });
  copy_checkpoint(paths, config_json(), [](const std::string& name) {
    if (name.starts_with("visual.")) return "model." + name;
    return name.starts_with("model.") ? "model.language_model." + name.substr(6) : name;
  });
  for (const auto* folder : {&hub, &paths}) {
    const Policy policy = open_tiny("auto", folder->path());
    EXPECT_TRUE(answer_logits(policy, clip, clip.at("question"), {0, 1}).equal(expected)) << folder->path();
  }
}

TEST(Qwen25Vl, AHeadThatIsTheEmbedding) {
  const at::NoGradGuard no_grad;
  Json config = config_json();
  config["tie_word_embeddings"] = false;
  config["text_config"]["tie_word_embeddings"] = true;
  const rrpo::test::TempDir copy;
  copy_checkpoint(copy, config, [](const std::string& name) { return name == "lm_head.weight" ? "" : name; });
  const Json& asked = tiny().json.at("tied");
  const Json& clip = tiny().clip(asked.at("clip"));
  expect_parity({kPart, transformers(), "logits of a tied head, double", 3e-7},
                relative(answer_logits(open_tiny("auto", copy.path()), clip, clip.at("question"), ids_of(asked.at("ids"))),
                         tiny().tensors.at("tied.logits")));
}

TEST(Qwen25Vl, SizesOfFrames) {
  for (const Json& asked : tiny().json.at("sizes")) {
    const video::PixelSpec spec{.fit = video::Fit::budget_frame,
                                .factor = asked[5],
                                .min_pixels = asked[3],
                                .max_pixels = asked[4],
                                .cap = asked[6],
                                .multiple = 2};
    const video::Resolution size = video::fitted_size(spec, asked[0], {asked[1], asked[2]});
    expect_same({kPart, transformers(), "sizes of frames"}, size.height == asked[7] && size.width == asked[8],
                asked.dump() + ": " + std::to_string(size.height) + "x" + std::to_string(size.width));
  }
}

TEST(Qwen25Vl, ProcessorsAreLookedUpInTheSameOrder) {
  const Policy policy = open_tiny();
  const model::Family& family = model::family_of(config_json(), tiny().checkpoint);
  for (const Json& asked : tiny().json.at("processors")) {
    const rrpo::test::TempDir folder;
    for (const auto& [name, file] : asked.at("files").items()) folder.write(name, file.dump());
    const auto is = [&](const video::PixelSpec& spec, const Json& expected) {
      return Json({spec.min_pixels, spec.max_pixels}) == expected.at("size") && spec.factor == 10 && spec.multiple == 2 &&
             spec.mean == expected.at("mean").get<std::array<float, 3>>() &&
             spec.std == expected.at("std").get<std::array<float, 3>>();
    };
    expect_same({kPart, transformers(), "budgets by the processors' files"},
                is(family.pixels(folder.path(), policy.lvlm).front(), asked.at("video")) &&
                    is(family.still_pixels(folder.path(), policy.lvlm), asked.at("image")),
                asked.at("files").dump());
  }
}

/// What is said of a processor's file with one value changed.
std::string processor_refusal(const std::string& key, const Json& value, const Json& more = Json::object()) {
  Json file = {{"patch_size", 5}, {"merge_size", 2}, {"temporal_patch_size", 2}};
  file.update(more);
  file[key] = value;
  const rrpo::test::TempDir folder;
  folder.write("preprocessor_config.json", file.dump());
  try {
    model::family_of(config_json(), tiny().checkpoint).pixels(folder.path(), open_tiny().lvlm);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Qwen25Vl, ProcessorsThatDoOtherwiseAreRefusedByKey) {
  using testing::HasSubstr;
  EXPECT_EQ(processor_refusal("do_convert_rgb", true), "");
  EXPECT_THAT(processor_refusal("do_resize", false), HasSubstr("preprocessor_config.json#.do_resize"));
  EXPECT_THAT(processor_refusal("resample", 2), HasSubstr("resample"));
  EXPECT_THAT(processor_refusal("patch_size", 14), HasSubstr("patch_size"));
  EXPECT_THAT(processor_refusal("merge_size", 1), HasSubstr("merge_size"));
  EXPECT_THAT(processor_refusal("size", {{"height", 30}, {"width", 30}}), HasSubstr("shortest_edge"));
  EXPECT_THAT(processor_refusal("min_pixels", 2.5), HasSubstr("min_pixels"));
  EXPECT_THAT(processor_refusal("min_pixels", 5000, {{"max_pixels", 4000}}), HasSubstr("at most"));
  EXPECT_THAT(processor_refusal("image_std", {0.5, 0.0, 0.5}), HasSubstr("image_std"));
  EXPECT_THAT(processor_refusal("image_mean", {0.5, 0.5}), HasSubstr("image_mean"));
  EXPECT_THAT(processor_refusal("max_video_tokens", 1000, {{"cap_pixels_per_frame", true}}), HasSubstr("max_video_tokens"));
  EXPECT_EQ(processor_refusal("max_video_tokens", 1000), "");
  EXPECT_THROW(model::family_of(config_json(), tiny().checkpoint).pixels(rrpo::test::TempDir().path(), open_tiny().lvlm),
               Error);
}

TEST(Qwen25Vl, MomentsOfTemporalPatches) {
  const Policy policy = open_tiny();  // 5 tokens a second
  const auto times = [&](model::ClipForm form) {
    form.frames = 6;
    form.height = form.width = 10;
    std::vector<int64_t> found;
    const std::vector<model::VisualRun> runs = *policy.lvlm.vision().runs(form);
    for (const model::Position& place : runs.front().positions) found.push_back(place.time);
    return found;
  };
  const std::vector<int64_t> five = {0, 1, 2, 3, 4};
  // The rate of the frames shown is their share of the file's: 5 of 50 at 25 a second are 2.5, so 0.8 s are 4 tokens.
  EXPECT_EQ(times({.index = five, .fps = 25, .total = 50}), (std::vector<int64_t>{0, 4, 8}));
  // The frame that fills up the last temporal patch does not count: 6 of 50 would be 3 a second and 3.33 tokens.
  EXPECT_EQ(times({.index = {0, 1, 2, 3, 4, 5}, .fps = 25, .total = 50}), (std::vector<int64_t>{0, 3, 6}));
  EXPECT_EQ(times({.index = five, .fps = 2}), (std::vector<int64_t>{0, 5, 10}));
  EXPECT_EQ(times({.index = five, .total = 50}), (std::vector<int64_t>{0, 0, 0}));  // 24 a second
  EXPECT_EQ(times({.still = true, .index = five, .fps = 2}), (std::vector<int64_t>{0, 1, 2}));
}

TEST(Qwen25Vl, CostIsWhatTorchCounts) {
  const Policy policy = open_family(tiny(), model::Dtype::float32);
  for (size_t i = 0; i < tiny().json.at("clips").size(); ++i) {
    const model::VisionCost cost = policy.lvlm.vision().cost(family_clip(policy, tiny().clip(static_cast<int64_t>(i))).form);
    EXPECT_EQ(cost.flop, tiny().json.at("flop").at(i).get<double>()) << i;
    EXPECT_GT(cost.kept_values, 0);
  }
}

TEST(Qwen25Vl, LinearsThatAnAdapterMaySitOn) {
  Policy policy = open_tiny();
  std::set<std::string> ours;
  model::each_linear(policy.lvlm.weights(), [&](const std::string& module, model::Linear&) { ours.insert(module); });
  const Json config = read_json(tiny().folder / "adapter_vision" / "adapter_config.json", "test");
  EXPECT_EQ(ours, config.at("target_modules").get<std::set<std::string>>());
}

TEST(Qwen25Vl, NamesOnDisk) {
  const model::Family& family = model::family_of(config_json(), tiny().checkpoint);
  for (const auto& [disk, value] : read_tensors(tiny().checkpoint / "model.safetensors"))
    EXPECT_EQ(family.saved(family.canonical(disk)), disk);  // names of the hub, which transformers saves too
  EXPECT_EQ(family.canonical("model.visual.merger.ln_q.weight"), "model.visual.merger.ln_q.weight");
  EXPECT_EQ(family.canonical("model.language_model.norm.weight"), "model.language_model.norm.weight");
  EXPECT_EQ(family.canonical("model.layers.0.self_attn.rotary_emb.inv_freq"), "");
  EXPECT_EQ(family.canonical("visual.rotary_pos_emb.inv_freq"), "");
}

/// What building says of a configuration with one value changed; null takes the key out.
std::string refusal(const std::string& pointer, const Json& value, const model::LoadOptions& options = {}) {
  Json config = config_json();
  const Json::json_pointer at(pointer);
  if (value.is_null()) {
    config.at(at.parent_pointer()).erase(at.back());
  } else {
    config[at] = value;
  }
  try {
    model::family_of(config, tiny().checkpoint).build(config, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Qwen25Vl, WhatIsNotComputedIsRefusedByKey) {
  using testing::HasSubstr;
  const std::string rope = "/text_config/rope_parameters";
  EXPECT_THAT(refusal("/vision_config/hidden_act", "gelu"), HasSubstr("vision_config.hidden_act"));
  EXPECT_THAT(refusal("/vision_config/in_channels", 4), HasSubstr("vision_config.in_channels"));
  EXPECT_THAT(refusal("/vision_config/in_chans", 1), HasSubstr("vision_config.in_chans"));
  EXPECT_THAT(refusal("/vision_config/out_hidden_size", 40), HasSubstr("vision_config.out_hidden_size"));
  EXPECT_THAT(refusal("/vision_config/num_heads", 4), HasSubstr("vision_config.num_heads"));
  EXPECT_THAT(refusal("/vision_config/num_heads", 5), HasSubstr("vision_config.num_heads"));
  EXPECT_THAT(refusal("/vision_config/head_dim", 12), HasSubstr("vision_config.head_dim"));
  EXPECT_THAT(refusal("/vision_config/window_size", 9), HasSubstr("vision_config.window_size"));
  EXPECT_THAT(refusal("/vision_config/tokens_per_second", nullptr), HasSubstr("vision_config.tokens_per_second"));
  EXPECT_THAT(refusal("/vision_config/rope_parameters/rope_type", "default"), HasSubstr("rope_parameters.rope_type"));
  for (const Json& blocks : {Json({1, 4}), Json({-1}), Json(2), Json({"0"}), Json()})
    EXPECT_THAT(refusal("/vision_config/fullatt_block_indexes", blocks), HasSubstr("fullatt_block_indexes")) << blocks;
  EXPECT_THAT(refusal("/text_config/hidden_act", "gelu"), HasSubstr("text_config.hidden_act"));
  EXPECT_THAT(refusal("/text_config/head_dim", 6), HasSubstr("text_config.head_dim"));
  EXPECT_THAT(refusal("/text_config/model_type", "qwen2"), HasSubstr("text_config.model_type"));
  EXPECT_THAT(refusal("/text_config/layer_types", {"sliding_attention"}), HasSubstr("text_config.layer_types"));
  EXPECT_THAT(refusal(rope + "/rope_type", "yarn"), HasSubstr("rope_parameters.rope_type"));
  EXPECT_THAT(refusal(rope + "/mrope_section", {3, 3}), HasSubstr("mrope_section"));
  EXPECT_THAT(refusal(rope + "/mrope_section", {1, 2, 4}), HasSubstr("mrope_section"));
  EXPECT_THAT(refusal("/model_type", "qwen2_5_vl", {.video_pool = "average"}), HasSubstr("model.video_pool"));
  EXPECT_THAT(refusal("/model_type", "qwen2_5_vl", {.positions = "max"}), HasSubstr("model.positions"));
  EXPECT_EQ(refusal(rope + "/type", "mrope"), "");
  EXPECT_EQ(refusal(rope + "/rope_type", "mrope"), "");
  EXPECT_EQ(refusal("/vision_config/rope_parameters", nullptr), "");
}

TEST(Qwen25Vl, RealShapes) {
  for (const auto& [name, published] : tiny().json.at("published").items()) {
    const Json& config = published.at("config");
    model::Lvlm lvlm = model::family_of(config, name).build(config, {});
    if (config.at("tie_word_embeddings").get<bool>()) lvlm.weights().decoder.head.reset();
    int64_t parameters = 0;
    for (const model::NamedTensor& tensor : model::tensors(lvlm)) {
      EXPECT_TRUE(tensor.tensor->is_meta()) << tensor.name;  // no memory is taken
      parameters += std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>());
    }
    expect_same({kPart, transformers(), "numbers of parameters of published models"},
                parameters == published.at("parameters").get<int64_t>(), name);
    // 16 frames of 1080 x 1920 within 128 to 768 tokens a frame: 560 x 1008; at 2 a second 16 s are 32 tokens, like the
    // grid.
    model::ClipForm form{.frames = 16, .height = 560, .width = 1008, .fps = 2, .total = 16};
    form.index.resize(16);
    const auto runs = lvlm.vision().runs(form);
    ASSERT_EQ(runs->size(), 1);
    EXPECT_EQ(runs->front().count, 8 * 20 * 36);
    EXPECT_EQ(runs->front().extent, 36);
  }
}

}  // namespace
}  // namespace rrpo::policy::test
