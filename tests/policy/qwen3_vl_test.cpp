// What is Qwen3-VL's own, by the golden files of scripts/oracles/qwen3_vl.py: moments, sizes, prompts of two releases,
// names. What all families have in common is held to those files by family_golden_test.cpp.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "policy/family_golden.h"
#include "rrpo/model/weights.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

const FamilyGolden& files() { return family_golden("qwen3_vl"); }

Policy open_qwen3(const std::string& prompt = "auto", const std::filesystem::path& checkpoint = files().checkpoint) {
  ModelConfig config;
  config.path = checkpoint;
  config.prompt = prompt;
  config.image = "anyres";
  return open_policy(config, "cpu", model::Dtype::float64);
}

std::string transformers() { return rrpo::test::original(files().json, "transformers"); }

TEST(Qwen3Vl, PromptsOfTransformers5HaveASecondPair) {
  const Policy policy = open_qwen3("transformers5");
  for (const Json& asked : files().json.at("transformers5")) {
    const Json& clip = files().clip(asked.at("clip"));
    const auto runs = policy.lvlm.vision().runs(family_clip(policy, clip).form);
    const std::string question = asked.at("question");
    rrpo::test::expect_same({"qwen3_vl, model.prompt=transformers5", transformers(), "ids of prompts"},
                            prompt_ids(policy, clip, *runs, question) == ids_of(asked.at("ids")), question);
  }
}

TEST(Qwen3Vl, LogitsBehindASecondPair) {
  const at::NoGradGuard no_grad;
  const Json& clip = files().clip(1);
  const std::string question = clip.at("question");
  rrpo::test::expect_parity(
      {"qwen3_vl, model.prompt=transformers5", transformers(), "logits, double", 3e-7},
      relative(answer_logits(open_qwen3("transformers5"), clip, question, {0}), files().tensors.at("transformers5.logits")));
}

TEST(Qwen3Vl, TheReleasedPromptIsTheDefault) { EXPECT_EQ(open_qwen3().chat.name, "qwen3_vl"); }

TEST(Qwen3Vl, MomentsAreThoseOfTheProcessor) {
  const Policy policy = open_qwen3();
  for (const Json& moments : files().json.at("times")) {
    const std::vector<int64_t> index = ids_of(moments.at("index"));
    const auto frames = static_cast<int64_t>(index.size() + index.size() % 2);
    const auto runs =
        policy.lvlm.vision().runs({.frames = frames, .height = 8, .width = 8, .index = index, .fps = moments.at("fps")});
    const auto leads = clip_leads(policy, *runs);
    std::vector<std::string> texts;
    for (const std::vector<int64_t>& lead : leads) {
      const std::string text = policy.tokenizer->decode(lead);
      texts.push_back(text.substr(text.rfind('<')));
    }
    rrpo::test::expect_same({"qwen3_vl", transformers(), "moments of temporal patches"}, Json(texts) == moments.at("texts"),
                            moments.dump());
  }
}

TEST(Qwen3Vl, SizesOfClips) {
  for (const Json& asked : files().json.at("sizes")) {
    const video::PixelSpec spec{.fit = video::Fit::budget_clip,
                                .factor = 32,
                                .min_pixels = asked.at("low"),
                                .max_pixels = asked.at("high"),
                                .cap = asked.at("cap"),
                                .multiple = 2};
    const video::Resolution size = video::fitted_size(spec, asked.at("frames"), {asked.at("height"), asked.at("width")});
    rrpo::test::expect_same({"qwen3_vl", transformers(), "sizes of clips"},
                            Json({size.height, size.width}) == asked.at("size"), asked.dump());
  }
}

TEST(Qwen3Vl, CostIsWhatTorchCounts) {
  const Policy policy = open_qwen3();
  const Json& clips = files().json.at("clips");
  for (size_t i = 0; i < clips.size(); ++i) {
    const model::VisionCost cost = policy.lvlm.vision().cost(family_clip(policy, clips[i]).form);
    EXPECT_EQ(cost.flop, files().json.at("flop").at(i).get<double>()) << i;
    EXPECT_GT(cost.kept_values, 0);
  }
}

