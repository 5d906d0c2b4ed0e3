// Qwen2.5-VL: a tower that attends in windows, Qwen2 with positions on three axes.
#include "parts.h"
#include "qwen_files.h"
#include "rows.h"

namespace rrpo::model {

namespace {

bool matches(const Json& config) {
  if (!config.is_object()) return false;
  if (config.value("model_type", Json()) == Json("qwen2_5_vl")) return true;
  const Json names = config.value("architectures", Json());
  return names.is_array() && !names.empty() && names[0] == Json("Qwen2_5_VLForConditionalGeneration");
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  check_qwen_options(options, "qwen2_5_vl", "transformers5");
  const ConfigReader text = qwen_text(config);
  if (config.has("text_config")) text.only("model_type", "qwen2_5_vl_text");
  auto weights = std::make_unique<Weights>();
  weights->family = "qwen2_5_vl";
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  const int64_t width = text.integer("hidden_size", 1, kMaxWidth);
  Decoder& decoder = weights->decoder;
  decoder = qwen2_decoder(text, qwen_theta(text), shapes, {.qkv_bias = true, .head_norms = false});
  // The original takes the width of its heads from these two, whatever a key says.
  if (decoder.heads * decoder.head_width != width) text.refuse("head_dim", "is not hidden_size / num_attention_heads");
  decoder.axes = qwen_axes(text, decoder.head_width, false);
  decoder.may_tie = qwen_tied_head(config);
  weights->vision = qwen2_5_eye(config.object("vision_config"), width, options.positions != "transformers5", shapes);
  return Lvlm(std::move(weights));
}

/// Checkpoints on the hub call the tower `visual` and the decoder `model`; some releases of transformers 4 saved module
/// paths.
std::string canonical(const std::string& name) {
  static const std::vector<Rename> renames = {
      {"visual.", "model.visual."},
      {"model.layers.", "model.language_model.layers."},
      {"model.embed_tokens.", "model.language_model.embed_tokens."},
      {"model.norm.", "model.language_model.norm."},
  };
  const std::string known = rename_prefix(renames, name);
  return known.ends_with(".rotary_emb.inv_freq") || known.ends_with(".rotary_pos_emb.inv_freq") ? "" : known;
}

std::string saved(const std::string& name) {
  static const std::vector<Rename> renames = {{"model.visual.", "visual."}, {"model.language_model.", "model."}};
  return rename_prefix(renames, name);
}

/// What the processors' classes take where a file is silent: CLIP's colours, 128 to 768 visual tokens for a frame.
constexpr std::array<float, 3> kMean = {0.48145466F, 0.4578275F, 0.40821073F},
                               kStd = {0.26862954F, 0.26130258F, 0.27577711F};
constexpr int64_t kToken = 28 * 28;

PatchForm patch_form(const Lvlm& lvlm) {
  const Json eye = lvlm.vision().resolved();
  return {.patch = eye.at("patch"), .temporal = eye.at("temporal"), .merge = eye.at("merge")};
}

std::vector<video::PixelSpec> pixels(const std::filesystem::path& folder, const Lvlm& lvlm) {
  return {qwen_video_pixels(folder, patch_form(lvlm),
                            {.fit = video::Fit::budget_frame,
                             .min_pixels = 128 * kToken,
                             .max_pixels = 768 * kToken,
                             .mean = kMean,
                             .std = kStd})};
}

video::PixelSpec still_pixels(const std::filesystem::path& folder, const Lvlm& lvlm) {
  return qwen_still_pixels(
      folder, patch_form(lvlm),
      {.fit = video::Fit::budget_frame, .min_pixels = 4 * kToken, .max_pixels = 1280 * kToken, .mean = kMean, .std = kStd});
}

}  // namespace

const Family& qwen2_5_vl_row() {
  static const Family row{
      .name = "qwen2_5_vl",
      .help = "Qwen2.5-VL: a tower with windows, pictures of any size, Qwen2 with positions on three axes",
      .matches = matches,
      .build = build,
      .canonical = canonical,
      .saved = saved,
      .pixels = pixels,
      .still_pixels = still_pixels,
      .default_prompt = "qwen2_5_vl",
      .sampling = "qwen2_5_vl"};
  return row;
}

}  // namespace rrpo::model
