// LongVU over Qwen2, as its authors' code has it: SigLIP and DINOv2, joined into the folder by scripts/join_longvu.py, the
// connector of Cambrian, reduction to what fits, Qwen2.
#include <cmath>

#include "parts.h"
#include "rows.h"

namespace rrpo::model {

namespace {

const std::string kSiglip = "vision_config_aux_0", kDino = "vision_config_aux_1";
constexpr int64_t kDinoSide = 378;  // fixed in the authors' code, whatever the tower's own side

bool matches(const Json& config) {
  if (!config.is_object()) return false;
  const Json names = config.value("architectures", Json());
  if (names.is_array() && !names.empty() && names[0] == Json("CambrianQwenForCausalLM")) return true;
  return config.value("model_type", Json()) == Json("cambrian_qwen");
}

/// Settings that would change what is computed, at the only value that this program computes.
void check_settings(const ConfigReader& config) {
  if (config.text("mm_projector_type", "linear") != "sva") config.refuse("mm_projector_type", "only sva is supported");
  config.only("num_query_group", 1);
  config.only("connector_only", true);
  config.only("frame_pos", false);
  config.only("mm_use_im_start_end", false);
  config.only("mm_vision_select_feature", "patch");
  config.only("image_aspect_ratio", "pad");
  config.only("is_st_sampler", false);
  for (const std::string& key : {kSiglip, kDino}) {
    if (!config.has(key))
      config.refuse(key, "missing: the towers lie in other repositories; join the folders with scripts/join_longvu.py");
  }
}

/// The side of a square of so many tokens.
int64_t side_of(const ConfigReader& config, const std::string& key, const Json& tokens) {
  const auto side = tokens.is_number_integer() ? std::llround(std::sqrt(tokens.get<double>())) : 0;
  if (side < 1 || side > 1024 || side * side != tokens.get<int64_t>()) config.refuse(key, "no square of tokens");
  return side;
}

/// The one entry, or the equal entries, of a list.
Json all_of(const ConfigReader& config, const std::string& key, size_t count) {
  const Json list = config.json().value(key, Json());
  if (!list.is_array() || list.size() != count || (count > 1 && list[0] != list[1]))
    config.refuse(key, "not a list of " + std::to_string(count) + " equal numbers");
  return list[0];
}

LongVuForm read_form(const ConfigReader& config) {
  LongVuForm form;
  form.width = config.integer("vision_hidden_size", 16, kMaxWidth);
  if (form.width % 16 != 0) config.refuse("vision_hidden_size", "no multiple of its 16 heads");
  form.depth = config.integer("connector_depth", 1, kMaxLayers);
  form.features =
      side_of(config, "mm_vision_tower_aux_token_len_list", all_of(config, "mm_vision_tower_aux_token_len_list", 2));
  form.fine = side_of(config, "image_token_len", config.integer("image_token_len", 1, 1 << 20));
  form.coarse = config.has("lowres_token") ? config.integer("lowres_token", 1, form.fine) : 8;
  if (form.coarse > form.fine) config.refuse("lowres_token", "missing, and 8 is more than image_token_len has");
  if (side_of(config, "query_num_list", all_of(config, "query_num_list", 1)) != form.fine)
    config.refuse("query_num_list", "other queries than image_token_len are not supported");
  if (form.features % form.fine != 0) config.refuse("image_token_len", "does not divide the towers' maps into windows");
  form.dino_side = kDinoSide;
  form.highres = config.flag("highres", false);
  form.limit = config.integer("tokenizer_model_max_length", 1, int64_t{1} << 40);
  if (config.has("inference_max_length")) form.reserve = config.integer("inference_max_length", 0, int64_t{1} << 40);
  form.dino_threshold = config.number("dino_threshold", form.dino_threshold);
  form.drop_threshold = config.number("drop_threshold", form.drop_threshold);
  return form;
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  check_settings(config);
  auto weights = std::make_unique<Weights>();
  weights->family = "longvu";
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  // The original forces rope_scaling off.
  weights->decoder = qwen2_decoder(config, config.number("rope_theta"), shapes);
  weights->decoder.may_tie = config.flag("tie_word_embeddings", false);
  weights->vision = longvu_eye(config.object(kSiglip), config.object(kDino), config.integer("hidden_size", 1, kMaxWidth),
                               read_form(config), shapes);
  return Lvlm(std::move(weights));
}

std::string canonical(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"model.vision_tower_aux_0.vision_model.", "model.vision_tower_aux_0."},
      {"model.layers.", "model.language_model.layers."},
      {"model.embed_tokens.", "model.language_model.embed_tokens."},
      {"model.norm.", "model.language_model.norm."},
  };
  if (name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".position_ids") || name.ends_with(".mask_token")) return "";
  const std::string known = rename_prefix(renames, name);
  return known.starts_with("model.vision_tower_aux_0.head.") ? "" : known;
}

/// The authors' names, and the towers' own behind those that joining puts before them.
std::string saved(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"model.vision_tower_aux_0.", "model.vision_tower_aux_0.vision_model."},
      {"model.language_model.", "model."},
  };
  return rename_prefix(renames, name);
}

/// Mean, deviation and scale of a tower's own processor.
void read_colours(const std::filesystem::path& file, video::PixelSpec& spec) {
  const Json json = read_json(file, "model");
  const auto fault = [&file](const std::string& key) {
    return Error(Fault::input, "model", file.string() + "#" + key + ": missing, or no numbers above zero",
                 "take the file of the tower's own repository");
  };
  const auto numbers = [&](const std::string& key) {
    const Json values = json.is_object() ? json.value(key, Json()) : Json();
    if (!values.is_array() || values.size() != 3) throw fault(key);
    std::array<float, 3> result{};
    for (size_t i = 0; i < 3; ++i) {
      if (!values[i].is_number() || !(values[i].get<double>() > 0)) throw fault(key);
      result[i] = static_cast<float>(values[i].get<double>());
    }
    return result;
  };
  spec.mean = numbers("image_mean");
  spec.std = numbers("image_std");
  const Json rescale = json.value("rescale_factor", Json());
  if (!rescale.is_number() || !(rescale.get<double>() > 0)) throw fault("rescale_factor");
  spec.rescale = rescale.get<double>();
}

/// A tower's own file where joining found one, else the constants of the two repositories.
std::vector<video::PixelSpec> pixels(const std::filesystem::path& folder, const Lvlm& lvlm) {
  std::vector<video::PixelSpec> specs(2);
  specs[0].size = lvlm.vision().image_side();
  specs[1].size = kDinoSide;
  specs[1].mean = {0.485F, 0.456F, 0.406F};
  specs[1].std = {0.229F, 0.224F, 0.225F};
  for (size_t i = 0; i < specs.size(); ++i) {
    specs[i].fit = video::Fit::pad;
    const std::filesystem::path file = folder / ("preprocessor_config_aux_" + std::to_string(i) + ".json");
    if (std::filesystem::exists(file)) read_colours(file, specs[i]);
  }
  return specs;
}

}  // namespace

const Family& longvu_row() {
  static const Family row{
      .name = "longvu",
      .help = "LongVU over Qwen2: SigLIP, DINOv2, a connector of queries over both, only what fits of a clip",
      .matches = matches,
      .build = build,
      .canonical = canonical,
      .saved = saved,
      .pixels = pixels,
      .default_prompt = "authors",
      .own_prompt = true,
      .own_pixels = true,
      .own_modules = true,
      .sampling = "fps"};
  return row;
}

}  // namespace rrpo::model