/// The checkpoint's model under another configuration, with its tensors by what `name` calls them.
model::Lvlm rebuilt(const Json& config, const std::function<std::string(std::string)>& name) {
  const auto values = read_tensors(files().checkpoint / "model.safetensors");
  model::Lvlm lvlm = model::family_of(config, files().folder).build(config, {.dtype = model::Dtype::float64});
  for (const model::NamedTensor& tensor : model::tensors(lvlm)) {
    const auto found = values.find(name(tensor.name));
    if (found != values.end()) *tensor.tensor = found->second.to(at::kDouble);
  }
  return lvlm;
}

Json config_json() { return read_json(files().checkpoint / "config.json", "test"); }

TEST(Qwen3Vl, DeepFeaturesStandInTheOrderOfTheirBlocks) {
  const at::NoGradGuard no_grad;
  const Policy policy = open_qwen3();
  Json config = config_json();
  std::reverse(config["vision_config"]["deepstack_visual_indexes"].begin(),
               config["vision_config"]["deepstack_visual_indexes"].end());
  const model::Lvlm turned = rebuilt(config, [](std::string name) {
    const std::string list = "deepstack_merger_list.";
    const size_t at = name.find(list);
    if (at != std::string::npos) name[at + list.size()] = name[at + list.size()] == '0' ? '1' : '0';
    return name;
  });
  const model::ClipInput clip = family_clip(policy, files().clip(0));
  const model::VisualTokens one = model::encode(policy.lvlm, clip), other = model::encode(turned, clip);
  ASSERT_EQ(one.deep.size(), 2);
  ASSERT_EQ(other.deep.size(), 2);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(one.deep[i].equal(other.deep[i])) << i;
}

/// Copies the checkpoint with other files in place of its own; null: none.
void copy_checkpoint(const rrpo::test::TempDir& copy, const std::map<std::string, Json>& others) {
  for (const auto& entry : std::filesystem::directory_iterator(files().checkpoint))
    std::filesystem::copy_file(entry.path(), copy / entry.path().filename());
  for (const auto& [name, json] : others) {
    std::filesystem::remove(copy / name);
    if (!json.is_null()) copy.write(name, json.dump());
  }
}

TEST(Qwen3Vl, PublishedLayoutOfTheProcessorsFiles) {
  const Json nested = read_json(files().checkpoint / "processor_config.json", "test");
  const rrpo::test::TempDir flat;
  copy_checkpoint(flat, {{"processor_config.json", Json()},
                         {"preprocessor_config.json", nested.at("image_processor")},
                         {"video_preprocessor_config.json", nested.at("video_processor")}});
  const Policy ours = open_qwen3(), theirs = open_qwen3("auto", flat.path());
  for (const auto& [one, other] :
       {std::pair(ours.pixels.front(), theirs.pixels.front()), std::pair(*ours.still, *theirs.still)}) {
    EXPECT_EQ(one.fit, other.fit);
    EXPECT_EQ(std::tie(one.factor, one.multiple, one.min_pixels, one.max_pixels, one.mean, one.std),
              std::tie(other.factor, other.multiple, other.min_pixels, other.max_pixels, other.mean, other.std));
  }
  EXPECT_EQ(theirs.pixels.front().max_pixels, 6000);
  EXPECT_EQ(theirs.still->max_pixels, 3000);
}

TEST(Qwen3Vl, LinearsThatAnAdapterMaySitOn) {
  Policy policy = open_qwen3();
  std::set<std::string> ours;
  model::each_linear(policy.lvlm.weights(), [&](const std::string& module, model::Linear&) { ours.insert(module); });
  const Json config = read_json(files().folder / "adapter_vision" / "adapter_config.json", "test");
  EXPECT_EQ(ours, config.at("target_modules").get<std::set<std::string>>());
}

