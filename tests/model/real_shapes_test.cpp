// The shapes of published checkpoints from their configurations alone: names, sizes and parameter counts, without weights.
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

int64_t elements(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

Json qwen2_7b(int64_t vocabulary) {
  return {{"hidden_size", 3584},         {"intermediate_size", 18944}, {"num_hidden_layers", 28},
          {"num_attention_heads", 28},   {"num_key_value_heads", 4},   {"vocab_size", vocabulary},
          {"rms_norm_eps", 1e-6},        {"rope_theta", 1000000.0},    {"hidden_act", "silu"},
          {"use_sliding_window", false}, {"sliding_window", 131072},   {"tie_word_embeddings", false}};
}

Json qwen2_05b(int64_t vocabulary) {
  Json config = qwen2_7b(vocabulary);
  config.update({{"hidden_size", 896},
                 {"intermediate_size", 4864},
                 {"num_hidden_layers", 24},
                 {"num_attention_heads", 14},
                 {"num_key_value_heads", 2},
                 {"tie_word_embeddings", true}});
  return config;
}

Json lmms_lab(Json decoder) {
  decoder.update({{"architectures", {"LlavaQwenForCausalLM"}},
                  {"model_type", "llava"},
                  {"mm_vision_tower", "google/siglip-so400m-patch14-384"},
                  {"mm_hidden_size", 1152},
                  {"mm_projector_type", "mlp2x_gelu"},
                  {"mm_vision_select_layer", -2},
                  {"mm_patch_merge_type", "spatial_unpad"},
                  {"mm_newline_position", "grid"},
                  {"mm_spatial_pool_mode", "bilinear"}});
  return decoder;
}

Json hugging_face(Json decoder) {
  decoder["model_type"] = "qwen2";
  const bool tied = decoder.at("tie_word_embeddings");
  return {{"architectures", {"LlavaOnevisionForConditionalGeneration"}},
          {"model_type", "llava_onevision"},
          {"tie_word_embeddings", tied},
          {"text_config", decoder},
          {"vision_config",
           {{"model_type", "siglip_vision_model"},
            {"hidden_size", 1152},
            {"intermediate_size", 4304},
            {"num_hidden_layers", 26},
            {"num_attention_heads", 16},
            {"image_size", 384},
            {"patch_size", 14}}}};
}

/// The tensors that a folder of this configuration holds: under their names on disk, without values.
struct Inventory {
  std::map<std::string, std::vector<int64_t>> shapes;
  std::map<Part, int64_t> parameters;
  int64_t total = 0;
  int64_t tokens_16 = 0;  ///< visual tokens of 16 frames
  int64_t side = 0;

  int64_t below(const std::string& prefix) const {
    int64_t sum = 0;
    for (const auto& [name, shape] : shapes) sum += name.starts_with(prefix) ? elements(shape) : 0;
    return sum;
  }
};

Inventory inventory(const Json& config, const std::string& pool = "") {
  const Family& family = family_of(config, "test");
  LoadOptions options;
  options.video_pool = pool;
  Lvlm lvlm = family.build(config, options);
  if (lvlm.weights().decoder.may_tie) lvlm.weights().decoder.head.reset();
  Inventory found;
  for (const NamedTensor& tensor : tensors(lvlm)) {
    EXPECT_TRUE(tensor.tensor->is_meta()) << tensor.name;  // no memory is taken
    found.shapes.emplace(family.saved(tensor.name), tensor.shape);
    found.parameters[tensor.part] += elements(tensor.shape);
    found.total += elements(tensor.shape);
  }
  found.tokens_16 = visual_token_count(lvlm, 16);
  found.side = image_size(lvlm);
  return found;
}

TEST(RealShapes, LlavaVideo7B) {
  const Inventory found = inventory(lmms_lab(qwen2_7b(152064)));
  EXPECT_EQ(found.total, 8030348832);
  EXPECT_EQ(found.parameters.at(Part::vision), 397747744);  // 26 of 27 layers, and the norm that is not used
  EXPECT_EQ(found.below("model.mm_projector."), 16980992);
  EXPECT_EQ(found.below("model.layers.27."), 233057792);
  EXPECT_EQ(found.below("model.embed_tokens."), 544997376);
  EXPECT_EQ(found.tokens_16, 3360);
  EXPECT_EQ(inventory(lmms_lab(qwen2_7b(152064)), "average").tokens_16, 2912);
  EXPECT_EQ(found.side, 384);
  using Shape = std::vector<int64_t>;
  const std::map<std::string, Shape> wanted = {
      {"model.vision_tower.vision_tower.vision_model.embeddings.patch_embedding.weight", {1152, 3, 14, 14}},
      {"model.vision_tower.vision_tower.vision_model.embeddings.position_embedding.weight", {729, 1152}},
      {"model.vision_tower.vision_tower.vision_model.encoder.layers.25.mlp.fc1.weight", {4304, 1152}},
      {"model.vision_tower.vision_tower.vision_model.post_layernorm.bias", {1152}},
      {"model.mm_projector.0.weight", {3584, 1152}},
      {"model.mm_projector.2.bias", {3584}},
      {"model.image_newline", {3584}},
      {"model.layers.0.self_attn.k_proj.weight", {512, 3584}},
      {"model.layers.0.self_attn.v_proj.bias", {512}},
      {"model.layers.27.mlp.down_proj.weight", {3584, 18944}},
      {"model.norm.weight", {3584}},
      {"lm_head.weight", {152064, 3584}}};
  for (const auto& [name, shape] : wanted) {
    ASSERT_TRUE(found.shapes.contains(name)) << name;
    EXPECT_EQ(found.shapes.at(name), shape) << name;
  }
  EXPECT_FALSE(found.shapes.contains("model.vision_tower.vision_tower.vision_model.encoder.layers.26.mlp.fc1.weight"));
  EXPECT_FALSE(found.shapes.contains("model.layers.0.self_attn.o_proj.bias"));
  EXPECT_EQ(found.shapes.size(), 26 * 16 + 5 + 4 + 1 + 28 * 12 + 3);
}

TEST(RealShapes, AdapterOfThePaper) {  // rank 128 on all linears of the decoder
  Lvlm lvlm = family_of(lmms_lab(qwen2_7b(152064)), "test").build(lmms_lab(qwen2_7b(152064)), {});
  int64_t linears = 0, parameters = 0;
  each_decoder_linear(lvlm.weights(), [&](const std::string&, Linear& linear) {
    ++linears;
    parameters += 128 * (linear.weight.size(0) + linear.weight.size(1));
  });
  EXPECT_EQ(linears, 196);
  EXPECT_EQ(parameters, 322961408);
}

TEST(RealShapes, OneVision7B) {
  const Inventory found = inventory(hugging_face(qwen2_7b(152128)));
  EXPECT_EQ(found.total, 8030807584);
  EXPECT_EQ(found.tokens_16, 3137);
  EXPECT_TRUE(found.shapes.contains("language_model.lm_head.weight"));
}

TEST(RealShapes, OneVision05B) {
  const Inventory found = inventory(hugging_face(qwen2_05b(152000)));
  EXPECT_EQ(found.total, 893675552);
  EXPECT_EQ(found.shapes.at("language_model.model.embed_tokens.weight"), (std::vector<int64_t>{152000, 896}));
  EXPECT_FALSE(found.shapes.contains("language_model.lm_head.weight"));
}

TEST(RealShapes, OneVision05BAsLmmsLabPublishesIt) {
  const Inventory found = inventory(lmms_lab(qwen2_05b(151936)));
  EXPECT_EQ(found.total, 893675552 - 64 * 896);
  EXPECT_FALSE(found.shapes.contains("lm_head.weight"));
}

}  // namespace
}  // namespace rrpo::model
