// InternVL3 and InternVL3.5, dense, in two layouts: transformers' (`internvl`) and OpenGVLab's own (`internvl_chat`), which
// differ in keys, in names and in one tensor for queries, keys and values of the tower.
#include "../vision/rows.h"
#include "parts.h"
#include "rows.h"
#include "rrpo/model/processor.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

const std::string kTheirs = "internvl", kOwn = "internvl_chat";

bool is_kind(const Json& config, const std::string& kind, const char* architecture) {
  if (!config.is_object()) return false;
  if (config.value("model_type", Json()) == Json(kind)) return true;
  const Json names = config.value("architectures", Json());
  return !config.contains("model_type") && names.is_array() && !names.empty() && names[0] == Json(architecture);
}
bool matches_theirs(const Json& config) { return is_kind(config, kTheirs, "InternVLForConditionalGeneration"); }
bool matches_own(const Json& config) { return is_kind(config, kOwn, "InternVLChatModel"); }

/// Both layouts name `rope_type: dynamic`: frequencies that change only behind max_position_embeddings.
double theta_of(const ConfigReader& text) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!text.has(key)) continue;
    const ConfigReader rope = text.object(key);
    for (const char* kind : {"rope_type", "type"}) {
      if (rope.text(kind, "default") != "dynamic") rope.only(kind, "default");
    }
    if (rope.has("rope_theta")) return rope.number("rope_theta");
  }
  return text.number("rope_theta");
}

Decoder decoder_of(const ConfigReader& text, const Shapes& shapes) {
  const std::string kind = text.text("model_type", "qwen2");
  if (kind != "qwen2" && kind != "qwen3")
    text.refuse("model_type",
                "'" + printable(kind) + "' is no decoder of this family, only qwen2 (InternVL3) and qwen3 (3.5)");
  const bool qwen3 = kind == "qwen3";
  if (qwen3) text.only("attention_bias", false);
  return qwen2_decoder(text, theta_of(text), shapes, {.qkv_bias = !qwen3, .head_norms = qwen3});
}

/// The one side of a square that is written as a number or as two.
int64_t side_of(const ConfigReader& config, const std::string& key, int64_t high) {
  if (!config.has(key)) config.refuse(key, "missing");
  Json value = config.json().at(key);
  if (value.is_array() && value.size() == 2 && value[0] == value[1]) value = Json(value[0]);
  if (!value.is_number_integer() || value < 1 || value > high)
    config.refuse(key, "not a side of 1 to " + std::to_string(high) + " pixels: " + printable(value.dump()));
  return value.get<int64_t>();
}

/// What both layouts call alike.
InternVitForm common_form(const ConfigReader& config, const ConfigReader& vision, int64_t decoder_width) {
  vision.only("hidden_act", "gelu");
  vision.only("num_channels", 3);
  InternVitForm form;
  form.patch = side_of(vision, "patch_size", 1024);
  form.side = side_of(vision, "image_size", 8192);
  form.width = vision.integer("hidden_size", 1, kMaxWidth);
  form.inner = vision.integer("intermediate_size", 1, kMaxWidth);
  form.layers = vision.integer("num_hidden_layers", 0, kMaxLayers);
  form.heads = vision.integer("num_attention_heads", 1, form.width);
  if (form.width % form.heads != 0) vision.refuse("num_attention_heads", "does not divide hidden_size");
  form.eps = vision.number("layer_norm_eps", 1e-6);
  const std::string norm = vision.text("norm_type", "layer_norm");
  if (norm != "rms_norm") vision.only("norm_type", "layer_norm");
  form.rms = norm == "rms_norm";
  const double ratio = config.number("downsample_ratio", 0.5);
  form.cell = static_cast<int64_t>(1 / ratio);
  if (form.cell < 1 || static_cast<double>(form.cell) * ratio != 1 || form.side / form.patch % form.cell != 0 ||
      form.side < form.patch) {
    config.refuse("downsample_ratio", "does not divide the patches of a picture");
  }
  form.decoder_width = decoder_width;
  return form;
}

/// Layers that are run where `key` counts states: 0 the input of the first layer, -1 the output of the last one.
int64_t layers_used(const ConfigReader& config, const std::string& key, int64_t layers) {
  const int64_t at = config.has(key) ? config.integer(key, -layers - 1, layers) : -1;
  return at < 0 ? layers + 1 + at : at;
}

