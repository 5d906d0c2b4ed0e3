// Qwen3-VL, dense: its eye, Qwen3's decoder with norms over heads, positions on three axes in turns, moments in the prompt.
#include "parts.h"
#include "qwen_files.h"
#include "rows.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

const std::string kName = "qwen3_vl", kExperts = "qwen3_vl_moe";

/// What the processor's classes take where their files are silent: of clips all frames together, of a still its area.
constexpr QwenProcessor kClips = {.fit = video::Fit::budget_clip,
                                  .min_pixels = 128 * 32 * 32,
                                  .max_pixels = 768 * 32 * 32,
                                  .mean = {0.5f, 0.5f, 0.5f},
                                  .std = {0.5f, 0.5f, 0.5f}};
constexpr QwenProcessor kStills = {.fit = video::Fit::budget_frame,
                                   .min_pixels = 56 * 56,
                                   .max_pixels = 1280 * 28 * 28,
                                   .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                                   .std = {0.26862954f, 0.26130258f, 0.27577711f}};

bool matches(const Json& config) {
  if (!config.is_object()) return false;
  const Json kind = config.value("model_type", Json());
  if (kind == Json(kName) || kind == Json(kExperts)) return true;
  const Json names = config.value("architectures", Json());
  return names.is_array() && !names.empty() && names[0] == Json("Qwen3VLForConditionalGeneration");
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  if (config.text("model_type", kName) == kExperts) {
    throw Error(Fault::input, "model", "config.json#model_type: " + kExperts + ", a mixture of experts, is not computed",
                "use a dense Qwen3-VL (2B, 4B, 8B, 32B)");
  }
  check_qwen_options(options, kName, "transformers5");  // which counts as this model was trained
  const ConfigReader text = config.object("text_config");
  text.only("model_type", "qwen3_vl_text");
  text.only("attention_bias", false);
  auto weights = std::make_unique<Weights>();
  weights->family = kName;
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  text.integer("head_dim", 2, kMaxWidth);  // the original knows no other way to a head's width
  weights->decoder = qwen2_decoder(text, qwen_theta(text), shapes, {.qkv_bias = false, .head_norms = true});
  weights->decoder.axes = qwen_axes(text, weights->decoder.head_width, /*interleaved=*/true);
  weights->decoder.may_tie = qwen_tied_head(config);
  weights->vision = qwen3_vl_eye(config.object("vision_config"), text.integer("hidden_size", 1, kMaxWidth), shapes);
  return Lvlm(std::move(weights));
}

/// transformers' own names; before 5, files of other tools lack the first word or call the decoder the model.
std::string canonical(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"visual.", "model.visual."},
      {"language_model.lm_head.", "lm_head."},
      {"language_model.model.", "model.language_model."},
      {"model.layers.", "model.language_model.layers."},
      {"model.embed_tokens.", "model.language_model.embed_tokens."},
      {"model.norm.", "model.language_model.norm."},
  };
  return name.ends_with(".inv_freq") ? "" : rename_prefix(renames, name);
}

std::string saved(const std::string& name) { return name; }

PatchForm patch_form(const std::filesystem::path& folder) {
  const Json json = read_json(folder / "config.json", "model");
  return read_patch_form(ConfigReader(json, "").object("vision_config"));
}

std::vector<video::PixelSpec> pixels(const std::filesystem::path& folder, const Lvlm& /*lvlm*/) {
  return {qwen_video_pixels(folder, patch_form(folder), kClips)};
}

video::PixelSpec still_pixels(const std::filesystem::path& folder, const Lvlm& /*lvlm*/) {
  return qwen_still_pixels(folder, patch_form(folder), kStills);
}

}  // namespace

const Family& qwen3_vl_row() {
  static const Family row{
      .name = kName,
      .help =
          "Qwen3-VL, dense: features of several depths, positions on three axes, the moment of every two frames in words",
      .matches = matches,
      .build = build,
      .canonical = canonical,
      .saved = saved,
      .pixels = pixels,
      .still_pixels = still_pixels,
      .default_prompt = "qwen3_vl",
      .sampling = "qwen3_vl",
  };
  return row;
}

}  // namespace rrpo::model
