// LLaVA-OneVision in Hugging Face form: SigLIP, a two-layer projector, 2x bilinear pooling with one newline, Qwen2.
#include "../config_reader.h"
#include "rows.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

namespace {

constexpr int64_t kMaxWidth = 1 << 17, kMaxLayers = 1 << 10, kMaxVocabulary = 1 << 24;

bool matches(const Json& config) {
  if (!config.is_object()) return false;
  if (config.value("model_type", Json()) == Json("llava_onevision")) return true;
  const Json names = config.value("architectures", Json());
  return names.is_array() && !names.empty() && names[0] == Json("LlavaOnevisionForConditionalGeneration");
}

Tower build_tower(const ConfigReader& config, const Shapes& shapes) {
  config.only("model_type", "siglip_vision_model");
  config.only("hidden_act", "gelu_pytorch_tanh");
  config.only("num_channels", 3);
  Tower tower;
  tower.patch = config.integer("patch_size", 1, 1024);
  tower.image = config.integer("image_size", tower.patch, 8192);
  const int64_t width = config.integer("hidden_size", 1, kMaxWidth),
                inner = config.integer("intermediate_size", 1, kMaxWidth);
  tower.heads = config.integer("num_attention_heads", 1, width);
  if (width % tower.heads != 0) config.refuse("num_attention_heads", "does not divide hidden_size");
  const double eps = config.number("layer_norm_eps", 1e-6);
  tower.patch_weight = shapes.tensor({width, 3, tower.patch, tower.patch});
  tower.patch_bias = shapes.tensor({width});
  tower.position = shapes.tensor({tower.grid() * tower.grid(), width});
  for (int64_t i = config.integer("num_hidden_layers", 1, kMaxLayers); i > 0; --i) {
    const auto square = [&] { return shapes.linear(width, width, true); };
    tower.layers.push_back({shapes.layer_norm(width, eps), square(), square(), square(), square(),
                            shapes.layer_norm(width, eps), shapes.linear(width, inner, true),
                            shapes.linear(inner, width, true)});
  }
  tower.post = shapes.layer_norm(width, eps);
  return tower;
}

/// theta stands at the top (until transformers 4) or under rope_parameters (from 5).
double rope_theta(const ConfigReader& text) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!text.has(key)) continue;
    const ConfigReader rope = text.object(key);
    rope.only("rope_type", "default");
    rope.only("type", "default");
    if (rope.has("rope_theta")) return rope.number("rope_theta");
  }
  return text.number("rope_theta");
}

void check_decoder(const ConfigReader& text) {
  text.only("model_type", "qwen2");
  text.only("hidden_act", "silu");
  text.only("use_sliding_window", false);
  if (!text.has("layer_types")) return;
  for (const Json& kind : text.json().at("layer_types")) {
    if (kind != Json("full_attention")) text.refuse("layer_types", "only full_attention is supported");
  }
}