TEST(Qwen3Vl, NamesOfOtherReleasesAndTools) {
  const model::Family& family = model::family_of(config_json(), files().folder);
  const std::vector<std::pair<std::string, std::string>> names = {
      {"model.visual.merger.norm.bias", "model.visual.merger.norm.bias"},
      {"visual.blocks.0.attn.qkv.weight", "model.visual.blocks.0.attn.qkv.weight"},
      {"model.layers.1.mlp.up_proj.weight", "model.language_model.layers.1.mlp.up_proj.weight"},
      {"model.embed_tokens.weight", "model.language_model.embed_tokens.weight"},
      {"model.norm.weight", "model.language_model.norm.weight"},
      {"language_model.model.norm.weight", "model.language_model.norm.weight"},
      {"language_model.lm_head.weight", "lm_head.weight"},
      {"model.language_model.rotary_emb.inv_freq", ""},
      {"model.visual.rotary_pos_emb.inv_freq", ""},
      {"model.visual.other", "model.visual.other"}};
  for (const auto& [disk, canonical] : names) EXPECT_EQ(family.canonical(disk), canonical) << disk;
  EXPECT_EQ(family.saved("model.visual.pos_embed.weight"), "model.visual.pos_embed.weight");
}

/// What building says of a configuration with one value changed.
std::string refusal(const std::string& pointer, const Json& value, const model::LoadOptions& options = {}) {
  Json config = config_json();
  if (value.is_null()) {
    config.at(Json::json_pointer(pointer).parent_pointer()).erase(Json::json_pointer(pointer).back());
  } else {
    config[Json::json_pointer(pointer)] = value;
  }
  try {
    model::family_of(config, files().folder).build(config, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Qwen3Vl, WhatIsNotComputedIsRefusedByKey) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal("/model_type", "qwen3_vl_moe"), AllOf(HasSubstr("qwen3_vl_moe"), HasSubstr("mixture of experts")));
  EXPECT_THAT(refusal("/vision_config/hidden_act", "silu"), HasSubstr("vision_config.hidden_act"));
  EXPECT_THAT(refusal("/vision_config/in_channels", 4), HasSubstr("vision_config.in_channels"));
  EXPECT_THAT(refusal("/vision_config/out_hidden_size", 40), HasSubstr("vision_config.out_hidden_size"));
  EXPECT_THAT(refusal("/vision_config/num_heads", 5), HasSubstr("vision_config.num_heads"));
  EXPECT_THAT(refusal("/vision_config/rope_parameters/rope_type", "default"), HasSubstr("rope_parameters.rope_type"));
  for (const Json& blocks : {Json({0, 4}), Json({-1}), Json({1, 1}), Json(2), Json({"0"})})
    EXPECT_THAT(refusal("/vision_config/deepstack_visual_indexes", blocks), HasSubstr("deepstack_visual_indexes")) << blocks;
  EXPECT_THAT(refusal("/vision_config/deepstack_visual_indexes", nullptr), HasSubstr("deepstack_visual_indexes"));
  EXPECT_THAT(refusal("/text_config/attention_bias", true), HasSubstr("text_config.attention_bias"));
  EXPECT_THAT(refusal("/text_config/model_type", "qwen3_vl_moe_text"), HasSubstr("text_config.model_type"));
  EXPECT_THAT(refusal("/text_config/head_dim", nullptr), HasSubstr("text_config.head_dim"));
  EXPECT_THAT(refusal("/text_config/rope_parameters/rope_type", "yarn"), HasSubstr("rope_parameters.rope_type"));
  EXPECT_THAT(refusal("/text_config/rope_parameters/mrope_section", {5, 5}), HasSubstr("mrope_section"));
  EXPECT_THAT(refusal("/text_config/rope_parameters/mrope_section", {5, -1, 6}), HasSubstr("mrope_section"));
  EXPECT_THAT(refusal("/model_type", "qwen3_vl", {.video_pool = "average"}), HasSubstr("model.video_pool"));
  EXPECT_THAT(refusal("/model_type", "qwen3_vl", {.positions = "max"}), HasSubstr("model.positions"));
  EXPECT_EQ(refusal("/model_type", "qwen3_vl", {.positions = "transformers5"}), "");
  EXPECT_EQ(refusal("/text_config/rope_parameters/mrope_section", nullptr), "");
  EXPECT_EQ(refusal("/vision_config/rope_parameters", nullptr), "");
  EXPECT_EQ(refusal("/vision_config/deepstack_visual_indexes", Json::array()), "");
}

