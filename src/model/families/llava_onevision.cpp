// LLaVA-OneVision in Hugging Face form: SigLIP, a two-layer projector, 2x bilinear pooling with one newline, Qwen2.
#include "parts.h"
#include "rows.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

namespace {

bool matches(const Json& config) {
  if (!config.is_object()) return false;
  if (config.value("model_type", Json()) == Json("llava_onevision")) return true;
  const Json names = config.value("architectures", Json());
  return names.is_array() && !names.empty() && names[0] == Json("LlavaOnevisionForConditionalGeneration");
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  config.only("projector_hidden_act", "gelu");
  config.only("vision_feature_layer", -1);
  config.only("vision_feature_select_strategy", "full");
  if (!options.video_pool.empty() && options.video_pool != "bilinear") {
    throw Error(Fault::usage, "config",
                "model.video_pool: family llava_onevision pools bilinearly, as transformers does, and has no '" +
                    options.video_pool + "'",
                "model.video_pool=auto");
  }
  const ConfigReader text = config.object("text_config"), vision = config.object("vision_config");
  auto weights = std::make_unique<Weights>();
  weights->family = "llava_onevision";
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  text.only("model_type", "qwen2");
  weights->decoder = qwen2_decoder(text, rope_theta(text), shapes);
  weights->decoder.may_tie = config.flag("tie_word_embeddings", false) || text.flag("tie_word_embeddings", false) ||
                             (!config.has("tie_word_embeddings") && !text.has("tie_word_embeddings"));
  LlavaForm form;
  form.tiles = read_tiles(config, "vision_aspect_ratio", vision.integer("image_size", 1, 8192));
  form.bias = config.flag("multimodal_projector_bias", true);
  weights->vision = siglip_llava(vision, vision.integer("num_hidden_layers", 1, kMaxLayers),
                                 text.integer("hidden_size", 1, kMaxWidth), std::move(form), shapes);
  return Lvlm(std::move(weights));
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
  static const Family row{.name = "llava_onevision",
                          .help = "SigLIP, two-layer projector, 2x bilinear pooling, one newline after the video, Qwen2",
                          .matches = matches,
                          .build = build,
                          .canonical = llava_name,
                          .saved = saved,
                          .default_prompt = "onevision",
                          .sampling = "linspace"};
  return row;
}

}  // namespace rrpo::model