Decoder build_decoder(const ConfigReader& text, const Shapes& shapes) {
  check_decoder(text);
  Decoder decoder;
  const int64_t width = text.integer("hidden_size", 1, kMaxWidth), inner = text.integer("intermediate_size", 1, kMaxWidth);
  decoder.heads = text.integer("num_attention_heads", 1, width);
  decoder.kv_heads = text.integer("num_key_value_heads", 1, decoder.heads);
  if (decoder.heads % decoder.kv_heads != 0) text.refuse("num_key_value_heads", "does not divide num_attention_heads");
  if (!text.has("head_dim") && width % decoder.heads != 0) text.refuse("num_attention_heads", "does not divide hidden_size");
  decoder.head_width = text.has("head_dim") ? text.integer("head_dim", 2, width) : width / decoder.heads;
  if (decoder.head_width % 2 != 0) text.refuse("num_attention_heads", "makes heads of odd width");
  decoder.theta = rope_theta(text);
  const double eps = text.number("rms_norm_eps", 1e-6);
  const int64_t rows = text.integer("vocab_size", 1, kMaxVocabulary);
  const int64_t q_width = decoder.heads * decoder.head_width, kv_width = decoder.kv_heads * decoder.head_width;
  decoder.embedding = shapes.tensor({rows, width});
  for (int64_t i = text.integer("num_hidden_layers", 1, kMaxLayers); i > 0; --i) {
    decoder.layers.push_back(
        {shapes.rms_norm(width, eps), shapes.linear(width, q_width, true), shapes.linear(width, kv_width, true),
         shapes.linear(width, kv_width, true), shapes.linear(q_width, width, false), shapes.rms_norm(width, eps),
         shapes.linear(width, inner, false), shapes.linear(width, inner, false), shapes.linear(inner, width, false)});
  }
  decoder.norm = shapes.rms_norm(width, eps);
  decoder.head = shapes.tensor({rows, width});
  return decoder;
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  config.only("projector_hidden_act", "gelu");
  config.only("vision_feature_layer", -1);
  config.only("vision_feature_select_strategy", "full");
  if (!options.video_pool.empty()) {
    throw Error(Fault::usage, "config", "model.video_pool: family llava_onevision has no choice of pooling",
                "model.video_pool=auto");
  }
  const ConfigReader text = config.object("text_config"), vision = config.object("vision_config");
  auto weights = std::make_unique<Weights>();
  weights->family = "llava_onevision";
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  weights->tower = build_tower(vision, shapes);
  weights->decoder = build_decoder(text, shapes);
  weights->decoder.may_tie = config.flag("tie_word_embeddings", false) || text.flag("tie_word_embeddings", false) ||
                             (!config.has("tie_word_embeddings") && !text.has("tie_word_embeddings"));
  const int64_t inner = vision.integer("hidden_size", 1, kMaxWidth), width = text.integer("hidden_size", 1, kMaxWidth);
  const bool bias = config.flag("multimodal_projector_bias", true);
  weights->projector.linear_1 = shapes.linear(inner, width, bias);
  weights->projector.linear_2 = shapes.linear(width, width, bias);
  weights->projector.newline = shapes.tensor({width});
  return Lvlm(std::move(weights));
}

/// Three generations of names; the first matching prefix counts.
std::string canonical(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"model.vision_tower.vision_tower.vision_model.", "model.vision_tower."},
      {"model.vision_tower.vision_model.", "model.vision_tower."},
      {"vision_tower.vision_model.", "model.vision_tower."},
      {"vision_tower.", "model.vision_tower."},
      {"model.mm_projector.0.", "model.multi_modal_projector.linear_1."},
      {"model.mm_projector.2.", "model.multi_modal_projector.linear_2."},
      {"multi_modal_projector.", "model.multi_modal_projector."},
      {"image_newline", "model.image_newline"},
      {"language_model.lm_head.", "lm_head."},
      {"language_model.model.", "model.language_model."},
      {"model.layers.", "model.language_model.layers."},
      {"model.embed_tokens.", "model.language_model.embed_tokens."},
      {"model.norm.", "model.language_model.norm."},
  };
  const std::string known = rename_prefix(renames, name);
  if (known.ends_with(".rotary_emb.inv_freq") || known.ends_with(".position_ids")) return "";
  return known.starts_with("model.vision_tower.head.") ? "" : known;
}

/// The names of the checkpoints on the hub, which every release of transformers loads.
std::string saved(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"model.vision_tower.", "vision_tower.vision_model."},
      {"model.multi_modal_projector.", "multi_modal_projector."},
      {"model.image_newline", "image_newline"},
      {"model.language_model.", "language_model.model."},
      {"lm_head.", "language_model.lm_head."},
  };
  return rename_prefix(renames, name);
}

}  // namespace

const Family& llava_onevision_row() {
  static const Family row{
      "llava_onevision", "SigLIP, two-layer projector, 2x bilinear pooling, one newline after the video, Qwen2",
      matches,           build,
      canonical,         saved,
      "onevision"};
  return row;
}

}  // namespace rrpo::model
