// `rrpo-train doctor`: what this machine has, and what is missing.
#pragma once

#include <filesystem>
#include <string>

#include "rrpo/train/config.h"

namespace rrpo::train {

struct DoctorConfig {
  std::string device = "auto";
  int64_t threads = 1;
  template <class V>
  void fields(V& v) {
    v("device", device, "what must be usable: auto (a GPU where the driver shows one), cpu, cuda, cuda:N");
    v("threads", threads, "threads inside a tensor operation that a run would have");
  }
  void check(const std::string& at) const;
};

/// Looks at versions, processor, threads, memory, GPUs, the CUDA side of LibTorch, decoders, and the disk of `options.out`
/// (the current folder without one). Writes nothing there. `text` is a table with a remedy for each thing that is missing;
/// when one is needed the result is Error(environment). Numbers are written in the C locale.
Result doctor(const DoctorConfig& config, const RunOptions& options);

}  // namespace rrpo::train
