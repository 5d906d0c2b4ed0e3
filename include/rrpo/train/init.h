// `rrpo-train init`: a checkpoint with initial values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "rrpo/train/config.h"

namespace rrpo::train {

struct InitConfig {
  std::filesystem::path config;
  std::filesystem::path tokenizer;
  std::string dtype = "float32";
  int64_t seed = 42;
  template <class V>
  void fields(V& v) {
    v("config", config, "config.json of the model, or the folder that holds it (and its processor files)");
    v("tokenizer", tokenizer, "folder of the tokenizer's files");
    v("dtype", dtype, "type of the written weights: float32 or bfloat16");
    v("seed", seed, "of the initial values");
  }
  void check(const std::string& at) const;
};

/// Writes `options.out` as a Hugging Face folder: config.json, model.safetensors, tokenizer and processor files. The summary
/// names the number of parameters. `dry_run` writes nothing.
Result init(const InitConfig& config, const RunOptions& options);

}  // namespace rrpo::train