InternVitForm form_of_theirs(const ConfigReader& config, int64_t decoder_width) {
  const ConfigReader vision = config.object("vision_config");
  vision.only("model_type", "internvl_vision");
  vision.only("use_mask_token", false);
  vision.only("use_absolute_position_embeddings", true);
  vision.only("use_mean_pooling", true);
  config.only("vision_feature_select_strategy", "default");
  config.only("projector_hidden_act", "gelu");
  InternVitForm form = common_form(config, vision, decoder_width);
  form.qkv_bias = vision.flag("attention_bias", false);
  form.head_eps = vision.flag("use_qk_norm", false) ? 1e-6 : 0;
  form.used = layers_used(config, "vision_feature_layer", form.layers);
  return form;
}

InternVitForm form_of_own(const ConfigReader& config, int64_t decoder_width) {
  const ConfigReader vision = config.object("vision_config");
  if (config.text("ps_version", "v1") != "v2") config.refuse("ps_version", "only v2 is supported: v1 transposes pictures");
  config.only("pad2square", false);
  InternVitForm form = common_form(config, vision, decoder_width);
  if (config.has("force_image_size")) config.only("force_image_size", form.side);  // else positions would be resized
  form.qkv_bias = vision.flag("qkv_bias", false);
  form.head_eps = vision.flag("qk_normalization", true) ? form.eps : 0;
  form.used = layers_used(config, "select_layer", form.layers);
  return form;
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  const bool own = matches_own(json);
  for (const auto& [value, key] : {std::pair{options.video_pool, "video_pool"}, {options.positions, "positions"}}) {
    if (value.empty()) continue;
    throw Error(Fault::usage, "config", std::string("model.") + key + ": family internvl has no '" + printable(value) + "'",
                std::string("model.") + key + "=auto");
  }
  const ConfigReader text = config.object(own ? "llm_config" : "text_config");
  auto weights = std::make_unique<Weights>();
  weights->family = own ? kOwn : kTheirs;
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  weights->decoder = decoder_of(text, shapes);
  weights->decoder.may_tie = config.flag("tie_word_embeddings", !own && !text.has("tie_word_embeddings")) ||
                             text.flag("tie_word_embeddings", false);
  const int64_t width = text.integer("hidden_size", 1, kMaxWidth);
  weights->vision = intern_vit(own ? form_of_own(config, width) : form_of_theirs(config, width), shapes);
  return Lvlm(std::move(weights));
}

void replace(std::string& name, const std::string& from, const std::string& to) {
  const size_t at = name.find(from);
  if (at != std::string::npos) name.replace(at, from.size(), to);
}

/// Parts of names inside of a layer of the tower: OpenGVLab's and transformers'.
const std::vector<Rename>& layer_parts() {
  static const std::vector<Rename> parts = {
      {".norm1.", ".layernorm_before."},
      {".norm2.", ".layernorm_after."},
      {".attn.proj.", ".attention.projection_layer."},
      {".attn.", ".attention."},
  };
  return parts;
}

const std::vector<Rename>& own_names() {
  static const std::vector<Rename> renames = {
      {"vision_model.encoder.layers.", "model.vision_tower.encoder.layer."},
      {"vision_model.embeddings.class_embedding", "model.vision_tower.embeddings.cls_token"},
      {"vision_model.embeddings.position_embedding", "model.vision_tower.embeddings.position_embeddings"},
      {"vision_model.embeddings.patch_embedding.", "model.vision_tower.embeddings.patch_embeddings.projection."},
      {"mlp1.0.", "model.multi_modal_projector.layer_norm."},
      {"mlp1.1.", "model.multi_modal_projector.linear_1."},
      {"mlp1.3.", "model.multi_modal_projector.linear_2."},
      {"language_model.lm_head.", "lm_head."},
      {"language_model.model.", "model.language_model."},
  };
  return renames;
}

/// The names of both layouts, of transformers' before and from release 5.
std::string canonical(const std::string& disk_name) {
  static const std::vector<Rename> theirs = {
      {"vision_tower.", "model.vision_tower."},
      {"multi_modal_projector.", "model.multi_modal_projector."},
      {"language_model.", "model.language_model."},
  };
  std::string name = rename_prefix(own_names(), disk_name);
  if (name == disk_name) name = rename_prefix(theirs, name);
  if (disk_name.starts_with("vision_model.encoder.")) {
    for (const Rename& part : layer_parts()) replace(name, part.from, part.to);
    for (const char* scale : {"1", "2"}) replace(name, std::string(".ls") + scale, std::string(".lambda_") + scale);
  }
  return name.ends_with("rotary_emb.inv_freq") ? "" : name;
}

