// The families of models: each reads its own configuration files and names of tensors, and builds an Lvlm.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/model/lvlm.h"

namespace rrpo::model {

enum class Dtype { float32, bfloat16, float64 };

/// What a caller may choose about a checkpoint that its files do not fix.
struct LoadOptions {
  Dtype dtype = Dtype::float32;
  std::string device = "cpu";   ///< cpu, cuda, cuda:N; meta: shapes without values
  std::string video_pool = "";  ///< bilinear, average, max; empty: the configuration's
};

struct Family {
  std::string name;
  std::string help;
  /// True when this `config.json` is of the family.
  bool (*matches)(const Json& config);
  /// An Lvlm with tensors of the right shapes, without values.
  Lvlm (*build)(const Json& config, const LoadOptions& options);
  /// Canonical name of a tensor on disk, or empty when the name is one to ignore (`rotary_emb.inv_freq`); unknown names
  /// come back unchanged and are then reported.
  std::string (*canonical)(const std::string& disk_name);
  /// The name under which a tensor is saved.
  std::string (*saved)(const std::string& canonical_name);
  /// Prompt form that `model.prompt=auto` falls back to when the folder holds no chat template; empty: an error.
  std::string default_prompt;
  /// The folder's chat template, if any, is the plain decoder's and says nothing about videos: `default_prompt` counts.
  bool own_prompt = false;
  /// The original prepares frames by constants where the folder holds no processor's file (those of video::PixelSpec).
  bool own_pixels = false;
  /// The original's modules are called as its files call their tensors: so are the keys of its adapters.
  bool own_modules = false;
};

const std::vector<Family>& families();

/// The family of a checkpoint folder by its `config.json`. Throws Error(input, "model") listing the families.
const Family& family_of(const Json& config, const std::filesystem::path& folder);

/// The original's path of the module or tensor that is canonically called `name`, as PEFT writes it.
std::string module_name(const Family& family, const std::string& name);

/// Loads a checkpoint folder. Missing, unexpected and misshapen tensors are reported together in one Error(input,
/// "weights").
Lvlm load(const std::filesystem::path& folder, const LoadOptions& options);

/// A model with initial values from `config.json` alone: normal 1/sqrt(fan in), half of that for attention output, second
/// MLP and down projections; embedding and newline 0.1, position table 0.5; norms 1, biases 0. A pure function of the seed.
Lvlm init(const std::filesystem::path& config_file, uint64_t seed, const LoadOptions& options);

/// Writes all weights as `model.safetensors` (names as transformers 5 saves them) beside `config.json` in `dtype`.
void save_weights(Lvlm& lvlm, const std::filesystem::path& folder, Dtype dtype);

}  // namespace rrpo::model
