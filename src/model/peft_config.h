// The rules of an adapter_config.json: which modules an adapter sits on, with which rank and scale.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pattern.h"

namespace rrpo::model {

/// The names under which an adapter may know one module of ours: transformers 5's (canonical), the one of the files on disk,
/// and the one of its own keys.
using ModuleNames = std::vector<std::string>;

/// Module names as PEFT selects them: a regular expression that matches whole names, or names and their last parts.
struct Selection {
  std::optional<Pattern> pattern;
  std::vector<std::string> names;
};

/// What `rank_pattern` or `alpha_pattern` gives: the first expression that matches the end of a name counts.
using Overrides = std::vector<std::pair<Pattern, double>>;

/// As PEFT 0.21 reads them.
struct PeftConfig {
  int64_t rank = 0;
  double alpha = 0;
  bool by_root = false;  ///< scale = alpha / sqrt(rank)
  bool all = false;      ///< "all-linear"
  Selection targets, excluded;
  Overrides ranks, alphas;
  std::vector<int64_t> layers;          ///< layers_to_transform; empty: all
  std::vector<Pattern> layers_pattern;  ///< what may stand before a layer's number

  std::vector<std::string> saved;  ///< modules_to_save: whole modules whose weights stand in the adapter's file
  bool trains_bias = false;        ///< biases beside A and B (`bias`): what the file holds of them decides

  bool selects(const ModuleNames& module) const;
  int64_t rank_of(const ModuleNames& module) const;
  double alpha_of(const ModuleNames& module) const;
};

/// True where a module that `saved`, one of modules_to_save, names holds the tensor `name`: PEFT asks for the end of a
/// module's name, not for its last parts.
bool saved_holds(const std::string& saved, const std::string& name);

/// Throws Error(input, "adapter") naming the key: for a setting that we do not compute, and for a value that is none.
PeftConfig read_peft_config(const std::filesystem::path& file);

}  // namespace rrpo::model