std::vector<std::string> stacked(const std::string& disk_name) {
  if (!disk_name.starts_with("vision_model.") || disk_name.find(".attn.qkv.") == std::string::npos) return {};
  std::vector<std::string> names;
  for (const char* part : {"q", "k", "v"}) {
    std::string name = disk_name;
    replace(name, ".qkv.", std::string(".") + part + "_proj.");
    names.push_back(canonical(name));
  }
  return names;
}

/// The names of the checkpoints on the hub, which every release of transformers loads.
std::string saved_theirs(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"model.vision_tower.", "vision_tower."},
      {"model.multi_modal_projector.", "multi_modal_projector."},
      {"model.language_model.", "language_model.model."},
      {"lm_head.", "language_model.lm_head."},
  };
  return rename_prefix(renames, name);
}

/// OpenGVLab's names; queries, keys and values stay apart.
std::string saved_own(const std::string& canonical_name) {
  static const std::vector<Rename> renames = [] {
    std::vector<Rename> turned;
    for (const Rename& one : own_names()) turned.push_back({one.to, one.from});
    return turned;
  }();
  std::string name = rename_prefix(renames, canonical_name);
  if (!name.starts_with("vision_model.encoder.")) return name;
  for (const Rename& part : layer_parts()) replace(name, part.to, part.from);
  for (const char* scale : {"1", "2"}) replace(name, std::string(".lambda_") + scale, std::string(".ls") + scale);
  return name;
}

/// The grid of a still, by keys of a processor or of a configuration.
video::PixelSpec in_tiles(video::PixelSpec spec, const ConfigReader& config, const char* least, const char* most,
                          bool thumbnail) {
  spec.fit = video::Fit::tiles;
  spec.min_tiles = config.has(least) ? config.integer(least, 1, 1024) : 1;
  spec.max_tiles = config.has(most) ? config.integer(most, spec.min_tiles, 1024) : 12;
  spec.thumbnail = thumbnail;
  if (spec.max_tiles == 1) spec.fit = video::Fit::squash;
  return spec;
}

video::PixelSpec still_of_theirs(const std::filesystem::path& folder, const Lvlm& /*lvlm*/) {
  const video::PixelSpec spec = read_pixel_spec(folder, Media::image);
  const auto nested = folder / "processor_config.json";
  Json json = read_json(std::filesystem::exists(nested) ? nested : folder / "preprocessor_config.json", "model");
  if (json.contains("image_processor")) json = Json(json.at("image_processor"));
  return in_tiles(spec, ConfigReader(json, ""), "min_patches", "max_patches", true);
}

/// OpenGVLab's code prepares pictures by constants: ImageNet's mean and deviation, no processor's file.
std::vector<video::PixelSpec> pixels_of_own(const std::filesystem::path& /*folder*/, const Lvlm& lvlm) {
  video::PixelSpec spec;
  spec.size = lvlm.vision().image_side();
  spec.mean = {0.485f, 0.456f, 0.406f};
  spec.std = {0.229f, 0.224f, 0.225f};
  return {spec};
}

video::PixelSpec still_of_own(const std::filesystem::path& folder, const Lvlm& lvlm) {
  const video::PixelSpec spec = pixels_of_own(folder, lvlm).front();
  const Json json = read_json(folder / "config.json", "model");
  const ConfigReader config(json, "");
  if (!config.flag("dynamic_image_size", false)) return spec;
  return in_tiles(spec, config, "min_dynamic_patch", "max_dynamic_patch", config.flag("use_thumbnail", false));
}

}  // namespace

const Family& internvl_row() {
  static const Family row{
      .name = kTheirs,
      .help = "InternViT, cells of patches joined, Qwen2 or Qwen3: InternVL3 and 3.5 as transformers has them",
      .matches = matches_theirs,
      .build = build,
      .canonical = canonical,
      .stacked = stacked,
      .saved = saved_theirs,
      .still_pixels = still_of_theirs,
      .default_prompt = "internvl",
      .sampling = "internvl"};
  return row;
}

const Family& internvl_chat_row() {
  static const Family row{.name = kOwn,
                          .help = "the same in OpenGVLab's own layout",
                          .matches = matches_own,
                          .build = build,
                          .canonical = canonical,
                          .stacked = stacked,
                          .saved = saved_own,
                          .pixels = pixels_of_own,
                          .still_pixels = still_of_own,
                          .default_prompt = "internvl_chat",
                          .own_prompt = true,
                          .own_modules = true,
                          .sampling = "internvl"};
  return row;
}

}  // namespace rrpo::model
