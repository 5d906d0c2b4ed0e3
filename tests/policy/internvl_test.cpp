// What is InternVL's own, by the golden files of scripts/oracles/internvl.py: OpenGVLab's layout beside transformers',
// stills in tiles, what is refused. What all families have in common is held to those files by family_golden_test.cpp.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <set>

#include "policy/family_golden.h"
#include "rrpo/model/weights.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

using testing::HasSubstr;

/// A checkpoint of the golden files with some places of its config.json changed: null takes a key away.
struct Variant {
  rrpo::test::TempDir folder;

  explicit Variant(const std::filesystem::path& config_and_weights, const Json& changes = Json::object()) {
    for (const auto& from : {family_golden("internvl3").checkpoint, config_and_weights}) {
      for (const auto& entry : std::filesystem::directory_iterator(from)) {
        std::filesystem::copy_file(entry.path(), folder / entry.path().filename().string(),
                                   std::filesystem::copy_options::overwrite_existing);
      }
    }
    nlohmann::json config = nlohmann::json::parse(read_json(folder / "config.json", "test").dump());
    for (const auto& [pointer, value] : changes.items())
      config[nlohmann::json::json_pointer(pointer)] = nlohmann::json::parse(value.dump());
    folder.write("config.json", config.dump());
  }
  Policy open(const ModelConfig& given = {}) const {
    ModelConfig config = given;
    config.path = folder.path();
    return open_policy(config, "cpu", model::Dtype::float64);
  }
};

/// The weights of the golden InternVL3 as OpenGVLab's repository stores its own, beside the same tokenizer.
Variant own_layout(const Json& changes = Json::object()) {
  return Variant(family_golden("internvl3").folder / "layout", changes);
}

ModelConfig showing_pictures(const std::string& prompt = "auto") {
  ModelConfig config;
  config.image = "anyres";
  config.prompt = prompt;
  return config;
}

class InternVl : public testing::Test {
 protected:
  const FamilyGolden& golden_ = family_golden("internvl");
  const FamilyGolden& other_ = family_golden("internvl3");
  const at::NoGradGuard no_grad_;
};

TEST_F(InternVl, BothLayoutsAreOneModel) {
  Policy own = own_layout().open(showing_pictures("internvl")), theirs = open_family(other_, model::Dtype::float64);
  EXPECT_EQ(own.lvlm.weights().family, "internvl_chat");
  const std::vector<model::NamedTensor> mine = model::tensors(own.lvlm), expected = model::tensors(theirs.lvlm);
  ASSERT_EQ(mine.size(), expected.size());
  for (size_t i = 0; i < mine.size(); ++i) {
    EXPECT_EQ(mine[i].name, expected[i].name);
    EXPECT_TRUE(mine[i].tensor->equal(*expected[i].tensor)) << mine[i].name;
  }
  EXPECT_EQ(own.lvlm.vision().resolved(), theirs.lvlm.vision().resolved());
  EXPECT_EQ(own.positions, 512);  // beyond which rope_type dynamic would begin
  const Json& clip = other_.clip(1);
  std::vector<int64_t> ids = ids_of(clip.at("greedy"));
  ids.resize(3);
  rrpo::test::expect_parity(
      {"internvl_chat", rrpo::test::original(other_.json, "transformers"), "logits of OpenGVLab's layout, double", 3e-7},
      relative(answer_logits(own, clip, clip.at("question"), ids), other_.tensor("logits", 1)));
}

TEST_F(InternVl, OwnLayoutPreparesByConstants) {
  const Policy own = own_layout().open(showing_pictures());
  EXPECT_EQ(own.chat.name, "internvl_chat");  // whatever template lies in the folder
  EXPECT_EQ(open_family(other_, model::Dtype::float32).chat.name, "internvl");
  const Policy theirs = open_family(golden_, model::Dtype::float32);
  for (const Json& clip : golden_.json.at("clips"))
    EXPECT_TRUE(family_clip(own, clip).pixels[0].equal(family_clip(theirs, clip).pixels[0]));
  const Policy whole = own_layout({{"/dynamic_image_size", false}}).open(showing_pictures());
  EXPECT_EQ(family_clip(whole, golden_.clip(3)).form.frames, 1);
  const Policy bare = own_layout({{"/use_thumbnail", false}}).open(showing_pictures());
  EXPECT_EQ(family_clip(bare, golden_.clip(3)).form.frames, 2);
}

TEST_F(InternVl, PromptsOfItsOwnCode) {
  const Policy own = own_layout().open();
  const Json& golden = other_.json.at("own");
  for (const Json& prompt : golden.at("prompts")) {
    const Json& clip = other_.clip(prompt.at("clip"));
    const auto runs = own.lvlm.vision().runs({.frames = clip.at("frames"), .height = 30, .width = 30});
    rrpo::test::expect_same(
        {"internvl_chat", "OpenGVLab's InternVL " + golden.at("commit").get<std::string>().substr(0, 7), "ids of prompts"},
        prompt_ids(own, clip, runs.value(), prompt.at("question")) == ids_of(prompt.at("ids")), prompt.at("question"));
  }
}

TEST_F(InternVl, StillsOfManySizes) {
  const Policy policy = open_family(golden_, model::Dtype::float32);
  for (const Json& still : golden_.json.at("stills")) {
    const std::string place = still.at("height").dump() + " x " + still.at("width").dump();
    const at::Tensor pixels =
        pixel_tensor(video::test::picture(still.at("height"), still.at("width"), still.at("seed")), *policy.still);
    const Json& expected = still.at("pixels");
    ASSERT_EQ(pixels.sizes().vec(), ids_of(expected.at("shape"))) << place;
    rrpo::test::expect_same(
        {"internvl", rrpo::test::original(golden_.json, "transformers"), "pixels of stills in tiles"},
        video::test::crc32(pixels.const_data_ptr(), pixels.nbytes()) == expected.at("crc32").get<uint32_t>(), place);
  }
}

