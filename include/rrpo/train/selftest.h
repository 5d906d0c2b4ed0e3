// `rrpo-train selftest`: values that Python computed once against what this machine computes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "rrpo/train/config.h"

namespace rrpo::train {

struct SelftestConfig {
  std::string device = "auto";
  std::optional<std::filesystem::path> golden;
  template <class V>
  void fields(V& v) {
    v("device", device, "what to test: auto (the CPU, and the GPU where there is one), cpu, cuda, cuda:N");
    v("golden", golden, "another file of expected values; null: the one inside the program");
  }
  void check(const std::string& at) const;
};

/// Runs a small model whose weights are a formula through tower, decoder and every term of the loss, in float64, float32 and
/// bfloat16 on each device, and compares with float64 values of transformers and PEFT (scripts/oracles/selftest.py). `text`
/// is the table of errors; exit code 5 when one is out of its tolerance. With `options.out` the summary is also written
/// there.
Result selftest(const SelftestConfig& config, const RunOptions& options);

}  // namespace rrpo::train
