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
  found.side = lvlm.vision().image_side();
  const auto runs = lvlm.vision().runs({.frames = 16, .height = found.side, .width = found.side});
  for (const VisualRun& run : runs.value()) found.tokens_16 += run.count;
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

/// Published configurations of InternVL, transformers' keys; the counts are those of transformers' own classes
/// (scripts/oracles/internvl.py --counts).
TEST(RealShapes, InternVl3And35) {
  struct Published {
    const char* kind;
    int64_t width, inner, layers, heads, kv_heads, vocabulary, total;
  };
  const std::vector<Published> published = {
      {"qwen2", 896, 4864, 24, 14, 2, 151674, 938193024},     {"qwen2", 1536, 8960, 28, 12, 2, 151674, 2088957440},
      {"qwen2", 3584, 18944, 28, 28, 4, 151674, 7944373760},  {"qwen2", 5120, 13824, 48, 40, 8, 151674, 15117256704},
      {"qwen3", 1024, 3072, 28, 16, 8, 151936, 1060897792},   {"qwen3", 2048, 6144, 28, 16, 8, 151936, 2348347392},
      {"qwen3", 2560, 9728, 36, 32, 8, 151936, 4732489216},   {"qwen3", 4096, 12288, 36, 32, 8, 151936, 8528318464},
      {"qwen3", 5120, 17408, 40, 40, 8, 151936, 15119523840},
  };
  for (const Published& one : published) {
    Json text = {{"model_type", one.kind},           {"hidden_size", one.width},
                 {"intermediate_size", one.inner},   {"num_hidden_layers", one.layers},
                 {"num_attention_heads", one.heads}, {"num_key_value_heads", one.kv_heads},
                 {"vocab_size", one.vocabulary},     {"rope_theta", 1000000.0}};
    if (text.at("model_type") == Json("qwen3")) text["head_dim"] = 128;
    const Json vision = {{"hidden_size", 1024},       {"intermediate_size", 4096}, {"num_hidden_layers", 24},
                         {"num_attention_heads", 16}, {"image_size", {448, 448}},  {"patch_size", {14, 14}},
                         {"attention_bias", true}};
    const Inventory found = inventory(
        {{"model_type", "internvl"}, {"tie_word_embeddings", false}, {"text_config", text}, {"vision_config", vision}});
    EXPECT_EQ(found.total, one.total) << one.kind << one.width;
    EXPECT_EQ(found.tokens_16, 16 * 256);
    EXPECT_EQ(found.shapes.at("vision_tower.embeddings.position_embeddings"), (std::vector<int64_t>{1, 1025, 1024}));
  }
}

}  // namespace
}  // namespace rrpo::model