TEST(Qwen3Vl, AHeadOfItsOwn) {
  const at::NoGradGuard no_grad;
  Json config = config_json();
  config["tie_word_embeddings"] = false;
  const rrpo::test::TempDir copy;
  copy_checkpoint(copy, {{"config.json", config}});
  std::vector<io::TensorBytes> kept;
  auto values = read_tensors(files().checkpoint / "model.safetensors");
  values.emplace("lm_head.weight", values.at("model.language_model.embed_tokens.weight").mul(-2));
  for (const auto& [name, value] : values) kept.push_back({name, "F32", value.sizes().vec(), value.const_data_ptr()});
  std::filesystem::remove(copy / "model.safetensors");
  io::write_safetensors(copy / "model.safetensors", kept);
  const Json& clip = files().clip(0);
  const std::string question = clip.at("question");
  const at::Tensor tied = answer_logits(open_qwen3(), clip, question, {0});
  EXPECT_LT(relative(answer_logits(open_qwen3("auto", copy.path()), clip, question, {0}), tied.mul(-2)), 1e-12);
}

/// The published sizes; the counts are those of transformers' models on the meta device (qwen3_vl.py --counts).
struct Published {
  const char* name;
  int64_t width, inner, layers, heads;
  bool tied;
  int64_t depth, vision_width, vision_inner;
  std::vector<int64_t> deep;
  int64_t parameters;
};

TEST(Qwen3Vl, RealShapes) {
  const std::vector<Published> models = {{"2B", 2048, 6144, 28, 16, true, 24, 1024, 4096, {5, 11, 17}, 2127532032},
                                         {"4B", 2560, 9728, 36, 32, true, 24, 1024, 4096, {5, 11, 17}, 4437815808},
                                         {"8B", 4096, 12288, 36, 32, false, 27, 1152, 4304, {8, 16, 24}, 8767123696},
                                         {"32B", 5120, 25600, 64, 64, false, 27, 1152, 4304, {8, 16, 24}, 33357390064}};
  for (const Published& size : models) {
    Json config = config_json();
    config["tie_word_embeddings"] = size.tied;
    config["text_config"].update({{"vocab_size", 151936},
                                  {"hidden_size", size.width},
                                  {"intermediate_size", size.inner},
                                  {"num_hidden_layers", size.layers},
                                  {"num_attention_heads", size.heads},
                                  {"num_key_value_heads", 8},
                                  {"head_dim", 128},
                                  {"rope_parameters", {{"rope_theta", 5e6}, {"mrope_section", {24, 20, 20}}}}});
    config["vision_config"].update({{"depth", size.depth},
                                    {"hidden_size", size.vision_width},
                                    {"intermediate_size", size.vision_inner},
                                    {"num_heads", 16},
                                    {"patch_size", 16},
                                    {"out_hidden_size", size.width},
                                    {"num_position_embeddings", 2304},
                                    {"deepstack_visual_indexes", size.deep}});
    model::Lvlm lvlm = model::family_of(config, files().folder).build(config, {});
    if (size.tied) lvlm.weights().decoder.head.reset();
    int64_t parameters = 0;
    for (const model::NamedTensor& tensor : model::tensors(lvlm)) {
      EXPECT_TRUE(tensor.tensor->is_meta()) << tensor.name;  // no memory is taken
      parameters += std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>());
    }
    EXPECT_EQ(parameters, size.parameters) << size.name;
    // 16 frames of 1080 x 1920 within the published budget: 928 x 1664.
    const auto runs = lvlm.vision().runs({.frames = 16, .height = 928, .width = 1664});
    ASSERT_EQ(runs->size(), 8);
    EXPECT_EQ(runs->front().count, 29 * 52);
    EXPECT_EQ(runs->front().extent, 52);
  }
}

}  // namespace
}  // namespace rrpo::policy::test
