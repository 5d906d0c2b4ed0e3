#include "parts.h"

#include <charconv>

namespace rrpo::model {

namespace {

/// A window narrows nothing where its layers begin behind the last one, or where it is as long as the longest text.
bool window_never_narrows(const ConfigReader& text) {
  if (!text.has("sliding_window")) return true;
  if (text.has("max_window_layers") &&
      text.integer("max_window_layers", 0, kMaxLayers) >= text.integer("num_hidden_layers", 1, kMaxLayers))
    return true;
  return text.has("max_position_embeddings") &&
         text.integer("sliding_window", 1, int64_t{1} << 40) >= text.integer("max_position_embeddings", 1, int64_t{1} << 40);
}

void check_decoder(const ConfigReader& text) {
  text.only("hidden_act", "silu");
  if (text.flag("use_sliding_window", false) && !window_never_narrows(text)) {
    text.refuse("use_sliding_window",
                "attention in a window is not supported, and max_window_layers (" +
                    (text.has("max_window_layers") ? text.json().at("max_window_layers").dump() : "none") +
                    ") leaves it to layers that there are");
  }
  if (!text.has("layer_types")) return;
  for (const Json& kind : text.json().at("layer_types")) {
    if (kind != Json("full_attention")) text.refuse("layer_types", "only full_attention is supported");
  }
}

}  // namespace

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

Decoder qwen2_decoder(const ConfigReader& text, double theta, const Shapes& shapes, const DecoderKind& kind) {
  check_decoder(text);
  Decoder decoder;
  const int64_t width = text.integer("hidden_size", 1, kMaxWidth), inner = text.integer("intermediate_size", 1, kMaxWidth);
  decoder.heads = text.integer("num_attention_heads", 1, width);
  decoder.kv_heads = text.integer("num_key_value_heads", 1, decoder.heads);
  if (decoder.heads % decoder.kv_heads != 0) text.refuse("num_key_value_heads", "does not divide num_attention_heads");
  if (!text.has("head_dim") && width % decoder.heads != 0) text.refuse("num_attention_heads", "does not divide hidden_size");
  decoder.head_width = text.has("head_dim") ? text.integer("head_dim", 2, kMaxWidth) : width / decoder.heads;
  if (decoder.head_width % 2 != 0) text.refuse("num_attention_heads", "makes heads of odd width");
  decoder.theta = theta;
  const double eps = text.number("rms_norm_eps", 1e-6);
  const int64_t rows = text.integer("vocab_size", 1, kMaxVocabulary);
  const int64_t q_width = decoder.heads * decoder.head_width, kv_width = decoder.kv_heads * decoder.head_width;
  decoder.embedding = shapes.tensor({rows, width});
  for (int64_t i = text.integer("num_hidden_layers", 1, kMaxLayers); i > 0; --i) {
    const auto head_norm = [&] { return kind.head_norms ? shapes.rms_norm(decoder.head_width, eps) : Norm{}; };
    decoder.layers.push_back({.input_norm = shapes.rms_norm(width, eps),
                              .q = shapes.linear(width, q_width, kind.qkv_bias),
                              .k = shapes.linear(width, kv_width, kind.qkv_bias),
                              .v = shapes.linear(width, kv_width, kind.qkv_bias),
                              .o = shapes.linear(q_width, width, false),
                              .q_norm = head_norm(),
                              .k_norm = head_norm(),
                              .post_norm = shapes.rms_norm(width, eps),
                              .gate = shapes.linear(width, inner, false),
                              .up = shapes.linear(width, inner, false),
                              .down = shapes.linear(inner, width, false)});
  }
  decoder.norm = shapes.rms_norm(width, eps);
  decoder.head = shapes.tensor({rows, width});
  return decoder;
}

std::optional<Tiles> read_tiles(const ConfigReader& config, const std::string& ratio_key, int64_t side) {
  const std::string prefix = "anyres_max_", ratio = config.has(ratio_key) ? config.text(ratio_key, "") : "";
  if (!ratio.starts_with(prefix) || !config.has("image_grid_pinpoints")) return std::nullopt;
  Tiles tiles;
  const char* end = ratio.data() + ratio.size();
  const auto parsed = std::from_chars(ratio.data() + prefix.size(), end, tiles.most);
  if (parsed.ec != std::errc() || parsed.ptr != end || tiles.most < 1)
    config.refuse(ratio_key, "'" + printable(ratio) + "' names no number of tiles");
  const Json& pairs = config.json().at("image_grid_pinpoints");
  if (!pairs.is_array()) return std::nullopt;
  for (const Json& pair : pairs) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_integer() || !pair[1].is_number_integer())
      return std::nullopt;
    const video::Resolution one{pair[0].get<int64_t>(), pair[1].get<int64_t>()};
    if (one.height < side || one.width < side || one.height % side != 0 || one.width % side != 0) return std::nullopt;
    tiles.offered.push_back(one);
  }
  return tiles.offered.empty() ? std::nullopt : std::optional(tiles);
}

std::string llava_name(const std::string& name) {
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

}  // namespace rrpo::model
