// VideoChat2 with Mistral: a video tower, a Q-Former that reads the instruction, Mistral with the adapter of its last stage.
//
// The published model comes in three pieces (a pickle, Mistral's folder, BERT's vocabulary) that
// scripts/convert_checkpoint.py joins into one folder; the keys of its config.json are that script's.
#include "parts.h"
#include "rows.h"
#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

namespace {

constexpr const char* kName = "videochat2_mistral";
/// The adapter of the original's last stage, under names that begin so; `alpha` is one number.
const std::string kStage = "stage3_lora.", kAlpha = kStage + "alpha", kDecoder = "model.language_model.";

bool matches(const Json& config) { return config.is_object() && config.value("model_type", Json()) == Json(kName); }

/// Mistral's layers have no key that turns its window off: where there is one, all of them look through it.
void check_window(const ConfigReader& text) {
  constexpr int64_t kLongest = int64_t{1} << 40;
  if (!text.has("sliding_window")) return;
  if (text.integer("sliding_window", 1, kLongest) < text.integer("max_position_embeddings", 1, kLongest))
    text.refuse("sliding_window", "attention in a window is not supported");
}

Lvlm build(const Json& json, const LoadOptions& options) {
  const ConfigReader config(json, "");
  const ConfigReader text = config.object("text_config");
  if (!options.video_pool.empty()) {
    throw Error(Fault::usage, "config", "model.video_pool: family videochat2_mistral pools nothing",
                "model.video_pool=auto");
  }
  text.only("model_type", "mistral");
  check_window(text);
  auto weights = std::make_unique<Weights>();
  weights->family = kName;
  weights->type = scalar_type(options.dtype);
  weights->device = at::Device(options.device);
  const Shapes shapes(weights->type);
  weights->decoder = qwen2_decoder(text, rope_theta(text), shapes, {.qkv_bias = false, .head_norms = false});
  weights->vision = umt_qformer(config.object("vision_config"), config.object("qformer_config"),
                                text.integer("hidden_size", 1, kMaxWidth), shapes);
  return Lvlm(std::move(weights));
}

std::string canonical(const std::string& name) {
  if (name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".position_ids")) return "";
  static const std::vector<Rename> renames = {{"model.layers.", kDecoder + "layers."},
                                              {"model.embed_tokens.", kDecoder + "embed_tokens."},
                                              {"model.norm.", kDecoder + "norm."}};
  return rename_prefix(renames, name);
}

/// Mistral's own names, which the authors' adapters have too.
std::string saved(const std::string& name) { return rename_prefix({{kDecoder, "model."}}, name); }

[[noreturn]] void fail(const std::string& problem) {
  throw Error(Fault::input, "weights", problem, "join the checkpoint anew with scripts/convert_checkpoint.py");
}

/// What the original does when it loads (merge_and_unload): weight + alpha / r * B A.
std::map<std::string, Lora> absorb(Lvlm& lvlm, const std::map<std::string, at::Tensor>& more) {
  std::map<std::string, Lora> changes;
  if (more.empty()) return changes;  // weights that this program has saved hold it
  const auto found = [&](const std::string& name) {
    const auto at = more.find(name);
    return at == more.end() ? at::Tensor() : at->second;
  };
  const at::Tensor stored = found(kAlpha);
  if (!stored.defined() || stored.numel() != 1) fail(kAlpha + ": is missing");
  const double alpha = stored.is_meta() ? 1 : stored.to(at::kDouble).item<double>();  // shapes have no values
  size_t taken = 1;
  const auto take = [&](const std::string& name, const std::string& module, const Frozen& weight) {
    const at::Tensor a = found(kStage + module + ".lora_A.weight"), b = found(kStage + module + ".lora_B.weight");
    if (a.defined() != b.defined()) fail(kStage + module + ": holds one of lora_A and lora_B");
    if (!a.defined()) return;
    if (a.dim() != 2 || b.dim() != 2 || a.size(0) != b.size(1) || b.size(0) != weight.size(0) || a.size(1) != weight.size(1))
      fail(kStage + module + ": its lora_A and lora_B do not fit the weight");
    changes.emplace(name, Lora{a, b, alpha / static_cast<double>(a.size(0))});
    taken += 2;
  };
  each_decoder_linear(lvlm.weights(), [&](const std::string& module, Linear& linear) {
    take(module + ".weight", module.substr(kDecoder.size()), linear.weight);
  });
  take("lm_head.weight", "lm_head", lvlm.weights().decoder.head);
  if (taken != more.size()) fail(kStage + ": holds tensors of modules that the decoder does not have");
  return changes;
}

/// The constants of the original's reader; a processor's file was never published.
std::vector<video::PixelSpec> pixels(const std::filesystem::path&, const Lvlm& lvlm) {
  return {{.fit = video::Fit::crop,
           .size = lvlm.vision().image_side(),
           .mean = {0.48145466f, 0.4578275f, 0.40821073f},
           .std = {0.26862954f, 0.26130258f, 0.27577711f}}};
}

video::PixelSpec still_pixels(const std::filesystem::path& folder, const Lvlm& lvlm) {
  video::PixelSpec spec = pixels(folder, lvlm).front();
  spec.fit = video::Fit::squash;
  return spec;
}

}  // namespace

const Family& videochat2_mistral_row() {
  static const Family row{.name = kName,
                          .help = "UMT and a Q-Former that reads the instruction, 96 tokens a clip, Mistral",
                          .matches = matches,
                          .build = build,
                          .canonical = canonical,
                          .absorb = absorb,
                          .absorbed = {kStage},
                          .saved = saved,
                          .pixels = pixels,
                          .still_pixels = still_pixels,
                          .default_prompt = "videochat2",
                          .own_prompt = true,
                          .own_pixels = true,
                          .own_modules = true,
                          .sampling = "videochat2"};
  return row;
}

}  // namespace rrpo::model
