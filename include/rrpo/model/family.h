// The families of models: each reads its own configuration files and names of tensors, and builds an Lvlm.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rrpo/model/lvlm.h"
#include "rrpo/video/transform.h"

namespace rrpo::model {

enum class Dtype { float32, bfloat16, float64 };

/// What a caller may choose about a checkpoint that its files do not fix.
struct LoadOptions {
  Dtype dtype = Dtype::float32;
  std::string device = "cpu";    ///< cpu, cuda, cuda:N; meta: shapes without values
  std::string video_pool = "";   ///< bilinear, average, max; empty: the configuration's
  std::string positions = "";    ///< transformers5: of Qwen2.5-VL, as that release has them; empty: as it was trained
  std::string frozen = "plain";  ///< how the matrices of the decoder's layers are held, by holding_of() (model/shards.h)
};

struct Lora;  // in model/weights.h

struct Family {
  std::string name;
  std::string help;
  /// True when this `config.json` is of the family.
  bool (*matches)(const Json& config) = nullptr;
  /// An Lvlm with tensors of the right shapes, without values. Refuses by key what is not computed.
  Lvlm (*build)(const Json& config, const LoadOptions& options) = nullptr;
  /// Canonical name of a tensor on disk, or empty when the name is one to ignore (`rotary_emb.inv_freq`); unknown names
  /// come back unchanged and are then reported.
  std::string (*canonical)(const std::string& disk_name) = nullptr;
  /// Of a tensor on disk that holds several of equal height, one below the other: their canonical names. Empty: it is one.
  std::vector<std::string> (*stacked)(const std::string& disk_name) = nullptr;
  /// What a checkpoint holds beside the model's own tensors (an adapter that belongs to the model, say), by the names of the
  /// weights that take it in when they are read. `more` are tensors by canonical names that begin with one of `absorbed`;
  /// of the model only shapes are looked at.
  std::map<std::string, Lora> (*absorb)(Lvlm& lvlm, const std::map<std::string, at::Tensor>& more) = nullptr;
  std::vector<std::string> absorbed = {};
  /// The name under which a tensor is saved.
  std::string (*saved)(const std::string& canonical_name) = nullptr;
  /// How frames become pixels, by the processor's files of the folder: one for each tower. Empty: squares, by
  /// read_pixel_spec().
  std::vector<video::PixelSpec> (*pixels)(const std::filesystem::path& folder, const Lvlm& lvlm) = nullptr;
  /// How a still is prepared that is shown as a picture. Empty: as the frames of a video, in tiles where there are any.
  video::PixelSpec (*still_pixels)(const std::filesystem::path& folder, const Lvlm& lvlm) = nullptr;
  /// Prompt form that `model.prompt=auto` falls back to when the folder holds no chat template; empty: an error.
  std::string default_prompt = {};
  /// The folder's chat template, if any, is not asked: `default_prompt` counts.
  bool own_prompt = false;
  /// The original prepares frames by constants where the folder holds no processor's file (those of video::PixelSpec).
  bool own_pixels = false;
  /// The original's modules are called as its files call their tensors: so are the keys of its adapters.
  bool own_modules = false;
  /// The rule (`video.sampling`) by which the original chooses frames.
  std::string sampling = {};
};

const std::vector<Family>& families();

/// The family of a checkpoint folder by its `config.json`. Throws Error(input, "model") listing the families.
const Family& family_of(const Json& config, const std::filesystem::path& folder);

/// The canonical names of what a tensor on disk holds: one, or the equal parts of a stacked one; none for a name to ignore.
std::vector<std::string> canonical_names(const Family& family, const std::string& disk_name);

/// The original's path of the module that is canonically called `name`, as PEFT writes it.
std::string module_name(const Family& family, const std::string& name);

/// Loads a checkpoint folder. Missing, unexpected and misshapen tensors are reported together in one Error(input,
/// "weights"). In four bits a matrix is held of the file's own numbers, whatever the compute type, and each is made as it is
/// read: the plain ones never lie in memory together.
Lvlm load(const std::filesystem::path& folder, const LoadOptions& options);

/// A model with initial values from `config.json` alone: normal 1/sqrt(fan in), half of that for attention output, second
/// MLP and down projections; embedding and newline 0.1, position table 0.5; norms 1, biases 0. A pure function of the seed.
Lvlm init(const std::filesystem::path& config_file, uint64_t seed, const LoadOptions& options);

/// Writes all weights, which must be plain, as `model.safetensors` (names as transformers 5 saves them) beside `config.json`
/// in `dtype`.
void save_weights(Lvlm& lvlm, const std::filesystem::path& folder, Dtype dtype);

}  // namespace rrpo::model