std::set<std::string> names_in(const std::filesystem::path& file) {
  std::set<std::string> names;
  for (const io::TensorEntry& entry : io::read_safetensors_header(file)) names.insert(entry.name);
  return names;
}

TEST_F(InternVl, SavesTheNamesThatItLoads) {
  Policy theirs = open_family(golden_, model::Dtype::float32);
  const rrpo::test::TempDir at;
  model::save_weights(theirs.lvlm, at.path(), model::Dtype::float32);
  EXPECT_EQ(names_in(at / "model.safetensors"), names_in(golden_.checkpoint / "model.safetensors"));
  const Variant layout = own_layout();
  Policy own = layout.open();
  model::save_weights(own.lvlm, layout.folder.path(), model::Dtype::float32);  // and loads them again, qkv apart
  EXPECT_TRUE(names_in(layout.folder / "model.safetensors").contains("vision_model.encoder.layers.2.attn.k_proj.weight"));
  Policy again = layout.open();
  const std::vector<model::NamedTensor> mine = model::tensors(again.lvlm), expected = model::tensors(own.lvlm);
  for (size_t i = 0; i < mine.size(); ++i) EXPECT_TRUE(mine[i].tensor->equal(*expected[i].tensor)) << mine[i].name;
}

TEST_F(InternVl, AdaptersOfTheOwnLayoutHaveItsModuleNames) {
  Policy own = own_layout().open();
  model::add_adapter(own.lvlm, {.rank = 2, .alpha = 4, .targets = {"all-linear"}}, 7);
  const rrpo::test::TempDir at;
  model::save_adapter(own.lvlm, at.path(), "");
  const std::set<std::string> names = names_in(at / "adapter_model.safetensors");
  for (const char* module : {"language_model.model.layers.2.self_attn.q_proj", "vision_model.encoder.layers.0.attn.proj",
                             "vision_model.encoder.layers.0.mlp.fc2", "mlp1.3"}) {
    EXPECT_TRUE(names.contains(std::string("base_model.model.") + module + ".lora_A.weight")) << module;
  }
  EXPECT_TRUE(model::adapts_vision(own.lvlm));
}

TEST_F(InternVl, WhatIsNotComputedIsRefusedByKey) {
  const std::vector<std::pair<Json, const char*>> own = {
      {{{"/llm_config/model_type", "internlm2"}}, "llm_config.model_type: 'internlm2' is no decoder of this family"},
      {{{"/llm_config/model_type", "llama"}}, "llm_config.model_type: 'llama'"},
      {{{"/ps_version", "v1"}}, "ps_version: only v2"},
      {{{"/ps_version", nullptr}}, "ps_version: only v2"},
      {{{"/pad2square", true}}, "pad2square"},
      {{{"/force_image_size", 60}}, "force_image_size: 60 is not supported, only 30"},
      {{{"/llm_config/rope_scaling/rope_type", "yarn"}}, "llm_config.rope_scaling.rope_type"},
      {{{"/vision_config/hidden_act", "relu"}}, "vision_config.hidden_act"},
      {{{"/vision_config/norm_type", "batch_norm"}}, "vision_config.norm_type"},
      {{{"/select_layer", -5}}, "select_layer"},
      {{{"/downsample_ratio", 0.3}}, "downsample_ratio"},
      {{{"/downsample_ratio", 0.25}}, "downsample_ratio: does not divide"},
  };
  const std::vector<std::pair<Json, const char*>> theirs = {
      {{{"/text_config/model_type", "gpt_oss"}}, "text_config.model_type: 'gpt_oss' is no decoder of this family"},
      {{{"/text_config/model_type", "qwen3_moe"}}, "text_config.model_type: 'qwen3_moe'"},
      {{{"/vision_feature_select_strategy", "full"}}, "vision_feature_select_strategy"},
      {{{"/vision_config/use_mean_pooling", false}}, "vision_config.use_mean_pooling"},
      {{{"/vision_config/use_absolute_position_embeddings", false}}, "vision_config.use_absolute_position_embeddings"},
      {{{"/vision_config/image_size", Json::array({30, 35})}}, "vision_config.image_size"},
      {{{"/projector_hidden_act", "relu"}}, "projector_hidden_act"},
  };
  const auto expect_refusal = [](const Variant& variant, const char* message) {
    try {
      variant.open();
      ADD_FAILURE() << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input) << message;
      EXPECT_THAT(error.what(), HasSubstr(std::string("config.json#") + message));
    }
  };
  for (const auto& [changes, message] : own) expect_refusal(own_layout(changes), message);
  for (const auto& [changes, message] : theirs) expect_refusal(Variant(other_.checkpoint, changes), message);
}

TEST_F(InternVl, SettingsOfOtherFamiliesAreRefused) {
  for (const auto& [key, config] : {std::pair{"video_pool", ModelConfig{.video_pool = "average"}},
                                    {"positions", ModelConfig{.positions = "transformers5"}}}) {
    try {
      Variant(other_.checkpoint).open(config);
      ADD_FAILURE() << key;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      EXPECT_THAT(error.what(), HasSubstr(std::string("model.") + key));
    }
  }
}

}  // namespace
}  // namespace rrpo::policy::test
