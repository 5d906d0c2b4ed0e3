// lmms-lab's LLaVA-Video and LLaVA-OneVision in their own form: SigLIP without its last layer, a two-layer projector,
// pooling and newlines by configuration, Qwen2.
#include "parts.h"
#include "rows.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

namespace {

bool matches(const Json& config) {
  if (!config.is_object()) return false;
  const Json names = config.value("architectures", Json());
  if (names.is_array() && !names.empty() && names[0] == Json("LlavaQwenForCausalLM")) return true;
  return config.value("model_type", Json()) == Json("llava_qwen");
}

/// The tower's configuration stands in another repository, google/siglip-so400m-patch14-384: these are its values.
const Json& so400m() {
  static const Json config = {
      {"model_type", "siglip_vision_model"}, {"hidden_size", 1152}, {"intermediate_size", 4304}, {"num_hidden_layers", 27},
      {"num_attention_heads", 16},           {"image_size", 384},   {"patch_size", 14},          {"layer_norm_eps", 1e-6},
      {"hidden_act", "gelu_pytorch_tanh"}};
  return config;
}

/// A folder may give its tower another size in `vision_config`, which the original's folders do not have.
ConfigReader tower_config(const ConfigReader& config) {
  if (config.has("vision_config")) return config.object("vision_config");
  const std::string name = config.text("mm_vision_tower", "");
  if (name.find("siglip-so400m-patch14-384") == std::string::npos) {
    config.refuse("mm_vision_tower",
                  "'" + printable(name) + "' is no tower that is known, only google/siglip-so400m-patch14-384");
  }
  return {so400m(), "vision_config."};
}

template <class Value>
Value choice(const ConfigReader& config, const std::string& key, const std::string& given,
             const std::vector<std::pair<std::string, Value>>& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) {
    if (name == given) return value;
    names.push_back(name);
  }
  config.refuse(key, "'" + printable(given) + "' is none of: " + join(names));
}

Pool video_pool(const ConfigReader& config, const LoadOptions& options) {
  const std::vector<std::pair<std::string, Pool>> known = {
      {"bilinear", Pool::bilinear}, {"average", Pool::average}, {"max", Pool::max}};
  const std::string own = config.text("mm_spatial_pool_mode", "");
  const std::string wanted = options.video_pool.empty() ? own : options.video_pool;
  if (wanted.empty()) {
    throw Error(Fault::input, "model", "config.json#mm_spatial_pool_mode: missing, and the family has no usual pooling",
                "set model.video_pool to bilinear (as LLaVA-Video was trained), average or max");
  }
  return choice(config, "mm_spatial_pool_mode", wanted, known);
}

Newline newline_layout(const ConfigReader& config) {
  return choice<Newline>(
      config, "mm_newline_position", config.text("mm_newline_position", "one_token"),
      {{"grid", Newline::row}, {"frame", Newline::frame}, {"one_token", Newline::video}, {"no_token", Newline::none}});
}

/// As transformers reads them, but for the order in a pair and for sides that miss a whole number of patches.
std::optional<Tiles> tiles(const ConfigReader& config, int64_t side) {
  std::optional<Tiles> tiles = read_tiles(config, "image_aspect_ratio", side);
  if (!tiles) return tiles;
  for (video::Resolution& one : tiles->offered) std::swap(one.height, one.width);  // width comes first here
  tiles->cuts = true;
  return tiles;
}

/// Settings that would change what is computed, at the only value that this program computes.
void check_settings(const ConfigReader& config) {
  if (config.text("mm_projector_type", "linear") != "mlp2x_gelu")
    config.refuse("mm_projector_type", "only mlp2x_gelu is supported");
  if (config.text("mm_patch_merge_type", "flat") != "spatial_unpad")
    config.refuse("mm_patch_merge_type", "only spatial_unpad is supported");
  config.only("mm_vision_select_layer", -2);
  config.only("mm_vision_select_feature", "patch");
  config.only("mm_resampler_type", nullptr);
  config.only("mm_use_im_start_end", false);
  config.only("add_faster_video", false);
  config.only("use_pos_skipping", false);
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  check_settings(config);
  const ConfigReader vision = tower_config(config);
  auto weights = std::make_unique<Weights>();
  weights->family = "llava_qwen";
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  // The original forces rope_scaling off.
  weights->decoder = qwen2_decoder(config, config.number("rope_theta"), shapes);
  weights->decoder.may_tie = config.flag("tie_word_embeddings", false);
  config.only("mm_hidden_size", vision.integer("hidden_size", 1, kMaxWidth));
  LlavaForm form{.pool = video_pool(config, options),
                 .newline = newline_layout(config),
                 .tiles = tiles(config, vision.integer("image_size", 1, 8192))};
  // Features are those before the last layer, which the original deletes.
  weights->vision = siglip_llava(vision, vision.integer("num_hidden_layers", 2, kMaxLayers) - 1,
                                 config.integer("hidden_size", 1, kMaxWidth), std::move(form), shapes);
  return Lvlm(std::move(weights));
}

/// lmms-lab's names.
std::string saved(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"model.vision_tower.", "model.vision_tower.vision_tower.vision_model."},
      {"model.multi_modal_projector.linear_1.", "model.mm_projector.0."},
      {"model.multi_modal_projector.linear_2.", "model.mm_projector.2."},
      {"model.language_model.", "model."},
  };
  return rename_prefix(renames, name);
}

}  // namespace

const Family& llava_qwen_row() {
  static const Family row{
      .name = "llava_qwen",
      .help =
          "lmms-lab's LLaVA-Video and LLaVA-OneVision: SigLIP but its last layer, pooling and newlines by configuration, "
          "Qwen2",
      .matches = matches,
      .build = build,
      .canonical = llava_name,
      .saved = saved,
      .default_prompt = "authors",
      .own_prompt = true,
      .own_pixels = true,
      .own_modules = true,
      .sampling = "authors"};
  return row;
}

}  // namespace rrpo::model
