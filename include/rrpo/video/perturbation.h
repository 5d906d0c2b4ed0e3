// Perturbations: what is done to a clip's frames so that a model makes mistakes about them, or does not see them at all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "rrpo/util/fields.h"
#include "rrpo/util/random.h"
#include "rrpo/video/frames.h"

namespace rrpo::video {

/// Frames to frames of the same number and size; random choices come from the stream alone.
using ApplyPerturbation = std::function<Frames(const Frames&, Random&)>;

/// One step of a list of perturbations, checked.
struct PerturbStep {
  std::string name;
  Json settings;  ///< every parameter, defaults included, `name` first: what a pair row keeps
  ApplyPerturbation apply;
};

/// An entry of the table of perturbations.
struct Perturbation {
  std::string name;
  std::string help;
  std::vector<FieldHelp> parameters;
  /// Reads an entry; throws Error(usage) naming the key by its full path (`gen.perturb[0].windw`).
  std::function<PerturbStep(const Json& entry, const std::string& at)> parse;
  bool random = true;  ///< does different things to different samples
};

/// All entries: mask, shuffle_local, shuffle_global, reverse, drop, blank.
const std::vector<Perturbation>& perturbations();

/// The steps of a list such as `[{"name": "mask", "fill": "mean"}, {"name": "shuffle_local", "window": 4}]`; a bare name
/// stands for an entry with defaults. `at` is the list's path in error lines.
std::vector<PerturbStep> parse_perturbations(const Json& list, const std::string& at);

/// The steps of a list that stands in a row of a file; `at` is its path in the row. Throws Error(input, "data").
std::vector<PerturbStep> row_perturbations(const Json& list, const std::string& at);

/// `frames` after all steps in order. Depends on its arguments only: sample by sample, in any order, on any thread.
/// `index` follows the frames, `time_s` stays with the positions.
Frames perturb(const Frames& frames, const std::vector<PerturbStep>& steps, uint64_t seed, const std::string& sample_id);

/// Makes an entry from a configuration struct with fields() (one of them `name`) and a function over it.
template <class Config>
Perturbation perturbation_row(std::string help, Frames (*apply)(const Config&, const Frames&, Random&)) {
  Perturbation row{Config{}.name, std::move(help), describe<Config>(), {}, true};
  row.parse = [apply](const Json& entry, const std::string& at) {
    Config config{};
    field::read(config, entry, at);
    return PerturbStep{config.name, config_json(config),
                       [apply, config](const Frames& frames, Random& random) { return apply(config, frames, random); }};
  };
  return row;
}

}  // namespace rrpo::video
