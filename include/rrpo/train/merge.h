// `rrpo-train merge`: an adapter into base weights, with a proof.
#pragma once

#include <string>

#include "rrpo/train/config.h"

namespace rrpo::train {

struct MergeConfig {
  policy::ModelConfig model;
  std::string device = "auto";
  int64_t threads = 1;
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("device", device, "of the proof: auto, cpu, cuda, cuda:N");
    v("threads", threads, "threads inside a tensor operation");
  }
  void check(const std::string& at) const;
};

/// Writes `options.out` as a whole Hugging Face folder: the base's weights in its own dtype and files with the adapter added
/// (model/merge.h), configuration, tokenizer and processor files, run.json. The folder appears only when the logits of base
/// with adapter and of the written folder agree on the probe rows (a built-in prompt about built-in pictures, and a text
/// alone), within a tolerance by dtype; else Error(numerics). The summary is the proof. `dry_run` checks and counts, writes
/// nothing.
Result merge(const MergeConfig& config, const RunOptions& options);

}  // namespace rrpo::train
